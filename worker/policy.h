// Rate-limit policies: the setting RATE_LIMITS.
//
// It is a JSON array of objects:
//
//   name         lower-case letters, digits, '-' and '_', up to 32; unique. It stands in the
//                RateLimit headers and in KV keys
//   key          what is counted: "ip", "user", "room", "route", or an array of these for a
//                composite. "ip" is the client's address (worker/address.h); "user" whom a verified
//                token names, which needs AUTH=jwt; "room" the room in the path; "route" is one of
//                join, room, messages, message, moderation, drain, log, skip, dead-letters, replay,
//                metrics, rooms, api, assets, page, other. Where there is no user or no room, a
//                policy with that key does not apply
//   limit        units that a key may use in any window_s
//   window_s     seconds, 1 to 86,400
//   cost         units that a request uses, default 1
//   match        {"path":…,"method":…}: which requests it applies to, default
//                {"path":["/rooms/*","/api/*"]}. Each is a string or an array of strings. A path
//                that ends in '*' is a prefix, any other the whole path; without "method" all
//                methods match, and GET stands for HEAD too
//   report_only  true: never denies, but writes a log line where it would have
//
// Requests for /health and CORS preflights match no policy. Paths are compared in all the readings
// that an origin server may have of them: with and without case, escapes, repeated slashes, dot
// segments and path parameters (";x=1"). So a policy may apply to a path that looks like another
// one, but is never got around.
//
// Users. Without a verified token a name is whatever the client says: to count by it would limit
// nobody and block others, so AUTH=off refuses the key. With AUTH=jwt a request is looked at twice:
// policies without "user" admit and count it before its token is verified, those with "user" when
// it has been, still before a room is asked. What these deny stays counted by the others: it has
// cost a verification, and if that were given back, one good token would let an address have
// verified as many as it likes. Who brings one of MODERATOR_TOKENS is no user.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace edgeroom {

enum class PolicyKey : uint8_t { kAddress, kUser, kRoom, kRoute };

struct Policy {
  std::string name;
  std::vector<PolicyKey> key;
  uint32_t limit = 0;
  uint32_t window_s = 0;
  uint32_t cost = 1;
  std::vector<std::string> paths;
  std::vector<std::string> methods;  // empty: all
  bool report_only = false;

  [[nodiscard]] double window_ms() const { return window_s * 1000.0; }
  [[nodiscard]] bool counts_by(PolicyKey part) const;
};

// What of a request policies look at.
struct PolicySubject {
  std::string_view method;
  std::string_view path;     // normalised
  std::string_view address;  // an address_key
  // By the verified token; empty: none is known, or not yet. A request that has one comes for the
  // second time.
  std::string_view user;
  std::string_view room;  // empty: none
  std::string_view route;
};

// What holds when RATE_LIMITS is not set: 100 requests a minute for each address on /rooms/* and
// /api/*.
std::vector<Policy> default_policies();

// `has_users`: whether tokens are verified, so that "user" can be a key. An error names the policy
// by its place and the option.
Result<std::vector<Policy>> parse_policies(std::string_view json, bool has_users);

// Whether the policy applies to the request.
bool policy_matches(const Policy& policy, const PolicySubject& subject);

// Makes `out` what the policy counts the request under. No two different combinations give the same
// text.
void put_policy_key(std::string& out, const Policy& policy, const PolicySubject& subject);

}  // namespace edgeroom
