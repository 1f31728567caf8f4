#include "worker/origins.h"

#include <algorithm>
#include <utility>

#include "base/json_scanner.h"
#include "worker/limits.h"

namespace edgeroom {

namespace {

constexpr std::string_view kApi = "/api";

bool covers(std::string_view prefix, std::string_view path) {
  return path.substr(0, prefix.size()) == prefix &&
         (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// What is wrong with a prefix; empty when nothing is.
std::string_view fault_of_prefix(std::string_view prefix) {
  if (!covers(kApi, prefix)) return "is not below /api/, so no request comes to it";
  if (covers("/api/rooms", prefix)) return "belongs to the rooms, and is never passed on";
  if (prefix.find_first_of("?#\\ ") != std::string_view::npos || has_hidden_dot_segment(prefix)) {
    return "is no path";
  }
  return {};
}

}  // namespace

std::string_view without_slash(std::string_view text) {
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  return text;
}

bool is_plain_url(std::string_view text) {
  const auto url = parse_url(text);
  return url && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; }) &&
         text.find_first_of("?#@\\") == std::string_view::npos;
}

Result<Origins> Origins::parse(std::string_view setting) {
  Origins out;
  if (setting.empty()) return out;
  if (setting[0] != '{') {
    if (!is_plain_url(setting)) {
      return Error{
          "API_URL must be an absolute http or https URL without user, query and fragment, or a "
          "JSON object of path prefixes to such URLs"};
    }
    out.origins_.push_back({std::string(kApi), std::string(without_slash(setting))});
    return out;
  }
  JsonObjectReader reader(setting);
  JsonMember member;
  while (reader.next(member)) {
    std::string prefix(without_slash(normalize_path(member.key)));
    const std::string where = "API_URL: the prefix \"" + std::string(member.key) + "\" ";
    const std::string_view fault = fault_of_prefix(prefix);
    if (!fault.empty()) return Error{where + std::string(fault)};
    const std::string url = member.kind == JsonKind::kString ? json_unescape(member.value) : "";
    if (!is_plain_url(url)) {
      return Error{where + "needs an absolute http or https URL without user, query and fragment"};
    }
    for (const Origin& origin : out.origins_) {
      if (origin.prefix == prefix) return Error{where + "is given twice"};
    }
    if (out.origins_.size() == kOriginsMax) {
      return Error{"API_URL has more than " + std::to_string(kOriginsMax) + " prefixes"};
    }
    const auto shorter = std::find_if(
        out.origins_.begin(), out.origins_.end(),
        [&prefix](const Origin& origin) { return origin.prefix.size() < prefix.size(); });
    out.origins_.insert(shorter, {std::move(prefix), std::string(without_slash(url))});
  }
  if (reader.fault() || out.origins_.empty()) {
    return Error{"API_URL must be a URL, or a JSON object of path prefixes to URLs"};
  }
  return out;
}

std::optional<std::string_view> Origins::base_of(std::string_view path) const {
  for (const Origin& origin : origins_) {
    if (covers(origin.prefix, path)) return origin.base;
  }
  return std::nullopt;
}

}  // namespace edgeroom
