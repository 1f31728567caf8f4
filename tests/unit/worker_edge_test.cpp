// Requests and what the Worker does with them: docs/PROTOCOL.md, as a table.

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "tests/unit/dice.h"
#include "tests/unit/operation_names.h"
#include "worker/edge.h"
#include "worker/room_request.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kStartMs = 1'800'000'000'000.0;

std::string settings_json(const std::map<std::string, std::string>& changes = {}) {
  std::map<std::string, std::string> vars = {{"AUTH", "off"},
                                             {"PERSIST_URL", "https://api.example"},
                                             {"PERSIST_AUTH", "bearer"},
                                             {"PERSIST_SECRET", "s"},
                                             {"MODERATOR_TOKENS", "old-token,new-token"},
                                             {"RATE_LIMIT", "bound"},
                                             {"ALLOWED_ORIGINS", "https://app.example"}};
  for (const auto& [name, value] : changes) vars[name] = value;
  std::string out;
  JsonObjectWriter object(out);
  for (const auto& [name, value] : vars) object.string(name, value);
  object.close();
  return out;
}

struct Asked {
  std::string method = "GET";
  std::string url;
  std::string origin = "";
  std::string upgrade = "";
  std::string protocols = "";
  std::string authorization = "";
  std::string cors_method = "";
  std::string cors_headers = "";
  std::string address = "1.2.3.4";
  std::string verified = "";
  std::string traceparent = "";
  std::string ray = "";
};

Answer ask(Edge& edge, const Asked& asked, double now_ms = kStartMs) {
  RequestLines lines;
  const std::string url = "https://rooms.example" + asked.url;
  lines.method = asked.method;
  lines.url = url;
  lines.client_address = asked.address;
  lines.origin = asked.origin;
  lines.upgrade = asked.upgrade;
  lines.protocols = asked.protocols;
  lines.authorization = asked.authorization;
  lines.cors_method = asked.cors_method;
  lines.cors_headers = asked.cors_headers;
  lines.verified = asked.verified;
  lines.traceparent = asked.traceparent;
  lines.ray = asked.ray;
  return edge.handle(lines, now_ms);
}

// The value of a header; empty when it is not there.
std::string header(const Answer& answer, const std::string& name) {
  const std::string lines = "\n" + answer.headers;
  const size_t at = lines.find("\n" + name + ": ");
  if (at == std::string::npos) return "";
  const size_t start = at + name.size() + 3;
  return lines.substr(start, lines.find('\n', start) - start);
}

std::string member(const std::string& json, const std::string& key) {
  JsonObjectReader reader(json);
  JsonMember member;
  std::string found;
  while (reader.next(member)) {
    if (member.key != key) continue;
    found =
        member.kind == JsonKind::kString ? json_unescape(member.value) : std::string(member.value);
  }
  REQUIRE_FALSE(reader.fault().has_value());
  return found;
}

void check_problem(const Answer& answer, uint32_t status) {
  CHECK(answer.action == EdgeAction::kRespond);
  CHECK(answer.status == status);
  CHECK(header(answer, "content-type") == "application/problem+json");
  CHECK(header(answer, "cache-control") == "no-store");
  CHECK_FALSE(member(answer.body, "type").empty());
  const std::string title = member(answer.body, "title");
  CHECK_FALSE(title.empty());
  if (status != 500) CHECK(title != "Internal Server Error");
  CHECK(member(answer.body, "status") == std::to_string(status));
  CHECK_FALSE(member(answer.body, "detail").empty());
}

}  // namespace

TEST_CASE("routes and refusals") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  const std::string long_name(129, 'a');
  struct Case {
    const char* method;
    std::string path;
    uint32_t status;  // of a problem
    std::string detail;
  };
  const Case cases[] = {
      {"GET", "/rooms/lobby", 426, "Upgrade: websocket"},
      {"POST", "/rooms/lobby", 405, "GET"},
      {"HEAD", "/rooms/lobby", 405, "GET"},
      {"GET", "/rooms/", 400, "name"},
      {"GET", "/rooms/" + long_name, 400, "name"},
      {"GET", "/rooms/a%20b", 400, "name"},
      {"GET", "/rooms/a%2Fb", 400, "name"},
      {"GET", "/rooms/a+b", 400, "name"},
      {"GET", "/rooms/%", 400, "name"},
      {"GET", "/rooms/%C3%A9", 400, "name"},
      {"GET", "/rooms/a%00", 400, "name"},
      {"GET", "/rooms/.", 400, "name"},
      {"GET", "/rooms/..", 400, "name"},
      {"GET", "/rooms/%2e%2E", 400, "name"},
      {"GET", "/rooms", 404, ""},
      {"GET", "/rooms/a/b", 404, ""},
      {"GET", "/rooms/a/", 404, ""},
      {"GET", "/api/rooms/..", 400, "name"},
      {"GET", "/api/rooms/%2e%2e/messages", 400, "name"},
      {"POST", "/api/rooms/lobby", 405, "GET, HEAD"},
      {"PUT", "/api/rooms/lobby/messages", 405, "GET, HEAD, POST"},
      {"get", "/api/rooms/lobby/messages", 405, "GET, HEAD, POST"},
      {"GET", "/api/rooms/lobby/messages/5", 405, "DELETE"},
      {"HEAD", "/api/rooms/lobby/messages/5", 405, "DELETE"},
      {"GET", "/api/rooms/lobby/moderation", 405, "POST"},
      {"HEAD", "/api/rooms/lobby/moderation", 405, "POST"},
      {"DELETE", "/api/rooms/lobby/moderation", 405, "POST"},
      {"GET", "/api/rooms/lobby/drain", 405, "POST"},
      {"HEAD", "/api/rooms/lobby/drain", 405, "POST"},
      {"PUT", "/api/rooms/lobby/drain", 405, "POST"},
      {"POST", "/api/rooms/lobby/log", 405, "GET, HEAD"},
      {"DELETE", "/api/rooms/lobby/log", 405, "GET, HEAD"},
      {"HEAD", "/api/rooms/a%20b", 400, "name"},
      {"POST", "/api/rooms/../moderation", 400, "name"},
      {"POST", "/api/rooms//drain", 400, "name"},
      {"GET", "/api/rooms/%00/log", 400, "name"},
      {"POST", "/api/rooms/lobby/messages", 401, "Bearer"},
      {"DELETE", "/api/rooms/lobby/messages/5", 401, "Bearer"},
      {"DELETE", "/api/rooms/lobby/messages/five", 401, "Bearer"},
      {"POST", "/api/rooms/lobby/moderation", 401, "Bearer"},
      {"POST", "/api/rooms/lobby/drain", 401, "Bearer"},
      {"GET", "/api/rooms/lobby/log", 401, "Bearer"},
      {"GET", "/api/rooms/lobby/metrics", 401, "Bearer"},
      {"POST", "/api/rooms/lobby/metrics", 405, "GET, HEAD"},
      {"GET", "/api/rooms/lobby/dead-letters", 401, "Bearer"},
      {"POST", "/api/rooms/lobby/dead-letters", 405, "GET, HEAD"},
      {"POST", "/api/rooms/lobby/dead-letters/replay", 401, "Bearer"},
      {"GET", "/api/rooms/lobby/dead-letters/replay", 405, "POST"},
      {"GET", "/api/rooms/lobby/dead-letters/5", 404, "no such resource"},
      {"HEAD", "/api/rooms/lobby/log", 401, "Bearer"},
      {"GET", "/api/rooms/lobby/log?after=x", 401, "Bearer"},
      {"GET", "/api/rooms", 404, ""},
      {"GET", "/api/rooms/", 400, "name"},
      {"GET", "/api/rooms/lobby/", 404, ""},
      {"GET", "/api/rooms/lobby/messages/", 404, ""},
      {"GET", "/api/rooms/lobby/secrets", 404, ""},
      {"POST", "/api/rooms/lobby/moderation/", 404, "no such resource"},
      {"POST", "/api/rooms/lobby/Drain", 404, "no such resource"},
      {"GET", "/api/rooms/lobby/log/1", 404, "no such resource"},
      {"GET", "/api/rooms/lobby/metrics/1", 404, "no such resource"},
      {"GET", "/api/%72ooms/lobby/secrets", 404, "no such resource"},
      {"GET", "/api/rooms/lobby/messages?limit=0", 400, "limit"},
      {"GET", "/api/rooms/lobby/messages?limit=101", 400, "limit"},
      {"GET", "/api/rooms/lobby/messages?limit=", 400, "limit"},
      {"GET", "/api/rooms/lobby/messages?limit=ten", 400, "limit"},
      {"GET", "/api/rooms/lobby/messages?limit", 400, "limit"},
      {"GET", "/api/rooms/lobby/messages?limit=1e2", 400, "limit"},
      {"HEAD", "/api/rooms/lobby/messages?limit=0", 400, "limit"},
      {"GET", "/api/rooms/lobby/messages?after=-1", 400, "after"},
      {"GET", "/api/rooms/lobby/messages?after=1.5", 400, "after"},
      {"GET", "/api/rooms/lobby/messages?before=9007199254740992", 400, "before"},
      {"GET", "/api/rooms/lobby/messages?before=1&after=1", 400, "before"},
      {"GET", "/api/rooms/lobby/messages?epoch=a_b", 400, "epoch"},
      {"GET", "/api/rooms/lobby/messages?epoch=" + std::string(65, 'a'), 400, "epoch"},
      {"GET", "/api/rooms/lobby/messages?limit=1&limit=2", 400, "limit"},
      {"GET", "/api/users", 404, "API_URL"},
      {"GET", "/api/a/../rooms/x", 400, ".."},
      {"GET", "/assets/logo.png", 404, "S3_URL"},
      {"GET", "/nothing", 404, ""},
      {"GET", "/Health", 404, ""},
      {"GET", "//", 404, ""},
      {"POST", "/", 405, "GET, HEAD"},
      {"DELETE", "/client/edgeroom.js", 405, "GET, HEAD"},
      {"POST", "/health", 405, "GET, HEAD"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.method);
    CAPTURE(c.path);
    Asked asked;
    asked.method = c.method;
    asked.url = c.path;
    const Answer answer = ask(edge, asked);
    check_problem(answer, c.status);
    CHECK(member(answer.body, "detail").find(c.detail) != std::string::npos);
    if (c.status == 405) CHECK(header(answer, "allow") == c.detail);
    CHECK(header(answer, "www-authenticate") == (c.status == 401 ? "Bearer" : ""));
  }
}

TEST_CASE("no method of a route that is for moderators goes without a token") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"/messages", "POST"}, {"/messages/5", "DELETE"}, {"/moderation", "POST"},
      {"/drain", "POST"},    {"/log", "GET"},           {"/log", "HEAD"}};
  for (const auto& [path, method] : routes) {
    CAPTURE(path);
    Asked asked;
    asked.method = method;
    asked.url = "/api/rooms/lobby" + path;
    for (const char* authorization : {"Bearer old-token", "bearer new-token"}) {
      asked.authorization = authorization;
      CHECK(ask(edge, asked).action == EdgeAction::kAskRoom);
    }
    for (const char* authorization : {"", "Bearer wrong", "Basic old-token", "old-token"}) {
      asked.authorization = authorization;
      check_problem(ask(edge, asked), 401);
    }
    // A token that comes as a subprotocol is for joins.
    asked.authorization = "";
    asked.protocols = "bearer.old-token, edgeroom.v1";
    check_problem(ask(edge, asked), 401);
  }
  Edge closed(settings_json({{"MODERATOR_TOKENS", "other"}}), 1);
  Asked asked;
  asked.url = "/api/rooms/lobby/log";
  asked.authorization = "Bearer old-token";
  check_problem(ask(closed, asked), 401);
}

TEST_CASE("methods of routes that are no room's") {
  for (const Route route : {Route::kHealth, Route::kRooms, Route::kApi, Route::kOther}) {
    CHECK(find_room_method(route, "GET") == nullptr);
    CHECK(allowed_room_methods(route).empty());
  }
}

TEST_CASE("questions for a room") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  const std::string name = "AZaz09._~-";
  struct Case {
    std::string method;
    std::string path;
    std::string operation;
  };
  const Case cases[] = {
      {"GET", "/api/rooms/" + name, R"({"op":"state","room":"AZaz09._~-"})"},
      {"HEAD", "/api/rooms/" + name, R"({"op":"state","room":"AZaz09._~-"})"},
      {"GET", "/api/rooms/%6cobby", R"({"op":"state","room":"lobby"})"},
      {"GET", "/api/rooms/lobby/messages", R"({"op":"messages","room":"lobby"})"},
      {"HEAD", "/api/rooms/lobby/messages?limit=7",
       R"({"op":"messages","room":"lobby","limit":7})"},
      {"POST", "/api/rooms/lobby/messages", R"({"op":"publish","room":"lobby"})"},
      {"DELETE", "/api/rooms/lobby/messages/%31", R"({"op":"delete","room":"lobby","seq":1})"},
      {"POST", "/api/rooms/lobby/moderation?user=x", R"({"op":"moderate","room":"lobby"})"},
      {"POST", "/api/rooms/lobby/%64rain", R"({"op":"drain","room":"lobby"})"},
      {"GET", "/api/rooms/lobby/metrics", R"({"op":"metrics","room":"lobby"})"},
      {"POST", "/api/rooms/lobby/skip", R"({"op":"skip","room":"lobby"})"},
      {"GET", "/api/rooms/lobby/dead-letters?after=3&limit=2",
       R"({"op":"dead_letters","room":"lobby","after":3,"limit":2})"},
      {"POST", "/api/rooms/lobby/dead-letters/replay", R"({"op":"replay","room":"lobby"})"},
      {"GET", "/api/rooms/lobby/log", R"({"op":"log","room":"lobby"})"},
      {"HEAD", "/api/rooms/lobby/log", R"({"op":"log","room":"lobby"})"},
      {"GET", "/api/rooms/lobby/log?after=0", R"({"op":"log","room":"lobby","after":0})"},
      {"GET", "/api/rooms/lobby/log?after=9007199254740991&limit=x",
       R"({"op":"log","room":"lobby","after":9007199254740991})"},
      {"GET", "/api/rooms/lobby/messages?limit=100&after=0&epoch=01-aZ&x=y",
       R"({"op":"messages","room":"lobby","epoch":"01-aZ","after":0,"limit":100})"},
      {"GET", "/api/rooms/lobby/messages?before=9007199254740991",
       R"({"op":"messages","room":"lobby","before":9007199254740991})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.path);
    Asked asked;
    asked.method = c.method;
    asked.url = c.path;
    asked.authorization = "Bearer old-token";
    const Answer answer = ask(edge, asked);
    CHECK(answer.action == EdgeAction::kAskRoom);
    CHECK(without_names(answer) == c.operation);
    CHECK(answer.room == member(c.operation, "room"));
    CHECK(header(answer, "cache-control") == "no-store");
  }
}

TEST_CASE("what a moderator asks wrongly") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  struct Case {
    const char* method;
    const char* path;
    const char* detail;
  };
  const Case cases[] = {
      {"GET", "log?after=", "after:"},
      {"GET", "log?after=-1", "after:"},
      {"GET", "log?after=1.5", "after:"},
      {"GET", "log?after=1e3", "after:"},
      {"GET", "log?after=9007199254740992", "after:"},
      {"GET", "log?after=1&after=1", "after:"},
      {"GET", "log?after=%", "after:"},
      {"HEAD", "log?after=abc", "after:"},
      {"GET", "dead-letters?after=x", "after:"},
      {"GET", "dead-letters?limit=0", "limit:"},
      {"DELETE", "messages/1?epoch=a_b", "epoch:"},
      {"DELETE", "messages/abc", "the message's seq"},
      {"DELETE", "messages/-1", "the message's seq"},
      {"DELETE", "messages/9007199254740992", "the message's seq"},
      {"DELETE", "messages/%2F", "the message's seq"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.path);
    Asked asked;
    asked.method = c.method;
    asked.url = std::string("/api/rooms/lobby/") + c.path;
    asked.authorization = "Bearer old-token";
    const Answer answer = ask(edge, asked);
    check_problem(answer, 400);
    CHECK(member(answer.body, "detail").find(c.detail) == 0);
  }
}

TEST_CASE("joining a room") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  const auto join = [&edge](const std::string& query, const std::string& protocols = "") {
    Asked asked;
    asked.url = "/rooms/lobby" + query;
    asked.upgrade = "WebSocket";
    asked.protocols = protocols;
    return ask(edge, asked);
  };
  const std::string user128 = "%F0%9F%98%80";  // one character
  std::string longest;
  for (int i = 0; i < 128; i++) longest += user128;

  CHECK(without_names(join("")) == R"({"op":"connect","room":"lobby"})");
  CHECK(join("").action == EdgeAction::kJoinRoom);
  CHECK(join("").protocol.empty());
  CHECK(without_names(join("?user=ana+b%22%C3%A9")) ==
        "{\"op\":\"connect\",\"room\":\"lobby\",\"user\":\"ana b\\\"\xc3\xa9\"}");
  CHECK(without_names(join("?epoch=e-1&after=5&user=u")) ==
        R"({"op":"connect","room":"lobby","user":"u","epoch":"e-1","after":5})");
  // All are optional: without an epoch nothing can be recovered, and the welcome says so.
  CHECK(without_names(join("?after=5")) == R"({"op":"connect","room":"lobby","after":5})");
  CHECK(without_names(join("?epoch=e-1")) == R"({"op":"connect","room":"lobby","epoch":"e-1"})");
  CHECK(join("?user=" + longest).action == EdgeAction::kJoinRoom);

  for (const auto& [query, parameter] :
       std::map<std::string, std::string>{{"?user=", "user"},
                                          {"?user=" + longest + "x", "user"},
                                          {"?user=a%0Ab", "user"},
                                          {"?user=%7F", "user"},
                                          {"?user=%00", "user"},
                                          {"?user=%FF", "user"},
                                          {"?user=%E0%80%80", "user"},
                                          {"?user=%", "user"},
                                          {"?user=a&user=b", "user"},
                                          {"?epoch=e&after=-5", "after"},
                                          {"?epoch=e&after=", "after"},
                                          {"?epoch=e&after=9007199254740992", "after"},
                                          {"?epoch=e&after=99999999999999999999999", "after"},
                                          {"?epoch=", "epoch"},
                                          {"?epoch=%20", "epoch"}}) {
    CAPTURE(query);
    const Answer answer = join(query);
    check_problem(answer, 400);
    CHECK(member(answer.body, "detail").substr(0, parameter.size() + 1) == parameter + ":");
  }

  CHECK(join("", "edgeroom.v1").protocol == "edgeroom.v1");
  CHECK(join("", "bearer.SECRET, edgeroom.v1").protocol == "edgeroom.v1");
  CHECK(join("", "chat,edgeroom.v1").body.find("SECRET") == std::string::npos);
  for (const char* protocols : {"bearer.SECRET", "bearer.SECRET, bearer.x", "chat", "edgeroom.v2",
                                "Edgeroom.v1", "bearer.SECRET, chat"}) {
    CAPTURE(protocols);
    const Answer answer = join("", protocols);
    check_problem(answer, 400);
    CHECK(member(answer.body, "detail").find("edgeroom.v1") != std::string::npos);
    CHECK(answer.body.find("SECRET") == std::string::npos);
  }
}

TEST_CASE("joining a room as a moderator") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  const auto join = [&edge](const std::string& authorization, const std::string& protocols,
                            const std::string& query = "") {
    Asked asked;
    asked.url = "/rooms/lobby" + query;
    asked.upgrade = "websocket";
    asked.authorization = authorization;
    asked.protocols = protocols;
    return ask(edge, asked);
  };
  const std::string plain = R"({"op":"connect","room":"lobby"})";
  const std::string moderator = R"({"op":"connect","room":"lobby","role":"moderator"})";
  CHECK(without_names(join("Bearer old-token", "")) == moderator);
  CHECK(without_names(join("Bearer new-token", "edgeroom.v1")) == moderator);
  CHECK(without_names(join("", "edgeroom.v1, bearer.old-token")) == moderator);
  CHECK(without_names(join("", "bearer.new-token, edgeroom.v1")) == moderator);
  // Either is enough: a proxy may have a token of its own.
  CHECK(without_names(join("Bearer other", "bearer.old-token, edgeroom.v1")) == moderator);
  CHECK(without_names(join("Bearer old-token", "bearer.other, edgeroom.v1")) == moderator);
  CHECK(without_names(join("", "bearer.other, bearer.old-token, edgeroom.v1")) == moderator);
  CHECK(without_names(join("Bearer old-token", "", "?user=ana&epoch=e&after=1")) ==
        R"({"op":"connect","room":"lobby","user":"ana","role":"moderator","epoch":"e","after":1})");
  // With AUTH=off any other token is ignored.
  for (const auto& [authorization, protocols] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"Bearer other", ""},
                                                        {"Basic old-token", ""},
                                                        {"", "bearer.other, edgeroom.v1"},
                                                        {"", "bearer., edgeroom.v1"},
                                                        {"", "bearer.old-toke, edgeroom.v1"},
                                                        {"", "Bearer.old-token, edgeroom.v1"},
                                                        {"", "old-token, edgeroom.v1"}}) {
    CAPTURE(authorization);
    CAPTURE(protocols);
    CHECK(without_names(join(authorization, protocols)) == plain);
    CHECK(join(authorization, protocols).action == EdgeAction::kJoinRoom);
  }
  // Nobody names their own role, and no token comes out again.
  CHECK(without_names(join("", "", "?role=moderator")) == plain);
  const Answer answer = join("Bearer old-token", "bearer.new-token, edgeroom.v1");
  CHECK(answer.protocol == "edgeroom.v1");
  CHECK((answer.headers + answer.body + answer.log).find("-token") == std::string::npos);
  for (const char* protocols : {"bearer.old-token", "bearer.", "bearer.old-token, chat"}) {
    const Answer refused = join("Bearer old-token", protocols);
    check_problem(refused, 400);
    CHECK((refused.headers + refused.body).find("-token") == std::string::npos);
  }
}

TEST_CASE("policies may count by route") {
  Edge edge(settings_json(
                {{"RATE_LIMITS", R"([{"name":"route","key":"route","limit":1,"window_s":60}])"}}),
            1);
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"GET", ""},        {"GET", "/messages"}, {"DELETE", "/messages/5"}, {"POST", "/moderation"},
      {"POST", "/drain"}, {"GET", "/log"},      {"GET", "/metrics"}};
  for (const auto& [method, path] : requests) {
    CAPTURE(path);
    Asked asked;
    asked.method = method;
    asked.url = "/api/rooms/lobby" + path;
    CHECK(ask(edge, asked).status != 429);
    asked.url = "/api/rooms/other" + path;
    check_problem(ask(edge, asked), 429);
  }
}

TEST_CASE("health") {
  Edge edge(settings_json({{"RATE_LIMITS",
                            R"([{"name":"a","key":"ip","limit":1,"window_s":60,
                                "match":{"path":"/*"}}])"}}),
            1);
  for (int i = 0; i < 10; i++) {
    Asked asked;
    asked.url = "/health";
    const Answer answer = ask(edge, asked);
    CHECK(answer.status == 200);
    CHECK(member(answer.body, "status") == "ok");
    CHECK_FALSE(member(answer.body, "version").empty());
    CHECK(member(answer.body, "toolchain") == "native");
    CHECK(header(answer, "ratelimit").empty());
  }
}

TEST_CASE("the page and the SDK") {
  Edge edge(settings_json(), 1);
  for (const char* path : {"/", "/client/edgeroom.js", "/client/a/b?x"}) {
    for (const char* method : {"GET", "HEAD"}) {
      Asked asked;
      asked.method = method;
      asked.url = path;
      const Answer answer = ask(edge, asked);
      CHECK(answer.action == EdgeAction::kPage);
      CHECK(header(answer, "content-security-policy").find("default-src 'none'") == 0);
      CHECK(header(answer, "x-content-type-options") == "nosniff");
      CHECK(header(answer, "referrer-policy") == "no-referrer");
      CHECK(member(answer.body, "status") == "404");
    }
  }
}

TEST_CASE("origins") {
  struct Case {
    const char* allowed;
    const char* origin;
    bool admitted;
    bool cors;
  };
  const Case cases[] = {
      {"", "", true, false},
      {"", "https://rooms.example", true, true},
      {"", "https://app.example", false, false},
      {"https://app.example", "https://app.example", true, true},
      {"https://app.example", "https://app.example:444", false, false},
      {"https://app.example", "http://app.example", false, false},
      {"https://app.example", "https://app.example.evil.example", false, false},
      {"https://app.example", "http://rooms.example", false, false},
      {"https://app.example", "null", false, false},
      {"https://a.example,https://app.example", "https://app.example", true, true},
      {"*", "https://any.example", true, true},
      {"*", "null", true, true},
  };
  for (const Case& c : cases) {
    CAPTURE(c.allowed);
    CAPTURE(c.origin);
    Edge edge(settings_json({{"ALLOWED_ORIGINS", c.allowed}}), 1);
    Asked asked;
    asked.url = "/api/rooms/lobby";
    asked.origin = c.origin;
    const Answer answer = ask(edge, asked);
    if (c.admitted) {
      CHECK(answer.action == EdgeAction::kAskRoom);
      CHECK(header(answer, "vary") == "Origin");
    } else {
      check_problem(answer, 403);
      CHECK(header(answer, "ratelimit").empty());  // before any limit
    }
    CHECK(header(answer, "access-control-allow-origin") == (c.cors ? c.origin : ""));
    if (c.cors) {
      CHECK(header(answer, "access-control-expose-headers") ==
            "Retry-After, RateLimit, RateLimit-Policy");
    }
    Asked join;
    join.url = "/rooms/lobby";
    join.upgrade = "websocket";
    join.origin = c.origin;
    CHECK((ask(edge, join).action == EdgeAction::kJoinRoom) == c.admitted);
  }
}

TEST_CASE("preflights are answered from memory and cost nothing") {
  Edge edge(settings_json(), 1);
  Asked asked;
  asked.method = "OPTIONS";
  asked.url = "/api/rooms/lobby";
  asked.origin = "https://app.example";
  asked.cors_method = "POST";
  for (int i = 0; i < 200; i++) CHECK(ask(edge, asked).status == 204);
  Answer answer = ask(edge, asked);
  CHECK(answer.body.empty());
  CHECK(header(answer, "access-control-allow-origin") == "https://app.example");
  CHECK(header(answer, "access-control-allow-methods").find("DELETE") != std::string::npos);
  CHECK(header(answer, "access-control-allow-headers") == "authorization, content-type");
  asked.cors_headers = "X-Trace, authorization";
  CHECK(header(ask(edge, asked), "access-control-allow-headers") == "X-Trace, authorization");
  for (const std::string& odd :
       {std::string("x;y"), std::string("x{y"), std::string("x[y"), std::string("x:y"),
        std::string("x\x7f"), std::string(1025, 'x')}) {
    asked.cors_headers = odd;
    CHECK(header(ask(edge, asked), "access-control-allow-headers") ==
          "authorization, content-type");
  }
  asked.cors_headers = "X_9-a";
  CHECK(header(ask(edge, asked), "access-control-allow-headers") == "X_9-a");
  asked.url = "/health";
  check_problem(ask(edge, asked), 405);
  asked.url = "/api/rooms/lobby";
  asked.origin = "https://evil.example";
  check_problem(ask(edge, asked), 403);
  asked.origin = "https://app.example";
  asked.cors_method = "";
  check_problem(ask(edge, asked), 405);
}

TEST_CASE("a URL that is none is refused, and has a request's names") {
  Edge edge(settings_json(), 1);
  RequestLines lines;
  lines.method = "GET";
  lines.url = "/health";
  lines.client_address = "1.2.3.4";
  const Answer answer = edge.handle(lines, kStartMs);
  check_problem(answer, 400);
  CHECK_FALSE(header(answer, "x-request-id").empty());
}

TEST_CASE("a path that no prefix of API_URL covers is nobody's") {
  Edge edge(settings_json({{"API_URL", R"({"/api/shop":"https://shop.example"})"}}), 1);
  Asked asked;
  asked.url = "/api/shop/1";
  CHECK(ask(edge, asked).action == EdgeAction::kApi);
  asked.url = "/api/users";
  check_problem(ask(edge, asked), 404);
}

TEST_CASE("of several mistakes in a query the first is told") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  Asked asked;
  asked.url = "/api/rooms/lobby/messages?epoch=a_b&after=x&limit=0";
  const Answer answer = ask(edge, asked);
  check_problem(answer, 400);
  CHECK(member(answer.body, "detail") == "epoch: must be 1 to 64 letters, digits and hyphens");
  for (const char* epoch : {"", "a%7B", "a%5B", "a%3A", "a%2F"}) {
    asked.url = std::string("/api/rooms/lobby/messages?epoch=") + epoch;
    check_problem(ask(edge, asked), 400);
  }
  asked.url = "/api/rooms/lobby?user=%00";
  check_problem(ask(edge, asked), 400);
  asked.url = "/rooms/lobby?user=%00";
  asked.upgrade = "websocket";
  check_problem(ask(edge, asked), 400);
}

TEST_CASE("a message is deleted in the epoch that is named") {
  Edge edge(settings_json({{"RATE_LIMITS", "[]"}}), 1);
  Asked asked;
  asked.method = "DELETE";
  asked.authorization = "Bearer old-token";
  asked.url = "/api/rooms/lobby/messages/7?epoch=01AB&by=mo";
  CHECK(without_names(ask(edge, asked)) ==
        R"({"op":"delete","room":"lobby","user":"mo","epoch":"01AB","seq":7})");
  asked.url = "/api/rooms/lobby/messages/7?epoch=%20";
  check_problem(ask(edge, asked), 400);
}

TEST_CASE("every route has a name of its own") {
  std::map<std::string, int> names;
  for (const char* path :
       {"/health", "/rooms/a", "/api/rooms/a", "/api/rooms/a/messages", "/api/rooms/a/messages/1",
        "/api/rooms/a/moderation", "/api/rooms/a/drain", "/api/rooms/a/log", "/api/rooms/a/skip",
        "/api/rooms/a/dead-letters", "/api/rooms/a/dead-letters/replay", "/api/rooms/a/metrics",
        "/api/rooms", "/api/x", "/assets/x", "/", "/x"}) {
    names[std::string(route_name(match_route(path).route))]++;
  }
  CHECK(names.size() == 17);
  CHECK(match_route("/api/rooms/a/messages/").route == Route::kRooms);
  CHECK(match_route("/api/rooms/a/messages/1/2").route == Route::kRooms);
}

TEST_CASE("a denied request") {
  Edge edge(
      settings_json({{"RATE_LIMITS", R"([{"name":"ip","key":"ip","limit":2,"window_s":60}])"}}), 1);
  Asked asked;
  asked.url = "/rooms/lobby";
  asked.upgrade = "websocket";
  Answer answer = ask(edge, asked);
  CHECK(answer.action == EdgeAction::kJoinRoom);
  CHECK(header(answer, "ratelimit-policy") == "\"ip\";q=2;w=60");
  CHECK(header(answer, "ratelimit") == "\"ip\";r=1;t=60");
  ask(edge, asked);
  answer = ask(edge, asked, kStartMs + 57'500);
  check_problem(answer, 429);
  CHECK(header(answer, "retry-after") == "3");
  CHECK(header(answer, "ratelimit-policy") == "\"ip\";q=2;w=60");
  CHECK(header(answer, "ratelimit") == "\"ip\";r=0;t=3");
  CHECK(member(answer.body, "policy") == "ip");
  CHECK(member(answer.body, "detail").find("\"ip\"") != std::string::npos);
  CHECK(answer.body.find("1.2.3.4") == std::string::npos);
  // What is not limited stays so, and another address, and the same one later.
  asked.url = "/nothing";
  CHECK(ask(edge, asked, kStartMs + 57'500).status == 404);
  asked.url = "/api/rooms/lobby";
  CHECK(ask(edge, asked, kStartMs + 57'500).status == 429);
  asked.url = "/%61pi/rooms/lobby";
  CHECK(ask(edge, asked, kStartMs + 57'500).status == 429);
  asked.address = "1.2.3.5";
  CHECK(ask(edge, asked, kStartMs + 57'500).action == EdgeAction::kAskRoom);
  asked.address = "::ffff:1.2.3.4";
  CHECK(ask(edge, asked, kStartMs + 57'500).status == 429);
  CHECK(ask(edge, asked, kStartMs + 60'000).action == EdgeAction::kAskRoom);
}

TEST_CASE("report-only policies write a line") {
  const char* policies = R"([{"name":"a","key":"ip","limit":1,"window_s":60,"report_only":true}])";
  Asked asked;
  asked.url = "/api/rooms/lobby";
  Edge edge(settings_json({{"RATE_LIMITS", policies}}), 1);
  CHECK(ask(edge, asked).log_level == EdgeLogLevel::kNone);
  const Answer answer = ask(edge, asked);
  CHECK(answer.action == EdgeAction::kAskRoom);
  CHECK(answer.log_level == EdgeLogLevel::kInfo);
  CHECK(answer.log == R"({"event":"rate_limit_would_deny","policies":["a"]})");
  Edge quiet(settings_json({{"RATE_LIMITS", policies}, {"LOG_LEVEL", "error"}}), 1);
  ask(quiet, asked);
  CHECK(ask(quiet, asked).log_level == EdgeLogLevel::kNone);
}

TEST_CASE("a Worker that is not configured answers nothing else") {
  Edge edge(settings_json({{"AUTH", "jwt"}}), 1);
  CHECK(edge.settings() == nullptr);
  for (const char* path : {"/", "/rooms/lobby", "/api/rooms/lobby", "/nothing"}) {
    Asked asked;
    asked.url = path;
    asked.upgrade = "websocket";
    asked.origin = "https://evil.example";
    const Answer answer = ask(edge, asked);
    check_problem(answer, 500);
    CHECK(member(answer.body, "detail").find("JWT_ALGORITHMS is missing") != std::string::npos);
  }
  Asked asked;
  asked.url = "/health";
  check_problem(ask(edge, asked), 503);
}

TEST_CASE("hostile requests: an answer always, and never a line too many in its headers") {
  edgeroom::test::Dice dice(11);
  Edge edge(settings_json({{"ALLOWED_ORIGINS", "*"}}), 1);
  const std::vector<std::string> parts = {
      "/",    "rooms", "api", "lobby",  "messages", "..",     ".",     "%2e", "%2F", "%",
      "?",    "&",     "=",   "user",   "after",    "epoch",  "limit", "%ff", "#",   ":",
      "\x01", "\xff",  " ",   "health", "client",   "assets", "@",     "\\",  "%0a", "https://"};
  const auto text = [&](size_t count) {
    std::string out;
    for (size_t i = dice.index(count); i > 0; i--) out += dice.pick(parts);
    return out;
  };
  for (int i = 0; i < 50'000; i++) {
    Asked asked;
    asked.method = dice.one_in(4) ? text(3) : "GET";
    asked.url = "/" + text(12);
    asked.upgrade = dice.one_in(2) ? "websocket" : text(4);
    asked.origin = text(3);
    asked.protocols = text(5);
    asked.address = text(6);
    asked.cors_method = text(2);
    asked.cors_headers = text(4);
    const Answer answer = ask(edge, asked, kStartMs + i * 700.0);
    CHECK((answer.action != EdgeAction::kRespond || answer.status >= 200));
    size_t colons = 0;
    size_t lines = 0;
    for (size_t at = 0; at < answer.headers.size(); lines++) {
      const size_t end = answer.headers.find('\n', at);
      REQUIRE(end != std::string::npos);
      if (answer.headers.substr(at, end - at).find(": ") != std::string::npos) colons++;
      at = end + 1;
    }
    CHECK(colons == lines);
    if (!answer.body.empty()) member(answer.body, "status");
  }
}

namespace {

constexpr const char* kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const std::map<std::string, std::string> kByTokens = {
    {"AUTH", "jwt"},
    {"JWT_ALGORITHMS", "HS256"},
    {"JWT_SECRET", "a secret of thirty-two bytes, or more"}};

Edge edge_with_origins(std::map<std::string, std::string> changes = {}) {
  changes.insert(
      {"API_URL", R"({"/api":"https://api.example/v1/","/api/shop":"https://shop.example"})"});
  changes.insert({"S3_URL", "https://files.example/bucket/"});
  return Edge(settings_json(changes), 7);
}

// What is set on the request that goes on; empty when nothing is said of the header.
std::string onward(const Answer& answer, const std::string& name) {
  Answer lines;
  lines.headers = answer.onward;
  return header(lines, name);
}

}  // namespace

TEST_CASE("a request goes to its origin with path and query as they came") {
  Edge edge = edge_with_origins();
  struct Case {
    std::string asked;
    std::string url;
  };
  const std::vector<Case> cases = {
      {"/api/users", "https://api.example/v1/api/users"},
      {"/api/", "https://api.example/v1/api/"},
      {"/api/a%2fb/%C3%A4?x=%20&y", "https://api.example/v1/api/a%2fb/%C3%A4?x=%20&y"},
      {"/api/shop", "https://shop.example/api/shop"},
      {"/api/shop/cart?", "https://shop.example/api/shop/cart"},
      {"/api/%73hop/1", "https://shop.example/api/%73hop/1"},
      {"/api//evil.example/x", "https://api.example/v1/api//evil.example/x"},
      {"/api/@evil.example", "https://api.example/v1/api/@evil.example"},
      {"/api/https://evil.example", "https://api.example/v1/api/https://evil.example"},
      {"/api/?url=https://evil.example", "https://api.example/v1/api/?url=https://evil.example"},
      {"/api/roomsx", "https://api.example/v1/api/roomsx"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.asked);
    Asked asked;
    asked.url = c.asked;
    const Answer answer = ask(edge, asked);
    CHECK(answer.action == EdgeAction::kApi);
    CHECK(answer.url == c.url);
    CHECK(answer.timeout_ms == 30'000);
  }
}

TEST_CASE("paths that an origin may take for others are refused") {
  Edge edge = edge_with_origins();
  for (const std::string path :
       {"/api/../x", "/api/a/%2e%2E/x", "/api/a%2f..%2fx", "/api/a%5C..%5cx", "/api/a\\..\\x",
        "/api/.%2Fx", "/api/a/..", "/api/..;/x", "/api/a/.;b=c/x", "/api/..%3Bx/y", "/assets/../x",
        "/assets/a%2F..%2Fx", "/assets/."}) {
    CAPTURE(path);
    Asked asked;
    asked.url = path;
    const Answer answer = ask(edge, asked);
    CHECK(answer.action == EdgeAction::kRespond);
    CHECK(answer.status == 400);
  }
  Asked rooms;
  for (const std::string path : {"/api/rooms", "/api/%72ooms", "/api/rooms/a/b/c"}) {
    CAPTURE(path);
    rooms.url = path;
    CHECK(ask(edge, rooms).status == 404);
  }
  Asked trace;
  trace.url = "/api/users";
  trace.method = "TRACE";
  CHECK(ask(edge, trace).status == 405);
}

TEST_CASE("a moderator's token never leaves") {
  Edge edge = edge_with_origins();
  Asked asked;
  asked.url = "/api/users?a=1&token=old%2Dtoken&b=new-token&c=";
  asked.authorization = "bearer new-token";
  const Answer answer = ask(edge, asked);
  CHECK(answer.url == "https://api.example/v1/api/users?a=1&c=");
  CHECK(answer.onward.find("authorization: \n") != std::string::npos);
  for (const std::string authorization :
       {"Bearer  old-token", "old-token", "Bearer x, Bearer new-token", "Token old-token "}) {
    CAPTURE(authorization);
    asked.authorization = authorization;
    CHECK(ask(edge, asked).onward.find("authorization: \n") != std::string::npos);
  }
  for (const std::string authorization : {"Bearer other", "Bearer old-token.x", "Basic b2xk"}) {
    CAPTURE(authorization);
    asked.authorization = authorization;
    CHECK(ask(edge, asked).onward.find("authorization") == std::string::npos);
  }
}

TEST_CASE("a moderator's token never leaves, however a query is read") {
  Edge edge = edge_with_origins({{"MODERATOR_TOKENS", "a+b%c=,x%2By"}});
  for (const std::string query : {"t=a+b%25c=", "t=a%2Bb%25c%3D", "t=a+b%c=", "a+b%c=",
                                  "a%2bb%25c%3d", "t=x%252By", "x%2By", "x%2By=1"}) {
    CAPTURE(query);
    Asked asked;
    asked.url = "/api/users?" + query + "&kept=1";
    CHECK(ask(edge, asked).url == "https://api.example/v1/api/users?kept=1");
  }
}

TEST_CASE("the origin is told who it is, by the token alone") {
  Edge edge = edge_with_origins(kByTokens);
  Asked asked;
  asked.url = "/api/users";
  asked.authorization = "Bearer a.b.c";
  CHECK(ask(edge, asked).action == EdgeAction::kVerifyToken);
  asked.verified = R"(good {"sub":"ana","exp":1900000000})";
  Answer answer = ask(edge, asked);
  CHECK(answer.action == EdgeAction::kApi);
  CHECK(onward(answer, "x-user") == "ana");
  asked.verified = R"(good {"sub":"\u00e4 %","exp":1900000000})";
  CHECK(onward(ask(edge, asked), "x-user") == "%C3%A4%20%25");
  asked.verified = "bad it is old";
  CHECK(ask(edge, asked).status == 401);
  asked.verified = "";
  asked.authorization = "";
  CHECK(ask(edge, asked).status == 401);
  // A moderator's token says what its holder may do, and not who it is.
  asked.authorization = "Bearer old-token";
  answer = ask(edge, asked);
  CHECK(answer.action == EdgeAction::kApi);
  CHECK(onward(answer, "x-user").empty());
}

TEST_CASE("the origin is told where a request came from, and by which name") {
  Edge edge = edge_with_origins();
  Asked asked;
  asked.url = "/api/users";
  asked.traceparent = kTraceparent;
  asked.ray = "8f1a2b3c4d5e6f70-FRA";
  Answer answer = ask(edge, asked);
  CHECK(onward(answer, "x-forwarded-for") == "1.2.3.4");
  CHECK(onward(answer, "x-forwarded-host") == "rooms.example");
  CHECK(onward(answer, "x-forwarded-proto") == "https");
  CHECK(onward(answer, "traceparent") == kTraceparent);
  CHECK(onward(answer, "x-request-id") == "8f1a2b3c4d5e6f70-FRA");
  CHECK(header(answer, "x-request-id") == "8f1a2b3c4d5e6f70-FRA");
  CHECK(answer.traceparent == kTraceparent);
  asked.traceparent = "nonsense";
  asked.address = "not, an address";
  asked.ray = "";
  answer = ask(edge, asked);
  CHECK(onward(answer, "traceparent") == answer.traceparent);
  CHECK(answer.traceparent.substr(0, 3) == "00-");
  CHECK(answer.traceparent != ask(edge, asked).traceparent);
  CHECK(onward(answer, "x-forwarded-for").empty());
  CHECK(answer.request_id.size() == 16);
}

TEST_CASE("a file is asked for by its path alone, and kept under it") {
  Edge edge = edge_with_origins(kByTokens);
  Asked asked;
  asked.url = "/assets/%69mg/a%20b.png?acl&v=2";
  const Answer answer = ask(edge, asked);
  CHECK(answer.action == EdgeAction::kAssets);
  CHECK(answer.url == "https://files.example/bucket/assets/%69mg/a%20b.png");
  CHECK(answer.cache_key == "https://rooms.example/assets/img/a%20b.png");
  CHECK(answer.onward.empty());
  CHECK(header(answer, "vary") == "Origin");
  asked.method = "HEAD";
  CHECK(ask(edge, asked).onward == "range: \nif-range: \n");
  asked.method = "POST";
  CHECK(ask(edge, asked).status == 405);
  CHECK(header(ask(edge, asked), "allow") == "GET, HEAD");
}

TEST_CASE("a request that is limited says by which policy") {
  Edge edge = edge_with_origins(
      {{"RATE_LIMITS", R"([{"name":"one","key":"ip","limit":1,"window_s":60}])"}});
  Asked asked;
  asked.url = "/api/users";
  CHECK(ask(edge, asked).policy.empty());
  const Answer answer = ask(edge, asked);
  CHECK(answer.status == 429);
  CHECK(answer.policy == "one");
  CHECK(answer.route == "api");
}
