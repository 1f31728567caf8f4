#include "tests/sim/mixes.h"

#include <cmath>
#include <deque>
#include <queue>

namespace edgeroom::sim {

namespace {

constexpr double kWindowMs = 60'000;
constexpr double kDurationMs = kWindows * kWindowMs;
// Times between requests vary by this part, either way.
constexpr double kJitter = 0.1;
constexpr double kStayMs = 20'000;
constexpr uint32_t kMixedLocations = 10;
// Below this many requests in any window a client is light.
constexpr double kLightPerMinute = 25;

struct Client {
  std::string name;
  double interval_ms;
  uint32_t location;
  bool is_light;
};

// Most people look and go, some work, a few are programs that keep to the limit.
std::vector<Client> mixed_clients(World& world, size_t count) {
  std::vector<Client> clients;
  for (size_t i = 0; i < count; i++) {
    const double kind = world.fraction();
    const double part = world.fraction();
    const double a_minute = kind < 0.85   ? 1 + part * 19
                            : kind < 0.97 ? 20 + part * 40
                                          : 60 + part * 35;
    clients.push_back({"10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                       kWindowMs / a_minute, static_cast<uint32_t>(world.below(kMixedLocations)),
                       a_minute / (1 - kJitter) < kLightPerMinute - 1});
  }
  return clients;
}

double jittered(World& world, double interval_ms) {
  return interval_ms * (1 + kJitter * (2 * world.fraction() - 1));
}

void take_kv(HonestResult& result, const World& world) {
  result.kv = world.kv.counts;
  result.violations = world.kv.violations();
}

}  // namespace

double HonestResult::denied_percent() const {
  return 100.0 * static_cast<double>(denied) / static_cast<double>(requests);
}

double HonestResult::a_thousand(uint64_t operations) const {
  return 1000.0 * static_cast<double>(operations) / static_cast<double>(requests);
}

void HonestResult::add(const HonestResult& other) {
  requests += other.requests;
  denied += other.denied;
  light_requests += other.light_requests;
  kv.reads += other.kv.reads;
  kv.writes += other.kv.writes;
  kv.refused += other.kv.refused;
  kv.failed += other.kv.failed;
  kv.awaited += other.kv.awaited;
  violations.insert(violations.end(), other.violations.begin(), other.violations.end());
}

HonestResult run_steady(const Algorithm& algorithm, uint64_t seed, const KvFaults& faults) {
  World world({1, 2}, algorithm, seed);
  world.kv.faults = faults;
  HonestResult result;
  for (int i = 0; i < 80 * kWindows; i++) {
    const double at_ms = i * kWindowMs / 80;
    result.requests++;
    if (!world.request(world.random_isolate(), kFloodClient, at_ms)) result.denied++;
  }
  take_kv(result, world);
  return result;
}

HonestResult run_roaming(const Algorithm& algorithm, uint64_t seed, const KvFaults& faults) {
  World world({3, 2}, algorithm, seed);
  world.kv.faults = faults;
  HonestResult result;
  uint32_t location = 0;
  double moves_ms = 0;
  for (int i = 0; i < 90 * kWindows; i++) {
    const double at_ms = i * kWindowMs / 90;
    if (at_ms >= moves_ms) {
      location = static_cast<uint32_t>(world.below(3));
      moves_ms = at_ms + kStayMs;
    }
    result.requests++;
    if (!world.request(world.random_isolate_of(location), kFloodClient, at_ms)) result.denied++;
  }
  take_kv(result, world);
  return result;
}

HonestResult run_mixed(const Algorithm& algorithm, uint64_t seed, size_t count,
                       const KvFaults& faults) {
  World world({kMixedLocations, 4}, algorithm, seed);
  world.kv.faults = faults;
  const std::vector<Client> clients = mixed_clients(world, count);
  struct Turn {
    double at_ms;
    size_t client;
    bool operator<(const Turn& other) const { return at_ms > other.at_ms; }
  };
  std::priority_queue<Turn> turns;
  for (size_t i = 0; i < count; i++) turns.push({world.fraction() * clients[i].interval_ms, i});
  HonestResult result;
  while (turns.top().at_ms < kDurationMs) {
    const Turn turn = turns.top();
    turns.pop();
    const Client& client = clients[turn.client];
    result.requests++;
    if (client.is_light) result.light_requests++;
    const size_t isolate = world.random_isolate_of(client.location);
    if (!world.request(isolate, client.name, turn.at_ms)) result.denied++;
    turns.push({turn.at_ms + jittered(world, client.interval_ms), turn.client});
  }
  take_kv(result, world);
  return result;
}

HonestResult run_greedy(const Greedy& greedy, const Algorithm& algorithm, uint64_t seed,
                        const KvFaults& faults) {
  World world(greedy.topology, algorithm, seed, greedy.policy);
  world.kv.faults = faults;
  // By true time, but clocks count whole milliseconds.
  const double window_ms = greedy.policy.window_ms() + 2;
  const double interval_ms = greedy.policy.window_ms() / greedy.budget;
  HonestResult result;
  std::deque<double> sent;
  double at_ms = 0;
  size_t isolate = 0;
  double leaves_ms = 0;
  while (at_ms < greedy.duration_ms) {
    const double kind = world.fraction();
    const double pause_ms = kind < 0.01  ? greedy.policy.window_ms() * 0.8
                            : kind < 0.2 ? interval_ms * 5
                                         : interval_ms / 3;
    at_ms += world.fraction() * pause_ms;
    while (!sent.empty() && sent.front() <= at_ms - window_ms) sent.pop_front();
    // The next one goes out when it may, and not a moment later.
    if (sent.size() >= greedy.budget) at_ms = sent.front() + window_ms;
    while (!sent.empty() && sent.front() <= at_ms - window_ms) sent.pop_front();
    sent.push_back(at_ms);
    result.requests++;
    if (at_ms >= leaves_ms) {
      isolate = world.random_isolate();
      leaves_ms = at_ms + world.fraction() * greedy.stay_ms;
    }
    if (!world.request(isolate, kFloodClient, at_ms)) result.denied++;
  }
  take_kv(result, world);
  return result;
}

HonestResult run_bursts(const Algorithm& algorithm, uint64_t seed) {
  constexpr int kBurst = 60;
  constexpr int kEvenly = 40;
  constexpr double kPeriodMs = kWindowMs + 2;
  World world({2, 1}, algorithm, seed);
  HonestResult result;
  const auto send = [&](size_t isolate, double at_ms) {
    result.requests++;
    if (!world.request(isolate, kFloodClient, at_ms)) result.denied++;
  };
  for (size_t window = 0; window < 2 * kWindows; window++) {
    const double start_ms = static_cast<double>(window) * kPeriodMs;
    for (int i = 0; i < kBurst; i++) send(window % 2, start_ms);
    for (int i = 1; i <= kEvenly; i++) {
      send(static_cast<size_t>(i) % 2, start_ms + i * kPeriodMs / (kEvenly + 1));
    }
  }
  take_kv(result, world);
  return result;
}

double FloodResult::mean_from(size_t window) const {
  double sum = 0;
  for (size_t i = window; i < admitted.size(); i++) sum += admitted[i];
  return sum / static_cast<double>(admitted.size() - window);
}

FloodResult flood(World& world, const Flood& kind, const Policy& policy, int windows,
                  double from_ms) {
  FloodResult result;
  result.admitted.resize(static_cast<size_t>(windows));
  const double interval_ms = policy.window_ms() / policy.limit / kind.rate;
  double at_ms = 0;
  for (;;) {
    at_ms += -std::log(1 - world.fraction()) * interval_ms;
    const auto window = static_cast<size_t>(at_ms / policy.window_ms());
    if (window >= result.admitted.size()) break;
    if (world.request(world.random_isolate(), kFloodClient, from_ms + at_ms)) {
      result.admitted[window] += 1.0 / policy.limit;
    }
  }
  result.requests = world.requests;
  result.kv = world.kv.counts;
  result.violations = world.kv.violations();
  return result;
}

FloodResult run_flood(const Flood& kind, const Algorithm& algorithm, uint64_t seed,
                      const Policy& policy, const KvFaults& faults) {
  World world(kind.topology, algorithm, seed, policy);
  world.kv.faults = faults;
  return flood(world, kind, policy);
}

}  // namespace edgeroom::sim
