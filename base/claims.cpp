#include "base/claims.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json_array.h"
#include "base/json_scanner.h"
#include "base/settings.h"
#include "base/token_limits.h"
#include "base/user_limits.h"
#include "base/utf8.h"

namespace edgeroom {

namespace {

// More than anybody lists by hand; what is beyond would make every request slow.
constexpr size_t kGrantsMax = 1000;
constexpr double kMsPerSecond = 1000;
// The year 2200: the platform's alarms count nanoseconds in 64 bits, which end in 2262.
constexpr double kExpiresMsMax = 7'258'118'400'000;

std::optional<Access> parse_role(const JsonMember& member) {
  if (member.kind != JsonKind::kString) return std::nullopt;
  const std::string role = json_unescape(member.value);
  if (role == "reader") return Access::kRead;
  if (role == "member") return Access::kPublish;
  if (role == "moderator") return Access::kModerate;
  return std::nullopt;
}

Claims::Grant grant_of(std::string name, Access access) {
  Claims::Grant grant;
  grant.is_prefix = !name.empty() && name.back() == '*';
  if (grant.is_prefix) name.pop_back();
  grant.name = std::move(name);
  grant.access = access;
  return grant;
}

// Collects the claims of one payload and the first thing that is wrong with them.
class ClaimsParser {
 public:
  void member(const JsonMember& member) {
    if (member.key == "sub") {
      user(member);
    } else if (member.key == "exp") {
      const auto seconds = parse_decimal(member.value);
      if (member.kind != JsonKind::kNumber || !seconds) fail("exp: must be seconds since 1970");
      claims_.expires_ms = std::min(std::floor(seconds.value_or(0) * kMsPerSecond), kExpiresMsMax);
    } else if (member.key == "role") {
      const auto role = parse_role(member);
      if (!role) fail("role: must be reader, member or moderator");
      role_ = role.value_or(Access::kNone);
    } else if (member.key == "rooms") {
      has_rooms_ = true;
      rooms(member);
    }
  }

  Result<Claims> finish() {
    if (claims_.user.empty()) fail("sub: is missing");
    if (claims_.expires_ms <= 0) fail("exp: is missing");
    if (claims_.grants.size() > kGrantsMax) fail("rooms: names too many rooms");
    if (error_) return *error_;
    if (!has_rooms_) claims_.grants.push_back(grant_of("*", role_));
    // The names of an array have the token's own role, which may stand behind them.
    for (Claims::Grant& grant : claims_.grants) {
      if (grant.access == Access::kNone) grant.access = role_;
    }
    return std::move(claims_);
  }

 private:
  void fail(std::string detail) {
    if (!error_) error_ = Error{std::move(detail)};
  }

  void user(const JsonMember& member) {
    if (member.kind != JsonKind::kString) return fail("sub: must be a string");
    claims_.user = json_unescape(member.value);
    const size_t characters = utf8_characters(claims_.user);
    if (characters < 1 || characters > kUserCharactersMax || has_control_character(claims_.user)) {
      fail("sub: must have 1 to 128 characters and no control characters");
    }
  }

  void rooms(const JsonMember& member) {
    if (member.kind == JsonKind::kArray) return rooms_array(member);
    if (member.kind != JsonKind::kObject) return fail("rooms: must be an array or an object");
    JsonObjectReader reader(member.value);
    JsonMember entry;
    while (reader.next(entry)) {
      const auto role = parse_role(entry);
      if (!role) return fail("rooms: each role must be reader, member or moderator");
      claims_.grants.push_back(grant_of(std::string(entry.key), *role));
    }
  }

  void rooms_array(const JsonMember& member) {
    auto names = json_strings(member);
    if (!names) return fail("rooms: must hold strings");
    for (std::string& name : *names) {
      claims_.grants.push_back(grant_of(std::move(name), Access::kNone));
    }
  }

  Claims claims_;
  Access role_ = Access::kPublish;
  bool has_rooms_ = false;
  std::optional<Error> error_;
};

}  // namespace

Access Claims::access(std::string_view room) const {
  Access most = Access::kNone;
  for (const Grant& grant : grants) {
    const bool fits =
        grant.is_prefix ? room.substr(0, grant.name.size()) == grant.name : room == grant.name;
    if (fits) most = std::max(most, grant.access);
  }
  return most;
}

double Claims::good_until_ms(double now_ms) const {
  constexpr double kSkewMs = kTokenSkewSeconds * kMsPerSecond;
  return expires_ms > now_ms ? expires_ms : expires_ms + kSkewMs;
}

Result<Claims> parse_claims(std::string_view json) {
  ClaimsParser parser;
  JsonObjectReader reader(json);
  JsonMember member;
  while (reader.next(member)) parser.member(member);
  if (reader.fault()) return Error{"the token's payload is no JSON object"};
  return parser.finish();
}

TokenVerdict parse_token_verdict(std::string_view verdict) {
  const size_t space = verdict.find(' ');
  const std::string_view kind = verdict.substr(0, space);
  const std::string_view text =
      space == std::string_view::npos ? std::string_view() : verdict.substr(space + 1);
  TokenVerdict out;
  if (kind == "good") {
    auto claims = parse_claims(text);
    if (claims.ok()) {
      out.claims = std::move(claims.value());
    } else {
      out.refusal = claims.error().detail;
    }
  } else {
    out.refusal = text;
    out.is_unknown = kind != "bad";
  }
  return out;
}

}  // namespace edgeroom
