// What the name of a user may be, whoever gives it: a client, a moderator or a token.
#pragma once

#include <cstddef>

namespace edgeroom {

// Unicode code points, of at most four bytes each (contract, section 3).
inline constexpr size_t kUserCharactersMax = 128;

}  // namespace edgeroom
