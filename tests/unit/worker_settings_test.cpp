// Settings of the Worker and of rooms, and rate-limit policies.

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "base/json_writer.h"
#include "worker/policy.h"
#include "worker/settings.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

using Vars = std::map<std::string, std::string>;

Vars good_vars() {
  return {{"AUTH", "off"},
          {"PERSIST_URL", "https://api.example/prod"},
          {"PERSIST_AUTH", "sigv4"},
          {"AWS_REGION", "eu-central-1"},
          {"AWS_ACCESS_KEY_ID", "AKID"},
          {"AWS_SECRET_ACCESS_KEY", "topsecret"},
          {"RATE_LIMIT", "bound"}};
}

std::string to_json(const Vars& vars) {
  std::string out;
  JsonObjectWriter object(out);
  for (const auto& [name, value] : vars) object.string(name, value);
  object.close();
  return out;
}

// The error with some variables set, and some ("-NAME") removed; empty when there is none.
std::string error_with(const Vars& changes) {
  Vars vars = good_vars();
  for (const auto& [name, value] : changes) {
    if (name[0] == '-') {
      vars.erase(name.substr(1));
    } else {
      vars[name] = value;
    }
  }
  const auto settings = parse_edge_settings(to_json(vars));
  return settings.ok() ? "" : settings.error().detail;
}

}  // namespace

TEST_CASE("where rooms are made is what the platform knows, or not set") {
  CHECK(error_with({{"ROOM_LOCATION", "weur"}, {"ROOM_JURISDICTION", "eu"}}).empty());
  CHECK(error_with({{"ROOM_LOCATION", ""}, {"ROOM_JURISDICTION", ""}}).empty());
  CHECK(error_with({{"ROOM_LOCATION", "europe"}}) ==
        "ROOM_LOCATION must be one of wnam, enam, sam, weur, eeur, apac, oc, afr, me, or not set");
  CHECK(error_with({{"ROOM_JURISDICTION", "EU"}}) ==
        "ROOM_JURISDICTION must be one of eu, fedramp, or not set");
  Vars vars = good_vars();
  vars["ROOM_LOCATION"] = "afr";
  vars["ROOM_JURISDICTION"] = "fedramp";
  const auto settings = parse_edge_settings(to_json(vars));
  REQUIRE(settings.ok());
  CHECK(settings.value().room_location == "afr");
  CHECK(settings.value().room_jurisdiction == "fedramp");
}

TEST_CASE("settings that are enough, and what holds without the others") {
  const auto settings = parse_edge_settings(to_json(good_vars()));
  REQUIRE(settings.ok());
  CHECK(settings.value().allowed_origins.empty());
  CHECK_FALSE(settings.value().any_origin_allowed);
  CHECK(settings.value().moderator_tokens.empty());
  CHECK(settings.value().shared_secret == "topsecret");
  REQUIRE(settings.value().policies.size() == 1);
  const Policy& policy = settings.value().policies[0];
  CHECK(policy.name == "ip");
  CHECK(policy.limit == 100);
  CHECK(policy.window_s == 60);
  CHECK(policy.paths == std::vector<std::string>{"/rooms/*", "/api/*"});
}

TEST_CASE("settings that are given") {
  Vars vars = good_vars();
  vars["ALLOWED_ORIGINS"] = "https://a.example, http://localhost:3000";
  vars["MODERATOR_TOKENS"] = "one,two";
  vars["RATE_LIMITS"] = "[]";
  vars["PERSIST_AUTH"] = "none";
  vars["API_URL"] = R"({"/api/shop/":"https://shop.example","/api/":"https://api.example/v1"})";
  vars["S3_URL"] = "http://127.0.0.1:9000/bucket";
  vars["LOG_LEVEL"] = "warn";
  const auto settings = parse_edge_settings(to_json(vars));
  REQUIRE(settings.ok());
  CHECK(settings.value().allowed_origins ==
        std::vector<std::string>{"https://a.example", "http://localhost:3000"});
  CHECK(settings.value().moderator_tokens == std::vector<std::string>{"one", "two"});
  CHECK(settings.value().policies.empty());
  CHECK(settings.value().api_origins.base_of("/api/shop/cart") == "https://shop.example");
  CHECK(settings.value().s3_url == "http://127.0.0.1:9000/bucket");
  CHECK(settings.value().origin_timeout_ms == 30'000);
  CHECK(settings.value().log_level == LogThreshold::kWarn);
  vars["ALLOWED_ORIGINS"] = "*";
  CHECK(parse_edge_settings(to_json(vars)).value().any_origin_allowed);
}

TEST_CASE("tokens: who needs one, and how it may come") {
  Vars vars = good_vars();
  CHECK_FALSE(parse_edge_settings(to_json(vars)).value().needs_token);
  CHECK_FALSE(parse_edge_settings(to_json(vars)).value().token_in_query);
  vars["AUTH"] = "jwt";
  vars["AUTH_QUERY"] = "on";
  vars["JWT_ALGORITHMS"] = "HS256";
  vars["JWT_SECRET"] = "a secret of 32 bytes, no less...";
  REQUIRE(parse_edge_settings(to_json(vars)).ok());
  CHECK(parse_edge_settings(to_json(vars)).value().needs_token);
  CHECK(parse_edge_settings(to_json(vars)).value().token_in_query);
  vars["AUTH_QUERY"] = "off";
  vars["JWT_ALGORITHMS"] = "RS256, ES256,EdDSA";
  vars["JWKS_URL"] = "https://login.example/.well-known/jwks.json";
  REQUIRE(parse_edge_settings(to_json(vars)).ok());
  CHECK_FALSE(parse_edge_settings(to_json(vars)).value().token_in_query);
}

TEST_CASE("each wrong setting is named, and no value is repeated") {
  struct Case {
    Vars changes;
    const char* starts_with;
  };
  const Case cases[] = {
      {{{"-AUTH", ""}}, "AUTH is missing"},
      {{{"AUTH", ""}}, "AUTH is missing"},
      {{{"AUTH", "on"}}, "AUTH must be off or jwt"},
      {{{"AUTH", "jwt"}}, "JWT_ALGORITHMS is missing"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "none"}}, "JWT_ALGORITHMS must be of"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "hs256"}}, "JWT_ALGORITHMS must be of"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "HS256,"}}, "JWT_ALGORITHMS must be of"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "HS512"}}, "JWT_ALGORITHMS must be of"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "HS256,RS256"}}, "JWT_ALGORITHMS: HS256 does not go"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "HS256"}}, "JWT_SECRET must have at least 32 bytes"},
      {{{"AUTH", "jwt"},
        {"JWT_ALGORITHMS", "HS256"},
        {"JWT_SECRET", "SECRET1 has 31 bytes: one less."}},
       "JWT_SECRET must have at least 32 bytes"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "RS256"}}, "JWKS_URL is missing"},
      {{{"AUTH", "jwt"}, {"JWT_ALGORITHMS", "ES256, EdDSA"}, {"JWKS_URL", "login.example"}},
       "JWKS_URL must be"},
      {{{"AUTH", "jwt"},
        {"JWT_ALGORITHMS", "EdDSA"},
        {"JWKS_URL", "https://u:SECRET@login.example"}},
       "JWKS_URL must be"},
      {{{"AUTH_QUERY", "yes"}}, "AUTH_QUERY must be on or off"},
      {{{"-PERSIST_URL", ""}}, "PERSIST_URL is missing"},
      {{{"PERSIST_URL", "api.example"}}, "PERSIST_URL must be"},
      {{{"PERSIST_URL", "/v1"}}, "PERSIST_URL must be"},
      {{{"PERSIST_URL", "https://"}}, "PERSIST_URL must be"},
      {{{"PERSIST_URL", "https://u:SECRET@api.example"}}, "PERSIST_URL must be"},
      {{{"PERSIST_URL", "https://api.example?key=SECRET"}}, "PERSIST_URL must be"},
      {{{"PERSIST_URL", "https://api.example/ x"}}, "PERSIST_URL must be"},
      {{{"-PERSIST_AUTH", ""}}, "PERSIST_AUTH is missing"},
      {{{"PERSIST_AUTH", "SECRET"}}, "PERSIST_AUTH must be"},
      {{{"-AWS_REGION", ""}}, "AWS_REGION is missing"},
      {{{"-AWS_ACCESS_KEY_ID", ""}}, "AWS_ACCESS_KEY_ID is missing"},
      {{{"-AWS_SECRET_ACCESS_KEY", ""}}, "AWS_SECRET_ACCESS_KEY is missing"},
      {{{"PERSIST_AUTH", "hmac"}}, "PERSIST_SECRET is missing"},
      {{{"PERSIST_AUTH", "bearer"}}, "PERSIST_SECRET is missing"},
      {{{"ALLOWED_ORIGINS", "https://a.example/"}}, "ALLOWED_ORIGINS must be"},
      {{{"ALLOWED_ORIGINS", "a.example"}}, "ALLOWED_ORIGINS must be"},
      {{{"ALLOWED_ORIGINS", "https://a.example,"}}, "ALLOWED_ORIGINS must be"},
      {{{"MODERATOR_TOKENS", ""}}, "MODERATOR_TOKENS must be"},
      {{{"MODERATOR_TOKENS", "SECRET,,"}}, "MODERATOR_TOKENS must be"},
      {{{"MODERATOR_TOKENS", "SECRET1,SECRET2,SECRET3"}}, "MODERATOR_TOKENS must be"},
      {{{"MODERATOR_TOKENS", "SECRET with space"}}, "MODERATOR_TOKENS must be"},
      {{{"MODERATOR_TOKENS", "fine,SECRET.SECRET.SECRET"}}, "MODERATOR_TOKENS must be"},
      {{{"API_URL", "shop.example"}}, "API_URL must be"},
      {{{"API_URL", "{"}}, "API_URL must be"},
      {{{"API_URL", R"({"/api/":5})"}}, "API_URL: the prefix \"/api/\" needs an absolute"},
      {{{"ORIGIN_TIMEOUT_MS", "99"}}, "ORIGIN_TIMEOUT_MS"},
      {{{"ORIGIN_TIMEOUT_MS", "30s"}}, "ORIGIN_TIMEOUT_MS"},
      {{{"S3_URL", "bucket"}}, "S3_URL must be"},
      {{{"RATE_LIMITS", ""}}, "RATE_LIMITS must be a JSON array"},
      {{{"RATE_LIMITS", "{}"}}, "RATE_LIMITS must be a JSON array"},
      {{{"HISTORY_SIZE", "0"}}, "HISTORY_SIZE must be a whole number from 1 to "},
      {{{"HISTORY_SIZE", "SECRET"}}, "HISTORY_SIZE must be"},
      {{{"HISTORY_SIZE", ""}}, "HISTORY_SIZE must be"},
      {{{"HISTORY_SIZE", " 5"}}, "HISTORY_SIZE must be"},
      {{{"HISTORY_SIZE", "5.0"}}, "HISTORY_SIZE must be"},
      {{{"HISTORY_SIZE", "1e2"}}, "HISTORY_SIZE must be"},
      {{{"HISTORY_SIZE", "99999999999999999999"}}, "HISTORY_SIZE must be"},
      {{{"MESSAGE_BYTES_MAX", "262144"}}, "MESSAGE_BYTES_MAX must be"},
      {{{"OUTBOX_RECORDS_MAX", "-1"}}, "OUTBOX_RECORDS_MAX must be"},
      {{{"OUTBOX_BYTES_MAX", "1GB"}}, "OUTBOX_BYTES_MAX must be"},
      {{{"DEDUP_MAX", "0"}}, "DEDUP_MAX must be"},
      {{{"PRESENCE_MAX", "32769"}}, "PRESENCE_MAX must be"},
      {{{"ROOM_CONNECTIONS_MAX", "32769"}}, "ROOM_CONNECTIONS_MAX must be"},
      {{{"MESSAGE_LIMITS", "200"}}, "MESSAGE_LIMITS must be"},
      {{{"MESSAGE_LIMITS", "[]"}}, "MESSAGE_LIMITS must be"},
      {{{"MESSAGE_LIMITS", R"({"room":1})"}}, "MESSAGE_LIMITS: unknown option room"},
      {{{"MESSAGE_LIMITS", R"({"connection":5})"}}, "MESSAGE_LIMITS: connection must be"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":5}})"}}, "MESSAGE_LIMITS: connection needs"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":0,"burst":1}})"}},
       "MESSAGE_LIMITS: connection.rate"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":1e9,"burst":1}})"}},
       "MESSAGE_LIMITS: connection.rate"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":"1","burst":1}})"}},
       "MESSAGE_LIMITS: connection.rate"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":1,"burst":1.5}})"}},
       "MESSAGE_LIMITS: connection.burst"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":1,"burst":1,"penalty":1}})"}},
       "MESSAGE_LIMITS: unknown option connection.penalty"},
      {{{"MESSAGE_LIMITS", R"({"user":{"rate":1}})"}}, "MESSAGE_LIMITS: user needs both rate"},
      {{{"MESSAGE_LIMITS", R"({"user":{"rate":1,"burst":0}})"}},
       "MESSAGE_LIMITS: user.burst must be a whole number from 1"},
      {{{"MESSAGE_LIMITS", R"({"user":{"rate":1,"burst":1,"bytes":1}})"}},
       "MESSAGE_LIMITS: user needs both bytes and bytes_burst"},
      {{{"MESSAGE_LIMITS", R"({"connection":{"rate":1,"burst":1,"bytes_burst":1}})"}},
       "MESSAGE_LIMITS: connection needs both bytes and bytes_burst"},
      {{{"MESSAGE_LIMITS", R"({"user":{"rate":1,"burst":1,"bytes":1.5,"bytes_burst":1}})"}},
       "MESSAGE_LIMITS: user.bytes must be a whole number from 0"},
      {{{"LOG_LEVEL", "loud"}}, "LOG_LEVEL must be"},
  };
  for (const Case& c : cases) {
    const std::string error = error_with(c.changes);
    CAPTURE(c.starts_with);
    CHECK(error.substr(0, std::string(c.starts_with).size()) == c.starts_with);
    CHECK(error.find("SECRET1") == std::string::npos);
    CHECK(error.find("u:SECRET") == std::string::npos);
    CHECK(error.find("=SECRET") == std::string::npos);
    CHECK(error.find("SECRET w") == std::string::npos);
    CHECK(error.find("topsecret") == std::string::npos);
  }
}

TEST_CASE("no settings at all, and settings that are no object") {
  CHECK_FALSE(parse_edge_settings("").ok());
  CHECK_FALSE(parse_edge_settings("[]").ok());
  CHECK_FALSE(parse_edge_settings("{\"AUTH\":\"off\"").ok());
  CHECK(parse_edge_settings("{}").error().detail.substr(0, 15) == "AUTH is missing");
}

TEST_CASE("a variable may be JSON instead of a string, and null is not set") {
  const auto room = parse_room_settings(
      R"({"HISTORY_SIZE":7,"DEDUP_MAX":null,"MESSAGE_LIMITS":{"connection":{"rate":0.5,"burst":3}}})");
  REQUIRE(room.ok());
  CHECK(room.value().history_size == 7);
  CHECK(room.value().dedup_max == 100'000);
  CHECK(room.value().connection_limit.rate == 0.5);
  CHECK(room.value().connection_limit.burst == 3);
  // What is not said of a limit is what it is anyway.
  CHECK(room.value().connection_limit.bytes == 4'194'304);
  CHECK_FALSE(room.value().user_limit.is_any());
}

TEST_CASE("the limits of a connection and of a user, in frames and in bytes") {
  const auto room = parse_room_settings(R"({"MESSAGE_LIMITS":{
    "connection":{"rate":1,"burst":2,"bytes":0},
    "user":{"rate":3,"burst":4,"bytes":5,"bytes_burst":6}}})");
  REQUIRE(room.ok());
  CHECK(room.value().connection_limit.bytes == 0);
  const edgeroom::FrameLimit& user = room.value().user_limit;
  CHECK(user.rate == 3);
  CHECK(user.burst == 4);
  CHECK(user.bytes == 5);
  CHECK(user.bytes_burst == 6);
}

TEST_CASE("what a room's settings are when none is given") {
  const auto room = parse_room_settings(std::string_view("{}"));
  REQUIRE(room.ok());
  CHECK(room.value().history_size == 100);
  CHECK(room.value().message_bytes_max == 65'536);
  CHECK(room.value().outbox_records_max == 1'000'000);
  CHECK(room.value().outbox_bytes_max == 1'073'741'824);
  CHECK(room.value().dedup_max == 100'000);
  CHECK(room.value().presence_max == 100);
  CHECK(room.value().connections_max == 10'000);
  CHECK(room.value().connection_limit.rate == 200);
  CHECK(room.value().connection_limit.burst == 400);
  CHECK(room.value().connection_limit.bytes == 4'194'304);
  CHECK(room.value().connection_limit.bytes_burst == 33'554'432);
  CHECK_FALSE(room.value().user_limit.is_any());
  CHECK(room.value().log_level == LogThreshold::kInfo);
}

TEST_CASE("decimals that every build reads alike") {
  CHECK(parse_decimal("0.1") == 0.1);
  CHECK(parse_decimal("200") == 200.0);
  CHECK(parse_decimal("12.345678901234") == 12.345678901234);
  for (const char* bad :
       {"", "-1", "1e3", "1.2.3", "1234567890123456", "0.1234567890123456", "."}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_decimal(bad).has_value());
  }
}

TEST_CASE("policies with every option") {
  const auto policies = parse_policies(R"([
    {"name":"writes","key":["ip","room"],"limit":10,"window_s":1,"cost":2,
     "match":{"path":"/api/rooms/*","method":["POST","DELETE"]}},
    {"name":"all_routes-2","key":"route","limit":1000000,"window_s":86400,"report_only":true}])",
                                       false);
  REQUIRE(policies.ok());
  REQUIRE(policies.value().size() == 2);
  const Policy& writes = policies.value()[0];
  CHECK(writes.key == std::vector<PolicyKey>{PolicyKey::kAddress, PolicyKey::kRoom});
  CHECK(writes.cost == 2);
  CHECK_FALSE(writes.report_only);
  CHECK(policies.value()[1].report_only);

  PolicySubject subject;
  subject.method = "POST";
  subject.path = "/api/rooms/lobby/messages";
  subject.address = "1.2.3.4";
  subject.room = "lobby";
  subject.route = "messages";
  CHECK(policy_matches(writes, subject));
  std::string key = "of another request";
  put_policy_key(key, writes, subject);
  CHECK(key == "writes\n1.2.3.4\nlobby");
  put_policy_key(key, policies.value()[1], subject);
  CHECK(key == "all_routes-2\nmessages");
  subject.method = "GET";
  CHECK_FALSE(policy_matches(writes, subject));
  subject.method = "POST";
  subject.room = "";
  CHECK_FALSE(policy_matches(writes, subject));
  CHECK(policy_matches(policies.value()[1], subject));
  subject.path = "/health";
  CHECK_FALSE(policy_matches(policies.value()[1], subject));
}

TEST_CASE("a path without a star is the whole path") {
  const auto policies = parse_policies(
      R"([{"name":"a","key":"ip","limit":1,"window_s":1,"match":{"path":["/api/x","/"]}}])", false);
  REQUIRE(policies.ok());
  PolicySubject subject;
  for (const auto& [path, matches] :
       {std::pair{"/api/x", true}, {"/api/x/y", false}, {"/", true}, {"/api/", false}}) {
    CAPTURE(path);
    subject.path = path;
    CHECK(policy_matches(policies.value()[0], subject) == matches);
  }
}

TEST_CASE("a policy that is no longer report-only may say so") {
  const auto policies = parse_policies(
      R"([{"name":"a","key":"ip","limit":1,"window_s":1,"report_only":false}])", true);
  REQUIRE(policies.ok());
  CHECK_FALSE(policies.value()[0].report_only);
}

TEST_CASE("lists may have spaces at both sides of a comma, and no character that nobody sees") {
  const auto parse = [](const std::string& name, const std::string& value) {
    Vars vars = good_vars();
    vars[name] = value;
    return parse_edge_settings(to_json(vars));
  };
  const auto two = parse("ALLOWED_ORIGINS", "https://a.example , https://b.example");
  REQUIRE(two.ok());
  CHECK(two.value().allowed_origins ==
        std::vector<std::string>{"https://a.example", "https://b.example"});
  CHECK_FALSE(parse("ALLOWED_ORIGINS", "https://a.example\x7f").ok());
  CHECK_FALSE(parse("MODERATOR_TOKENS", "abc\x7f").ok());
  CHECK_FALSE(parse("API_URL", R"({"/api/\x7f":"https://a.example"})").ok());
  CHECK_FALSE(parse("API_URL", "https://a.example/\x7f").ok());
}

TEST_CASE("each wrong policy is named with its option") {
  const auto error = [](const std::string& json) {
    const auto policies = parse_policies(json, true);
    return policies.ok() ? std::string("none") : policies.error().detail;
  };
  const std::string good = R"({"name":"a","key":"ip","limit":1,"window_s":1})";
  CHECK(error("[" + good + "]") == "none");
  CHECK(error("[" + good + "," + good + "]") == "RATE_LIMITS: two policies have the name a");
  CHECK(error("[5]") == "RATE_LIMITS[0]: must be an object");
  CHECK(error("[" + good + ",]").substr(0, 19) == "RATE_LIMITS must be");
  CHECK(error("[" + good).substr(0, 19) == "RATE_LIMITS must be");
  struct Case {
    const char* json;
    const char* says;
  };
  const Case cases[] = {
      {R"({"name":"a","bogus":1})", "unknown option bogus"},
      {R"({"windows_s":1})", "unknown option windows_s"},
      {R"({"key":"ip","limit":1,"window_s":1})", "name is missing"},
      {R"({"name":"a","limit":1,"window_s":1})", "key is missing"},
      {R"({"name":"a","key":"ip","window_s":1})", "limit is missing"},
      {R"({"name":"a","key":"ip","limit":1})", "window_s is missing"},
      {R"({"name":"A"})", "name must be"},
      {R"({"name":"a\"b"})", "name must be"},
      {R"({"name":""})", "name must be"},
      {R"({"name":5})", "name must be"},
      {R"({"name":"a{"})", "name must be"},
      {R"({"name":"abcdefghijabcdefghijabcdefghijabc"})", "name must be"},
      {R"({"key":"address"})", "key must be"},
      {R"({"key":[]})", "key must be"},
      {R"({"key":["ip",5]})", "key must be"},
      {R"({"key":["ip","ip"]})", "key names ip more than once"},
      {R"({"limit":0})", "limit must be a whole number"},
      {R"({"limit":"5"})", "limit must be a whole number"},
      {R"({"limit":1.5})", "limit must be a whole number"},
      {R"({"limit":1000001})", "limit must be a whole number"},
      {R"({"window_s":86401})", "window_s must be a whole number"},
      {R"({"cost":-1})", "cost must be a whole number"},
      {R"({"name":"a","key":"ip","limit":1,"window_s":1,"cost":2})",
       "cost must not be above limit"},
      {R"({"match":"/api/"})", "match must be an object"},
      {R"({"match":{"paths":"/"}})", "unknown option match.paths"},
      {R"({"match":{"path":"api"}})", "match.path must be"},
      {R"({"match":{"path":[]}})", "match.path must be"},
      {R"({"match":{"path":"/a\u007f"}})", "match.path must be"},
      {R"({"match":{"path":["/","/","/","/","/","/","/","/","/","/","/","/","/","/","/","/","/"]}})",
       "match.path must be"},
      {R"({"match":{"method":"get"}})", "match.method must be"},
      {R"({"match":{"method":"GET1"}})", "match.method must be"},
      {R"({"match":{"method":""}})", "match.method must be"},
      {R"({"report_only":"yes"})", "report_only must be true or false"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.json);
    const std::string expected = std::string("RATE_LIMITS[0]: ") + c.says;
    CHECK(error("[" + std::string(c.json) + "]").substr(0, expected.size()) == expected);
  }
  std::string many = "[";
  for (char c = 'a'; c < 'j'; c++) {
    many += (c == 'a' ? "" : ",") + std::string(R"({"name":")") + c +
            R"(","key":"ip","limit":1,"window_s":1})";
  }
  CHECK(error(many + "]") == "RATE_LIMITS must not have more than 8 policies");
}
