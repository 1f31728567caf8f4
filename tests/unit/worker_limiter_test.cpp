// The rate limiter on its own: windows, headers' numbers, clocks, many keys.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/dice.h"
#include "worker/limiter.h"
#include "worker/limits.h"
#include "worker/window.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kStartMs = 1'800'000'000'000.0;

Policy make_policy(const std::string& name, uint32_t limit, uint32_t window_s) {
  Policy policy = default_policies()[0];
  policy.name = name;
  policy.limit = limit;
  policy.window_s = window_s;
  return policy;
}

PolicySubject from(std::string_view address) {
  PolicySubject subject;
  subject.method = "GET";
  subject.path = "/api/rooms/lobby";
  subject.address = address;
  subject.room = "lobby";
  subject.route = "room";
  return subject;
}

bool admits(RateLimiter& limiter, double now_ms, std::string_view address = "1.2.3.4") {
  return limiter.check(from(address), now_ms).violated == nullptr;
}

int admitted_of(RateLimiter& limiter, int requests, double now_ms) {
  int admitted = 0;
  for (int i = 0; i < requests; i++) admitted += admits(limiter, now_ms) ? 1 : 0;
  return admitted;
}

// Another one for each name.
std::string hash_of(std::string name) {
  name.resize(32, 'h');
  return name;
}

// Of the epochs up to the one that holds `now_ms`: `units` in the newest.
std::string report_of(uint32_t isolate, double now_ms, double epoch_ms, uint32_t units) {
  UsageReport report;
  report.isolate = isolate;
  report.first_epoch = static_cast<uint32_t>(now_ms / epoch_ms) - (kEpochsReported - 1);
  report.units.back() = units;
  return encode_report(report);
}

// What is planned now; its hashes are answered at once.
std::vector<KvOperation> plan_of(RateLimiter& limiter, double now_ms) {
  std::vector<KvOperation> plan = limiter.kv_plan(now_ms);
  for (const KvOperation& operation : plan) {
    if (operation.type != KvOperationType::kHash) continue;
    CHECK(limiter.kv_result(operation.id, KvOutcome::kDone, hash_of(operation.name), now_ms));
  }
  return plan;
}

std::vector<uint32_t> reads_of(const std::vector<KvOperation>& plan) {
  std::vector<uint32_t> ids;
  for (const KvOperation& operation : plan) {
    if (operation.type == KvOperationType::kGet) ids.push_back(operation.id);
  }
  return ids;
}

}  // namespace

TEST_CASE("200 requests across any edge: at most the limit is admitted") {
  for (int offset_ms = 0; offset_ms < 60'000; offset_ms += 37) {
    RateLimiter limiter({make_policy("ip", 100, 60)}, 1, false);
    int admitted = admitted_of(limiter, 100, kStartMs + offset_ms);
    admitted += admitted_of(limiter, 100, kStartMs + offset_ms + 200);
    CHECK(admitted == 100);
  }
}

TEST_CASE("no window of any position ever holds more than the limit, and none less by mistake") {
  for (const uint32_t limit : {1U, 3U, 100U, 128U, 129U, 500U}) {
    CAPTURE(limit);
    // Above the limit for single admissions time has the grain of a quantum.
    const double grain_ms = limit <= kExactLimitMax ? 0 : 60'000.0 / 128;
    edgeroom::test::Dice dice(limit);
    RateLimiter limiter({make_policy("ip", limit, 60)}, 1, false);
    std::vector<double> admitted;
    double now_ms = kStartMs;
    for (int i = 0; i < 20'000; i++) {
      // Bursts and pauses.
      now_ms +=
          static_cast<double>(dice.one_in(50) ? dice.below(40'000) : dice.below(60'000 / limit));
      const auto in_window = [&](double window_ms) {
        return admitted.end() -
               std::upper_bound(admitted.begin(), admitted.end(), now_ms - window_ms);
      };
      const bool allowed = admits(limiter, now_ms);
      if (allowed) {
        CHECK(in_window(60'000) < limit);
        admitted.push_back(now_ms);
      } else {
        CHECK(in_window(60'000 + grain_ms) >= limit);
      }
    }
    CHECK(admitted.size() > limit);
  }
}

TEST_CASE("denied requests do not lengthen the block, and Retry-After is right to the second") {
  for (const uint32_t limit : {2U, 100U, 1000U}) {
    CAPTURE(limit);
    RateLimiter limiter({make_policy("ip", limit, 10)}, 1, false);
    for (uint32_t i = 0; i < limit; i++) CHECK(admits(limiter, kStartMs + i));
    const LimitVerdict denied = limiter.check(from("1.2.3.4"), kStartMs + 1500);
    REQUIRE(denied.violated != nullptr);
    CHECK(denied.violated->name == "ip");
    CHECK(denied.retry_after_s == 9);
    for (int i = 0; i < 5000; i++) CHECK_FALSE(admits(limiter, kStartMs + 1501 + i));
    CHECK(admits(limiter, kStartMs + 1500 + 9000));
  }
}

TEST_CASE("what the headers tell") {
  RateLimiter limiter({make_policy("ip", 3, 60)}, 1, false);
  const auto item = [&limiter](double at_ms) {
    const LimitVerdict verdict = limiter.check(from("1.2.3.4"), kStartMs + at_ms);
    REQUIRE(verdict.items.size() == 1);
    return verdict.items[0];
  };
  CHECK(item(0).remaining == 2);
  const LimitItem second = item(10'000);
  CHECK(second.remaining == 1);
  CHECK(second.reset_s == 50);
  CHECK(item(20'000).remaining == 0);
  const LimitItem denied = item(30'000);
  CHECK(denied.remaining == 0);
  CHECK(denied.reset_s == 30);
  CHECK(item(60'000).remaining == 0);  // the first has left, this took its place
  CHECK(item(600'000).remaining == 2);
}

TEST_CASE("80 a minute against 100: never denied") {
  RateLimiter limiter({make_policy("ip", 100, 60)}, 1, true);
  for (int i = 0; i < 8 * 100; i++) CHECK(admits(limiter, kStartMs + i * 750.0));
}

TEST_CASE("exactly the limit, evenly and in bursts: never denied") {
  for (const uint32_t limit : {1U, 7U, 100U}) {
    RateLimiter evenly({make_policy("ip", limit, 60)}, 1, true);
    for (uint32_t i = 0; i < 10 * limit; i++) {
      CHECK(admits(evenly, kStartMs + std::ceil(i * 60'000.0 / limit)));
    }
    RateLimiter bursts({make_policy("ip", limit, 60)}, 1, true);
    for (int minute = 0; minute < 10; minute++) {
      for (uint32_t i = 0; i < limit; i++) CHECK(admits(bursts, kStartMs + minute * 60'000.0));
    }
  }
}

TEST_CASE("several policies: all must admit, and one denial counts for none") {
  Policy rooms = make_policy("rooms", 5, 60);
  rooms.key = {PolicyKey::kRoom};
  RateLimiter limiter({make_policy("ip", 2, 60), rooms}, 1, false);
  CHECK(admits(limiter, kStartMs, "1.1.1.1"));
  CHECK(admits(limiter, kStartMs, "1.1.1.1"));
  for (int i = 0; i < 10; i++) {
    const LimitVerdict denied = limiter.check(from("1.1.1.1"), kStartMs);
    REQUIRE(denied.violated != nullptr);
    CHECK(denied.violated->name == "ip");
    REQUIRE(denied.items.size() == 2);
    CHECK(denied.items[1].remaining == 3);
  }
  CHECK(admits(limiter, kStartMs, "2.2.2.2"));
  CHECK(admits(limiter, kStartMs, "3.3.3.3"));
  CHECK(admits(limiter, kStartMs, "4.4.4.4"));
  const LimitVerdict denied = limiter.check(from("5.5.5.5"), kStartMs);
  REQUIRE(denied.violated != nullptr);
  CHECK(denied.violated->name == "rooms");
}

TEST_CASE("a cost of several units") {
  Policy policy = make_policy("ip", 10, 60);
  policy.cost = 4;
  RateLimiter limiter({policy}, 1, false);
  CHECK(admitted_of(limiter, 5, kStartMs) == 2);
  const LimitVerdict denied = limiter.check(from("1.2.3.4"), kStartMs);
  CHECK(denied.items[0].remaining == 2);
  CHECK(denied.retry_after_s == 60);
}

TEST_CASE("report only: nobody is denied or told, but the hit is known") {
  Policy policy = make_policy("trial", 2, 60);
  policy.report_only = true;
  RateLimiter limiter({policy}, 1, false);
  CHECK(limiter.check(from("1.2.3.4"), kStartMs).report_only_hits.empty());
  CHECK(limiter.check(from("1.2.3.4"), kStartMs).report_only_hits.empty());
  const LimitVerdict hit = limiter.check(from("1.2.3.4"), kStartMs);
  CHECK(hit.violated == nullptr);
  CHECK(hit.items.empty());
  REQUIRE(hit.report_only_hits.size() == 1);
  CHECK(hit.report_only_hits[0]->name == "trial");
}

TEST_CASE("no policy, no limit") {
  RateLimiter limiter({}, 1, true);
  CHECK(admitted_of(limiter, 1000, kStartMs) == 1000);
  CHECK(limiter.keys().size() == 0);
  CHECK_FALSE(limiter.kv_due());
}

TEST_CASE("clocks that stand, step back, leap and are no clocks") {
  RateLimiter limiter({make_policy("ip", 100, 60)}, 1, true);
  CHECK(admitted_of(limiter, 150, kStartMs) == 100);
  // Frozen: blocked, and nothing else.
  CHECK(admitted_of(limiter, 150, kStartMs) == 0);
  // Back five seconds: as if it stood.
  CHECK(admitted_of(limiter, 150, kStartMs - 5000) == 0);
  CHECK(admitted_of(limiter, 150, kStartMs + 59'999) == 0);
  CHECK(admitted_of(limiter, 150, kStartMs + 60'000) == 100);
  // Forward an hour: a new window.
  CHECK(admitted_of(limiter, 150, kStartMs + 3'600'000) == 100);
  // And back again: nobody waits for an hour.
  CHECK(admitted_of(limiter, 150, kStartMs + 70'000) == 100);
  CHECK(admitted_of(limiter, 150, kStartMs + 70'000) == 0);
  for (const double no_clock :
       {0.0, -1.0, -1e300, 1e300, 1e16, std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    CAPTURE(no_clock);
    CHECK(admitted_of(limiter, 150, no_clock) <= 100);
  }
}

TEST_CASE("a million addresses: memory is bounded, and the busy one is not forgotten") {
  RateLimiter limiter({make_policy("ip", 100, 60)}, 1, true);
  int admitted = 0;
  for (uint32_t i = 0; i < 1'000'000; i++) {
    // A million in five seconds, and all the while one that asks 200 times as often.
    const double now_ms = kStartMs + i / 200.0;
    limiter.check(from("f" + std::to_string(i)), now_ms);
    if (i % 200 == 0) admitted += admits(limiter, now_ms, "busy") ? 1 : 0;
  }
  CHECK(admitted == 100);
  CHECK(limiter.keys().size() <= kLimitKeysMax);
}

TEST_CASE("a flood of addresses does not wash away one that is being limited") {
  RateLimiter limiter({make_policy("ip", 100, 60)}, 1, true);
  for (int i = 0; i < 100; i++) CHECK(admits(limiter, kStartMs, "busy"));
  CHECK_FALSE(admits(limiter, kStartMs, "busy"));
  for (size_t i = 0; i < 3 * kLimitKeysMax; i++) {
    limiter.check(from("f" + std::to_string(i)), kStartMs + 1000);
  }
  CHECK_FALSE(admits(limiter, kStartMs + 2000, "busy"));
}

TEST_CASE("windows of many busy keys stay in their bounds together") {
  // 128 single admissions each: more than kWindowEntriesMax over all keys.
  RateLimiter limiter({make_policy("ip", 128, 60)}, 1, false);
  for (int round = 0; round < 128; round++) {
    for (int key = 0; key < 6000; key++) {
      limiter.check(from("k" + std::to_string(key)), kStartMs + round * 10);
    }
  }
  CHECK(limiter.keys().window_entries() <= kWindowEntriesMax);
  CHECK(limiter.keys().window_entries() > kWindowEntriesMax / 2);
}

TEST_CASE("more busy keys than can be shared: deciding goes on") {
  RateLimiter limiter({make_policy("ip", 4, 60)}, 1, true);
  for (int round = 0; round < 6; round++) {
    for (size_t key = 0; key < 2 * kSharedKeysMax; key++) {
      const bool admitted = admits(limiter, kStartMs + round, "k" + std::to_string(key));
      CHECK(admitted == (round < 4));
    }
  }
  CHECK(limiter.kv_plan(kStartMs + 10).size() <= kSharedKeysMax);
}

TEST_CASE("results that nobody waits for are refused, whatever they hold") {
  RateLimiter limiter({make_policy("ip", 4, 60)}, 1, true);
  CHECK_FALSE(limiter.kv_result(0, KvOutcome::kDone, "x", kStartMs));
  CHECK_FALSE(limiter.kv_result(77, KvOutcome::kFailed, "", kStartMs));
  CHECK(admitted_of(limiter, 10, kStartMs) == 4);
  REQUIRE(limiter.kv_due());
  const std::vector<KvOperation> plan = limiter.kv_plan(kStartMs);
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].type == KvOperationType::kHash);
  CHECK(plan[0].name == "ip\n1.2.3.4");
  CHECK(limiter.kv_result(plan[0].id, KvOutcome::kDone, "too short", kStartMs));
  CHECK_FALSE(limiter.kv_result(plan[0].id, KvOutcome::kDone, std::string(32, 'h'), kStartMs));
}

TEST_CASE("what was given up is not waited for") {
  RateLimiter limiter({make_policy("ip", 4, 60)}, 1, true);
  CHECK(admitted_of(limiter, 10, kStartMs) == 4);
  const uint32_t first = limiter.kv_plan(kStartMs).at(0).id;
  CHECK(limiter.kv_plan(kStartMs + 1).empty());
  CHECK_FALSE(admits(limiter, kStartMs + kKvPatienceMs));
  const std::vector<KvOperation> again = limiter.kv_plan(kStartMs + kKvPatienceMs);
  REQUIRE(again.size() == 1);
  CHECK(again[0].id != first);
  CHECK_FALSE(limiter.kv_result(first, KvOutcome::kDone, std::string(32, 'h'), kStartMs));
}

TEST_CASE("hostile results of every kind leave the limiter working") {
  edgeroom::test::Dice dice(7);
  RateLimiter limiter({make_policy("ip", 20, 60), make_policy("fast", 5, 1)}, 1, true);
  double now_ms = kStartMs;
  for (int i = 0; i < 50'000; i++) {
    now_ms += static_cast<double>(dice.below(300)) - (dice.one_in(40) ? 8000.0 : 0);
    limiter.check(from("k" + std::to_string(dice.below(8))), now_ms);
    if (!limiter.kv_due()) continue;
    for (const KvOperation& operation : std::vector<KvOperation>(limiter.kv_plan(now_ms))) {
      if (dice.one_in(5)) continue;
      std::string payload(32, 'h');
      if (operation.type == KvOperationType::kGet) {
        UsageReport report;
        report.isolate = static_cast<uint32_t>(dice.below(300));
        report.first_epoch = dice.one_in(3) ? static_cast<uint32_t>(dice.bits())
                                            : static_cast<uint32_t>(now_ms / 15'000) - 7;
        for (uint32_t& units : report.units) units = static_cast<uint32_t>(dice.bits());
        payload = encode_report(report);
        if (dice.one_in(3)) payload.resize(dice.index(payload.size()));
      }
      limiter.kv_result(operation.id, static_cast<KvOutcome>(dice.below(3)), payload, now_ms);
    }
  }
  // Whatever the others are said to have used, it is over one day.
  CHECK(admits(limiter, now_ms + 86'400'000, "k1"));
}

TEST_CASE("an isolate without a turn denies until lots are drawn again, one with a turn admits") {
  // Five units a minute, and more than twenty isolates that have spent them many times over.
  constexpr double kEpochMs = 15'000;
  constexpr int kIsolates = 40;
  int turns = 0;
  for (uint64_t seed = 1; seed <= kIsolates; seed++) {
    CAPTURE(seed);
    RateLimiter limiter({make_policy("ip", 5, 60)}, seed, true);
    CHECK(admitted_of(limiter, 5, kStartMs) == 5);
    uint32_t others = 0;
    for (const double at_ms : {kStartMs, kStartMs + 1, kStartMs + 20'000}) {
      for (const uint32_t read : reads_of(plan_of(limiter, at_ms))) {
        const std::string report = report_of(++others, at_ms, kEpochMs, 5);
        CHECK(limiter.kv_result(read, KvOutcome::kDone, report, at_ms));
      }
      CHECK_FALSE(admits(limiter, at_ms));
    }
    for (const uint32_t read : reads_of(plan_of(limiter, kStartMs + 20'000))) {
      const std::string report = report_of(++others, kStartMs + 20'000, kEpochMs, 5);
      CHECK(limiter.kv_result(read, KvOutcome::kDone, report, kStartMs + 20'000));
    }
    REQUIRE(others > 15);
    // All is paid, and the penalty goes on: one for each isolate that has a turn.
    const double paid_ms = kStartMs + 145'000;
    const LimitVerdict verdict = limiter.check(from("1.2.3.4"), paid_ms);
    REQUIRE(verdict.items.size() == 1);
    CHECK(verdict.items[0].remaining == 0);
    if (verdict.violated == nullptr) {
      turns++;
      CHECK_FALSE(admits(limiter, paid_ms));
    } else {
      // The next minute of the clock begins.
      CHECK(verdict.retry_after_s == 35);
      CHECK(verdict.items[0].reset_s == 35);
    }
    // When the penalty is over everybody has one.
    CHECK(admits(limiter, kStartMs + 201'000));
  }
  CHECK(turns >= 1);
  CHECK(turns <= kIsolates / 2);
}

TEST_CASE("what a read tells of a key that was forgotten is not taken for one that began anew") {
  RateLimiter limiter({make_policy("ip", 5, 60)}, 1, true);
  CHECK(admitted_of(limiter, 10, kStartMs) == 5);
  plan_of(limiter, kStartMs);
  const std::vector<uint32_t> reads = reads_of(plan_of(limiter, kStartMs));
  REQUIRE(reads.size() == 4);
  // A clock that was wrong: all keys are forgotten.
  const double now_ms = kStartMs - 3'600'000;
  const std::string report = report_of(77, now_ms - 15'000, 15'000, 5);
  CHECK(limiter.kv_result(reads[0], KvOutcome::kDone, report, now_ms));
  CHECK(admitted_of(limiter, 3, now_ms) == 3);
  CHECK(limiter.kv_result(reads[1], KvOutcome::kDone, report, now_ms));
  CHECK(admitted_of(limiter, 10, now_ms) == 2);
  for (const size_t left : {2U, 3U}) {
    CHECK(limiter.kv_result(reads[left], KvOutcome::kFailed, "", now_ms));
  }
  CHECK_FALSE(limiter.kv_result(reads[0], KvOutcome::kDone, report, now_ms));
  // It asks for its name again, and then reads.
  const std::vector<KvOperation> plan = plan_of(limiter, now_ms);
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].type == KvOperationType::kHash);
  CHECK(reads_of(plan_of(limiter, now_ms)).size() == 4);
}

TEST_CASE("a key that gave its place to another has nothing more to do in KV") {
  RateLimiter limiter({make_policy("ip", 4, 60)}, 1, true);
  for (size_t key = 0; key < kSharedKeysMax; key++) {
    for (int i = 0; i < 2; i++) CHECK(admits(limiter, kStartMs, "k" + std::to_string(key)));
  }
  const double later_ms = kStartMs + kSharingIdleMs;
  const auto crowd_out = [&](const std::string& late) {
    for (int i = 0; i < 2; i++) CHECK(admits(limiter, later_ms, late));
  };
  // Before anything was asked for it, and while it is.
  crowd_out("late");
  const std::vector<KvOperation> plan = limiter.kv_plan(later_ms);
  CHECK(plan.size() == kSharedKeysMax);
  const auto names = [&plan](const std::string& name) {
    return std::any_of(plan.begin(), plan.end(),
                       [&name](const KvOperation& each) { return each.name == name; });
  };
  CHECK_FALSE(names("ip\nk0"));
  CHECK(names("ip\nk1"));
  CHECK(names("ip\nlate"));
  crowd_out("later");
  for (const KvOperation& operation : plan) {
    CHECK(limiter.kv_result(operation.id, KvOutcome::kDone, hash_of(operation.name), later_ms));
  }
  const std::vector<KvOperation> next = limiter.kv_plan(later_ms);
  CHECK(std::count_if(next.begin(), next.end(), [](const KvOperation& each) {
          return each.type == KvOperationType::kHash;
        }) == 1);
}

TEST_CASE("a bulk read has no more names than KV takes, and whoever is left reads with the next") {
  RateLimiter limiter({make_policy("ip", 5, 60)}, 1, true);
  constexpr int kKeys = 60;
  const auto ask_all = [&limiter](double now_ms) {
    for (int key = 0; key < kKeys; key++) admits(limiter, now_ms, "k" + std::to_string(key));
  };
  for (int i = 0; i < 5; i++) ask_all(kStartMs);
  CHECK(plan_of(limiter, kStartMs).size() == kKeys);
  std::set<std::string> names;
  for (int round = 0; round < 8; round++) {
    ask_all(kStartMs + round);
    const std::vector<KvOperation> plan = limiter.kv_plan(kStartMs + round);
    const std::vector<uint32_t> reads = reads_of(plan);
    CHECK(reads.size() <= kBulkReadNamesMax);
    for (const KvOperation& operation : plan) {
      if (operation.type == KvOperationType::kGet) CHECK(names.insert(operation.name).second);
    }
    // One at a time.
    ask_all(kStartMs + round);
    CHECK(reads_of(limiter.kv_plan(kStartMs + round)).empty());
    for (const uint32_t read : reads) {
      CHECK(limiter.kv_result(read, KvOutcome::kMissing, "", kStartMs + round));
    }
  }
  CHECK(names.size() == kKeys * kSlotsMin);
}
