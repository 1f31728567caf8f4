#include "tests/sim/checks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "tests/sim/memory.h"
#include "tests/sim/text.h"
#include "tests/sim/variants.h"
#include "worker/limiter.h"

namespace edgeroom::sim {

namespace {

constexpr double kWindowMs = 60'000;
// Of one seed. A window of less than a minute is over before the reports of it have come in, and of
// a small limit each unit too many is a large part.
constexpr double kOtherSteadyMax = 1.1;
constexpr double kCoarseSteadyMax = 1.5;

Finding at_most(std::string figure, double value, double bound) {
  return {std::move(figure), value <= bound, text_of(value, 3) + ", at most " + text_of(bound, 3)};
}

bool is_same(const Kv::Counts& a, const Kv::Counts& b) {
  return a.reads == b.reads && a.writes == b.writes && a.refused == b.refused;
}

double highest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

struct NamedFaults {
  std::string name;
  KvFaults faults;
};

std::vector<NamedFaults> all_faults() {
  std::vector<NamedFaults> out(8);
  out[0].name = "fails";
  out[0].faults.fails = true;
  out[1].name = "hangs for ever";
  out[1].faults.hangs = true;
  out[2].name = "refuses writes";
  out[2].faults.refuses_writes = true;
  out[3].name = "drops half";
  out[3].faults.drops = true;
  out[4].name = "reorders";
  out[4].faults.reorders = true;
  out[5].name = "duplicates";
  out[5].faults.duplicates = true;
  out[6].name = "shows writes after a minute";
  out[6].faults.delays = true;
  out[7].name = "drops, reorders, duplicates and delays";
  out[7].faults.drops = out[7].faults.reorders = true;
  out[7].faults.duplicates = out[7].faults.delays = true;
  for (const std::string& garbage :
       {std::string("1."), std::string("null"), std::string(100'000, '9'), std::string("\0\xff", 2),
        std::string("2.0badcafe.120000000.9.9.9.9.9.9.9.9"),
        std::string("1.0badcafe.120000000.1")}) {
    NamedFaults& faults = out.emplace_back();
    faults.name = "gives garbage " + std::to_string(out.size() - 8);
    faults.faults.garbage = garbage;
  }
  return out;
}

// Honest clients of every kind beside a KV with faults.
HonestResult honest_beside(const KvFaults& faults) {
  constexpr size_t kClients = 300;
  const Algorithm algorithm = edgeroom_algorithm();
  HonestResult out;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    out.add(run_steady(algorithm, seed, faults));
    out.add(run_roaming(algorithm, seed, faults));
    Greedy greedy{{2, 1}};
    for (const double stay_ms : {0.0, 20'000.0}) {
      greedy.stay_ms = stay_ms;
      out.add(run_greedy(greedy, algorithm, seed, faults));
    }
  }
  out.add(run_mixed(algorithm, 1, kClients, faults));
  return out;
}

// After three windows in which nothing could be shared the limit is shared again.
Finding check_outage_end() {
  const Policy policy = policy_of(100, 60);
  World world(kFloodD.topology, edgeroom_algorithm(), 1);
  world.kv.faults.fails = true;
  flood(world, kFloodD, policy, 3);
  world.kv.faults = {};
  const FloodResult after = flood(world, kFloodD, policy, 8, 3 * kWindowMs);
  return at_most("KV works again: a flood from the third window on", after.mean_from(2), 1.05);
}

// A change of all clocks in the middle of ten windows.
struct ClockChange {
  const char* name;
  double shift_ms;
  double stop_ms;  // for how long they stand
};

constexpr std::array<ClockChange, 3> kClockChanges{
    {{"back 5 s", -5000, 0}, {"forward an hour", 3'600'000, 0}, {"stopped for 30 s", 0, 30'000}}};

constexpr double kChangeAtMs = 5 * kWindowMs;

void apply(const ClockChange& change, World& world, double before_ms, double at_ms) {
  if (before_ms < kChangeAtMs && at_ms >= kChangeAtMs) {
    world.shift_clocks(change.shift_ms);
    if (change.stop_ms > 0) world.stop_clocks(kChangeAtMs);
  }
  const double end_ms = kChangeAtMs + change.stop_ms;
  if (change.stop_ms > 0 && before_ms < end_ms && at_ms >= end_ms) world.stop_clocks(-1);
}

Finding honest_through(const ClockChange& change) {
  // While the clock stands nothing leaves the window.
  const double a_minute = change.stop_ms > 0 ? 60 : 80;
  uint64_t denied = 0;
  uint64_t requests = 0;
  for (uint64_t seed = 1; seed <= 3; seed++) {
    World world({3, 2}, edgeroom_algorithm(), seed);
    double before_ms = 0;
    for (int i = 0; i < 10 * a_minute; i++) {
      const double at_ms = i * kWindowMs / a_minute;
      apply(change, world, before_ms, at_ms);
      before_ms = at_ms;
      requests++;
      if (!world.request(world.random_isolate(), kFloodClient, at_ms)) denied++;
    }
  }
  return {std::string("clocks, ") + change.name + ": honest requests denied", denied == 0,
          std::to_string(denied) + " of " + std::to_string(requests) + ", at most 0"};
}

Finding flood_through(const ClockChange& change) {
  World world({1, 4}, edgeroom_algorithm(), 1);
  std::vector<double> admitted(10);
  double at_ms = 0;
  while (at_ms < 10 * kWindowMs - 100) {
    const double before_ms = at_ms;
    at_ms += -std::log(1 - world.fraction()) * 20;
    apply(change, world, before_ms, at_ms);
    if (world.request(world.random_isolate(), kFloodClient, at_ms)) {
      admitted[static_cast<size_t>(at_ms / kWindowMs)] += 0.01;
    }
  }
  double sum = 0;
  for (size_t i = 7; i < 10; i++) sum += admitted[i] / 3;
  Finding finding =
      at_most(std::string("clocks, ") + change.name + ": a flood two windows later", sum, 1.25);
  if (highest(admitted) > 4) finding = at_most(finding.figure, highest(admitted), 4);
  return finding;
}

// How long after the end of a flood an honest client in one of its locations, which uses that part
// of the limit, was denied last.
double last_denial_ms(const Flood& kind, const Policy& policy, double part, uint64_t seed) {
  constexpr int kFloodWindows = 5;
  constexpr double kWatchedMs = 8 * kWindowMs;
  World world(kind.topology, edgeroom_algorithm(), seed, policy);
  flood(world, kind, policy, kFloodWindows);
  double last_ms = 0;
  const double interval_ms = policy.window_ms() / policy.limit / part;
  for (int i = 0; i * interval_ms < kWatchedMs; i++) {
    const double since_ms = i * interval_ms;
    const double at_ms = kFloodWindows * kWindowMs + since_ms;
    if (!world.request(world.random_isolate_of(0), kFloodClient, at_ms)) last_ms = since_ms;
  }
  return last_ms;
}

// Floods of a policy that is not the usual one, and clients that keep to it.
Finding check_limit(const Policy& policy) {
  HonestResult honest;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    Greedy greedy{{seed % 2 == 0 ? 2U : 3U, 1}, policy, 30 * policy.window_ms(), policy.limit};
    greedy.stay_ms = seed < 4 ? 0 : policy.window_ms() / 3;
    honest.add(run_greedy(greedy, edgeroom_algorithm(), seed));
  }
  Finding out;
  out.figure =
      "limit " + std::to_string(policy.limit) + " in " + std::to_string(policy.window_s) + " s";
  out.ok = honest.denied == 0 && honest.violations.empty();
  const bool coarse = policy.window_s < 60 || policy.limit < 100;
  const double steady_max = coarse ? kCoarseSteadyMax : kOtherSteadyMax;
  out.said = std::to_string(honest.denied) + " of " + std::to_string(honest.requests) +
             " conforming requests denied; floods";
  for (const Flood& kind : kFloods) {
    const FloodResult flooded = run_flood(kind, edgeroom_algorithm(), 1, policy);
    out.said += std::string(" ") + kind.name + " " + text_of(flooded.first(), 2) + "→" +
                text_of(flooded.steady(), 2);
    out.ok = out.ok && flooded.violations.empty() && flooded.steady() <= steady_max;
  }
  out.said += ", at most " + text_of(steady_max, 2);
  return out;
}

}  // namespace

std::vector<Finding> check_controls() {
  struct Control {
    Change change;
    const char* figure;
  };
  constexpr std::array<Control, 4> kControls{{
      {Change::kWholeEpochs, "false denies, greedy"},
      {Change::kAlwaysDivided, "false denies, greedy"},
      {Change::kDebitedOnArrival, "false denies, greedy"},
      {Change::kWindowsOnly, "steady, E"},
  }};
  std::vector<Finding> out;
  for (const Control& control : kControls) {
    const Figures figures = measure(changed_algorithm(control.change), Effort{});
    Finding& finding = out.emplace_back();
    finding.figure = "control: " + figures.algorithm;
    for (const Finding& verdict : judge(figures)) {
      if (verdict.ok) continue;
      if (verdict.figure == control.figure) finding.ok = true;
      finding.said +=
          (finding.said.empty() ? "fails by " : "; ") + verdict.figure + ": " + verdict.said;
    }
    if (!finding.ok) finding.said += std::string(" - but not by ") + control.figure;
  }
  return out;
}

std::vector<Finding> check_assembled() {
  const Algorithm ours = edgeroom_algorithm();
  const Algorithm again = changed_algorithm(Change::kNone);
  bool same = true;
  for (const Flood& kind : kFloods) {
    const FloodResult a = run_flood(kind, ours, 11);
    const FloodResult b = run_flood(kind, again, 11);
    same = same && a.admitted == b.admitted && is_same(a.kv, b.kv);
  }
  const HonestResult a = run_mixed(ours, 11, 300);
  const HonestResult b = run_mixed(again, 11, 300);
  same = same && a.denied == b.denied && is_same(a.kv, b.kv);
  return {{"the controls, with no change, decide as the limiter does", same,
           same ? "in D, J, E and H" : "they do not"}};
}

std::vector<Finding> check_kv_faults() {
  std::vector<Finding> out;
  const HonestResult well = honest_beside({});
  for (const NamedFaults& faults : all_faults()) {
    const HonestResult ill = honest_beside(faults.faults);
    const std::string name = "KV " + faults.name;
    const uint64_t admitted = ill.requests - ill.denied;
    out.push_back(
        {name + ": honest requests admitted",
         admitted == ill.requests && admitted >= well.requests - well.denied,
         std::to_string(admitted) + " of " + std::to_string(ill.requests) + ", must be all"});
    const FloodResult flooded =
        run_flood(kFloodD, edgeroom_algorithm(), 1, policy_of(100, 60), faults.faults);
    // What each isolate alone would admit.
    out.push_back(at_most(name + ": a flood's highest window", highest(flooded.admitted), 4));
    if (faults.faults.fails) {
      // Three in a row, and then half a minute of rest: four isolates, ten windows.
      out.push_back(at_most(name + ": writes tried", static_cast<double>(flooded.kv.writes),
                            4 * 3 * (600.0 / 30 + 1)));
    }
  }
  out.push_back(check_outage_end());
  return out;
}

std::vector<Finding> check_clocks() {
  std::vector<Finding> out;
  for (const ClockChange& change : kClockChanges) {
    out.push_back(honest_through(change));
    out.push_back(flood_through(change));
  }
  return out;
}

std::vector<Finding> check_edge() {
  uint64_t most = 0;
  uint64_t least = UINT64_MAX;
  for (int offset_ms = 0; offset_ms < 60'000; offset_ms += 97) {
    World world({1, 1}, edgeroom_algorithm(), 1);
    uint64_t admitted = 0;
    for (int i = 0; i < 200; i++) {
      if (world.request(0, kFloodClient, offset_ms + i)) admitted++;
    }
    most = std::max(most, admitted);
    least = std::min(least, admitted);
  }
  return {{"200 requests across a window's edge: admitted", most <= 100 && least == 100,
           std::to_string(least) + " to " + std::to_string(most) + ", must be 100"}};
}

std::vector<Finding> check_recovery() {
  std::vector<Finding> out;
  for (const uint32_t limit : {100U, 10U}) {
    for (const double part : {0.5, 0.8}) {
      const Policy policy = policy_of(limit, 60);
      double worst_ms = 0;
      for (const Flood& kind : kFloods) {
        for (uint64_t seed = 1; seed <= kSeeds; seed++) {
          worst_ms = std::max(worst_ms, last_denial_ms(kind, policy, part, seed));
        }
      }
      out.push_back(at_most("after a flood, at " + text_of(100 * part, 0) + " % of " +
                                std::to_string(limit) + ": windows until the last denial",
                            worst_ms / kWindowMs, 2.5));
    }
  }
  return out;
}

std::vector<Finding> check_strangers() {
  constexpr uint32_t kStrangers = 1'000'000;
  // What the Worker's module may take, and addresses are twice as long here.
  constexpr double kMemoryMaxMiB = 32;
  constexpr double kMiB = 1024.0 * 1024.0;
  const size_t before = live_bytes();
  size_t most = 0;
  size_t busy_admitted = 0;
  RateLimiter limiter({policy_of(100, 60)}, 1, true);
  Random random(1);
  for (uint32_t i = 0; i < kStrangers; i++) {
    const double now_ms = kStartMs + i / 200.0;
    limiter.check(subject_of(std::to_string(random.next())), now_ms);
    most = std::max(most, live_bytes() - before);
    // One that asks 200 times in these five seconds.
    if (i % 5000 != 0) continue;
    if (limiter.check(subject_of(kFloodClient), now_ms).violated == nullptr) busy_admitted++;
  }
  return {at_most("a million strangers: memory in MiB", static_cast<double>(most) / kMiB,
                  kMemoryMaxMiB),
          {"a million strangers: the busy one is remembered", busy_admitted == 100,
           std::to_string(busy_admitted) + " of 200 admitted, must be 100"}};
}

std::vector<Finding> check_other_limits() {
  std::vector<Finding> out;
  for (const uint32_t window_s : {10U, 60U, 300U, 3600U}) {
    for (const uint32_t limit : {10U, 100U, 1000U}) {
      out.push_back(check_limit(policy_of(limit, window_s)));
    }
  }
  return out;
}

std::vector<Finding> check_names() {
  bool ok = true;
  size_t names = 0;
  for (const Flood& kind : kFloods) {
    World world(kind.topology, edgeroom_algorithm(), 1);
    flood(world, kind, policy_of(100, 60));
    for (const auto& [name, value] : world.kv.contents()) {
      names++;
      ok = ok && name.substr(0, 7) == "rl1:ip:" && name.find("192.0") == std::string::npos &&
           value.find("192.0") == std::string::npos && decode_report(value).has_value();
    }
  }
  return {{"what stands in KV: reports, and no address", ok && names > 0,
           std::to_string(names) + " names looked at"}};
}

}  // namespace edgeroom::sim
