// The settings that the Worker uses, checked. What rooms use is checked here too, so that a
// mistake shows at the first request and not in the first room.
//
//   AUTH             required: off or jwt; jwt is refused, this version cannot verify tokens
//   PERSIST_URL      required: absolute http or https URL, without query and user
//   PERSIST_AUTH     required: sigv4 (needs AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY),
//                    hmac or bearer (need PERSIST_SECRET), none
//   ALLOWED_ORIGINS  comma-separated origins, or *; not set or empty: only the Worker's own
//   RATE_LIMITS      worker/policy.h
//   MODERATOR_TOKENS one or two tokens, separated by a comma; not set: nobody is a moderator
//   API_URL, S3_URL  absolute http or https URLs; API_URL may be a JSON object of path prefixes;
//                    not set or empty: nothing is proxied
//   and those of base/settings.h, and of the kind of room (make_behaviour in rooms/behaviour.h)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/settings.h"
#include "worker/policy.h"

namespace edgeroom {

struct EdgeSettings {
  std::vector<std::string> allowed_origins;
  bool any_origin_allowed = false;
  std::vector<Policy> policies;
  std::vector<std::string> moderator_tokens;
  bool has_api_url = false;
  bool has_s3_url = false;
  // A secret that all isolates of the Worker share, and nobody else; empty when there is none.
  std::string shared_secret;
  LogThreshold log_level = LogThreshold::kInfo;
};

// `json`: all variables as one object. The error names the setting, and holds no value.
Result<EdgeSettings> parse_edge_settings(std::string_view json);

}  // namespace edgeroom
