#include "worker/policy.h"

#include <algorithm>
#include <optional>

#include "base/json_array.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "worker/limits.h"

namespace edgeroom {

namespace {

constexpr std::string_view kRoomsPaths = "/rooms/*";
constexpr std::string_view kApiPaths = "/api/*";

bool is_policy_name(std::string_view name) {
  if (name.empty() || name.size() > kPolicyNameBytesMax) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_method(std::string_view method) {
  return !method.empty() &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::optional<PolicyKey> key_of_name(std::string_view name) {
  if (name == "ip") return PolicyKey::kAddress;
  if (name == "room") return PolicyKey::kRoom;
  if (name == "route") return PolicyKey::kRoute;
  return std::nullopt;
}

// Reads one policy's object. Unknown options are told first: a misspelt option is then not
// reported as a missing one.
class PolicyReader {
 public:
  explicit PolicyReader(size_t index) : where_("RATE_LIMITS[" + std::to_string(index) + "]") {}

  Result<Policy> read(std::string_view json) {
    if (std::optional<Error> error = check_options(json)) return *error;
    JsonObjectReader reader(json);
    JsonMember member;
    while (reader.next(member)) {
      if (std::optional<Error> error = option(member)) return *error;
    }
    if (policy_.name.empty()) return fault("name is missing");
    if (policy_.key.empty()) return fault("key is missing");
    if (policy_.limit == 0) return fault("limit is missing");
    if (policy_.window_s == 0) return fault("window_s is missing");
    if (policy_.cost > policy_.limit) return fault("cost must not be above limit");
    if (policy_.paths.empty()) policy_.paths = {std::string(kRoomsPaths), std::string(kApiPaths)};
    return policy_;
  }

 private:
  [[nodiscard]] Error fault(std::string_view what) const {
    return Error{where_ + ": " + std::string(what)};
  }

  std::optional<Error> check_options(std::string_view json) {
    constexpr std::string_view kOptions[] = {"name", "key",   "limit",      "window_s",
                                             "cost", "match", "report_only"};
    JsonObjectReader reader(json);
    JsonMember member;
    while (reader.next(member)) {
      if (std::find(std::begin(kOptions), std::end(kOptions), member.key) == std::end(kOptions)) {
        return fault("unknown option " + std::string(member.key));
      }
    }
    if (reader.fault()) return fault("must be an object");
    return std::nullopt;
  }

  std::optional<Error> option(const JsonMember& member) {
    if (member.key == "name") return name(member);
    if (member.key == "key") return key(member);
    if (member.key == "limit") return number(member, kPolicyLimitMax, policy_.limit);
    if (member.key == "window_s") return number(member, kPolicyWindowSecondsMax, policy_.window_s);
    if (member.key == "cost") return number(member, kPolicyLimitMax, policy_.cost);
    if (member.key == "match") return match(member);
    if (member.kind != JsonKind::kTrue && member.kind != JsonKind::kFalse) {
      return fault("report_only must be true or false");
    }
    policy_.report_only = member.kind == JsonKind::kTrue;
    return std::nullopt;
  }

  std::optional<Error> name(const JsonMember& member) {
    if (member.kind == JsonKind::kString) policy_.name = json_unescape(member.value);
    if (is_policy_name(policy_.name)) return std::nullopt;
    return fault("name must be 1 to 32 of a-z, 0-9, - and _");
  }

  std::optional<Error> key(const JsonMember& member) {
    const auto names = json_strings(member);
    if (!names || names->empty()) return fault("key must be ip, room, route or an array of them");
    for (const std::string& part : *names) {
      if (part == "user") {
        return fault("key user needs verified names, which only AUTH=jwt would give");
      }
      const auto kind = key_of_name(part);
      if (!kind) return fault("key must be ip, room, route or an array of them");
      if (std::find(policy_.key.begin(), policy_.key.end(), *kind) != policy_.key.end()) {
        return fault("key names " + part + " more than once");
      }
      policy_.key.push_back(*kind);
    }
    return std::nullopt;
  }

  std::optional<Error> number(const JsonMember& member, uint64_t max, uint32_t& out) {
    const auto value = member.kind == JsonKind::kNumber ? json_integer(member.value) : std::nullopt;
    if (!value || *value < 1 || *value > max) {
      return fault(std::string(member.key) + " must be a whole number from 1 to " +
                   std::to_string(max));
    }
    out = static_cast<uint32_t>(*value);
    return std::nullopt;
  }

  std::optional<Error> match(const JsonMember& member) {
    JsonObjectReader reader(member.value);
    JsonMember part;
    while (reader.next(part)) {
      const bool is_path = part.key == "path";
      if (!is_path && part.key != "method") {
        return fault("unknown option match." + std::string(part.key));
      }
      const auto texts = json_strings(part);
      const auto is_good = [is_path](const std::string& text) {
        return is_path ? !text.empty() && text[0] == '/' : is_method(text);
      };
      if (!texts || texts->empty() || texts->size() > kPolicyPatternsMax ||
          !std::all_of(texts->begin(), texts->end(), is_good)) {
        return is_path ? fault("match.path must be 1 to 16 paths that start with /")
                       : fault("match.method must be 1 to 16 methods in upper case");
      }
      (is_path ? policy_.paths : policy_.methods) = *texts;
    }
    if (reader.fault()) return fault("match must be an object");
    return std::nullopt;
  }

  std::string where_;
  Policy policy_;
};

bool path_matches(std::string_view pattern, std::string_view path) {
  if (pattern.back() != '*') return pattern == path;
  pattern.remove_suffix(1);
  return path.substr(0, pattern.size()) == pattern;
}

}  // namespace

std::vector<Policy> default_policies() {
  Policy policy;
  policy.name = "ip";
  policy.key = {PolicyKey::kAddress};
  policy.limit = 100;
  policy.window_s = 60;
  policy.paths = {std::string(kRoomsPaths), std::string(kApiPaths)};
  return {policy};
}

Result<std::vector<Policy>> parse_policies(std::string_view json) {
  const auto elements = json_elements(json);
  if (!elements) {
    return Error{"RATE_LIMITS must be a JSON array of policies; [] stands for none"};
  }
  if (elements->size() > kPoliciesMax) {
    return Error{"RATE_LIMITS must not have more than " + std::to_string(kPoliciesMax) +
                 " policies"};
  }
  std::vector<Policy> out;
  for (const JsonMember& element : *elements) {
    Result<Policy> policy = PolicyReader(out.size()).read(element.value);
    if (!policy.ok()) return policy.error();
    for (const Policy& other : out) {
      if (other.name == policy.value().name) {
        return Error{"RATE_LIMITS: two policies have the name " + other.name};
      }
    }
    out.push_back(std::move(policy.value()));
  }
  return out;
}

bool policy_matches(const Policy& policy, const PolicySubject& subject) {
  const auto& methods = policy.methods;
  if (!methods.empty() &&
      std::find(methods.begin(), methods.end(), subject.method) == methods.end()) {
    return false;
  }
  const auto& key = policy.key;
  if (subject.room.empty() && std::find(key.begin(), key.end(), PolicyKey::kRoom) != key.end()) {
    return false;
  }
  return std::any_of(policy.paths.begin(), policy.paths.end(), [&subject](const auto& pattern) {
    return path_matches(pattern, subject.path);
  });
}

std::string policy_key(const Policy& policy, const PolicySubject& subject) {
  // None of the parts can hold a line feed.
  std::string out = policy.name;
  for (const PolicyKey part : policy.key) {
    out.push_back('\n');
    switch (part) {
      case PolicyKey::kAddress: out += subject.address; break;
      case PolicyKey::kRoom: out += subject.room; break;
      case PolicyKey::kRoute: out += subject.route; break;
    }
  }
  return out;
}

}  // namespace edgeroom
