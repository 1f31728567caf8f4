// The rate limiter in many isolates that share counts through a KV as slow, lossy and stale as the
// real one may be, with the figures that it must reach.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "worker/limiter.h"

namespace edgeroom {
namespace {

constexpr double kStartMs = 1'800'000'000'000.0;
constexpr double kCacheMs = 60'000;
constexpr double kLimit = 100;
constexpr const char* kAddress = "192.0.2.1";

// KV: a write shows after a random time, everywhere else than it was made; a read, and one that
// found nothing too, is repeated from the location's cache for a minute; a name takes one write a
// second.
class FakeKv {
 public:
  explicit FakeKv(uint64_t seed) : random_(seed) {}

  bool put(const std::string& name, const std::string& value, double now_ms) {
    if (broken) {
      failed++;
      return false;
    }
    writes++;
    shortest_put_interval_ms = std::min(shortest_put_interval_ms, now_ms - last_put_ms_);
    last_put_ms_ = now_ms;
    Entry& entry = entries_[name];
    if (now_ms - entry.last_put_ms < 1000) {
      refused++;
      return false;
    }
    entry.last_put_ms = now_ms;
    entry.versions.push_back({now_ms + lag_ms(), value});
    return true;
  }

  // False when there is nothing.
  bool get(const std::string& name, uint32_t location, double now_ms, std::string& value) {
    reads++;
    value = rubbish;
    if (!rubbish.empty()) return true;
    auto& cached = cache_[{location, name}];
    if (now_ms >= cached.until_ms) {
      cached.until_ms = now_ms + kCacheMs;
      cached.value.clear();
      const auto found = entries_.find(name);
      if (found != entries_.end()) {
        for (const Version& version : found->second.versions) {
          if (version.visible_ms <= now_ms) cached.value = version.value;
        }
      }
    }
    value = cached.value;
    return !value.empty();
  }

  [[nodiscard]] std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> out;
    for (const auto& [name, entry] : entries_) {
      if (!entry.versions.empty()) out[name] = entry.versions.back().value;
    }
    return out;
  }

  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t refused = 0;
  uint64_t failed = 0;
  double shortest_put_interval_ms = 1e300;  // over all names: for worlds of one isolate and key
  bool broken = false;
  std::string rubbish;  // what every read gives, if it is not empty

 private:
  struct Version {
    double visible_ms;
    std::string value;
  };
  struct Entry {
    double last_put_ms = 0;
    std::vector<Version> versions;
  };
  struct Cached {
    double until_ms = 0;
    std::string value;
  };

  double lag_ms() {
    const double kind = random_.fraction();
    return random_.fraction() * (kind < 0.85 ? 1000 : kind < 0.97 ? 10'000 : 60'000);
  }

  Random random_;
  double last_put_ms_ = -1e300;
  std::map<std::string, Entry> entries_;
  std::map<std::pair<uint32_t, std::string>, Cached> cache_;
};

struct Isolate {
  std::unique_ptr<RateLimiter> limiter;
  uint32_t location = 0;
  double skew_ms = 0;
};

// A world of isolates. Requests come in the order of their times.
class World {
 public:
  World(uint32_t locations, uint32_t isolates_each, uint64_t seed, bool shared = true)
      : kv(seed), random_(seed + 1) {
    for (uint32_t i = 0; i < locations * isolates_each; i++) {
      Isolate isolate;
      isolate.limiter = std::make_unique<RateLimiter>(default_policies(), random_.next(), shared);
      isolate.location = i / isolates_each;
      isolate.skew_ms = (random_.fraction() - 0.5) * 500;
      isolates.push_back(std::move(isolate));
    }
  }

  // Whether the request was admitted.
  bool request(size_t isolate, const std::string& address, double at_ms) {
    deliver_until(at_ms);
    requests++;
    Isolate& here = isolates[isolate];
    PolicySubject subject;
    subject.method = "GET";
    subject.path = "/api/rooms/lobby";
    subject.address = address;
    const double now_ms = at_ms + here.skew_ms;
    const bool admitted = here.limiter->check(subject, now_ms).violated == nullptr;
    if (here.limiter->kv_due()) carry_out(isolate, at_ms);
    return admitted;
  }

  size_t random_isolate() { return static_cast<size_t>(random_.next() % isolates.size()); }
  size_t random_isolate_of(uint32_t location, uint32_t each) {
    return size_t{location} * each + static_cast<size_t>(random_.next() % each);
  }
  double fraction() { return random_.fraction(); }

  FakeKv kv;
  std::vector<Isolate> isolates;
  uint64_t requests = 0;
  bool hangs = false;

 private:
  struct Delivery {
    double at_ms;
    uint64_t order;
    size_t isolate;
    uint32_t operation;
    KvOutcome outcome;
    std::string payload;
    bool operator<(const Delivery& other) const {
      return at_ms != other.at_ms ? at_ms > other.at_ms : order > other.order;
    }
  };

  void carry_out(size_t isolate, double at_ms) {
    Isolate& here = isolates[isolate];
    bool bulk_failed = false;  // all reads of a plan are one bulk read
    for (const KvOperation& operation : here.limiter->kv_plan(at_ms + here.skew_ms)) {
      if (hangs) continue;
      Delivery delivery{at_ms + 20 + random_.fraction() * 150,
                        order_++,
                        isolate,
                        operation.id,
                        KvOutcome::kDone,
                        {}};
      switch (operation.type) {
        case KvOperationType::kHash:
          delivery.payload = hash_of(operation.name);
          delivery.at_ms = at_ms;
          break;
        case KvOperationType::kPut:
          CHECK(operation.ttl_s >= 60);  // KV takes no less
          if (!kv.put(operation.name, operation.value, at_ms))
            delivery.outcome = KvOutcome::kFailed;
          break;
        case KvOperationType::kGet:
          if (kv.broken) {
            if (std::exchange(bulk_failed, true) == false) kv.failed++;
            delivery.outcome = KvOutcome::kFailed;
          } else if (!kv.get(operation.name, here.location, at_ms, delivery.payload)) {
            delivery.outcome = KvOutcome::kMissing;
          }
          break;
      }
      deliveries_.push(delivery);
    }
  }

  void deliver_until(double at_ms) {
    while (!deliveries_.empty() && deliveries_.top().at_ms <= at_ms) {
      const Delivery delivery = deliveries_.top();
      deliveries_.pop();
      Isolate& here = isolates[delivery.isolate];
      here.limiter->kv_result(delivery.operation, delivery.outcome, delivery.payload,
                              delivery.at_ms + here.skew_ms);
    }
  }

  // Stands for HMAC-SHA-256: the same text gives the same 32 bytes.
  static std::string hash_of(const std::string& text) {
    std::string out;
    for (uint64_t i = 0; i < 4; i++) {
      const uint64_t part = siphash(SipHashKey{i, 7}, text);
      out.append(reinterpret_cast<const char*>(&part), sizeof(part));
    }
    return out;
  }

  Random random_;
  std::priority_queue<Delivery> deliveries_;
  uint64_t order_ = 0;
};

// Admitted per minute, as a part of the limit.
std::vector<double> flood(World& world, double rate, int minutes) {
  std::vector<double> admitted(static_cast<size_t>(minutes));
  double at_ms = 0;
  for (;;) {
    at_ms += -std::log(1 - world.fraction()) * 1000 / rate;
    if (at_ms >= minutes * 60'000.0) return admitted;
    if (world.request(world.random_isolate(), kAddress, kStartMs + at_ms)) {
      admitted[static_cast<size_t>(at_ms / 60'000)] += 1.0 / kLimit;
    }
  }
}

// What is admitted after the first minute, on average.
double steady_flood(uint32_t locations, uint32_t each, double rate, bool shared = true) {
  constexpr int kMinutes = 10;
  constexpr size_t kSettled = 1;
  constexpr int kSeeds = 3;
  double sum = 0;
  for (uint64_t seed = 1; seed <= kSeeds; seed++) {
    World world(locations, each, seed, shared);
    const std::vector<double> admitted = flood(world, rate, kMinutes);
    for (size_t i = kSettled; i < admitted.size(); i++) sum += admitted[i];
  }
  return sum / (kSeeds * (kMinutes - kSettled));
}

TEST_CASE("a flood over several isolates comes down to the limit") {
  // 50 a second in one location, 10 in three, 200 in twenty: 30, 6 and 120 times the limit.
  CHECK(steady_flood(1, 4, 50) <= 1.05);
  CHECK(steady_flood(3, 2, 10) <= 1.05);
  CHECK(steady_flood(20, 4, 200) <= 1.05);
  // And the limit is used, not much less.
  CHECK(steady_flood(1, 4, 50) >= 0.85);
  // Without sharing each isolate would admit the limit: the figures above are no accident.
  CHECK(steady_flood(1, 4, 50, false) > 3.5);
}

TEST_CASE("who keeps to the limit is never denied: steady, and roaming over locations") {
  for (uint64_t seed = 1; seed <= 10; seed++) {
    CAPTURE(seed);
    World steady(1, 1, seed);
    uint64_t denied = 0;
    for (int i = 0; i < 10 * 80; i++) {
      const double at_ms = i * (60'000 / 80.0);
      if (!steady.request(0, kAddress, kStartMs + at_ms)) denied++;
    }
    World roaming(3, 2, seed);
    uint32_t location = 0;
    double moves_ms = 0;
    for (int i = 0; i < 10 * 90; i++) {
      const double at_ms = i * (60'000 / 90.0);
      if (at_ms >= moves_ms) {
        location = static_cast<uint32_t>(roaming.fraction() * 3);
        moves_ms = at_ms + 20'000;
      }
      const size_t isolate = roaming.random_isolate_of(location, 2);
      if (!roaming.request(isolate, kAddress, kStartMs + at_ms)) denied++;
    }
    CHECK(denied == 0);
  }
}

// Sends all that the limit allows, as unevenly as it likes, over all isolates at once: whatever a
// limiter that sees everything would admit. Returns how many of these requests were denied.
uint64_t denied_of_greedy(uint32_t locations, uint32_t each, uint64_t seed) {
  // Clocks differ by half a second at most, so a window as others see it may be longer by that.
  constexpr double kWindowMs = 60'500;
  World world(locations, each, seed);
  std::deque<double> sent;
  uint64_t denied = 0;
  double at_ms = 0;
  while (at_ms < 1'800'000) {
    const double kind = world.fraction();
    at_ms += world.fraction() * (kind < 0.01 ? 50'000 : kind < 0.2 ? 3000 : 200);
    while (!sent.empty() && sent.front() <= at_ms - kWindowMs) sent.pop_front();
    if (static_cast<double>(sent.size()) >= kLimit) continue;
    sent.push_back(at_ms);
    if (!world.request(world.random_isolate(), kAddress, kStartMs + at_ms)) denied++;
  }
  return denied;
}

TEST_CASE("who uses the whole limit, in bursts and from everywhere, is never denied") {
  for (uint64_t seed = 1; seed <= 10; seed++) {
    CAPTURE(seed);
    CHECK(denied_of_greedy(1, 1, seed) == 0);
    CHECK(denied_of_greedy(1, 3, seed) == 0);
    CHECK(denied_of_greedy(3, 2, seed) == 0);
    CHECK(denied_of_greedy(10, 4, seed) == 0);
  }
}

struct MixedClient {
  double interval_ms;
  uint32_t location;
};

std::vector<MixedClient> mixed_clients(World& world, size_t count, uint32_t locations) {
  std::vector<MixedClient> clients;
  for (size_t i = 0; i < count; i++) {
    const double kind = world.fraction();
    const double part = world.fraction();
    const double a_minute = kind < 0.85   ? 1 + part * 19
                            : kind < 0.97 ? 20 + part * 40
                                          : 60 + part * 35;
    clients.push_back({60'000 / a_minute, static_cast<uint32_t>(world.fraction() * locations)});
  }
  return clients;
}

TEST_CASE("many clients that all keep to the limit: none is denied, and KV has little to do") {
  constexpr uint32_t kLocations = 10;
  World world(kLocations, 4, 1);
  const std::vector<MixedClient> clients = mixed_clients(world, 1000, kLocations);
  struct Turn {
    double at_ms;
    size_t client;
    bool operator<(const Turn& other) const { return at_ms > other.at_ms; }
  };
  std::priority_queue<Turn> turns;
  for (size_t i = 0; i < clients.size(); i++) {
    turns.push({world.fraction() * clients[i].interval_ms, i});
  }
  uint64_t denied = 0;
  while (turns.top().at_ms < 600'000) {
    const Turn turn = turns.top();
    turns.pop();
    const MixedClient& client = clients[turn.client];
    const std::string address =
        "10.0." + std::to_string(turn.client / 256) + "." + std::to_string(turn.client % 256);
    const size_t isolate = world.random_isolate_of(client.location, 4);
    if (!world.request(isolate, address, kStartMs + turn.at_ms)) denied++;
    turns.push({turn.at_ms + client.interval_ms, turn.client});
  }
  CHECK(denied == 0);
  CHECK(world.requests > 100'000);
  const auto a_thousand = static_cast<double>(world.requests) / 1000;
  CHECK(static_cast<double>(world.kv.reads) / a_thousand <= 60);
  CHECK(static_cast<double>(world.kv.writes) / a_thousand <= 10);
  CHECK(world.kv.writes > 0);
}

TEST_CASE("a client that uses less than a quarter of its limit costs KV nothing") {
  World world(1, 1, 1);
  for (int i = 0; i < 10 * 24; i++) {
    CHECK(world.request(0, kAddress, kStartMs + i * (60'000 / 24.0)));
  }
  CHECK(world.kv.reads == 0);
  CHECK(world.kv.writes == 0);
}

TEST_CASE("after a flood an honest client of the same address is soon let in again") {
  for (const uint32_t locations : {1U, 20U}) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
      CAPTURE(locations);
      CAPTURE(seed);
      World world(locations, 4, seed);
      flood(world, 50.0 * locations / 5 + 40, 5);
      double last_denial_ms = 0;
      for (int i = 0; i < 10 * 50; i++) {
        const double at_ms = i * (60'000 / 50.0);
        const size_t isolate = world.random_isolate_of(0, 4);
        if (!world.request(isolate, kAddress, kStartMs + 300'000 + at_ms)) last_denial_ms = at_ms;
      }
      CHECK(last_denial_ms <= 2.5 * 60'000);
    }
  }
}

// The decisions of one isolate under a flood with quiet times, as a text of yes and no.
std::string decisions(World& world) {
  std::string out;
  Random random(99);
  double at_ms = 0;
  while (at_ms < 600'000) {
    const bool quiet = std::fmod(at_ms, 120'000) > 70'000;
    at_ms += random.fraction() * (quiet ? 4000 : 200);
    out.push_back(world.request(0, kAddress, kStartMs + at_ms) ? 'y' : 'n');
  }
  return out;
}

TEST_CASE("a KV that fails, hangs or talks rubbish changes no decision") {
  World alone(1, 1, 5, false);
  const std::string expected = decisions(alone);
  REQUIRE(expected.find('y') != std::string::npos);
  REQUIRE(expected.find('n') != std::string::npos);
  SUBCASE("it fails") {
    World world(1, 1, 5);
    world.kv.broken = true;
    CHECK(decisions(world) == expected);
    // Three errors, then 30 s of rest.
    CHECK(world.kv.failed <= 2 * 3 * (600 / 30 + 1));
    CHECK(world.kv.failed > 3);
  }
  SUBCASE("it hangs for ever") {
    World world(1, 1, 5);
    world.hangs = true;
    CHECK(decisions(world) == expected);
  }
  SUBCASE("it gives back rubbish") {
    for (const std::string& rubbish :
         {std::string("1."), std::string("null"), std::string(1000, '1'), std::string("1.zz.1.1"),
          std::string("2.0badcafe.120000000.9.9.9.9.9.9.9.9"), std::string("\0\xff", 2)}) {
      World world(1, 1, 5);
      world.kv.rubbish = rubbish;
      CHECK(decisions(world) == expected);
      CHECK(world.kv.reads > 0);
    }
  }
}

TEST_CASE("a key is written at most once a second, and no address stands in KV") {
  World world(1, 1, 3);
  flood(world, 50, 5);
  REQUIRE(world.kv.writes > 10);
  CHECK(world.kv.shortest_put_interval_ms >= 1000);
  CHECK(world.kv.refused == 0);
  for (const auto& [name, value] : world.kv.contents()) {
    CHECK(name.substr(0, 7) == "rl1:ip:");
    CHECK(name.find("192.0.2") == std::string::npos);
    CHECK(value.find("192.0.2") == std::string::npos);
    CHECK(value.size() <= 64);
  }
}

TEST_CASE("reports come back as they were, and what is no report is refused") {
  UsageReport report;
  report.isolate = 0xbadcafe;
  report.first_epoch = 120'000'000;
  report.units = {1, 0, 25, 0, 4'294'967'295, 0, 0, 7};
  const std::string text = encode_report(report);
  CHECK(text == "1.0badcafe.120000000.1.0.25.0.4294967295.0.0.7");
  const auto back = decode_report(text);
  REQUIRE(back.has_value());
  CHECK(back->isolate == report.isolate);
  CHECK(back->first_epoch == report.first_epoch);
  CHECK(back->units == report.units);
  for (size_t size = 0; size < text.size() - 1; size++) {
    CHECK_FALSE(decode_report(text.substr(0, size)).has_value());
  }
  for (const char* bad : {"", "1", "1.", "2.0badcafe.1.1.0.0.0.0.0.0.0", "1.-1.1.1.0.0.0.0.0.0.0",
                          "1.1.1.1.0.0.0.0.0.0.0.0", "1.1.1.1.0.0.0.0.0.0.4294967296",
                          "1.1.1. 1.0.0.0.0.0.0.0", "1.1ffffffff.1.1.0.0.0.0.0.0.0"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_report(bad).has_value());
  }
}

TEST_CASE("counts of others: lower bounds that repetition, disorder and lies do not raise") {
  const LimitShape shape = limit_shape(100, 60);
  SharedCounts counts(shape, 1);
  const auto epoch = static_cast<uint32_t>(kStartMs / shape.epoch_ms);
  const double now_ms = (epoch + 0.5) * shape.epoch_ms;
  UsageReport report;
  report.isolate = 2;
  report.first_epoch = epoch - 7;
  report.units = {0, 0, 0, 0, 0, 10, 20, 5};
  for (int i = 0; i < 3; i++) counts.merge(report, now_ms);
  CHECK(counts.remote_in_window(now_ms) == 35);
  report.units = {0, 0, 0, 0, 0, 4, 20, 9};
  counts.merge(report, now_ms);
  CHECK(counts.remote_in_window(now_ms) == 39);
  // Epochs leave whole: one that is only partly in the window is not counted.
  CHECK(counts.remote_in_window((epoch + 2) * shape.epoch_ms + 501) == 29);
  report.isolate = 1;  // itself
  counts.merge(report, now_ms);
  report.isolate = 3;
  report.first_epoch = epoch + 1;  // the future
  counts.merge(report, now_ms);
  report.first_epoch = 5;  // long ago
  counts.merge(report, now_ms);
  CHECK(counts.remote_in_window((epoch + 2) * shape.epoch_ms + 501) == 29);
  // No isolate can have admitted more than the limit in each window.
  report.first_epoch = epoch - 5;
  report.units.fill(4'000'000'000);
  counts.merge(report, (epoch + 2) * shape.epoch_ms + 501);
  CHECK(counts.remote_in_window((epoch + 2) * shape.epoch_ms + 501) <= 29 + 4 * 200);
}

}  // namespace
}  // namespace edgeroom
