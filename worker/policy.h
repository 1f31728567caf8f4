// Rate-limit policies: the setting RATE_LIMITS.
//
// It is a JSON array of objects:
//
//   name         lower-case letters, digits, '-' and '_', up to 32; unique. It stands in the
//                RateLimit headers and in KV keys
//   key          what is counted: "ip", "room", "route", or an array of these for a composite.
//                "ip" is the client's address (worker/address.h); "room" the room in the path, and
//                the policy does not apply where there is none; "route" is one of join, room,
//                messages, message, moderation, drain, log, rooms, api, assets, page, other
//   limit        units that a key may use in any window_s
//   window_s     seconds, 1 to 86,400
//   cost         units that a request uses, default 1
//   match        {"path":…,"method":…}: which requests it applies to, default
//                {"path":["/rooms/*","/api/*"]}. Each is a string or an array of strings. A path
//                that ends in '*' is a prefix, any other the whole path; without "method" all
//                methods match
//   report_only  true: never denies, but writes a log line where it would have
//
// Requests for /health and CORS preflights match no policy. "user" is no key yet: without a
// verified token a name is whatever the client says, so counting by it would limit nobody and
// block others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace edgeroom {

enum class PolicyKey : uint8_t { kAddress, kRoom, kRoute };

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
};

// What of a request policies look at.
struct PolicySubject {
  std::string_view method;
  std::string_view path;     // normalised
  std::string_view address;  // an address_key
  std::string_view room;     // empty: none
  std::string_view route;
};

// What holds when RATE_LIMITS is not set: 100 requests a minute for each address on /rooms/* and
// /api/*.
std::vector<Policy> default_policies();

// An error names the policy by its place and the option.
Result<std::vector<Policy>> parse_policies(std::string_view json);

// Whether the policy applies to the request.
bool policy_matches(const Policy& policy, const PolicySubject& subject);

// What the policy counts the request under. No two different combinations give the same text.
std::string policy_key(const Policy& policy, const PolicySubject& subject);

}  // namespace edgeroom
