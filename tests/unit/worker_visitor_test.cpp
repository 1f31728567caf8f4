// Who makes a request: tokens, wherever they stand, and what the Worker answers to each.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/json_writer.h"
#include "base/token_limits.h"
#include "tests/unit/operation_names.h"
#include "worker/edge.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;
constexpr const char* kGood = R"(good {"sub":"ana","exp":1800000600)";

std::string settings(bool query = false) {
  std::string out;
  JsonObjectWriter object(out);
  object.string("AUTH", "jwt");
  object.string("JWT_ALGORITHMS", "HS256");
  object.string("JWT_SECRET", "a secret of at least 32 bytes, as it must");
  object.string("AUTH_QUERY", query ? "on" : "off");
  object.string("PERSIST_URL", "https://api.example");
  object.string("PERSIST_AUTH", "bearer");
  object.string("PERSIST_SECRET", "s");
  object.string("MODERATOR_TOKENS", "old-token,new-token");
  object.string("RATE_LIMIT", "bound");
  object.string("RATE_LIMITS", R"([{"name":"ip","key":"ip","limit":1000,"window_s":60}])");
  object.close();
  return out;
}

struct Asked {
  std::string path = "/api/rooms/lobby";
  std::string authorization = "Bearer a.b.c";
  std::string protocols = "";
  std::string verified = "";
  std::string method = "GET";
  std::string upgrade = "websocket";
};

Answer ask(Edge& edge, const Asked& asked) {
  RequestLines lines;
  const std::string url = "https://rooms.example" + asked.path;
  lines.method = asked.method;
  lines.url = url;
  lines.client_address = "1.2.3.4";
  lines.upgrade = asked.upgrade;
  lines.protocols = asked.protocols;
  lines.authorization = asked.authorization;
  lines.verified = asked.verified;
  return edge.handle(lines, kNowMs);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("tokens: nothing of rooms and of the API goes without one") {
  Edge edge(settings(), 1);
  for (const char* path :
       {"/rooms/lobby", "/rooms/a%20b", "/rooms/a/b", "/api/rooms/lobby", "/api/rooms",
        "/api/rooms/lobby/messages", "/api/rooms/lobby/nothing", "/api/rooms/", "/api/shop/cart",
        "/api/", "/api/rooms/lobby/log", "/api/rooms/lobby/messages/5"}) {
    for (const char* method : {"GET", "POST", "DELETE", "OPTIONS"}) {
      CAPTURE(std::string(path));
      CAPTURE(std::string(method));
      Asked asked;
      asked.path = path;
      asked.method = method;
      asked.authorization = "";
      const Answer without = ask(edge, asked);
      CHECK(without.action == EdgeAction::kRespond);
      CHECK(without.status == 401);
      CHECK(holds(without.headers, "www-authenticate: Bearer\n"));
      asked.authorization = "Bearer a.b.c";
      const Answer unknown = ask(edge, asked);
      CHECK(unknown.action == EdgeAction::kVerifyToken);
      CHECK(unknown.body == "a.b.c");
      asked.verified = "bad it is forged";
      const Answer bad = ask(edge, asked);
      CHECK(bad.status == 401);
      CHECK(holds(bad.headers, "www-authenticate: Bearer error=\"invalid_token\"\n"));
      CHECK(holds(bad.body, "it is forged"));
      asked.verified = "none the keys can't be had";
      const Answer nobody_knows = ask(edge, asked);
      CHECK(nobody_knows.status == 503);
      CHECK(holds(nobody_knows.headers, "retry-after: 5\n"));
    }
  }
  for (const char* path :
       {"/", "/client/edgeroom.js", "/health", "/assets/x", "/nothing", "/rooms", "/api"}) {
    CAPTURE(std::string(path));
    Asked asked;
    asked.path = path;
    asked.authorization = "";
    CHECK(ask(edge, asked).status != 401);
    asked.authorization = "Bearer a.b.c";
    CHECK(ask(edge, asked).action != EdgeAction::kVerifyToken);
  }
}

TEST_CASE("tokens: what they allow") {
  Edge edge(settings(), 1);
  struct Case {
    const char* path;
    const char* method;
    const char* claims;
    uint32_t status;  // 0: the room is asked
  };
  const Case cases[] = {
      {"/api/rooms/lobby", "GET", "", 0},
      {"/api/rooms/lobby", "GET", R"(,"role":"reader")", 0},
      {"/api/rooms/lobby", "GET", R"(,"rooms":["other"])", 403},
      {"/api/rooms/lobby/messages", "GET", R"(,"rooms":["lob*"])", 0},
      {"/api/rooms/lobby/messages", "GET", R"(,"rooms":["x*"])", 403},
      {"/rooms/lobby", "GET", R"(,"rooms":["lobby"])", 0},
      {"/rooms/lobby", "GET", R"(,"rooms":["other"])", 403},
      {"/rooms/lobby", "POST", "", 405},
      {"/rooms/a%20b", "GET", "", 400},
      {"/api/rooms/lobby/messages?limit=0", "GET", "", 400},
      {"/api/rooms/lobby/messages", "POST", "", 403},
      {"/api/rooms/lobby/messages", "POST", R"(,"role":"reader")", 403},
      {"/api/rooms/lobby/messages", "POST", R"(,"role":"moderator")", 0},
      {"/api/rooms/lobby/messages", "POST", R"(,"role":"moderator","rooms":["other"])", 403},
      {"/api/rooms/lobby/messages", "POST", R"(,"rooms":{"lobby":"moderator"})", 0},
      {"/api/rooms/lobby/messages", "POST", R"(,"rooms":{"a":"moderator","lobby":"member"})", 403},
      {"/api/rooms/lobby/messages/5", "DELETE", "", 403},
      {"/api/rooms/lobby/messages/5", "DELETE", R"(,"role":"moderator")", 0},
      {"/api/rooms/lobby/moderation", "POST", "", 403},
      {"/api/rooms/lobby/drain", "POST", "", 403},
      {"/api/rooms/lobby/log", "GET", "", 403},
      {"/api/rooms/lobby/log", "GET", R"(,"role":"moderator")", 0},
      {"/api/rooms", "GET", R"(,"rooms":["other"])", 404},
      {"/api/shop", "GET", R"(,"rooms":["other"])", 404},
      {"/rooms/a/b", "GET", "", 404},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.path));
    CAPTURE(std::string(c.method));
    CAPTURE(std::string(c.claims));
    Asked asked;
    asked.path = c.path;
    asked.method = c.method;
    asked.verified = kGood + std::string(c.claims) + "}";
    const Answer answer = ask(edge, asked);
    CHECK((answer.action == EdgeAction::kRespond ? answer.status : 0) == c.status);
  }
}

TEST_CASE("tokens: the room is told who it is, and nobody names himself") {
  Edge edge(settings(), 1);
  const auto operation = [&edge](const std::string& method, const std::string& path,
                                 const std::string& claims) {
    Asked asked;
    asked.method = method;
    asked.path = path;
    asked.verified = kGood + claims + "}";
    return without_names(ask(edge, asked));
  };
  CHECK(operation("GET", "/rooms/lobby?user=eve&epoch=e&after=1", "") ==
        R"({"op":"connect","room":"lobby","user":"ana","expires":1800000600000,)"
        R"("epoch":"e","after":1})");
  CHECK(operation("GET", "/rooms/lobby", R"(,"role":"reader")") ==
        R"({"op":"connect","room":"lobby","user":"ana","role":"reader","expires":1800000600000})");
  CHECK(operation("GET", "/rooms/lobby?role=moderator", R"(,"role":"moderator")") ==
        R"({"op":"connect","room":"lobby","user":"ana","role":"moderator",)"
        R"("expires":1800000600000})");
  CHECK(operation("GET", "/api/rooms/lobby?user=eve", "") ==
        R"({"op":"state","room":"lobby","user":"ana"})");
  CHECK(operation("GET", "/api/rooms/lobby/messages?user=eve", "") ==
        R"({"op":"messages","room":"lobby","user":"ana"})");
  CHECK(operation("POST", "/api/rooms/lobby/messages", R"(,"role":"moderator")") ==
        R"({"op":"publish","room":"lobby","user":"ana"})");
  CHECK(operation("POST", "/api/rooms/lobby/moderation", R"(,"role":"moderator")") ==
        R"({"op":"moderate","room":"lobby","user":"ana"})");
  CHECK(operation("DELETE", "/api/rooms/lobby/messages/5", R"(,"role":"moderator")") ==
        R"({"op":"delete","room":"lobby","user":"ana","seq":5})");
}

TEST_CASE("tokens: one that is just past its end is good for as long as the skew is") {
  Edge edge(settings(), 1);
  Asked asked;
  asked.path = "/rooms/lobby";
  asked.verified = R"(good {"sub":"ana","exp":1799999990})";
  CHECK(holds(ask(edge, asked).body, "\"expires\":1800000020000"));
}

TEST_CASE("tokens of MODERATOR_TOKENS: either, wherever it stands, in every room") {
  Edge edge(settings(), 1);
  for (const char* token : {"old-token", "new-token"}) {
    Asked asked;
    asked.path = "/api/rooms/lobby/messages";
    asked.method = "POST";
    asked.authorization = "Bearer " + std::string(token);
    CHECK(without_names(ask(edge, asked)) ==
          R"({"op":"publish","room":"lobby","user":"moderator"})");
    asked.path = "/rooms/lobby?user=eve";
    asked.method = "GET";
    const std::string joined =
        R"({"op":"connect","room":"lobby","user":"moderator","role":"moderator"})";
    CHECK(without_names(ask(edge, asked)) == joined);
    asked.authorization = "";
    asked.protocols = "edgeroom.v1, bearer." + std::string(token);
    CHECK(without_names(ask(edge, asked)) == joined);
    // Subprotocols are of joins alone.
    asked.path = "/api/rooms/lobby";
    CHECK(ask(edge, asked).status == 401);
  }
  Asked asked;
  for (const char* guess : {"old-toke", "old-token ", "old-token,new-token", "OLD-TOKEN"}) {
    asked.authorization = "Bearer " + std::string(guess);
    CHECK(ask(edge, asked).action == EdgeAction::kVerifyToken);
  }
}

TEST_CASE("tokens: where they may stand, and which of several counts") {
  Edge edge(settings(), 1);
  const auto join = [&edge](const std::string& authorization, const std::string& protocols) {
    Asked asked;
    asked.path = "/rooms/lobby";
    asked.authorization = authorization;
    asked.protocols = protocols;
    return ask(edge, asked);
  };
  CHECK(join("Bearer one", "").body == "one");
  CHECK(join("bearer one", "edgeroom.v1").body == "one");
  CHECK(join("", "edgeroom.v1, bearer.two").body == "two");
  CHECK(join("", "bearer.two,edgeroom.v1").body == "two");
  CHECK(join("Bearer one", "bearer.two, edgeroom.v1").body == "two");
  CHECK(join("Basic one", "").status == 401);
  CHECK(join("", "edgeroom.v1").status == 401);
  CHECK(join("", "edgeroom.v1, edgeroom.v1").status == 401);
  // The same token twice is one token; two are a mistake, and so is one that nobody can answer.
  CHECK(join("", "bearer.two, edgeroom.v1, bearer.two, edgeroom.v1").body == "two");
  for (const char* protocols :
       {"bearer.two, edgeroom.v1, bearer.three", "bearer.two", "bearer.", "bearer.old-token",
        "bearer.two, chat", "bearer.two, Edgeroom.v1"}) {
    CAPTURE(std::string(protocols));
    for (const char* verified : {"", "bad x", "good {\"sub\":\"ana\",\"exp\":1800000600}"}) {
      Asked asked;
      asked.path = "/rooms/lobby";
      asked.authorization = "";
      asked.protocols = protocols;
      asked.verified = verified;
      const Answer answer = ask(edge, asked);
      CHECK(answer.status == 400);
      CHECK(holds(answer.body, "Sec-WebSocket-Protocol: "));
      CHECK_FALSE(holds(answer.body, "two"));
    }
  }
}

TEST_CASE("tokens in the query: only where AUTH_QUERY is on, and else it is said") {
  Edge strict(settings(false), 1);
  Asked asked;
  asked.path = "/rooms/lobby?token=one";
  asked.authorization = "";
  const Answer refused = ask(strict, asked);
  CHECK(refused.status == 401);
  CHECK(holds(refused.body, "AUTH_QUERY"));
  CHECK_FALSE(holds(refused.body, "one"));
  asked.path = "/rooms/lobby?token=old-token";
  CHECK(ask(strict, asked).status == 401);
  Edge edge(settings(true), 1);
  CHECK(ask(edge, asked).action == EdgeAction::kJoinRoom);
  asked.path = "/rooms/lobby?token=a%2Eb&user=eve";
  CHECK(ask(edge, asked).body == "a.b");
  asked.path = "/api/rooms/lobby?token=one";
  CHECK(ask(edge, asked).body == "one");
  // None, and one whose escapes are none.
  for (const char* path : {"/api/rooms/lobby", "/api/rooms/lobby?token=%zz"}) {
    asked.path = path;
    CHECK(ask(edge, asked).status == 401);
  }
  asked.path = "/api/rooms/lobby?token=one";
  asked.authorization = "Bearer two";
  CHECK(ask(edge, asked).body == "two");
  asked.authorization = "";
  asked.verified = std::string(kGood) + "}";
  CHECK(without_names(ask(edge, asked)) == R"({"op":"state","room":"lobby","user":"ana"})");
}

TEST_CASE("tokens: a huge one is refused before anybody verifies it") {
  Edge edge(settings(), 1);
  Asked asked;
  asked.authorization = "Bearer " + std::string(kTokenBytesMax, 'x');
  CHECK(ask(edge, asked).action == EdgeAction::kVerifyToken);
  asked.authorization += "x";
  const Answer answer = ask(edge, asked);
  CHECK(answer.status == 401);
  CHECK(holds(answer.body, "longer than 8192 bytes"));
}

TEST_CASE("tokens: the second look at a request is not counted again") {
  Edge edge(settings(), 1);
  Asked asked;
  const Answer first = ask(edge, asked);
  CHECK(first.action == EdgeAction::kVerifyToken);
  CHECK(holds(first.headers, "ratelimit: \"ip\";r=999;"));
  asked.verified = std::string(kGood) + "}";
  const Answer second = ask(edge, asked);
  CHECK(second.action == EdgeAction::kAskRoom);
  CHECK_FALSE(holds(second.headers, "ratelimit"));
  asked.verified = "";
  CHECK(holds(ask(edge, asked).headers, "ratelimit: \"ip\";r=998;"));
}
