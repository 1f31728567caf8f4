// The settings that the Worker uses, checked. What rooms use is checked here too, so that a
// mistake shows at the first request and not in the first room.
//
//   AUTH             required: off or jwt
//   JWT_ALGORITHMS   required with jwt: of HS256 (needs JWT_SECRET, at least 32 bytes) or of RS256,
//                    ES256 and EdDSA (need JWKS_URL), separated by commas
//   JWT_ISSUER, JWT_AUDIENCE  what tokens must say, if set
//   AUTH_QUERY       on or off (the default): whether ?token= is taken
//   PERSIST_URL      required: absolute http or https URL, without query and user
//   PERSIST_AUTH     required: sigv4 (needs AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY),
//                    hmac or bearer (need PERSIST_SECRET), none
//   ALLOWED_ORIGINS  comma-separated origins, or *; not set or empty: only the Worker's own
//   RATE_LIMITS      worker/policy.h
//   RATE_LIMIT       not empty: the KV namespace is bound (a binding, which the host tells of);
//                    required, unless RATE_LIMITS is []
//   MODERATOR_TOKENS one or two tokens, separated by a comma; not set: nobody is a moderator
//   API_URL          worker/origins.h; not set or empty: nothing is behind /api/
//   S3_URL           absolute http or https URL; not set or empty: nothing is behind /assets/
//   ORIGIN_TIMEOUT_MS  until an answer of those two must have begun: 100 to 600,000, default 30,000
//   ROOM_LOCATION    a location hint for rooms that are made: wnam, enam, sam, weur, eeur, apac,
//   oc,
//                    afr or me; not set or empty: near whoever comes first
//   ROOM_JURISDICTION  eu or fedramp, which rooms never leave; not set or empty: anywhere
//   and those of base/settings.h, and of the kind of room (make_behaviour in rooms/behaviour.h)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/settings.h"
#include "worker/limits.h"
#include "worker/origins.h"
#include "worker/policy.h"

namespace edgeroom {

struct EdgeSettings {
  std::vector<std::string> allowed_origins;
  bool any_origin_allowed = false;
  std::vector<Policy> policies;
  bool needs_token = false;     // AUTH=jwt
  bool token_in_query = false;  // AUTH_QUERY=on
  std::vector<std::string> moderator_tokens;
  Origins api_origins;
  std::string s3_url;  // without a slash at its end; empty: none
  uint32_t origin_timeout_ms = kOriginTimeoutMs;
  std::string room_location;      // empty: no hint
  std::string room_jurisdiction;  // empty: none
  // A secret that all isolates of the Worker share, and nobody else; empty when there is none.
  std::string shared_secret;
  LogThreshold log_level = LogThreshold::kInfo;
};

// `json`: all variables as one object. The error names the setting, and holds no value.
Result<EdgeSettings> parse_edge_settings(std::string_view json);

}  // namespace edgeroom
