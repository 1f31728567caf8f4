#include "worker/url.h"

#include <algorithm>
#include <cstdint>

#include "base/valid_utf8.h"

namespace edgeroom {

namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr bool is_unreserved(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The byte that the escape at the start of `text` stands for; -1 when it is none.
int escaped_byte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = hex_digit(text[1]);
  const int low = hex_digit(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// Of a hexadecimal digit.
constexpr char upper(char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; }

}  // namespace

std::optional<Url> parse_url(std::string_view url) {
  size_t authority = 0;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (url.substr(0, scheme.size()) == scheme) authority = scheme.size();
  }
  if (authority == 0) return std::nullopt;
  url = url.substr(0, url.find('#'));
  const size_t query_mark = url.find('?', authority);
  const std::string_view before_query = url.substr(0, query_mark);
  const size_t path = before_query.find('/', authority);
  Url out;
  out.origin = before_query.substr(0, path);
  out.host = out.origin.substr(authority);
  if (path != std::string_view::npos) out.path = before_query.substr(path);
  if (query_mark != std::string_view::npos) out.query = url.substr(query_mark + 1);
  if (out.host.empty()) return std::nullopt;
  return out;
}

std::string normalize_path(std::string_view path) {
  if (path.empty()) return "/";
  const size_t plain = std::min(path.find('%'), path.size());
  std::string out;
  out.reserve(path.size());
  out.append(path.substr(0, plain));
  for (size_t i = plain; i < path.size(); i++) {
    const int byte = escaped_byte(path.substr(i));
    if (byte < 0) {
      out.push_back(path[i]);
      continue;
    }
    if (is_unreserved(static_cast<char>(byte))) {
      out.push_back(static_cast<char>(byte));
    } else {
      out.push_back('%');
      out.push_back(upper(path[i + 1]));
      out.push_back(upper(path[i + 2]));
    }
    i += 2;
  }
  return out;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    if (segment == "." || segment == "..") return true;
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return false;
}

std::string resolve_path(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (size_t i = 0; i < path.size(); i++) {
    const int byte = escaped_byte(path.substr(i));
    const char c = byte < 0 ? path[i] : static_cast<char>(byte);
    out.push_back(c == '\\' ? '/' : c);
    if (byte >= 0) i += 2;
  }
  return out;
}

std::string without_path_parameters(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  bool in_parameters = false;
  for (const char c : path) {
    if (c == '/') in_parameters = false;
    if (c == ';') in_parameters = true;
    if (!in_parameters) out.push_back(c);
  }
  return out;
}

bool has_hidden_dot_segment(std::string_view path) {
  return has_dot_segment(without_path_parameters(resolve_path(path)));
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '%') {
      const int byte = escaped_byte(text.substr(i));
      if (byte < 0) return std::nullopt;
      out.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

std::string percent_encode_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c < 0x7f && c != '%') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 0xfU]);
  }
  return out;
}

Result<std::optional<std::string>> query_parameter(std::string_view query, std::string_view name) {
  const auto fault = [name](std::string_view what) {
    return Error{std::string(name) + ": " + std::string(what)};
  };
  std::optional<std::string> found;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    const size_t equals = pair.find('=');
    const auto key = percent_decode(pair.substr(0, equals), true);
    if (!key || *key != name) continue;
    if (found) return fault("given more than once");
    const std::string_view raw =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    found = percent_decode(raw, true);
    if (!found) return fault("malformed percent-encoding");
    if (!is_valid_utf8(*found)) return fault("not valid UTF-8");
  }
  return found;
}

}  // namespace edgeroom
