// Who moderates: whoever brings one of MODERATOR_TOKENS.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace edgeroom {

// The token of an Authorization header with the scheme Bearer, as a view of it; empty when there is
// none.
std::string_view bearer_token(std::string_view authorization);

// Whether a token has the three parts of one that is signed (RFC 7515, section 3.1). No moderator's
// token has (worker/settings.cpp): so one that looks like it is for the host to verify, and no
// guess.
bool looks_like_jwt(std::string_view token);

// Whether `token` is one of `moderator_tokens`, of which none is empty. Takes the same time for
// every wrong token of the same length.
bool is_moderator_token(std::string_view token, const std::vector<std::string>& moderator_tokens);

// Whether one of them stands in a header, whatever stands around it.
bool holds_moderator_token(std::string_view header,
                           const std::vector<std::string>& moderator_tokens);

// A query without the parameters whose name or value is one of them; as it was sent if there is
// none.
std::string without_moderator_tokens(std::string_view query,
                                     const std::vector<std::string>& moderator_tokens);

}  // namespace edgeroom
