// Who may use the moderator routes: whoever brings one of MODERATOR_TOKENS.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace edgeroom {

// Whether an Authorization header is `Bearer` with one of the tokens. Takes the same time for every
// wrong token of the same length.
bool is_moderator(std::string_view authorization, const std::vector<std::string>& tokens);

}  // namespace edgeroom
