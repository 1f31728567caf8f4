// Requests at the edge. The first byte says how it is set up, and whether the input is a request's
// lines or the headers of one that passes on.
//
// Nobody moderates without the token; a room's name is one; what goes on goes to the origin that is
// set; no answer has a line too many.
#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/valid_utf8.h"
#include "tests/fuzz/input.h"
#include "worker/abi.h"
#include "worker/edge.h"
#include "worker/origin_headers.h"
#include "worker/request.h"

namespace edgeroom {
namespace {

using nlohmann::json;

constexpr std::string_view kToken = "moderator-token";
constexpr std::string_view kApi = "https://api.example/base";
constexpr std::string_view kAssets = "https://files.example/bucket";
constexpr std::string_view kTokenSecret = "0123456789abcdef0123456789abcdef";

std::string settings(bool has_tokens) {
  json vars = {{"AUTH", has_tokens ? "jwt" : "off"},
               {"PERSIST_URL", "https://central.example"},
               {"PERSIST_AUTH", "bearer"},
               {"PERSIST_SECRET", "central-secret"},
               {"MODERATOR_TOKENS", kToken},
               {"RATE_LIMITS", "[]"},
               {"API_URL", kApi},
               {"S3_URL", kAssets},
               {"ALLOWED_ORIGINS", "https://app.example"}};
  if (has_tokens) {
    vars["JWT_ALGORITHMS"] = "HS256";
    vars["JWT_SECRET"] = kTokenSecret;
    vars["AUTH_QUERY"] = "on";
  }
  return vars.dump();
}

// What no header's value holds.
constexpr std::string_view kNoHeader("\r\0", 2);

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// Lines `name: value`, each ended, and no character that would end one early.
void check_headers(std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    CHECK(end != std::string_view::npos);
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    const size_t colon = line.find(": ");
    CHECK(colon != std::string_view::npos && colon > 0);
    CHECK(line.find('\r') == std::string_view::npos);
    CHECK(line.find('\0') == std::string_view::npos);
  }
}

void check_problem(const Answer& answer) {
  CHECK(answer.status >= 200 && answer.status <= 599);
  if (answer.status < 400) return;
  const json problem = json::parse(answer.body);
  CHECK(problem["status"] == answer.status);
}

// What stands between "//" and the path.
std::string_view authority_of(std::string_view url) {
  const size_t at = url.find("//");
  if (at == std::string_view::npos) return {};
  url.remove_prefix(at + 2);
  return url.substr(0, url.find_first_of("/?#"));
}

// The moderator's token is told to nobody, unless it stands in what the host says of another.
void check_secrecy(const Answer& answer, const RequestLines& lines) {
  if (lines.verified.find(kToken) != std::string_view::npos) return;
  CHECK(answer.log.find(kToken) == std::string::npos);
  if (answer.action == EdgeAction::kRespond) {
    CHECK(answer.body.find(kToken) == std::string::npos);
  }
}

bool is_for_moderators(const std::string& operation) {
  return operation == "delete" || operation == "moderate" || operation == "drain" ||
         operation == "log" || operation == "skip" || operation == "dead_letters" ||
         operation == "replay" || operation == "metrics" || operation == "publish";
}

void check_operation(const Answer& answer, const RequestLines& lines) {
  CHECK(is_room_name(answer.room));
  const json operation = json::parse(answer.body);
  CHECK(operation["room"] == answer.room);
  CHECK((answer.action == EdgeAction::kJoinRoom) == (operation["op"] == "connect"));
  const bool has_token = lines.authorization.find(kToken) != std::string_view::npos ||
                         lines.url.find(kToken) != std::string_view::npos ||
                         lines.protocols.find(kToken) != std::string_view::npos;
  const bool has_verdict = starts_with(lines.verified, "good ");
  if (is_for_moderators(operation["op"])) CHECK(has_token || has_verdict);
  if (operation.value("role", "") == "moderator") CHECK(has_token || has_verdict);
}

// Behind the origin that is set: no other host, no user, and no way up.
void check_onward(const Answer& answer, std::string_view base) {
  CHECK(starts_with(answer.url, base));
  const std::string_view rest = std::string_view(answer.url).substr(base.size());
  CHECK(starts_with(rest, "/"));
  const std::string_view path = rest.substr(0, rest.find_first_of("?#"));
  CHECK(path.find("/../") == std::string_view::npos);
  CHECK(path.size() < 3 || path.substr(path.size() - 3) != "/..");
  CHECK(answer.url.find_first_of("\r\n\t ") == std::string::npos);
  check_headers(answer.onward);
  CHECK(answer.onward.find(kToken) == std::string::npos);
}

void check_request(std::string_view text, bool has_tokens) {
  const auto lines = split_request(text);
  const auto ended = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  CHECK(lines.has_value() == (ended + 1 == kEdgeRequestLines));
  if (!lines) return;
  // No platform gives these on: strings of JavaScript become UTF-8.
  if (!is_valid_utf8(text)) return;
  if (text.find_first_of(kNoHeader) != std::string_view::npos) return;
  if (lines->url.find_first_of(" \t") != std::string_view::npos) return;
  // Whoever takes the token for the name of the host that he asks has told it himself.
  if (authority_of(lines->url).find(kToken) != std::string_view::npos) return;
  Edge edge(settings(has_tokens), 1);
  CHECK(edge.settings_error().empty());
  const Answer answer = edge.handle(*lines, 1'800'000'000'000.0);
  check_headers(answer.headers);
  if (!answer.log.empty()) CHECK(json::accept(answer.log));
  check_secrecy(answer, *lines);
  switch (answer.action) {
    case EdgeAction::kRespond: check_problem(answer); break;
    case EdgeAction::kJoinRoom:
    case EdgeAction::kAskRoom: check_operation(answer, *lines); break;
    case EdgeAction::kPage: break;
    case EdgeAction::kVerifyToken: CHECK(has_tokens && !answer.body.empty()); break;
    case EdgeAction::kApi: check_onward(answer, kApi); break;
    case EdgeAction::kAssets: check_onward(answer, kAssets); break;
  }
}

// The lines of a text that are `name: value`: a platform gives no others on.
std::string header_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const size_t colon = line.find(": ");
    const bool is_name = colon != std::string_view::npos && colon > 0 &&
                         line.substr(0, colon).find_first_of(" :") == std::string_view::npos;
    if (is_name && line.find_first_of(kNoHeader) == std::string_view::npos) {
      out.append(line).push_back('\n');
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

// What passes was there, and none of it says what only the Worker may.
void check_passing(std::string_view text, EdgeHeaderSet set) {
  const std::string lines = header_lines(text);
  const PassedHeaders passed = pass_headers(set, 200, lines);
  check_headers(passed.headers);
  CHECK(passed.headers.size() <= lines.size() + 512);
  std::string small = passed.headers;
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  small.insert(0, 1, '\n');
  constexpr std::string_view kNever[] = {
      "\nconnection:", "\ntransfer-encoding:", "\nx-user:",
      "\nhost:",       "\ncf-connecting-ip:",  "\nx-forwarded-for:"};
  if (set == EdgeHeaderSet::kApiRequest || set == EdgeHeaderSet::kAssetRequest) {
    for (const std::string_view name : kNever) CHECK(small.find(name) == std::string::npos);
  }
  if (set == EdgeHeaderSet::kAssetRequest) {
    CHECK(small.find("\nauthorization:") == std::string::npos);
    CHECK(small.find("\ncookie:") == std::string::npos);
  }
  if (set == EdgeHeaderSet::kAssetAnswer) CHECK(small.find("\nset-cookie:") == std::string::npos);
}

}  // namespace
}  // namespace edgeroom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgeroom;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  switch (data[0] % 6) {
    case 0: check_request(text, false); break;
    case 1: check_request(text, true); break;
    default: check_passing(text, static_cast<EdgeHeaderSet>(data[0] % 6 - 1)); break;
  }
  return 0;
}
