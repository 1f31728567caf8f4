// Request targets: the parts of a URL, its path in one spelling, its query decoded and checked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace edgeroom {

struct Url {
  std::string_view origin;  // scheme and authority: "https://rooms.example:8443"
  std::string_view host;    // the authority; never empty
  std::string_view path;    // as it was sent; empty or starting with '/'
  std::string_view query;   // without its '?', as it was sent
};

// The parts of an absolute http or https URL. They point into `url`.
std::optional<Url> parse_url(std::string_view url);

// A path in the one spelling that routes and policies are compared with: escapes of unreserved
// characters (RFC 3986, section 2.3) are resolved, all others stay, in upper case; an empty path
// is "/". So nobody gets around a rule by writing a letter as an escape.
std::string normalize_path(std::string_view path);

// Whether a normalised path has a segment "." or "..", which would mean another path to whoever
// resolves it.
bool has_dot_segment(std::string_view path);

// A path as servers may read it that resolve all escapes and take a backslash for a slash.
std::string resolve_path(std::string_view path);

// A resolved path without what follows a ';' in a segment: to some servers those are parameters,
// and no part of the name.
std::string without_path_parameters(std::string_view path);

// Whether a path has a segment "." or ".." in one of these readings.
bool has_hidden_dot_segment(std::string_view path);

// Resolves percent escapes; `plus_is_space` as in queries. Nothing when an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Text as a header can carry it: a percent escape for every byte that is not visible ASCII, and for
// '%'.
std::string percent_encode_text(std::string_view text);

// The value of a query parameter, decoded and valid UTF-8; nothing when it is not there. An error
// names the parameter and what is wrong with it.
Result<std::optional<std::string>> query_parameter(std::string_view query, std::string_view name);

}  // namespace edgeroom
