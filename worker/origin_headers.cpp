#include "worker/origin_headers.h"

#include <algorithm>
#include <string>
#include <vector>

#include "worker/answer.h"
#include "worker/limits.h"
#include "worker/request.h"
#include "worker/trace.h"

namespace edgeroom {

namespace {

struct Header {
  std::string_view name;   // as it came
  std::string_view value;  // without the line feed
  std::string key;         // the name in small letters, with '-' for '_'
};

// A server that hands headers on as variables (CGI, WSGI) can't tell X_User from X-User: so both
// are the same here.
std::string key_of(std::string_view name) {
  std::string key(name);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return key;
}

std::vector<Header> split_headers(std::string_view lines) {
  std::vector<Header> out;
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 1);
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    out.push_back({name, line.substr(colon + 2), key_of(name)});
  }
  return out;
}

template <size_t n>
bool is_one_of(std::string_view key, const std::string_view (&names)[n]) {
  return std::find(names, names + n, key) != names + n;
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// RFC 9110, section 7.6.1: between two neighbours alone, with what `Connection` names besides.
bool is_of_one_hop(std::string_view key, const std::vector<std::string>& named) {
  static constexpr std::string_view kNames[] = {"connection",
                                                "http2-settings",
                                                "keep-alive",
                                                "proxy-authenticate",
                                                "te",
                                                "proxy-connection",
                                                "proxy-authorization",
                                                "proxy-authentication-info",
                                                "trailer",
                                                "transfer-encoding",
                                                "upgrade"};
  return is_one_of(key, kNames) || std::find(named.begin(), named.end(), key) != named.end();
}

std::vector<std::string> named_by_connection(const std::vector<Header>& headers) {
  std::vector<std::string> named;
  for (const Header& header : headers) {
    if (header.key != "connection") continue;
    for (const std::string_view token : list_tokens(header.value)) named.push_back(key_of(token));
  }
  return named;
}

// What the origin believes the Worker on: it is set anew, or not at all. The host's name is that of
// the origin.
bool is_ours_to_say(std::string_view key) {
  static constexpr std::string_view kNames[] = {
      "host", "x-user", "forwarded", "x-real-ip", "traceparent", "x-request-id", "true-client-ip"};
  return is_one_of(key, kNames) || starts_with(key, "x-forwarded-") ||
         starts_with(key, "sec-websocket-") || starts_with(key, "cf-");
}

bool describes_a_request_for_a_file(std::string_view key) {
  static constexpr std::string_view kNames[] = {"accept",
                                                "range",
                                                "if-range",
                                                "if-match",
                                                "if-none-match",
                                                "if-modified-since",
                                                "if-unmodified-since"};
  return is_one_of(key, kNames);
}

bool describes_a_file(std::string_view key) {
  static constexpr std::string_view kNames[] = {
      "accept-ranges", "age",           "cache-control",    "content-disposition",
      "content-type",  "content-range", "content-encoding", "content-language",
      "etag",          "expires",       "last-modified",    "content-length"};
  return is_one_of(key, kNames);
}

void append(std::string& lines, const Header& header) {
  lines.append(header.name).append(": ").append(header.value).push_back('\n');
}

bool holds_directive(std::string_view cache_control, std::string_view directive) {
  for (const std::string_view token : list_tokens(cache_control)) {
    if (key_of(token.substr(0, token.find('='))) == directive) return true;
  }
  return false;
}

PassedHeaders instead(const Answer& problem) {
  PassedHeaders out;
  out.status = problem.status;
  out.headers = problem.headers;
  out.body = problem.body;
  return out;
}

// What is answered for a store's own words, which tell of its insides; nothing for what passes on.
PassedHeaders asset_problem(uint32_t status) {
  switch (status) {
    case 200:
    case 206:
    case 304: return {};
    case 403:  // also for a file that is not there, where the store does not list its files
    case 404:
    case 410: return instead(problem_answer(404, "there is no such file"));
    case 412: return instead(problem_answer(412, "the file is another by now"));
    case 416: return instead(problem_answer(416, "Range: the file has no such bytes"));
    default:
      return instead(problem_answer(
          502, "the store of the files answered with status " + std::to_string(status)));
  }
}

PassedHeaders asset_answer(uint32_t status, const std::vector<Header>& headers) {
  PassedHeaders out = asset_problem(status);
  if (out.status == 416) {
    for (const Header& header : headers) {
      if (header.key == "content-range") append(out.headers, header);
    }
  }
  if (out.status != 0) return out;
  std::string_view cache_control;
  bool expires = false;
  for (const Header& header : headers) {
    if (!describes_a_file(header.key)) continue;
    if (header.key == "cache-control") cache_control = header.value;
    if (header.key == "expires") expires = true;
    append(out.headers, header);
  }
  if (cache_control.empty() && !expires) {
    out.headers += "cache-control: public, max-age=" + std::to_string(kAssetAgeSeconds) + "\n";
  }
  out.is_storable = status == 200 && !holds_directive(cache_control, "private") &&
                    !holds_directive(cache_control, "no-store") &&
                    !holds_directive(cache_control, "no-cache");
  return out;
}

PassedHeaders api_answer(const std::vector<Header>& headers) {
  PassedHeaders out;
  const std::vector<std::string> named = named_by_connection(headers);
  for (const Header& header : headers) {
    // Who may read an answer is ALLOWED_ORIGINS' to say; what an answer has to show is its own.
    const bool is_about_origins =
        starts_with(header.key, "access-control-") && header.key != "access-control-expose-headers";
    if (is_about_origins || is_of_one_hop(header.key, named)) continue;
    append(out.headers, header);
  }
  return out;
}

}  // namespace

PassedHeaders pass_headers(EdgeHeaderSet set, uint32_t status, std::string_view lines) {
  const std::vector<Header> headers = split_headers(lines);
  if (set == EdgeHeaderSet::kApiAnswer) return api_answer(headers);
  if (set == EdgeHeaderSet::kAssetAnswer) return asset_answer(status, headers);
  PassedHeaders out;
  const bool is_api = set == EdgeHeaderSet::kApiRequest;
  const std::vector<std::string> named = named_by_connection(headers);
  const bool is_traced = std::any_of(headers.begin(), headers.end(), [](const Header& header) {
    return header.key == "traceparent" && is_traceparent(header.value);
  });
  for (const Header& header : headers) {
    // The state belongs to the trace that came, and to no new one.
    if (header.key == "tracestate" && !is_traced) continue;
    if (is_api ? !is_of_one_hop(header.key, named) && !is_ours_to_say(header.key)
               : describes_a_request_for_a_file(header.key)) {
      append(out.headers, header);
    }
  }
  return out;
}

}  // namespace edgeroom
