// What is granted to tokens, and how long they may be. js-shim/abi.generated.js has the same
// numbers.
#pragma once

#include <cstdint>

namespace edgeroom {

// The clocks of those who make tokens may differ from ours by so much.
inline constexpr uint32_t kTokenSkewSeconds = 30;

// A longer token is refused before anybody verifies it: headers hold little more.
inline constexpr uint32_t kTokenBytesMax = 8192;

}  // namespace edgeroom
