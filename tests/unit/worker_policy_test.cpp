// Policies by user and their two looks at a request, and what requests a policy applies to.

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "base/json_writer.h"
#include "worker/edge.h"
#include "worker/policy.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kStartMs = 1'800'000'000'000.0;

// The first of the policies; the text holds no error.
Policy policy_of(const std::string& options) {
  const auto policies =
      parse_policies(R"([{"name":"a","limit":5,"window_s":60,)" + options + "}]", true);
  REQUIRE(policies.ok());
  return policies.value()[0];
}

std::string error_of(const std::string& options, bool has_users = true) {
  const auto policies =
      parse_policies(R"([{"name":"a","limit":5,"window_s":60,)" + options + "}]", has_users);
  return policies.ok() ? "" : policies.error().detail;
}

bool applies(const Policy& policy, std::string_view path, std::string_view method = "GET") {
  PolicySubject subject;
  subject.method = method;
  subject.path = path;
  subject.address = "1.2.3.4";
  return policy_matches(policy, subject);
}

std::string settings_json(const std::string& policies) {
  const std::map<std::string, std::string> vars = {
      {"AUTH", "jwt"},
      {"JWT_ALGORITHMS", "HS256"},
      {"JWT_SECRET", "a secret of at least 32 bytes, as it must"},
      {"PERSIST_URL", "https://api.example"},
      {"PERSIST_AUTH", "bearer"},
      {"PERSIST_SECRET", "s"},
      {"MODERATOR_TOKENS", "mod-token"},
      {"ALLOWED_ORIGINS", "https://app.example"},
      {"RATE_LIMIT", "bound"},
      {"RATE_LIMITS", policies}};
  std::string out;
  JsonObjectWriter object(out);
  for (const auto& [name, value] : vars) object.string(name, value);
  object.close();
  return out;
}

// A Worker whose clients bring tokens: the host's two questions for each request.
struct Service {
  explicit Service(const std::string& policies) : edge(settings_json(policies), 1) {
    REQUIRE(edge.settings_error() == "");
  }

  Answer first(const std::string& authorization = "Bearer a.b.c") {
    return look(authorization, "");
  }

  Answer second(const std::string& user, const std::string& claims = "") {
    return look("Bearer a.b.c", R"(good {"sub":")" + user + R"(","exp":1800003600)" + claims + "}");
  }

  // Both: the second answer, or the first where there is no second look.
  Answer ask(const std::string& user) {
    const Answer answer = first();
    return answer.action == EdgeAction::kVerifyToken ? second(user) : answer;
  }

  Answer look(const std::string& authorization, const std::string& verified) {
    RequestLines lines;
    const std::string url = "https://rooms.example" + path;
    lines.method = "GET";
    lines.url = url;
    lines.client_address = address;
    lines.upgrade = "websocket";
    lines.origin = "https://app.example";
    lines.authorization = authorization;
    lines.verified = verified;
    return edge.handle(lines, now_ms);
  }

  Edge edge;
  std::string path = "/rooms/lobby";
  std::string address = "1.2.3.4";
  double now_ms = kStartMs;
};

std::string header(const Answer& answer, const std::string& name) {
  const std::string lines = "\n" + answer.headers;
  const size_t at = lines.find("\n" + name + ": ");
  if (at == std::string::npos) return "";
  const size_t start = at + name.size() + 3;
  return lines.substr(start, lines.find('\n', start) - start);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kAddressAndUser = R"([
  {"name":"ip","key":"ip","limit":5,"window_s":60},
  {"name":"user","key":"user","limit":2,"window_s":60}])";

}  // namespace

TEST_CASE("users: a policy by them waits for the token, and decides before a room is asked") {
  Service service(kAddressAndUser);
  Answer answer = service.first();
  CHECK(answer.action == EdgeAction::kVerifyToken);
  CHECK(header(answer, "ratelimit") == R"("ip";r=4;t=60)");
  answer = service.second("ana");
  CHECK(answer.action == EdgeAction::kJoinRoom);
  CHECK(header(answer, "ratelimit-policy") == R"("ip";q=5;w=60, "user";q=2;w=60)");
  CHECK(header(answer, "ratelimit") == R"("ip";r=4;t=60, "user";r=1;t=60)");
  CHECK(service.ask("ana").action == EdgeAction::kJoinRoom);
  answer = service.ask("ana");
  CHECK(answer.action == EdgeAction::kRespond);
  CHECK(answer.status == 429);
  CHECK(holds(answer.body, R"("policy":"user")"));
  CHECK(header(answer, "ratelimit-policy") == R"("ip";q=5;w=60, "user";q=2;w=60)");
  CHECK(header(answer, "ratelimit") == R"("ip";r=2;t=60, "user";r=0;t=60)");
  CHECK(header(answer, "access-control-allow-origin") == "https://app.example");
  CHECK(holds(header(answer, "access-control-expose-headers"), "RateLimit-Policy"));
  // Somebody else from the same address, and the same one from another.
  CHECK(service.ask("bob").action == EdgeAction::kJoinRoom);
  service.address = "1.2.3.5";
  CHECK(service.ask("ana").status == 429);
  service.now_ms += 60'000;
  CHECK(service.ask("ana").action == EdgeAction::kJoinRoom);
}

TEST_CASE("users: each look counts what it decides, and that once") {
  Service service(R"([
    {"name":"user","key":"user","limit":3,"window_s":60},
    {"name":"ip","key":"ip","limit":5,"window_s":60}])");
  const auto left = [](const Answer& answer) { return header(answer, "ratelimit"); };
  CHECK(left(service.ask("ana")) == R"("user";r=2;t=60, "ip";r=4;t=60)");
  CHECK(left(service.ask("ana")) == R"("user";r=1;t=60, "ip";r=3;t=60)");
  // A token that is no good has no user, and neither has one that nobody can verify.
  CHECK(service.first().action == EdgeAction::kVerifyToken);
  Answer answer = service.look("Bearer a.b.c", "bad it is forged");
  CHECK(answer.status == 401);
  CHECK(left(answer).empty());  // those of the first look stay
  CHECK(service.look("Bearer a.b.c", "none the keys can't be had").status == 503);
  // One whose token is not good for the room does.
  CHECK(service.first().action == EdgeAction::kVerifyToken);
  answer = service.second("ana", R"(,"rooms":["other"])");
  CHECK(answer.status == 403);
  CHECK(left(answer) == R"("user";r=0;t=60, "ip";r=1;t=60)");
  // Denied by the user's: still counted by the address's, whose token was verified for it.
  answer = service.ask("ana");
  CHECK(answer.status == 429);
  CHECK(left(answer) == R"("user";r=0;t=60, "ip";r=0;t=60)");
  // Denied by the address's: no second look, so the user's does not count it.
  answer = service.ask("bob");
  CHECK(answer.status == 429);
  CHECK(left(answer) == R"("ip";r=0;t=60)");
  service.address = "1.2.3.5";
  CHECK(left(service.ask("bob")) == R"("user";r=2;t=60, "ip";r=4;t=60)");
}

TEST_CASE(
    "users: who waits as long as Retry-After says is admitted by the policies of both looks") {
  // The address is out of its units later than the user, but its wait is the longer one. That of a
  // policy that denies nobody is none.
  Service service(R"([
    {"name":"trial","key":"ip","limit":1,"window_s":600,"report_only":true},
    {"name":"ip","key":"ip","limit":3,"window_s":60},
    {"name":"user","key":"user","limit":2,"window_s":10}])");
  for (int i = 0; i < 2; i++) CHECK(service.ask("ana").action == EdgeAction::kJoinRoom);
  service.now_ms += 1000;
  const Answer denied = service.ask("ana");
  CHECK(denied.status == 429);
  CHECK(header(denied, "ratelimit") == R"("ip";r=0;t=59, "user";r=0;t=9)");
  CHECK(header(denied, "retry-after") == "59");
  service.now_ms += 58'000;
  CHECK(service.ask("ana").status == 429);
  service.now_ms += 1000;
  CHECK(service.ask("ana").action == EdgeAction::kJoinRoom);
}

TEST_CASE("a denial names the policy to wait for, and all that deny") {
  Service service(R"([
    {"name":"short","key":"ip","limit":1,"window_s":10},
    {"name":"open","key":"ip","limit":9,"window_s":60},
    {"name":"trial","key":"ip","limit":1,"window_s":60,"report_only":true},
    {"name":"long","key":"ip","limit":1,"window_s":60}])");
  CHECK(service.first().action == EdgeAction::kVerifyToken);
  const Answer denied = service.first();
  CHECK(holds(denied.body, R"("policy":"long","violated-policies":["short","long"])"));
  CHECK(header(denied, "retry-after") == "60");
  CHECK(header(denied, "ratelimit") == R"("short";r=0;t=10, "open";r=8;t=60, "long";r=0;t=60)");
  service.now_ms += 10'000;
  CHECK(holds(service.first().body, R"("policy":"long","violated-policies":["long"])"));
}

TEST_CASE("users: two at once whose first looks were together share what is left") {
  Service service(R"([{"name":"user","key":"user","limit":1,"window_s":60}])");
  CHECK(header(service.first(), "ratelimit").empty());
  CHECK(service.first().action == EdgeAction::kVerifyToken);
  CHECK(service.second("ana").action == EdgeAction::kJoinRoom);
  CHECK(service.second("ana").status == 429);
}

TEST_CASE("users: composites, and names of every kind") {
  Service service(R"([{"name":"a","key":["user","room"],"limit":1,"window_s":60}])");
  CHECK(service.ask("ana").action == EdgeAction::kJoinRoom);
  CHECK(service.ask("ana").status == 429);
  CHECK(service.ask("ana2").action == EdgeAction::kJoinRoom);
  service.path = "/rooms/other";
  CHECK(service.ask("ana").action == EdgeAction::kJoinRoom);
  // Without a room in the path there is nothing to count.
  service.path = "/api/shop/cart";
  CHECK(header(service.ask("ana"), "ratelimit").empty());

  const Policy policy = policy_of(R"("key":["ip","user"])");
  PolicySubject subject;
  subject.address = "1.2.3.4";
  subject.user = "A \xc3\xa9/:\"";
  std::string key;
  put_policy_key(key, policy, subject);
  CHECK(key == "a\n1.2.3.4\nA \xc3\xa9/:\"");
}

TEST_CASE("users: a holder of MODERATOR_TOKENS is none, also if a user has the same name") {
  Service service(kAddressAndUser);
  for (int i = 0; i < 5; i++) {
    const Answer answer = service.first("Bearer mod-token");
    CHECK(answer.action == EdgeAction::kJoinRoom);
    CHECK(header(answer, "ratelimit-policy") == R"("ip";q=5;w=60)");
  }
  CHECK(service.first("Bearer mod-token").status == 429);
  service.address = "1.2.3.5";
  CHECK(header(service.ask("moderator"), "ratelimit") == R"("ip";r=4;t=60, "user";r=1;t=60)");
}

TEST_CASE("users: report only") {
  Service service(R"([
    {"name":"ip","key":"ip","limit":1,"window_s":60,"report_only":true},
    {"name":"user","key":"user","limit":1,"window_s":60,"report_only":true}])");
  CHECK(service.ask("ana").log.empty());
  // Each look tells of its own policies, and of those once.
  CHECK(service.first().log == R"({"event":"rate_limit_would_deny","policies":["ip"]})");
  const Answer answer = service.second("ana");
  CHECK(answer.action == EdgeAction::kJoinRoom);
  CHECK(answer.log == R"({"event":"rate_limit_would_deny","policies":["user"]})");
  CHECK(header(answer, "ratelimit").empty());
}

TEST_CASE("users: not without verified tokens, and not where none is asked for") {
  CHECK(error_of(R"("key":"user")", false) ==
        "RATE_LIMITS[0]: key user needs AUTH=jwt: without it a name is whatever the client says");
  CHECK(error_of(R"("key":["room","user"])", false).find("AUTH=jwt") != std::string::npos);
  CHECK(error_of(R"("key":"ip")", false).empty());
  for (const char* path : {"/rooms/*", "/*", "/ap*", "/api/shop/*", "/rooms/lobby", "/API/x"}) {
    CAPTURE(path);
    CHECK(error_of(R"("key":"user","match":{"path":["/assets/*",")" + std::string(path) + "\"]}") ==
          "");
  }
  for (const char* path : {"/assets/*", "/", "/health", "/api", "/roomsx/*", "/apis*"}) {
    CAPTURE(path);
    CHECK(error_of(R"("key":"user","match":{"path":")" + std::string(path) + "\"}")
              .find("key user needs a match.path below /rooms/ or /api/") != std::string::npos);
  }
}

TEST_CASE("a path is the same path however it is written") {
  const Policy folder = policy_of(R"("key":"ip","match":{"path":"/api/shop/*"})");
  const Policy file = policy_of(R"("key":"ip","match":{"path":"/api/shop/buy"})");
  for (const char* path :
       {"/api/shop/buy",      "/api/Shop/BUY",          "/API/shop/buy",
        "/api//shop/buy",     "/api/shop//buy",         "//api/shop/buy",
        "/api/shop/buy/",     "/api/shop/buy//",        "/api/shop%2Fbuy",
        "/api%2fshop/%62uy",  "/api/shop%5Cbuy",        "/api/./shop/buy",
        "/api/x/../shop/buy", "/api/x%2F..%2Fshop/buy", "/api/x%2F%2e%2e%2Fshop/buy",
        "/../api/shop/buy",   "/api/shop/buy;x=1",      "/api;a/shop;b/buy;c",
        "/api/shop%3Bx/buy",  "/api/x/..;y/shop/buy"}) {
    CAPTURE(path);
    CHECK(applies(folder, path));
    CHECK(applies(file, path));
  }
  // Whoever resolves less than that still finds himself in the folder that it begins with.
  for (const char* path : {"/api/shop/x%2F..%2F..%2Fother", "/api//shop/%2e%2e/other",
                           "/api/%2Fshop/a/../../../b", "/api/%2Fshop/%zz", "/api/shop/%"}) {
    CAPTURE(path);
    CHECK(applies(folder, path));
  }
  for (const char* path :
       {"/api/shop", "/api/shopping/buy", "/api/shop%252Fbuy", "/api", "/", "/x/api/shop/buy",
        "/api/..", "/..", "%", "a%2F..", "", "/api/shop/../x"}) {
    CAPTURE(path);
    CHECK(applies(file, path) == false);
  }
  CHECK_FALSE(applies(folder, "/api/shop%252Fbuy"));
  CHECK_FALSE(applies(folder, "/api/shopping/x"));
}

TEST_CASE("patterns of paths") {
  const auto path_error = [](const std::string& path) {
    return error_of(R"("key":"ip","match":{"path":")" + path + "\"}");
  };
  for (const char* good : {"/", "/*", "/a*", "/a/%2Fb", "/a;b"}) {
    CAPTURE(good);
    CHECK(path_error(good).empty());
  }
  for (const char* bad : {"", "*", "a", "/a/*/b", "/**", "/a?b", "/a#", "/a b", "/a\\u0000"}) {
    CAPTURE(bad);
    CHECK(path_error(bad).find("RATE_LIMITS[0]: match.path must be") == 0);
  }
  const Policy policy = policy_of(R"("key":"ip","match":{"path":["/%61pi//%2fx","/"]})");
  CHECK(applies(policy, "/api/%2Fx"));
  CHECK(applies(policy, "/"));
  CHECK(applies(policy, "//"));
  CHECK_FALSE(applies(policy, "/api"));
  CHECK_FALSE(applies(policy, "/api/%2Fy"));
}

TEST_CASE("methods: HEAD asks what GET asks") {
  const Policy policy = policy_of(R"("key":"ip","match":{"method":["GET","DELETE"]})");
  for (const char* method : {"GET", "HEAD", "DELETE"}) CHECK(applies(policy, "/api/x", method));
  for (const char* method : {"POST", "get", ""}) CHECK_FALSE(applies(policy, "/api/x", method));
  const Policy heads = policy_of(R"("key":"ip","match":{"method":"HEAD"})");
  CHECK(applies(heads, "/api/x", "HEAD"));
  CHECK_FALSE(applies(heads, "/api/x", "GET"));
}

TEST_CASE("an option is given once") {
  CHECK(error_of(R"("key":"ip","limit":500)") == "RATE_LIMITS[0]: limit is given more than once");
  CHECK(error_of(R"("key":"ip","key":"room")") == "RATE_LIMITS[0]: key is given more than once");
  CHECK(error_of(R"("key":"ip","match":{"path":"/a","path":"/b"})") ==
        "RATE_LIMITS[0]: match.path is given more than once");
}

TEST_CASE("without the KV namespace limits would hold in each isolate alone: one clear error") {
  const auto error = [](const std::string& policies) {
    std::string json = settings_json(policies);
    const std::string bound = R"("RATE_LIMIT":"bound")";
    json.replace(json.find(bound), bound.size(), R"("RATE_LIMIT":"")");
    return Edge(json, 1).settings_error();
  };
  CHECK(error("[]").empty());
  CHECK(error(kAddressAndUser).find("RATE_LIMIT is missing: the KV namespace") == 0);
}
