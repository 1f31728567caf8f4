#include "worker/policy.h"

#include <algorithm>
#include <optional>

#include "base/json_array.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "worker/limits.h"
#include "worker/url.h"

namespace edgeroom {

namespace {

constexpr std::string_view kRoomsPaths = "/rooms/*";
constexpr std::string_view kApiPaths = "/api/*";

std::string without_repeated_slashes(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || out.empty() || out.back() != '/') out.push_back(c);
  }
  return out;
}

// RFC 3986, section 5.2.4, of a path without repeated slashes.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    if (segment == "/..") {
      const size_t parent = out.rfind('/');
      out.resize(parent == std::string::npos ? 0 : parent);
    } else if (segment != "/.") {
      out += segment;
      continue;
    }
    if (path.empty()) out.push_back('/');
  }
  return out;
}

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

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool starts_like(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

// Something that a path can be: absolute, with a '*' at the end alone.
bool is_pattern(std::string_view pattern) {
  return !pattern.empty() && pattern[0] == '/' &&
         std::all_of(pattern.begin(), pattern.end(),
                     [](char c) { return c > ' ' && c != 0x7f && c != '?' && c != '#'; }) &&
         pattern.find('*') >= pattern.size() - 1;
}

bool is_prefix(std::string_view pattern) { return pattern.back() == '*'; }

// Whether the pattern may fit a path where a token is asked for.
bool may_have_users(std::string_view pattern) {
  const bool open = is_prefix(pattern);
  if (open) pattern.remove_suffix(1);
  for (const std::string_view guarded : {kRoomsPaths, kApiPaths}) {
    const std::string_view folder = guarded.substr(0, guarded.size() - 1);
    if (starts_like(pattern, folder) || (open && starts_like(folder, pattern))) return true;
  }
  return false;
}

std::optional<PolicyKey> key_of_name(std::string_view name) {
  if (name == "ip") return PolicyKey::kAddress;
  if (name == "user") return PolicyKey::kUser;
  if (name == "room") return PolicyKey::kRoom;
  if (name == "route") return PolicyKey::kRoute;
  return std::nullopt;
}

// Reads one policy's object. Unknown options are told first: a misspelt option is then not
// reported as a missing one.
class PolicyReader {
 public:
  PolicyReader(size_t index, bool has_users)
      : where_("RATE_LIMITS[" + std::to_string(index) + "]"), has_users_(has_users) {}

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
    if (policy_.counts_by(PolicyKey::kUser) &&
        std::none_of(policy_.paths.begin(), policy_.paths.end(), may_have_users)) {
      return fault("key user needs a match.path below /rooms/ or /api/: elsewhere are no users");
    }
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
    bool given[std::size(kOptions)] = {};
    while (reader.next(member)) {
      const auto option = std::find(std::begin(kOptions), std::end(kOptions), member.key);
      if (option == std::end(kOptions)) return fault("unknown option " + std::string(member.key));
      bool& is_given = given[option - std::begin(kOptions)];
      if (is_given) return fault(std::string(member.key) + " is given more than once");
      is_given = true;
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
    constexpr std::string_view kWrong = "key must be ip, user, room, route or an array of them";
    const auto names = json_strings(member);
    if (!names || names->empty()) return fault(kWrong);
    for (const std::string& part : *names) {
      const auto kind = key_of_name(part);
      if (!kind) return fault(kWrong);
      if (*kind == PolicyKey::kUser && !has_users_) {
        return fault("key user needs AUTH=jwt: without it a name is whatever the client says");
      }
      if (policy_.counts_by(*kind)) return fault("key names " + part + " more than once");
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
      auto& texts = is_path ? policy_.paths : policy_.methods;
      if (!texts.empty())
        return fault("match." + std::string(part.key) + " is given more than once");
      texts = json_strings(part).value_or(std::vector<std::string>());
      if (texts.empty() || texts.size() > kPolicyPatternsMax ||
          !std::all_of(texts.begin(), texts.end(), is_path ? is_pattern : is_method)) {
        return is_path ? fault(
                             "match.path must be 1 to 16 paths that start with /, of which only "
                             "the end may be a *")
                       : fault("match.method must be 1 to 16 methods in upper case");
      }
    }
    for (std::string& path : policy_.paths) path = without_repeated_slashes(normalize_path(path));
    if (reader.fault()) return fault("match must be an object");
    return std::nullopt;
  }

  std::string where_;
  bool has_users_;
  Policy policy_;
};

bool fits(std::string_view pattern, std::string_view path) {
  if (is_prefix(pattern)) return starts_like(path, pattern.substr(0, pattern.size() - 1));
  const auto without_end = [](std::string_view text) {
    return !text.empty() && text.back() == '/' ? text.substr(0, text.size() - 1) : text;
  };
  pattern = without_end(pattern);
  path = without_end(path);
  return path.size() == pattern.size() && starts_like(path, pattern);
}

// What an origin server may make of a path: as it stands, its escapes resolved, and its dot
// segments as well, with path parameters and without. Slashes are single in all of them.
std::vector<std::string> readings_of(std::string_view path) {
  std::vector<std::string> out = {without_repeated_slashes(path)};
  const std::string resolved = resolve_path(path);
  out.push_back(without_repeated_slashes(resolved));
  out.push_back(without_dot_segments(out.back()));
  out.push_back(without_repeated_slashes(without_path_parameters(resolved)));
  out.push_back(without_dot_segments(out.back()));
  return out;
}

// Whether a path can be read in one way only.
bool is_plain(std::string_view path) {
  char last = 0;
  for (const char c : path) {
    if (c == '%' || c == '\\' || c == ';' || (last == '/' && (c == '/' || c == '.'))) return false;
    last = c;
  }
  return true;
}

}  // namespace

bool Policy::counts_by(PolicyKey part) const {
  return std::find(key.begin(), key.end(), part) != key.end();
}

std::vector<Policy> default_policies() {
  Policy policy;
  policy.name = "ip";
  policy.key = {PolicyKey::kAddress};
  policy.limit = 100;
  policy.window_s = 60;
  policy.paths = {std::string(kRoomsPaths), std::string(kApiPaths)};
  return {policy};
}

Result<std::vector<Policy>> parse_policies(std::string_view json, bool has_users) {
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
    Result<Policy> policy = PolicyReader(out.size(), has_users).read(element.value);
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
  // HEAD is answered as GET is, and costs as much.
  const std::string_view method = subject.method == "HEAD" ? "GET" : subject.method;
  const auto& methods = policy.methods;
  if (!methods.empty() && std::none_of(methods.begin(), methods.end(), [&](const auto& each) {
        return each == method || each == subject.method;
      })) {
    return false;
  }
  if (subject.room.empty() && policy.counts_by(PolicyKey::kRoom)) return false;
  if (subject.user.empty() && policy.counts_by(PolicyKey::kUser)) return false;
  const auto fits_one = [&policy](std::string_view path) {
    return std::any_of(policy.paths.begin(), policy.paths.end(),
                       [path](const auto& pattern) { return fits(pattern, path); });
  };
  if (is_plain(subject.path)) return fits_one(subject.path);
  const auto readings = readings_of(subject.path);
  return std::any_of(readings.begin(), readings.end(), fits_one);
}

void put_policy_key(std::string& out, const Policy& policy, const PolicySubject& subject) {
  // None of the parts can hold a line feed.
  out = policy.name;
  for (const PolicyKey part : policy.key) {
    out.push_back('\n');
    switch (part) {
      case PolicyKey::kAddress: out += subject.address; break;
      case PolicyKey::kUser: out += subject.user; break;
      case PolicyKey::kRoom: out += subject.room; break;
      case PolicyKey::kRoute: out += subject.route; break;
    }
  }
}

}  // namespace edgeroom
