// What a token's claims allow, and what is no claim at all.

#include "base/claims.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "base/token_limits.h"
#include "tests/unit/dice.h"

using edgeroom::Access;
using edgeroom::append_json_string;
using edgeroom::Claims;
using edgeroom::kTokenSkewSeconds;
using edgeroom::parse_claims;
using edgeroom::parse_token_verdict;
using edgeroom::TokenVerdict;
using edgeroom::test::Dice;

namespace {

std::string payload(const std::string& members) {
  return R"({"sub":"ana","exp":1800000000)" + members + "}";
}

Access access_of(const std::string& members, const std::string& room) {
  const auto claims = parse_claims(payload(members));
  REQUIRE(claims.ok());
  return claims.value().access(room);
}

std::string error_of(const std::string& json) {
  const auto claims = parse_claims(json);
  return claims.ok() ? "" : claims.error().detail;
}

std::string times(size_t count, const std::string& text) {
  std::string out;
  for (size_t i = 0; i < count; i++) out += text;
  return out;
}

}  // namespace

TEST_CASE("claims: who it is, and until when") {
  const auto claims =
      parse_claims(R"({"iss":"x","sub":"Zo\u00eb","exp":1800000000.5,"aud":["a"]})");
  REQUIRE(claims.ok());
  CHECK(claims.value().user == "Zoë");
  CHECK(claims.value().expires_ms == 1'800'000'000'500.0);
  // Whole milliseconds, and no time that alarms cannot have.
  CHECK(parse_claims(R"({"sub":"a","exp":1800000000.1239})").value().expires_ms ==
        1'800'000'000'123.0);
  CHECK(parse_claims(R"({"sub":"a","exp":999999999999999})").value().expires_ms ==
        7'258'118'400'000.0);
}

TEST_CASE("claims: each that is wrong is named, and no value is repeated") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "the token's payload"},
      {"[]", "the token's payload"},
      {"7", "the token's payload"},
      {R"({"sub":"ana","exp":1800000000)", "the token's payload"},
      {R"({"sub":"ana","exp":1800000000} x)", "the token's payload"},
      {R"({"sub":"\ud800","exp":1800000000})", "the token's payload"},
      {R"({"exp":1800000000})", "sub: is missing"},
      {R"({"sub":"","exp":1800000000})", "sub: must have 1 to 128"},
      {R"({"sub":5,"exp":1800000000})", "sub: must be a string"},
      {R"({"sub":null,"exp":1800000000})", "sub: must be a string"},
      {R"({"sub":["SECRET"],"exp":1800000000})", "sub: must be a string"},
      {R"({"sub":"SECRET\u0000","exp":1800000000})", "sub: must have 1 to 128"},
      {R"({"sub":"SECRET\n","exp":1800000000})", "sub: must have 1 to 128"},
      {"{\"sub\":\"" + times(129, "x") + "\",\"exp\":1800000000}", "sub: must have 1 to 128"},
      {R"({"sub":"ana"})", "exp: is missing"},
      {R"({"sub":"ana","exp":0})", "exp: is missing"},
      {R"({"sub":"ana","exp":"1800000000"})", "exp: must be seconds"},
      {R"({"sub":"ana","exp":-1})", "exp: must be seconds"},
      {R"({"sub":"ana","exp":1e300})", "exp: must be seconds"},
      {R"({"sub":"ana","exp":9007199254740993})", "exp: must be seconds"},
      {R"({"sub":"ana","exp":null})", "exp: must be seconds"},
      {payload(R"(,"role":"SECRET")"), "role: must be reader, member or moderator"},
      {payload(R"(,"role":"Moderator")"), "role: must be"},
      {payload(R"(,"role":null)"), "role: must be"},
      {payload(R"(,"role":["moderator"])"), "role: must be"},
      {payload(R"(,"rooms":"SECRET")"), "rooms: must be an array or an object"},
      {payload(R"(,"rooms":null)"), "rooms: must be an array or an object"},
      {payload(R"(,"rooms":[5])"), "rooms: must hold strings"},
      {payload(R"(,"rooms":["a",["b"]])"), "rooms: must hold strings"},
      {payload(R"(,"rooms":{"a":"owner"})"), "rooms: each role"},
      {payload(R"(,"rooms":{"a":5})"), "rooms: each role"},
      {payload(",\"rooms\":[" + times(1000, "\"a\",") + "\"a\"]"), "rooms: names too many"},
  };
  for (const auto& [json, starts_with] : cases) {
    CAPTURE(json);
    CHECK(error_of(json).substr(0, starts_with.size()) == starts_with);
    CHECK(error_of(json).find("SECRET") == std::string::npos);
  }
  CHECK(error_of("{\"sub\":\"" + times(128, "ß") + "\",\"exp\":1800000000}").empty());
  CHECK(error_of(payload(",\"rooms\":[" + times(999, "\"a\",") + "\"a\"]")).empty());
}

TEST_CASE("claims: what they allow in which room") {
  struct Case {
    const char* members;
    const char* room;
    Access access;
  };
  const Case cases[] = {
      {"", "any", Access::kPublish},
      {R"(,"role":"reader")", "any", Access::kRead},
      {R"(,"role":"member")", "any", Access::kPublish},
      {R"(,"role":"moderator")", "any", Access::kModerate},
      // By name, and nothing beside it.
      {R"(,"rooms":["lobby"])", "lobby", Access::kPublish},
      {R"(,"rooms":["lobby"])", "lobby2", Access::kNone},
      {R"(,"rooms":["lobby"])", "lobb", Access::kNone},
      {R"(,"rooms":["lobby"])", "Lobby", Access::kNone},
      {R"(,"rooms":[])", "lobby", Access::kNone},
      {R"(,"rooms":[ "a" , "lobby" ])", "lobby", Access::kPublish},
      {R"(,"rooms":["\u006cobby"])", "lobby", Access::kPublish},
      // By prefix; a star elsewhere stands for itself, and no room is called so.
      {R"(,"rooms":["team-*"])", "team-a", Access::kPublish},
      {R"(,"rooms":["team-*"])", "team-", Access::kPublish},
      {R"(,"rooms":["team-*"])", "team", Access::kNone},
      {R"(,"rooms":["team-*"])", "my-team-a", Access::kNone},
      {R"(,"rooms":["*"])", "any", Access::kPublish},
      {R"(,"rooms":["*-a"])", "team-a", Access::kNone},
      {R"(,"rooms":["t*m"])", "team", Access::kNone},
      {R"(,"rooms":[""])", "lobby", Access::kNone},
      // An array's rooms have the token's role, wherever it stands.
      {R"(,"role":"moderator","rooms":["lobby"])", "lobby", Access::kModerate},
      {R"(,"rooms":["lobby"],"role":"moderator")", "lobby", Access::kModerate},
      {R"(,"rooms":["lobby"],"role":"reader")", "lobby", Access::kRead},
      {R"(,"rooms":["lobby"],"role":"moderator")", "other", Access::kNone},
      // An object's have their own; the most counts.
      {R"(,"rooms":{"lobby":"reader"})", "lobby", Access::kRead},
      {R"(,"rooms":{"lobby":"reader"},"role":"moderator")", "lobby", Access::kRead},
      {R"(,"rooms":{"lobby":"moderator","team-*":"reader"})", "team-x", Access::kRead},
      {R"(,"rooms":{"*":"reader","lobby":"moderator"})", "lobby", Access::kModerate},
      {R"(,"rooms":{"lobby":"moderator","*":"reader"})", "lobby", Access::kModerate},
      {R"(,"rooms":{"*":"reader","lobby":"moderator"})", "other", Access::kRead},
      {R"(,"rooms":{"*":"moderator","lobby":"reader"})", "lobby", Access::kModerate},
      {R"(,"rooms":{})", "lobby", Access::kNone},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.members));
    CAPTURE(std::string(c.room));
    CHECK(access_of(c.members, c.room) == c.access);
  }
}

TEST_CASE("claims: any grants, against a plain reading of the rule") {
  Dice dice(5);
  const std::vector<std::string> names = {"a",  "ab",  "abc", "b", "bc",
                                          "a*", "ab*", "b*",  "*", "abc*"};
  const std::vector<std::string> rooms = {"a", "ab", "abc", "abcd", "b", "bc", "c"};
  const std::vector<std::string> roles = {"reader", "member", "moderator"};
  for (int round = 0; round < 2000; round++) {
    std::string members = ",\"rooms\":{";
    std::vector<std::pair<std::string, size_t>> grants;
    for (uint64_t i = dice.below(5); i > 0; i--) {
      const std::string& name = dice.pick(names);
      const size_t role = dice.index(roles.size());
      if (!grants.empty()) members += ",";
      append_json_string(members, name);
      members += ":\"" + roles[role] + "\"";
      grants.emplace_back(name, role);
    }
    members += "}";
    for (const std::string& room : rooms) {
      size_t most = 0;  // 0: none, 1: reader, …
      for (const auto& [name, role] : grants) {
        const bool is_prefix = name.back() == '*';
        const std::string start = name.substr(0, name.size() - 1);
        if (is_prefix ? room.rfind(start, 0) == 0 : room == name) most = std::max(most, role + 1);
      }
      CAPTURE(members);
      CAPTURE(room);
      CHECK(static_cast<size_t>(access_of(members, room)) == most);
    }
  }
}

TEST_CASE("the skew is granted to whoever comes with an old token, and to nobody who has one") {
  Claims claims;
  claims.expires_ms = 100'000;
  CHECK(claims.good_until_ms(0) == 100'000);
  CHECK(claims.good_until_ms(99'999) == 100'000);
  CHECK(claims.good_until_ms(100'000) == 100'000 + kTokenSkewSeconds * 1000.0);
  CHECK(claims.good_until_ms(120'000) == 100'000 + kTokenSkewSeconds * 1000.0);
}

TEST_CASE("verdicts: a good token, a bad one, and one of which nothing is known") {
  const TokenVerdict good = parse_token_verdict("good " + payload(""));
  REQUIRE(good.claims.has_value());
  CHECK(good.claims->user == "ana");
  CHECK_FALSE(good.is_unknown);

  const TokenVerdict bad = parse_token_verdict("bad signature verification failed");
  CHECK_FALSE(bad.claims.has_value());
  CHECK(bad.refusal == "signature verification failed");
  CHECK_FALSE(bad.is_unknown);

  const TokenVerdict wrong = parse_token_verdict(R"(good {"exp":1800000000})");
  CHECK_FALSE(wrong.claims.has_value());
  CHECK(wrong.refusal == "sub: is missing");
  CHECK_FALSE(wrong.is_unknown);

  // Whatever else the host says lets nobody in.
  for (const char* verdict : {"none the keys can't be had", "none ", "none", "", "Good {}", "good",
                              " good {}", "goodx {\"sub\":\"a\",\"exp\":1}"}) {
    CAPTURE(std::string(verdict));
    CHECK_FALSE(parse_token_verdict(verdict).claims.has_value());
  }
  CHECK(parse_token_verdict("none the keys").is_unknown);
  CHECK(parse_token_verdict("").is_unknown);
}
