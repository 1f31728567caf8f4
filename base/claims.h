// What a verified token says of whoever brings it. Signature and times have been checked already;
// what the claims allow is decided here.
//
//   sub    the user: 1 to 128 characters without control characters
//   exp    seconds since 1970; required, so that no token is good for ever. What lies beyond the
//          year 2200 counts as that
//   role   what the token allows in its rooms: "reader" (join and read), "member" (publish as well;
//          when it is missing) or "moderator"
//   rooms  the rooms it is good for: an array of names, or an object of names with a role each. A
//          name may end in "*" and then stands for all that begin like it. When it is missing, the
//          token is good for every room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace edgeroom {

// What somebody may do in a room; each includes those before it.
enum class Access : uint8_t { kNone, kRead, kPublish, kModerate };

struct Claims {
  std::string user;
  double expires_ms = 0;  // since 1970; whole

  // What the token allows in a room: the most that any of its names for it does.
  [[nodiscard]] Access access(std::string_view room) const;
  // Until when a connection may live that the token is brought for now: until `exp`, or, when that
  // has passed within the skew that verifying grants, until the skew has.
  [[nodiscard]] double good_until_ms(double now_ms) const;

  struct Grant {
    std::string name;  // without the "*"
    bool is_prefix = false;
    Access access = Access::kNone;
  };
  std::vector<Grant> grants;
};

// `json`: the token's payload. The error names the claim that is wrong, and holds no value.
Result<Claims> parse_claims(std::string_view json);

// What the host has found out about a token.
struct TokenVerdict {
  // Of good tokens.
  std::optional<Claims> claims;
  // Of others: why the token is no good…
  std::string refusal;
  // … or whether nobody can tell now.
  bool is_unknown = false;
};

// `verdict`: "good " and the payload, "bad " and a reason, or "none " and why nobody can tell.
TokenVerdict parse_token_verdict(std::string_view verdict);

}  // namespace edgeroom
