// Who makes a request, and what he may do in the room that it names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/claims.h"
#include "worker/answer.h"
#include "worker/failed_tokens.h"
#include "worker/request.h"
#include "worker/settings.h"

namespace edgeroom {

struct Visitor {
  Access access = Access::kNone;
  std::string user;       // by the token; empty when there was none
  double expires_ms = 0;  // when a connection of his must end; 0: never
};

// Where a request may bring its token, and what it is for.
struct Credentials {
  bool is_for_moderators = false;  // what is asked for needs a moderator
  bool is_join = false;            // subprotocols hold tokens of joins alone
  std::string_view room;           // empty: of no room, so every good token will do
  std::string_view query;          // of the URL; holds a token if AUTH_QUERY is on
  std::string_view address;        // an address_key
};

// Finds out who it is: by a moderator's token, by a JWT, or, with AUTH=off, by nothing at all. When
// the answer is not known yet, or is no, that is what is returned: a kVerifyToken, 400, 401, 429 or
// 503. A good token that does not name the room leaves `visitor` with no access. Tokens that may
// have been meant for a moderator's, and are none, are counted in `failed`.
std::optional<Answer> find_visitor(const EdgeSettings& settings, const RequestLines& request,
                                   const Credentials& credentials, double now_ms,
                                   FailedTokens& failed, Visitor& visitor);

}  // namespace edgeroom
