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
  // Not "accept": the file that one client would rather have would be everybody's.
  static constexpr std::string_view kNames[] = {
      "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"};
  return is_one_of(key, kNames);
}

// The platform's cache knows none of these conditions: it would give a part of another version.
bool asks_for_one_version(std::string_view key) {
  return key == "if-range" || key == "if-match" || key == "if-unmodified-since";
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

// Whether others may get another file under the same name. We say who may read an answer, and ask
// for no encoding.
bool varies_by_client(std::string_view vary) {
  for (const std::string_view token : list_tokens(vary)) {
    const std::string key = key_of(token);
    if (key != "origin" && key != "accept-encoding") return true;
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
  std::string cache_control;
  bool has_age = false;
  bool varies = false;
  for (const Header& header : headers) {
    if (header.key == "vary") varies = varies || varies_by_client(header.value);
    if (header.key == "expires") has_age = true;
    if (header.key == "cache-control") {
      if (!cache_control.empty()) cache_control += ", ";
      cache_control += header.value;
    } else if (describes_a_file(header.key)) {
      append(out.headers, header);
    }
  }
  const auto says = [&cache_control](std::string_view directive) {
    return holds_directive(cache_control, directive);
  };
  has_age = has_age || says("max-age") || says("s-maxage");
  const bool is_private = says("private") || says("no-store") || says("no-cache");
  if (!has_age && !is_private) {
    if (cache_control.empty()) cache_control = "public";
    cache_control += ", max-age=" + std::to_string(kAssetAgeSeconds);
  }
  if (!cache_control.empty()) out.headers += "cache-control: " + cache_control + "\n";
  out.is_cacheable = status == 200 && !is_private && !varies;
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
  out.is_cacheable = !is_api;
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
    if (asks_for_one_version(header.key)) out.is_cacheable = false;
  }
  return out;
}

}  // namespace edgeroom
