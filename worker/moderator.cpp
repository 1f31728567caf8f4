#include "worker/moderator.h"

#include <algorithm>
#include <cstdint>

#include "worker/url.h"

namespace edgeroom {

namespace {

constexpr std::string_view kScheme = "bearer ";

bool has_scheme(std::string_view header) {
  if (header.size() < kScheme.size()) return false;
  for (size_t i = 0; i < kScheme.size(); i++) {
    const char c = header[i];
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (lower != kScheme[i]) return false;
  }
  return true;
}

// Looks at every byte, whatever it finds, so that the time tells nothing of where they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); i++) {
    difference = static_cast<uint8_t>(difference |
                                      (static_cast<uint8_t>(a[i]) ^ static_cast<uint8_t>(b[i])));
  }
  return difference == 0;
}

}  // namespace

std::string_view bearer_token(std::string_view authorization) {
  if (!has_scheme(authorization)) return {};
  return authorization.substr(kScheme.size());
}

bool looks_like_jwt(std::string_view token) {
  return std::count(token.begin(), token.end(), '.') == 2;
}

bool is_moderator_token(std::string_view token, const std::vector<std::string>& moderator_tokens) {
  bool found = false;
  for (const std::string& each : moderator_tokens) {
    const bool equal = equal_in_constant_time(token, each);
    found = found || equal;
  }
  return found;
}

bool holds_moderator_token(std::string_view header,
                           const std::vector<std::string>& moderator_tokens) {
  constexpr std::string_view kBetween = " \t,";
  while (true) {
    const size_t start = header.find_first_not_of(kBetween);
    if (start == std::string_view::npos) return false;
    header.remove_prefix(start);
    const size_t end = std::min(header.find_first_of(kBetween), header.size());
    if (is_moderator_token(header.substr(0, end), moderator_tokens)) return true;
    header.remove_prefix(end);
  }
}

namespace {

// As it stands, or in one of the ways in which it can be read.
bool reads_as_moderator_token(std::string_view text,
                              const std::vector<std::string>& moderator_tokens) {
  if (is_moderator_token(text, moderator_tokens)) return true;
  for (const bool plus_is_space : {false, true}) {
    const auto read = percent_decode(text, plus_is_space);
    if (read && is_moderator_token(*read, moderator_tokens)) return true;
  }
  return false;
}

}  // namespace

std::string without_moderator_tokens(std::string_view query,
                                     const std::vector<std::string>& moderator_tokens) {
  std::string out;
  bool any = false;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    if (reads_as_moderator_token(pair, moderator_tokens)) continue;
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos &&
        (reads_as_moderator_token(pair.substr(0, equals), moderator_tokens) ||
         reads_as_moderator_token(pair.substr(equals + 1), moderator_tokens))) {
      continue;
    }
    if (any) out.push_back('&');
    out.append(pair);
    any = true;
  }
  return out;
}

}  // namespace edgeroom
