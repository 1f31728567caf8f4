// What the central API answers: only a plain answer for this room and epoch is believed.

#include "rooms/central_result.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::is_central_refusal;
using edgeroom::parse_central_results;
using edgeroom::RecordOutcome;
using edgeroom::RecordResult;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

using namespace std::string_literals;

constexpr auto kStored = RecordOutcome::kStored;
constexpr auto kRejected = RecordOutcome::kRejected;
constexpr auto kRetry = RecordOutcome::kRetry;

std::optional<std::vector<RecordResult>> parse(const std::string& body) {
  const ExactText exact(body);
  return parse_central_results(exact.view(), "lobby", "E1");
}

// An answer with these results.
std::string answer(const std::string& results) {
  return R"({"v":1,"room":"lobby","epoch":"E1","results":[)" + results + "]}";
}

struct Expected {
  uint64_t seq;
  RecordOutcome outcome;
  std::string code;
};

void check_results(const std::string& body, const std::vector<Expected>& expected) {
  CAPTURE(body);
  const auto results = parse(body);
  REQUIRE(results);
  REQUIRE(results->size() == expected.size());
  for (size_t i = 0; i < expected.size(); i++) {
    CHECK((*results)[i].seq == expected[i].seq);
    CHECK((*results)[i].outcome == expected[i].outcome);
    CHECK((*results)[i].code == expected[i].code);
  }
}

}  // namespace

TEST_CASE("the contract's example is understood") {
  check_results(answer(R"({"seq":41,"status":"stored"},{"seq":42,"status":"duplicate"},
                          {"seq":43,"status":"rejected","code":"TOO_LARGE"},
                          {"seq":44,"status":"retry","code":"THROTTLED"})"),
                {{41, kStored, ""},
                 {42, kStored, ""},
                 {43, kRejected, "TOO_LARGE"},
                 {44, kRetry, "THROTTLED"}});
}

TEST_CASE("the order of members, and members of later versions, do not matter") {
  check_results(
      R"({"results":[{"note":{"seq":9,"status":"stored"},"code":"X","status":"rejected",
          "more":[[1,{"seq":8}]],"seq":7}],"stats":{"v":2,"room":"attic"},
          "epoch":"E1","room":"lobby","v":1,"results_next":[{"seq":5,"status":"stored"}]})",
      {{7, kRejected, "X"}});
  check_results(answer(""), {});
}

TEST_CASE("a result without a known status or a seq is left out") {
  check_results(answer(R"({"seq":1},{"status":"stored"},{"seq":2,"status":"STORED"},{"seq":3,
      "status":"lost"},{"seq":4,"status":1},{"seq":5,"status":null},{"seq":0,"status":"stored"},
      {"seq":-6,"status":"stored"},{"seq":7.0,"status":"stored"},{"seq":"8","status":"stored"},
      {"seq":9,"status":"stored","status":"lost"},{},{"seq":10,"status":["stored"]},
      {"seq":18446744073709551616,"status":"stored"},{"seq":11,"status":"stored"})"),
                {{11, kStored, ""}});
}

TEST_CASE("a result takes nothing from the one before it") {
  check_results(answer(R"({"seq":1,"status":"rejected","code":"A"},{"seq":2},{"status":"stored"},
                          {"seq":3,"status":"rejected"})"),
                {{1, kRejected, "A"}, {3, kRejected, ""}});
}

TEST_CASE("results that are not objects are no results") {
  check_results(answer(R"(1,"stored",null,[{"seq":1,"status":"stored"}],[["seq",1]],[],
                          {"status":"stored","seq":2},[3],{"seq":4,"status":"stored"},"x",5)"),
                {{2, kStored, ""}, {4, kStored, ""}});
}

TEST_CASE("an answer for another room, epoch or version is none") {
  const std::string results = R"("results":[{"seq":1,"status":"stored"}])";
  for (const std::string& head :
       {R"("v":2,"room":"lobby","epoch":"E1")"s, R"("v":"1","room":"lobby","epoch":"E1")"s,
        R"("v":1.0,"room":"lobby","epoch":"E1")"s, R"("v":-1,"room":"lobby","epoch":"E1")"s,
        R"("room":"lobby","epoch":"E1")"s, R"("v":1,"room":"attic","epoch":"E1")"s,
        R"("v":1,"room":"lobby","epoch":"E2")"s, R"("v":1,"epoch":"E1")"s,
        R"("v":1,"room":"lobby")"s, R"("v":1,"room":["lobby"],"epoch":"E1")"s,
        R"("v":1,"room":"lobby","epoch":null)"s, R"("v":1,"v":2,"room":"lobby","epoch":"E1")"s,
        R"("x":{"v":1,"room":"lobby","epoch":"E1"})"s}) {
    CAPTURE(head);
    CHECK_FALSE(parse("{" + head + "," + results + "}"));
    CHECK_FALSE(parse("{" + results + "," + head + "}"));
  }
}

TEST_CASE("an answer without results is none") {
  const std::string head = R"({"v":1,"room":"lobby","epoch":"E1")";
  CHECK(parse(head + R"(,"results":[]})"));
  for (const std::string& rest : std::vector<std::string>{
           "}", R"(,"results":null})", R"(,"results":{}})", R"(,"results":{"a":[]}})",
           R"(,"results":"x"})", R"(,"x":{"results":[]}})", R"(,"x":[{"results":[]}]})"}) {
    CAPTURE(rest);
    CHECK_FALSE(parse(head + rest));
  }
}

TEST_CASE("bodies that are no such JSON are no answer") {
  const std::string good = answer(R"({"seq":1,"status":"stored"})");
  REQUIRE(parse(good));
  for (size_t size = 0; size < good.size(); size++) CHECK_FALSE(parse(good.substr(0, size)));
  for (const std::string& body :
       {""s, "<html><body>502 Bad Gateway</body></html>"s, "null"s, "[]"s, "1"s, "\"v\""s,
        "[" + good + "]", good + good, good + ",", "\xff" + good, good + "\xff", "{" + good + "}",
        R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1,"status":"stored"},]})"s,
        R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1e400,"status":"stored"}]})"s,
        answer(std::string(100'000, '[')), std::string(1'000'000, '['),
        answer(std::string(10, '[') + std::string(10, ']'))}) {
    CAPTURE(body.substr(0, 80));
    CHECK_FALSE(parse(body));
    CHECK_FALSE(is_central_refusal(body));
  }
}

TEST_CASE("a very long answer is understood") {
  std::string results;
  for (int seq = 1; seq <= 10'000; seq++) {
    results += (seq > 1 ? "," : "") + R"({"seq":)"s + std::to_string(seq) + R"(,"status":"retry"})";
  }
  const auto parsed = parse(answer(results));
  REQUIRE(parsed);
  CHECK(parsed->size() == 10'000);
}

TEST_CASE("a refusal is the central API's own when it carries its version") {
  CHECK(is_central_refusal(R"({"v":1,"error":"BAD_BATCH","field":"records[3].seq"})"));
  CHECK(is_central_refusal(R"({"error":"BAD_BATCH","v":1})"));
  for (const std::string& body : std::vector<std::string>{
           "", "{}", "{\"error\":\"BAD_BATCH\"}", "{\"v\":2}", "{\"v\":\"1\"}", "{\"x\":{\"v\":1}}",
           "[{\"v\":1}]", "[\"v\",1]", "{\"message\":\"Forbidden\"}", "<html>", "{\"v\":1",
           "{\"v\":1}x", "\"v\":1"}) {
    CAPTURE(body);
    CHECK_FALSE(is_central_refusal(body));
  }
}

TEST_CASE("no mutation of an answer makes up a result") {
  const std::string good =
      answer(R"({"seq":41,"status":"stored"},{"seq":43,"status":"rejected","code":"TOO_LARGE"})");
  Dice dice(9);
  size_t taken = 0;
  for (int i = 0; i < 20'000; i++) {
    std::string body = good;
    for (uint64_t n = dice.between(1, 3); n > 0; n--) {
      const size_t at = dice.index(body.size());
      switch (dice.below(3)) {
        case 0: body.erase(at, 1 + dice.below(6)); break;
        case 1: body[at] = static_cast<char>(dice.below(256)); break;
        default: body.insert(at, 1, "\"{}[],:0129"[dice.index(11)]); break;
      }
    }
    const auto results = parse(body);
    if (!results) continue;
    taken++;
    for (const RecordResult& result : *results) {
      if (result.seq == 0) FAIL_CHECK("no seq: " << body);
      const bool tells = body.find("\"" + std::string(result.outcome == kStored     ? "stored"
                                                      : result.outcome == kRejected ? "rejected"
                                                                                    : "retry")) !=
                         std::string::npos;
      if (!tells) FAIL_CHECK("no such status: " << body);
    }
  }
  CHECK(taken > 100);
}
