// The forwarder, rule by rule. forwarder_model_test.cpp tries everything at once.

#include "rooms/forwarder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "rooms/limits.h"

using edgeroom::AttemptOutcome;
using edgeroom::BatchPlan;
using edgeroom::Forwarder;
using edgeroom::kBackoffBaseMs;
using edgeroom::kBackoffCapMs;
using edgeroom::kBackoffFloorMs;
using edgeroom::kBatchesInFlightMax;
using edgeroom::kBatchLingerMs;
using edgeroom::kBatchRecordsMax;
using edgeroom::parse_retry_after;
using edgeroom::Random;

namespace {

constexpr double kStartMs = 1'800'000'000'000.0;

const std::string kOurRefusal = R"({"v":1,"error":"BAD_BATCH","field":"records[0].content"})";

// Results for the seqs first…last, all with this status.
std::string results(uint64_t first, uint64_t last, const std::string& status) {
  std::string body = R"({"v":1,"room":"lobby","epoch":"E1","results":[)";
  for (uint64_t seq = first; seq <= last; seq++) {
    body += (seq > first ? ",{\"seq\":" : "{\"seq\":") + std::to_string(seq) + ",\"status\":\"" +
            status + "\"}";
  }
  return body + "]}";
}

// A forwarder with a clock.
struct Bench {
  explicit Bench(uint64_t seed = 1) : random(seed), forwarder(random, letters) {}

  // Appends, and lets the linger pass.
  void append(uint64_t through) {
    forwarder.appended(through, now_ms);
    now_ms += kBatchLingerMs;
  }

  // Starts the next attempt, which must be due.
  uint32_t start() {
    const auto plan = forwarder.next(now_ms);
    REQUIRE(plan);
    first = plan->first;
    last = plan->last;
    return forwarder.started(*plan, plan->last);
  }

  AttemptOutcome answer(uint32_t attempt, uint32_t status, const std::string& body = "",
                        const std::string& retry_after = "", const std::string& date = "") {
    const auto outcome = forwarder.answered(attempt, {status, retry_after, date, body, now_ms},
                                            "lobby", "E1", now_ms);
    REQUIRE(outcome);
    return *outcome;
  }

  AttemptOutcome store(uint32_t attempt, uint64_t from, uint64_t through) {
    return answer(attempt, 200, results(from, through, "stored"));
  }

  // The time until something may be sent again.
  [[nodiscard]] double wait_ms() const { return forwarder.deadline_ms() - now_ms; }

  Random random;
  edgeroom::DeadLetters letters;
  Forwarder forwarder;
  double now_ms = kStartMs;
  uint64_t first = 0;  // of the attempt that was started last
  uint64_t last = 0;
};

}  // namespace

TEST_CASE("records wait a moment for others, a full batch does not") {
  Bench bench;
  CHECK_FALSE(bench.forwarder.next(kStartMs));
  CHECK(std::isinf(bench.forwarder.deadline_ms()));
  bench.forwarder.appended(1, kStartMs);
  CHECK(bench.forwarder.deadline_ms() == kStartMs + kBatchLingerMs);
  bench.forwarder.appended(2, kStartMs + 50);
  CHECK_FALSE(bench.forwarder.next(kStartMs + kBatchLingerMs - 1));
  auto plan = bench.forwarder.next(kStartMs + kBatchLingerMs);
  REQUIRE(plan);
  CHECK(plan->first == 1);
  CHECK(plan->last == 2);
  CHECK(plan->wanted == std::vector<bool>{true, true});
  bench.forwarder.appended(kBatchRecordsMax - 1, kStartMs + 60);
  CHECK_FALSE(bench.forwarder.next(kStartMs + 60));
  bench.forwarder.appended(kBatchRecordsMax + 20, kStartMs + 60);
  plan = bench.forwarder.next(kStartMs + 60);
  REQUIRE(plan);
  CHECK(plan->last == kBatchRecordsMax);
}

TEST_CASE("a plan that comes to nothing is given again, and a full body leaves the rest") {
  Bench bench;
  bench.append(10);
  REQUIRE(bench.forwarder.next(bench.now_ms));
  const auto plan = bench.forwarder.next(bench.now_ms);
  REQUIRE(plan);
  CHECK(plan->first == 1);
  CHECK(bench.forwarder.started(*plan, 4) == 1);
  const auto rest = bench.forwarder.next(bench.now_ms);  // it has waited long enough
  REQUIRE(rest);
  CHECK(rest->first == 5);
  CHECK(rest->last == 10);
}

TEST_CASE("several batches are on their way at once, and confirmed in order") {
  Bench bench;
  bench.append(10 * kBatchRecordsMax);
  std::vector<uint32_t> attempts;
  for (uint32_t i = 0; i < kBatchesInFlightMax; i++) attempts.push_back(bench.start());
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  CHECK(std::isinf(bench.forwarder.deadline_ms()));  // an answer comes first
  for (uint32_t i = kBatchesInFlightMax - 1; i > 0; i--) {
    const AttemptOutcome outcome =
        bench.store(attempts[i], i * kBatchRecordsMax + 1, (i + 1) * kBatchRecordsMax);
    CHECK_FALSE(outcome.confirmed_moved);
    CHECK(outcome.trouble.empty());
    CHECK(bench.forwarder.confirmed() == 0);
  }
  CHECK(bench.store(attempts[0], 1, kBatchRecordsMax).confirmed_moved);
  CHECK(bench.forwarder.confirmed() == kBatchesInFlightMax * kBatchRecordsMax);
  CHECK(bench.forwarder.pending() == (10 - kBatchesInFlightMax) * kBatchRecordsMax);
}

TEST_CASE("while the endpoint fails one attempt finds out whether it is back") {
  Bench bench;
  bench.append(10 * kBatchRecordsMax);
  std::vector<uint32_t> attempts;
  for (uint32_t i = 0; i < kBatchesInFlightMax; i++) attempts.push_back(bench.start());
  bench.answer(attempts[0], 503);
  bench.now_ms += kBackoffCapMs;
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  bench.answer(attempts[1], 503);
  bench.answer(attempts[2], 503);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  bench.answer(attempts[3], 503);
  bench.now_ms += kBackoffCapMs;
  const uint32_t probe = bench.start();
  CHECK(bench.first == 1);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms + 1e6));
  bench.store(probe, 1, kBatchRecordsMax);
  for (uint32_t i = 0; i < kBatchesInFlightMax; i++) bench.start();
}

TEST_CASE("the backoff doubles up to its cap, has a floor, and differs from room to room") {
  std::set<double> first_waits;
  double longest_ms = 0;
  for (uint64_t seed = 1; seed <= 100; seed++) {
    Bench bench(seed);
    bench.append(1);
    double ceiling_ms = kBackoffBaseMs;
    for (int failures = 0; failures < 12; failures++) {
      bench.answer(bench.start(), failures % 2 == 0 ? 503 : 0);
      const double wait_ms = bench.wait_ms();
      CHECK(wait_ms >= kBackoffFloorMs);
      CHECK(wait_ms <= ceiling_ms);
      if (failures == 0) first_waits.insert(wait_ms);
      longest_ms = std::max(longest_ms, wait_ms);
      CHECK_FALSE(bench.forwarder.next(bench.now_ms + wait_ms - 1));
      bench.now_ms += wait_ms;
      ceiling_ms = std::min(2 * ceiling_ms, kBackoffCapMs);
    }
  }
  CHECK(first_waits.size() == 100);
  CHECK(longest_ms > 0.9 * kBackoffCapMs);
}

TEST_CASE("an endpoint that is down for a day is tried at least every minute, and not much more") {
  Bench bench;
  bench.append(50);
  const double end_ms = bench.now_ms + 24 * 3600 * 1000.0;
  uint64_t attempts = 0;
  while (bench.now_ms < end_ms) {
    bench.answer(bench.start(), 0);
    attempts++;
    CHECK(bench.wait_ms() <= kBackoffCapMs);
    bench.now_ms += bench.wait_ms();
    bench.forwarder.appended(50 + attempts, bench.now_ms);
  }
  CHECK(attempts >= 24 * 60);
  CHECK(attempts <= 24 * 60 * 3);
  bench.store(bench.start(), 1, 50);
  CHECK(bench.forwarder.confirmed() == 50);
}

TEST_CASE("Retry-After is read in seconds, up to five minutes") {
  struct Case {
    std::string header;
    double delay_ms;
  };
  for (const Case& c : std::vector<Case>{{"", 0},
                                         {"0", 0},
                                         {"1", 1000},
                                         {"120", 120'000},
                                         {"300", 300'000},
                                         {"301", 300'000},
                                         {"9007199254740991", 300'000},
                                         {"9007199254740992", 300'000},
                                         {"99999999999999999999999999", 300'000},
                                         {"-1", 0},
                                         {"1.5", 0},
                                         {"1e3", 0},
                                         {" 5", 0},
                                         {"5, 6", 0},
                                         {"soon", 0}}) {
    CAPTURE(c.header);
    CHECK(parse_retry_after(c.header, "", kStartMs) == c.delay_ms);
  }
}

TEST_CASE("Retry-After is read as a date, by the clock of whoever sent it") {
  // 2027-01-15 08:00:00 UTC, as kStartMs.
  const std::string in_a_minute = "Fri, 15 Jan 2027 08:01:00 GMT";
  CHECK(parse_retry_after(in_a_minute, "", kStartMs) == 60'000);
  CHECK(parse_retry_after(in_a_minute, "Fri, 15 Jan 2027 08:00:50 GMT", kStartMs) == 10'000);
  CHECK(parse_retry_after(in_a_minute, "Fri, 15 Jan 2027 09:00:50 GMT", kStartMs) == 0);
  CHECK(parse_retry_after(in_a_minute, "yesterday", kStartMs) == 60'000);
  CHECK(parse_retry_after("Sat, 16 Jan 2027 08:00:00 GMT", "", kStartMs) == 300'000);
  CHECK(parse_retry_after("Fri, 15 Jan 2027 08:01:00 CET", "", kStartMs) == 0);
  Bench bench;
  bench.append(1);
  bench.answer(bench.start(), 429, "", in_a_minute, "Fri, 15 Jan 2027 08:00:00 GMT");
  CHECK(bench.wait_ms() == 60'000);
}

TEST_CASE("Retry-After is obeyed, and never shortens the backoff") {
  for (const uint32_t status : {429U, 503U, 500U, 408U}) {
    CAPTURE(status);
    Bench bench;
    bench.append(1);
    bench.answer(bench.start(), status, "", "120");
    CHECK(bench.wait_ms() == 120'000);
    CHECK_FALSE(bench.forwarder.next(bench.now_ms + 119'999));
    bench.now_ms += 120'000;
    bench.answer(bench.start(), status, "", "0");
    CHECK(bench.wait_ms() >= kBackoffFloorMs);
    bench.now_ms += bench.wait_ms();
    bench.answer(bench.start(), status, "", "100000");
    CHECK(bench.wait_ms() == edgeroom::kRetryAfterMaxMs);
  }
}

TEST_CASE("after a failure nothing at all is sent before its time") {
  Bench bench;
  bench.append(150);
  const uint32_t first = bench.start();
  bench.now_ms += kBatchLingerMs;
  const uint32_t second = bench.start();
  bench.answer(first, 503, "", "60");
  bench.store(second, 101, 150);
  bench.forwarder.appended(400, bench.now_ms);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms + 59'999));
  CHECK(bench.forwarder.next(bench.now_ms + 60'000));
}

TEST_CASE("a refusal that only an operator can mend blocks, and gives up nothing") {
  for (const uint32_t status : {301U, 400U, 401U, 403U, 404U, 410U, 422U}) {
    CAPTURE(status);
    Bench bench;
    bench.append(3);
    for (int i = 0; i < 5; i++) {
      const AttemptOutcome outcome = bench.answer(bench.start(), status, "{\"message\":\"no\"}");
      CHECK(outcome.trouble == "HTTP " + std::to_string(status));
      CHECK(bench.forwarder.blocked());
      CHECK(bench.wait_ms() >= kBackoffCapMs / 2);
      CHECK(bench.wait_ms() <= kBackoffCapMs);
      bench.now_ms += bench.wait_ms();
    }
    CHECK(bench.store(bench.start(), 1, 3).confirmed_moved);
    CHECK_FALSE(bench.forwarder.blocked());
    CHECK(bench.letters.all().empty());
  }
}

TEST_CASE("a refused batch is halved until the one record that is to blame is found") {
  for (uint64_t poison = 1; poison <= 100; poison += 9) {
    CAPTURE(poison);
    Bench bench;
    bench.append(100);
    int attempts = 0;
    while (bench.forwarder.pending() > 0) {
      REQUIRE(++attempts < 30);
      const uint32_t attempt = bench.start();
      if (bench.first <= poison && poison <= bench.last) {
        bench.answer(attempt, 400, kOurRefusal);
      } else {
        bench.store(attempt, bench.first, bench.last);
      }
    }
    REQUIRE(bench.letters.all().size() == 1);
    CHECK(bench.letters.all()[0].seq == poison);
    CHECK(bench.letters.all()[0].code == "BAD_BATCH");
    CHECK(bench.forwarder.confirmed() == 100);
  }
}

TEST_CASE("a batch that is too large is halved; one record alone that is, is given up") {
  Bench bench;
  bench.append(3);
  bench.answer(bench.start(), 413);
  bench.start();
  CHECK(bench.first == 1);
  CHECK(bench.last == 1);
  bench.start();
  CHECK(bench.first == 2);
  CHECK(bench.last == 3);
  const AttemptOutcome outcome = bench.answer(2, 413, "<html>");
  CHECK_FALSE(bench.letters.unstored().empty());
  CHECK(outcome.confirmed_moved);
  CHECK(bench.forwarder.confirmed() == 1);
  bench.store(3, 2, 3);
  CHECK(bench.forwarder.confirmed() == 3);
  REQUIRE(bench.letters.all().size() == 1);
  CHECK(bench.letters.all()[0].code == "TOO_LARGE");
}

TEST_CASE("only what was not settled is sent again") {
  Bench bench;
  bench.append(4);
  const AttemptOutcome outcome =
      bench.answer(bench.start(), 200,
                   R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1,"status":"stored"},
          {"seq":2,"status":"retry","code":"THROTTLED"},
          {"seq":4,"status":"rejected","code":"X"}]})");
  CHECK_FALSE(bench.letters.unstored().empty());
  CHECK_FALSE(outcome.confirmed_moved);
  CHECK_FALSE(outcome.trouble.empty());
  bench.now_ms += bench.wait_ms();
  const auto plan = bench.forwarder.next(bench.now_ms);
  REQUIRE(plan);
  CHECK(plan->wanted == std::vector<bool>{false, true, true, false});
}

TEST_CASE("an endpoint that makes progress is not backed off from further and further") {
  Bench bench;
  bench.append(100);
  for (int i = 0; i < 6; i++) {
    bench.answer(bench.start(), 503);
    bench.now_ms += bench.wait_ms();
  }
  for (uint64_t seq = 1; seq < 20; seq++) {
    bench.store(bench.start(), seq, seq);  // one record an answer
    CHECK(bench.wait_ms() >= kBackoffFloorMs);
    CHECK(bench.wait_ms() <= kBackoffBaseMs);
    bench.now_ms += bench.wait_ms();
  }
}

TEST_CASE("a record that is to be tried again does not hold up the others") {
  // One such record, which was the oldest, stopped everything behind it.
  Bench bench;
  bench.append(2);
  const std::string retry_one =
      R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1,"status":"retry","code":"X"}]})";
  const std::string retry_one_of_two =
      R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1,"status":"retry","code":"X"},
          {"seq":2,"status":"stored"}]})";
  bench.answer(bench.start(), 200, retry_one_of_two);
  uint64_t through = 2;
  for (int i = 0; i < 300; i++) {
    bench.forwarder.appended(through + 10, bench.now_ms);
    bench.now_ms += 1000;
    while (bench.forwarder.next(bench.now_ms)) {
      const uint32_t attempt = bench.start();
      if (bench.first == 1) {
        bench.answer(attempt, 200, retry_one);
      } else {
        CHECK(bench.first == through + 1);
        bench.store(attempt, bench.first, bench.last);
        through = bench.last;
      }
    }
  }
  CHECK(through >= 2 + 10 * 295);  // but for the first pause nothing waited
  CHECK(bench.forwarder.confirmed() == 0);
  // It was tried less and less often, at least every minute.
  CHECK_FALSE(std::isinf(bench.forwarder.deadline_ms()));
  CHECK(bench.wait_ms() <= kBackoffCapMs);
  bench.now_ms += kBackoffCapMs;
  bench.store(bench.start(), 1, 1);
  CHECK(bench.forwarder.confirmed() == through);
}

TEST_CASE("behind a hole no more is sent than can be sent again") {
  Bench bench;
  bench.append(100'000);
  const uint32_t hole = bench.start();
  uint64_t sent = bench.last;
  while (bench.forwarder.next(bench.now_ms)) {
    const uint32_t attempt = bench.start();
    bench.store(attempt, bench.first, bench.last);
    sent = bench.last;
  }
  CHECK(sent == edgeroom::kUnsettledRecordsMax);
  CHECK(std::isinf(bench.forwarder.deadline_ms() - 1));  // what is on its way comes first
  bench.store(hole, 1, kBatchRecordsMax);
  CHECK(bench.forwarder.confirmed() == edgeroom::kUnsettledRecordsMax);
  CHECK(bench.forwarder.next(bench.now_ms));
}

TEST_CASE("poison: two in a row are given up, and of all nothing but the first three") {
  const auto live = [](Bench& bench, uint64_t poison_from, uint64_t poison_to, int attempts_max) {
    int attempts = 0;
    while (bench.forwarder.pending() > 0 && attempts++ < attempts_max) {
      if (!bench.forwarder.next(bench.now_ms)) bench.now_ms = bench.forwarder.deadline_ms();
      const uint32_t attempt = bench.start();
      if (bench.first <= poison_to && poison_from <= bench.last) {
        bench.answer(attempt, 400, kOurRefusal);
      } else {
        bench.store(attempt, bench.first, bench.last);
      }
    }
  };
  for (const uint64_t first : {1, 40, 99}) {
    CAPTURE(first);
    Bench bench;
    bench.append(100);
    live(bench, first, first + 1, 60);
    CHECK(bench.forwarder.pending() == 0);
    CHECK(bench.letters.all().size() == 2);
    CHECK_FALSE(bench.forwarder.blocked());
  }
  Bench all;
  all.append(100);
  live(all, 1, 100, 1000);
  CHECK(all.letters.all().size() == edgeroom::kDeadInRowMax);
  CHECK(all.forwarder.blocked());
  CHECK(all.forwarder.pending() == 100 - edgeroom::kDeadInRowMax);
  CHECK(all.wait_ms() <= kBackoffCapMs);
  // The bad release is rolled back.
  live(all, 0, 0, 1000);
  CHECK(all.forwarder.pending() == 0);
  CHECK(all.letters.all().size() == edgeroom::kDeadInRowMax);
  CHECK_FALSE(all.forwarder.blocked());

  // More poison than that in a row, from a server in its right mind: others are asked, and then it
  // is given up.
  Bench some;
  some.append(100);
  live(some, 20, 29, 1000);
  CHECK(some.forwarder.pending() == 0);
  CHECK(some.letters.all().size() == 10);
  CHECK_FALSE(some.forwarder.blocked());
}

TEST_CASE("an answer that rejects everything gives up no more than the first three") {
  Bench bench;
  bench.append(100);
  const AttemptOutcome outcome = bench.answer(bench.start(), 200, results(1, 100, "rejected"));
  CHECK_FALSE(bench.letters.unstored().empty());
  CHECK(outcome.trouble.find("no more is given up") != std::string::npos);
  CHECK(bench.letters.all().size() == edgeroom::kDeadInRowMax);
  CHECK(bench.forwarder.blocked());
  bench.now_ms += bench.wait_ms();
  bench.answer(bench.start(), 200, results(1, 100, "rejected"));
  CHECK(bench.letters.all().size() == edgeroom::kDeadInRowMax);
  CHECK(bench.forwarder.blocked());
  // As soon as one is stored the others are believed to be bad.
  bench.now_ms += bench.wait_ms();
  std::string body = results(1, 99, "rejected");
  body.insert(body.size() - 2, R"(,{"seq":100,"status":"stored"})");
  bench.answer(bench.start(), 200, body);
  CHECK(bench.letters.all().size() == 99);
  CHECK_FALSE(bench.forwarder.blocked());
  CHECK(bench.forwarder.confirmed() == 100);
}

TEST_CASE("a conflict gives nothing up and lets nothing pass, but is tried again") {
  Bench bench;
  bench.append(2);
  for (int i = 0; i < 3; i++) {
    const AttemptOutcome outcome =
        bench.answer(bench.start(), 200,
                     R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1,"status":"stored"},
                         {"seq":2,"status":"rejected","code":"CONFLICT"}]})");
    CHECK(bench.letters.all().empty());
    CHECK_FALSE(outcome.confirmed_moved);
    CHECK_FALSE(outcome.trouble.empty());
    CHECK(outcome.conflict);
    CHECK(bench.forwarder.blocked());
    CHECK(bench.wait_ms() <= kBackoffCapMs);
    bench.now_ms += bench.wait_ms();
  }
  CHECK(bench.store(bench.start(), 2, 2).confirmed_moved);
  CHECK_FALSE(bench.forwarder.blocked());
}

TEST_CASE("auth: a clock ten minutes off is corrected once, and at once") {
  const std::string later = "Fri, 15 Jan 2027 08:10:00 GMT";
  const std::string sooner = "Fri, 15 Jan 2027 07:50:00 GMT";
  for (const bool is_behind : {true, false}) {
    Bench bench;
    bench.append(1);
    const std::string& date = is_behind ? later : sooner;
    const AttemptOutcome outcome = bench.answer(bench.start(), 403, "", "", date);
    CHECK(outcome.trouble.find("s ahead of ours") != std::string::npos);
    CHECK_FALSE(bench.forwarder.blocked());
    CHECK(std::abs(bench.forwarder.clock_offset_ms()) > 599'000);
    CHECK((bench.forwarder.clock_offset_ms() > 0) == is_behind);
    bench.store(bench.start(), 1, 1);
    CHECK(bench.forwarder.confirmed() == 1);
  }
  // It was not the clock, or not that alone.
  Bench bench;
  bench.append(1);
  bench.answer(bench.start(), 401, "", "", later);
  bench.answer(bench.start(), 401, "", "", later);
  CHECK(bench.forwarder.blocked());
  CHECK(bench.wait_ms() >= kBackoffCapMs / 2);
  bench.now_ms += bench.wait_ms();
  // Another Date is believed, but no longer hurried after.
  bench.answer(bench.start(), 401, "", "", sooner);
  CHECK(bench.wait_ms() >= kBackoffCapMs / 2);
  CHECK(bench.forwarder.clock_offset_ms() < 0);
}

TEST_CASE("auth: of several under way, the first refusal corrects the clock for all") {
  // The others counted as refused for their own sake: a pause of half a minute, and blocked.
  Bench bench;
  bench.append(400);
  std::vector<uint32_t> attempts;
  for (uint32_t i = 0; i < kBatchesInFlightMax; i++) attempts.push_back(bench.start());
  for (const uint32_t attempt : attempts) {
    bench.answer(attempt, 403, "", "", "Fri, 15 Jan 2027 08:10:00 GMT");
    CHECK_FALSE(bench.forwarder.blocked());
  }
  for (uint32_t i = 0; i < kBatchesInFlightMax; i++) {
    const uint32_t attempt = bench.start();
    bench.store(attempt, bench.first, bench.last);
  }
  CHECK(bench.forwarder.confirmed() == 400);
}

TEST_CASE("auth: a wrong secret with a clock that is right blocks at once, and is tried again") {
  Bench bench;
  bench.append(1);
  for (const char* date : {"Fri, 15 Jan 2027 08:00:30 GMT", "", "now"}) {
    Bench each;
    each.append(1);
    each.answer(each.start(), 403, "", "", date);
    CHECK(each.forwarder.blocked());
    CHECK(each.forwarder.clock_offset_ms() == 0);
    CHECK(each.wait_ms() <= kBackoffCapMs);
  }
}

TEST_CASE("a pause is obeyed after a restart, and is no longer than a pause can be") {
  Bench bench;
  bench.append(1);
  bench.answer(bench.start(), 429, "", "200");
  const edgeroom::ForwardingPause pause = bench.forwarder.paused();
  CHECK(pause.until_ms == bench.now_ms + 200'000);
  Bench restarted;
  restarted.now_ms = bench.now_ms;
  restarted.forwarder.restore(0, pause, restarted.now_ms);
  restarted.append(1);
  CHECK_FALSE(restarted.forwarder.next(bench.now_ms + 199'999));
  CHECK(restarted.forwarder.next(bench.now_ms + 200'000));
  // The clock went back by a year.
  Bench past;
  past.now_ms -= 365.0 * 24 * 3600 * 1000;
  past.forwarder.restore(0, {pause.until_ms, 7, true, 0, 0}, past.now_ms);
  past.append(1);
  CHECK(past.wait_ms() <= edgeroom::kRetryAfterMaxMs);
  CHECK(past.forwarder.blocked());
}

TEST_CASE("an answer counts once, and only for an attempt that is on its way") {
  Bench bench;
  bench.append(2);
  const uint32_t attempt = bench.start();
  CHECK_FALSE(
      bench.forwarder.answered(0, {200, "", "", results(1, 2, "stored")}, "lobby", "E1", 0));
  CHECK_FALSE(
      bench.forwarder.answered(9, {200, "", "", results(1, 2, "stored")}, "lobby", "E1", 0));
  bench.answer(attempt, 0);
  // The time-out has been counted; the late answer finds the record waiting for its next attempt.
  CHECK_FALSE(
      bench.forwarder.answered(attempt, {200, "", "", results(1, 2, "stored")}, "lobby", "E1", 0));
  CHECK(bench.forwarder.confirmed() == 0);
  bench.now_ms += bench.wait_ms();
  CHECK(bench.answer(bench.start(), 200, results(1, 2, "duplicate")).confirmed_moved);
}

TEST_CASE("after a restart dead letters are tried once more, and told once") {
  Bench bench;
  for (const uint64_t seq : {5, 12, 13}) bench.letters.add(seq, "TOO_LARGE");
  bench.forwarder.restore(10, {}, kStartMs);
  CHECK(bench.forwarder.confirmed() == 10);
  CHECK(bench.forwarder.pending() == 0);
  bench.append(13);
  const AttemptOutcome outcome =
      bench.answer(bench.start(), 200,
                   R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":11,"status":"stored"},
          {"seq":12,"status":"rejected","code":"TOO_LARGE"},{"seq":13,"status":"stored"}]})");
  CHECK(outcome.stored_letters == std::vector<uint64_t>{13});
  CHECK(outcome.confirmed_moved);
  REQUIRE(bench.letters.all().size() == 2);
  CHECK(bench.letters.all()[0].seq == 5);
  CHECK(bench.letters.all()[1].seq == 12);
}

TEST_CASE("after a batch that was too large the next are smaller, and grow again by one record") {
  Bench bench;
  bench.append(1000);
  bench.answer(bench.start(), 413);  // 1-100
  bench.store(bench.start(), 1, 50);
  bench.store(bench.start(), 51, 100);
  uint64_t from = 101;
  for (uint64_t records = 52; records < kBatchRecordsMax && from + records < 1000; records++) {
    const uint32_t attempt = bench.start();
    CHECK(bench.first == from);
    CHECK(bench.last - bench.first + 1 == records);
    bench.store(attempt, bench.first, bench.last);
    from = bench.last + 1;
  }
  CHECK(from > 900);
}

TEST_CASE("no batch grows before the record that was refused is behind it") {
  Bench bench;
  bench.append(1000);
  bench.answer(bench.start(), 413);               // 1-100: now 50
  bench.answer(bench.start(), 400, kOurRefusal);  // 1-50, something in it
  bench.store(bench.start(), 1, 25);
  bench.store(bench.start(), 26, 50);
  bench.store(bench.start(), 51, 100);  // behind it: 51
  bench.start();
  CHECK(bench.last - bench.first + 1 == 51);
}

TEST_CASE("replay: dead letters go in batches of their own, one at a time") {
  Bench bench;
  for (uint64_t seq = 1; seq <= 150; seq++) bench.letters.add(seq * 10, "X");
  bench.forwarder.restore(2000, {}, kStartMs);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  bench.forwarder.replay();
  CHECK(bench.forwarder.replaying() == 150);
  const uint32_t first = bench.start();
  CHECK(bench.first == 10);
  CHECK(bench.last == 1000);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  // What is new goes beside it.
  bench.append(2001);
  const uint32_t news = bench.start();
  CHECK(bench.first == 2001);
  CHECK(bench.store(news, 2001, 2001).confirmed_moved);
  std::string body =
      R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":10,"status":"stored"})";
  for (int seq = 2; seq <= 100; seq++) {
    body += ",{\"seq\":" + std::to_string(seq * 10) + R"(,"status":"rejected","code":"Y"})";
  }
  const AttemptOutcome outcome = bench.answer(first, 200, body + "]}");
  CHECK(outcome.stored_letters == std::vector<uint64_t>{10});
  CHECK(bench.letters.size() == 149);
  CHECK(bench.letters.find(20)->code == "Y");
  CHECK(bench.letters.find(1010)->code == "X");
  CHECK(bench.forwarder.replaying() == 50);
  bench.start();
  CHECK(bench.first == 1010);
}

TEST_CASE("replay: a batch that is refused is halved, and one alone stays what it is") {
  Bench bench;
  for (const uint64_t seq : {1, 2, 3}) bench.letters.add(seq, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.forwarder.replay();
  bench.answer(bench.start(), 413);
  bench.answer(bench.start(), 413);
  CHECK(bench.last == 1);
  CHECK(bench.letters.find(1)->code == "TOO_LARGE");
  bench.answer(bench.start(), 400, kOurRefusal);
  CHECK(bench.last == 2);
  CHECK(bench.letters.find(2)->code == "BAD_BATCH");
  CHECK(bench.store(bench.start(), 3, 3).stored_letters == std::vector<uint64_t>{3});
  CHECK(bench.forwarder.replaying() == 0);
  CHECK(std::isinf(bench.forwarder.deadline_ms()));
}

TEST_CASE("replay: an endpoint that fails is waited for, and asked by new records first") {
  Bench bench;
  bench.letters.add(1, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.forwarder.replay();
  bench.answer(bench.start(), 503);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  bench.append(10);
  bench.now_ms += bench.wait_ms();
  const uint32_t news = bench.start();
  CHECK(bench.first == 10);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  bench.store(news, 10, 10);
  bench.now_ms += kBackoffCapMs;
  bench.start();
  CHECK(bench.first == 1);
}

TEST_CASE("replay: a letter that is to be tried again is, after a while") {
  Bench bench;
  bench.letters.add(1, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.forwarder.replay();
  bench.answer(bench.start(), 200, results(1, 1, "retry"));
  CHECK(bench.wait_ms() >= kBackoffFloorMs);
  CHECK(bench.wait_ms() <= kBackoffCapMs);
  bench.now_ms += bench.wait_ms();
  bench.store(bench.start(), 1, 1);
  CHECK(bench.letters.all().empty());
}

TEST_CASE("replay: a letter that is another record in the store tells of a conflict") {
  Bench bench;
  bench.letters.add(1, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.forwarder.replay();
  const AttemptOutcome outcome = bench.answer(
      bench.start(), 200,
      R"({"v":1,"room":"lobby","epoch":"E1","results":[{"seq":1,"status":"rejected","code":"CONFLICT"}]})");
  CHECK(outcome.conflict);
  CHECK(bench.letters.find(1)->code == "X");
  // Under the next epoch it goes again.
  CHECK(bench.forwarder.replaying() == 1);
  bench.forwarder.restart(9);
  bench.store(bench.start(), 1, 1);
  CHECK(bench.letters.all().empty());
}

TEST_CASE("replay: letters that the endpoint fails on do not hold up the others for ever") {
  // Each time that others went through, they were sent at once, and everything waited again.
  Bench bench;
  bench.letters.add(1, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.forwarder.replay();
  uint64_t replays = 0;
  uint64_t seq = 9;
  while (bench.now_ms < kStartMs + 600'000) {
    bench.now_ms += 1000;
    bench.append(++seq);
    while (bench.forwarder.next(bench.now_ms)) {
      const uint32_t attempt = bench.start();
      if (bench.first == 1) {
        replays++;
        bench.answer(attempt, 500);
      } else {
        bench.store(attempt, bench.first, bench.last);
      }
    }
  }
  CHECK(replays > 10);
  CHECK(replays < 60);
}

TEST_CASE("replay: letters go again at once by the clock that was corrected, but once") {
  Bench bench;
  for (const uint64_t seq : {1, 2}) bench.letters.add(seq, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.forwarder.replay();
  bench.answer(bench.start(), 401, "", "", "Fri, 15 Jan 2027 08:10:00 GMT");
  CHECK(bench.wait_ms() <= 0);
  CHECK_FALSE(bench.forwarder.blocked());
  CHECK(bench.forwarder.clock_offset_ms() > 599'000);
  bench.answer(bench.start(), 401, "", "", "Fri, 15 Jan 2027 08:10:00 GMT");
  CHECK(bench.last == 2);  // whole as it was
  CHECK(bench.forwarder.blocked());
  CHECK(bench.wait_ms() >= kBackoffCapMs / 2);
  bench.now_ms += bench.wait_ms();
  bench.store(bench.start(), 1, 2);
  CHECK(bench.letters.all().empty());
  CHECK_FALSE(bench.forwarder.blocked());
}

TEST_CASE("replay: while the endpoint fails, letters and the records that it fails on take turns") {
  Bench bench;
  bench.letters.add(1, "X");
  bench.forwarder.restore(9, {}, kStartMs);
  bench.append(10);
  bench.answer(bench.start(), 200, results(10, 10, "retry"));
  bench.forwarder.replay();
  std::string turns;
  for (int i = 0; i < 8; i++) {
    bench.now_ms += 2 * kBackoffCapMs;
    const uint32_t attempt = bench.start();
    turns.push_back(bench.first == 1 ? 'L' : 'R');
    bench.answer(attempt, 200, results(bench.first, bench.last, "retry"));
  }
  CHECK(turns == "LRLRLRLR");
}

TEST_CASE("replay: a letter that a batch brought home is none that the replay could still refuse") {
  // After a restart it is above the watermark, and so in both.
  for (const uint32_t status : {413U, 400U}) {
    CAPTURE(status);
    Bench bench;
    bench.letters.add(2, "X");
    bench.forwarder.restore(1, {}, kStartMs);
    bench.forwarder.replay();
    const uint32_t replayed = bench.start();
    CHECK(bench.first == 2);
    bench.append(3);
    const uint32_t batch = bench.start();
    CHECK(bench.store(batch, 2, 3).stored_letters == std::vector<uint64_t>{2});
    CHECK(bench.forwarder.replaying() == 0);
    bench.answer(replayed, status, kOurRefusal);
    CHECK(bench.letters.all().empty());
    CHECK(bench.forwarder.replaying() == 0);
    CHECK(bench.forwarder.confirmed() == 3);
    CHECK(std::isinf(bench.forwarder.deadline_ms()));
  }
}

TEST_CASE("replay: an endpoint that refuses everything stays blocked") {
  Bench bench;
  bench.append(5);
  bench.answer(bench.start(), 200, results(1, 5, "rejected"));
  CHECK(bench.forwarder.blocked());
  CHECK(bench.letters.size() == edgeroom::kDeadInRowMax);
  bench.forwarder.replay();
  for (int i = 0; i < 4; i++) {
    bench.now_ms += bench.wait_ms();
    const uint32_t attempt = bench.start();
    const uint32_t before = bench.forwarder.failures();
    bench.answer(attempt, 200, results(bench.first, bench.last, "rejected"));
    CHECK(bench.forwarder.blocked());
    CHECK(bench.forwarder.failures() >= before);
  }
  bench.forwarder.replay();
  for (int i = 0; i < 4 && bench.letters.size() == edgeroom::kDeadInRowMax; i++) {
    bench.now_ms += bench.wait_ms();
    const uint32_t attempt = bench.start();
    if (bench.last == 3) {
      bench.store(attempt, 1, 3);
    } else {
      bench.answer(attempt, 200, results(bench.first, bench.last, "rejected"));
    }
  }
  CHECK(bench.letters.all().empty());
  CHECK_FALSE(bench.forwarder.blocked());
}

TEST_CASE("replay: while no more letter can be kept, an endpoint that refuses them stays blocked") {
  Bench bench;
  for (uint64_t seq = 1; seq <= edgeroom::kDeadLettersMax; seq++) bench.letters.add(seq, "X");
  bench.forwarder.restore(edgeroom::kDeadLettersMax, {}, kStartMs);
  bench.append(edgeroom::kDeadLettersMax + 1);
  bench.answer(bench.start(), 200,
               results(edgeroom::kDeadLettersMax + 1, edgeroom::kDeadLettersMax + 1, "rejected"));
  CHECK(bench.forwarder.blocked());
  bench.forwarder.replay();
  bench.now_ms += bench.wait_ms();
  // By turns with the record that there is no place for.
  while (true) {
    const uint32_t attempt = bench.start();
    if (bench.first == 1) {
      bench.answer(attempt, 200, results(bench.first, bench.last, "rejected"));
      break;
    }
    bench.answer(attempt, 200, results(bench.first, bench.last, "rejected"));
    bench.now_ms += bench.wait_ms();
  }
  CHECK(bench.forwarder.blocked());
  CHECK(bench.letters.size() == edgeroom::kDeadLettersMax);
  // One that is stored gives its place to it.
  uint32_t attempt = 0;
  do {
    bench.now_ms += kBackoffCapMs;
    attempt = bench.start();
    if (bench.first > edgeroom::kDeadLettersMax) {
      bench.answer(attempt, 200, results(bench.first, bench.last, "rejected"));
    }
  } while (bench.first > edgeroom::kDeadLettersMax);
  const uint64_t stored = bench.first;
  bench.store(attempt, stored, stored);
  CHECK_FALSE(bench.forwarder.blocked());
  CHECK(bench.letters.find(stored) == nullptr);
}

TEST_CASE("what a full batch leaves over waits for others, what did not fit into a body does not") {
  Bench bench;
  bench.append(kBatchRecordsMax + 5);
  bench.start();
  CHECK(bench.last == kBatchRecordsMax);
  CHECK_FALSE(bench.forwarder.next(bench.now_ms));
  CHECK(bench.wait_ms() == kBatchLingerMs);
  bench.append(kBatchRecordsMax + 50);
  bench.start();
  CHECK(bench.last == kBatchRecordsMax + 50);
  Bench large;
  large.append(10);
  const auto plan = large.forwarder.next(large.now_ms);
  REQUIRE(plan);
  large.forwarder.started(*plan, 7);
  CHECK(large.forwarder.next(large.now_ms));
}

TEST_CASE("auth: the clock that is corrected is the host's, which signs") {
  // The room's own time may be ahead of it, after a jump back.
  Bench bench;
  bench.append(1);
  const double host_ms = bench.now_ms - 3'600'000;
  const auto outcome = bench.forwarder.answered(
      bench.start(), {403, "", "Fri, 15 Jan 2027 08:00:00 GMT", "", host_ms}, "lobby", "E1",
      bench.now_ms);
  REQUIRE(outcome);
  CHECK(bench.forwarder.clock_offset_ms() == kStartMs - host_ms);
}
