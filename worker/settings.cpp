#include "worker/settings.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>

#include "rooms/behaviour.h"
#include "worker/limits.h"
#include "worker/moderator.h"
#include "worker/url.h"

namespace edgeroom {

namespace {

constexpr size_t kModeratorTokensMax = 2;

// The text of a setting; empty when it is not set.
std::string_view text_of(const SettingMap& settings, std::string_view name) {
  const std::string* text = settings.find(name);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::optional<Error> require(const SettingMap& settings, std::string_view name,
                             std::string_view why) {
  if (!text_of(settings, name).empty()) return std::nullopt;
  return Error{std::string(name) + " is missing: " + std::string(why)};
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    out.push_back(part);
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::optional<Error> check_url(const SettingMap& settings, std::string_view name) {
  if (is_plain_url(text_of(settings, name))) return std::nullopt;
  return Error{std::string(name) +
               " must be an absolute http or https URL without user, query and fragment"};
}

// Algorithms are fixed by the operator, never by the token; and a secret and public keys never go
// together, so that a public key can't be taken for a secret.
std::optional<Error> check_jwt(const SettingMap& settings) {
  if (auto error = require(settings, "JWT_ALGORITHMS", "AUTH=jwt needs it")) return error;
  bool by_secret = false;
  bool by_key = false;
  for (const std::string_view name : split_at_commas(text_of(settings, "JWT_ALGORITHMS"))) {
    const bool is_secret = name == "HS256";
    if (!is_secret && name != "RS256" && name != "ES256" && name != "EdDSA") {
      return Error{"JWT_ALGORITHMS must be of HS256, RS256, ES256 and EdDSA, separated by commas"};
    }
    by_secret = by_secret || is_secret;
    by_key = by_key || !is_secret;
  }
  if (by_secret && by_key) {
    return Error{"JWT_ALGORITHMS: HS256 does not go together with the others"};
  }
  if (by_key) {
    if (auto error = require(settings, "JWKS_URL", "JWT_ALGORITHMS needs it")) return error;
    return check_url(settings, "JWKS_URL");
  }
  if (text_of(settings, "JWT_SECRET").size() < kJwtSecretBytesMin) {
    return Error{"JWT_SECRET must have at least " + std::to_string(kJwtSecretBytesMin) + " bytes"};
  }
  return std::nullopt;
}

std::optional<Error> read_auth(const SettingMap& settings, EdgeSettings& out) {
  if (auto error = require(settings, "AUTH", "off, or jwt")) return error;
  const std::string_view auth = text_of(settings, "AUTH");
  if (auth != "off" && auth != "jwt") return Error{"AUTH must be off or jwt"};
  out.needs_token = auth == "jwt";
  const std::string_view query = text_of(settings, "AUTH_QUERY");
  if (!query.empty() && query != "on" && query != "off") {
    return Error{"AUTH_QUERY must be on or off"};
  }
  out.token_in_query = query == "on";
  return out.needs_token ? check_jwt(settings) : std::nullopt;
}

std::optional<Error> check_persistence(const SettingMap& settings) {
  if (auto error = require(settings, "PERSIST_URL", "the URL of the central API")) return error;
  if (auto error = check_url(settings, "PERSIST_URL")) return error;
  if (auto error = require(settings, "PERSIST_AUTH", "sigv4, hmac, bearer or none")) return error;
  const std::string_view auth = text_of(settings, "PERSIST_AUTH");
  if (auth == "none") return std::nullopt;
  if (auth == "hmac" || auth == "bearer") {
    return require(settings, "PERSIST_SECRET", "PERSIST_AUTH hmac and bearer need it");
  }
  if (auth != "sigv4") return Error{"PERSIST_AUTH must be sigv4, hmac, bearer or none"};
  for (const std::string_view name : {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) {
    if (auto error = require(settings, name, "PERSIST_AUTH sigv4 needs it")) return error;
  }
  return std::nullopt;
}

std::optional<Error> read_origins(const SettingMap& settings, EdgeSettings& out) {
  const std::string_view text = text_of(settings, "ALLOWED_ORIGINS");
  if (text.empty()) return std::nullopt;
  for (const std::string_view origin : split_at_commas(text)) {
    if (origin == "*") {
      out.any_origin_allowed = true;
      continue;
    }
    const auto url = parse_url(origin);
    if (!url || !is_plain_url(origin) || !url->path.empty()) {
      return Error{
          "ALLOWED_ORIGINS must be *, or origins such as https://app.example separated "
          "by commas, each a scheme and a host without path"};
    }
    out.allowed_origins.emplace_back(origin);
  }
  return std::nullopt;
}

std::optional<Error> read_moderator_tokens(const SettingMap& settings, EdgeSettings& out) {
  const std::string* text = settings.find("MODERATOR_TOKENS");
  if (text == nullptr) return std::nullopt;
  for (const std::string_view token : split_at_commas(*text)) {
    if (token.empty() || !is_visible_ascii(token) || looks_like_jwt(token) ||
        out.moderator_tokens.size() == kModeratorTokensMax) {
      return Error{
          "MODERATOR_TOKENS must be one or two tokens separated by a comma, each of "
          "visible ASCII characters, and without the two dots of a JWT"};
    }
    out.moderator_tokens.emplace_back(token);
  }
  return std::nullopt;
}

std::optional<Error> read_origin_servers(const SettingMap& settings, EdgeSettings& out) {
  Result<Origins> origins = Origins::parse(text_of(settings, "API_URL"));
  if (!origins.ok()) return origins.error();
  out.api_origins = std::move(origins.value());
  out.s3_url = without_slash(text_of(settings, "S3_URL"));
  if (!text_of(settings, "S3_URL").empty()) {
    if (auto error = check_url(settings, "S3_URL")) return error;
  }
  const auto timeout = settings.whole_number("ORIGIN_TIMEOUT_MS", kOriginTimeoutMs,
                                             kOriginTimeoutMsMin, kOriginTimeoutMsMax);
  if (!timeout.ok()) return timeout.error();
  out.origin_timeout_ms = static_cast<uint32_t>(timeout.value());
  return std::nullopt;
}

// Limits that hold in each isolate alone are not what was asked for.
std::optional<Error> check_counters(const SettingMap& settings) {
  return require(settings, "RATE_LIMIT",
                 "the KV namespace in which isolates tell each other what they admitted; only "
                 "RATE_LIMITS=[] does without");
}

std::optional<Error> read_policies(const SettingMap& settings, EdgeSettings& out) {
  const std::string* text = settings.find("RATE_LIMITS");
  if (text == nullptr) {
    out.policies = default_policies();
    return check_counters(settings);
  }
  Result<std::vector<Policy>> policies = parse_policies(*text, out.needs_token);
  if (!policies.ok()) return policies.error();
  out.policies = std::move(policies.value());
  return out.policies.empty() ? std::nullopt : check_counters(settings);
}

// Of a setting that is one of some words, or not set.
std::optional<Error> read_word(const SettingMap& settings, std::string_view name,
                               std::initializer_list<std::string_view> words, std::string& out) {
  out = text_of(settings, name);
  if (out.empty() || std::find(words.begin(), words.end(), out) != words.end()) {
    return std::nullopt;
  }
  std::string detail = std::string(name) + " must be one of";
  const char* before = " ";
  for (const std::string_view word : words) {
    detail.append(before).append(word);
    before = ", ";
  }
  return Error{detail + ", or not set"};
}

// What the platform knows: developers.cloudflare.com/durable-objects/reference/data-location.
std::optional<Error> read_room_place(const SettingMap& settings, EdgeSettings& out) {
  if (auto error = read_word(settings, "ROOM_LOCATION",
                             {"wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"},
                             out.room_location)) {
    return error;
  }
  return read_word(settings, "ROOM_JURISDICTION", {"eu", "fedramp"}, out.room_jurisdiction);
}

// All isolates must name the same client alike in KV, and nobody else may be able to: so the key
// for its hash is made from a secret that they have anyway, rather than asking for one more.
std::string shared_secret(const SettingMap& settings) {
  for (const std::string_view name :
       {"AWS_SECRET_ACCESS_KEY", "PERSIST_SECRET", "JWT_SECRET", "MODERATOR_TOKENS"}) {
    const std::string_view text = text_of(settings, name);
    if (!text.empty()) return std::string(text);
  }
  return {};
}

}  // namespace

Result<EdgeSettings> parse_edge_settings(std::string_view json) {
  const Result<SettingMap> parsed = SettingMap::parse(json);
  if (!parsed.ok()) return parsed.error();
  const SettingMap& settings = parsed.value();
  EdgeSettings out;
  if (auto error = read_auth(settings, out)) return *error;
  if (auto error = check_persistence(settings)) return *error;
  if (auto error = read_origins(settings, out)) return *error;
  if (auto error = read_policies(settings, out)) return *error;
  if (auto error = read_moderator_tokens(settings, out)) return *error;
  if (auto error = read_origin_servers(settings, out)) return *error;
  if (auto error = read_room_place(settings, out)) return *error;
  const Result<RoomSettings> room = parse_room_settings(settings);
  if (!room.ok()) return room.error();
  const auto behaviour = make_behaviour(settings);
  if (!behaviour.ok()) return behaviour.error();
  out.log_level = room.value().log_level;
  out.shared_secret = shared_secret(settings);
  return out;
}

}  // namespace edgeroom
