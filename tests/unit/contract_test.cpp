// The edge's side of tests/contract: what the forwarder makes of the answers that central's own
// tests show it to give.

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/random.h"
#include "rooms/forwarder.h"
#include "rooms/limits.h"

using edgeroom::AttemptOutcome;
using edgeroom::BatchPlan;
using edgeroom::Forwarder;
using edgeroom::Random;
using nlohmann::json;

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;

// The seqs of a case's request, ascending; of one whose body names none, two.
std::vector<uint64_t> seqs_of(const std::string& body) {
  std::vector<uint64_t> seqs;
  constexpr std::string_view kKey = "{\"seq\":";
  for (size_t at = body.find(kKey); at != std::string::npos; at = body.find(kKey, at + 1)) {
    seqs.push_back(std::stoull(body.substr(at + kKey.size())));
  }
  std::sort(seqs.begin(), seqs.end());
  seqs.erase(std::unique(seqs.begin(), seqs.end()), seqs.end());
  return seqs.empty() ? std::vector<uint64_t>{1, 2} : seqs;
}

std::string member_of(const std::string& body, const char* name, const char* otherwise) {
  const json parsed = json::parse(body, nullptr, false);
  return parsed.is_object() ? parsed.value(name, otherwise) : otherwise;
}

// A forwarder that has sent the case's records and been answered as the case says.
struct Answered {
  explicit Answered(const json& each) : random(1), forwarder(random, letters) {
    const std::string request = each["request"].value("body", "");
    const std::string answer = each["response"]["body"];
    seqs = seqs_of(request);
    forwarder.restore(seqs.front() - 1, {}, kNowMs);
    forwarder.appended(seqs.back(), kNowMs);
    now_ms = kNowMs + edgeroom::kBatchLingerMs;
    const auto plan = forwarder.next(now_ms);
    REQUIRE(plan);
    const uint32_t attempt = forwarder.started(*plan, plan->last);
    const json headers = each["response"].value("headers", json::object());
    const std::string retry_after = headers.value("retry-after", "");
    const auto told = forwarder.answered(
        attempt, {each["response"]["status"], retry_after, "", answer},
        member_of(answer, "room", "lobby"), member_of(answer, "epoch", "01-first"), now_ms);
    REQUIRE(told);
    outcome = *told;
  }

  // What is sent next, however long that takes.
  BatchPlan next() {
    now_ms = std::max(now_ms, forwarder.deadline_ms());
    const auto plan = forwarder.next(now_ms);
    REQUIRE(plan);
    return *plan;
  }

  std::vector<uint64_t> seqs;
  Random random;
  edgeroom::DeadLetters letters;
  Forwarder forwarder;
  AttemptOutcome outcome;
  double now_ms = kNowMs;
};

void check(const std::string& word, Answered& it) {
  const uint64_t count = it.seqs.back() - it.seqs.front() + 1;
  CHECK(it.forwarder.blocked() == (word == "blocked" || word == "new_epoch"));
  CHECK(it.outcome.conflict == (word == "new_epoch"));
  if (word == "confirm") {
    CHECK(it.forwarder.pending() == 0);
    CHECK(it.letters.all().empty());
    CHECK(it.outcome.trouble.empty());
  } else if (word == "dead_letter") {
    CHECK(it.forwarder.pending() == 0);
    CHECK_FALSE(it.letters.all().empty());
  } else if (word == "halve" || word == "bisect") {
    if (count == 1) {
      CHECK(it.letters.all().size() == 1);
    } else {
      CHECK(it.next().last < it.seqs.back());
    }
  } else if (word == "retry_some") {
    const BatchPlan plan = it.next();
    const auto wanted = std::count(plan.wanted.begin(), plan.wanted.end(), true);
    CHECK(wanted > 0);
    CHECK(wanted < static_cast<std::ptrdiff_t>(count));
  } else {
    CHECK((word == "retry" || word == "blocked" || word == "new_epoch"));
    CHECK(it.letters.all().empty());
    CHECK(it.next().last == it.seqs.back());
  }
}

}  // namespace

TEST_CASE("contract: the forwarder does with central's answers what both sides say it does") {
  std::ifstream file(EDGEROOM_CONTRACT "/batches.json");
  REQUIRE(file);
  const json contract = json::parse(file);
  REQUIRE(contract["cases"].size() > 10);
  for (const json& each : contract["cases"]) {
    const std::string name = each["name"];
    CAPTURE(name);
    Answered answered(each);
    check(each["edge"], answered);
  }
}
