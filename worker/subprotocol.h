// Sec-WebSocket-Protocol: what rooms speak, and the tokens that come beside it, from browsers,
// which can set no other header of an upgrade.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace edgeroom {

// The subprotocol that rooms speak.
inline constexpr std::string_view kSubprotocol = "edgeroom.v1";

// The subprotocol to answer to those offered, empty when none was offered. A client that offers
// only others would drop the connection, so that is an error. None names a token.
Result<std::string_view> agree_on_protocol(std::string_view offered);

// The tokens offered as `bearer.<token>`, as views of `offered`.
std::vector<std::string_view> offered_tokens(std::string_view offered);

}  // namespace edgeroom
