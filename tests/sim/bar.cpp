#include "tests/sim/bar.h"

#include <algorithm>
#include <array>

#include "tests/sim/text.h"

namespace edgeroom::sim {

namespace {

constexpr double kSteadyMax = 1.05;
constexpr double kReadsMax = 60;
constexpr double kWritesMax = 10;
// More than this is no light client any more.
constexpr uint32_t kLightBudget = 24;

constexpr std::array<Topology, 5> kGreedyTopologies{{{1, 1}, {1, 2}, {2, 1}, {3, 2}, {10, 4}}};
// Enough to meet the half second of an epoch in which clocks matter.
constexpr uint64_t kBurstSeeds = 300;
constexpr std::array<double, 3> kGreedyStaysMs{0, 10'000, 40'000};

// Counted from 0.
constexpr size_t kLateWindow = 4;

double mean_from(const std::vector<FloodResult>& floods, size_t window) {
  double sum = 0;
  for (const FloodResult& flood : floods) sum += flood.mean_from(window);
  return sum / static_cast<double>(floods.size());
}

Finding at_most(const std::string& figure, double value, double bound) {
  return {figure, value <= bound, text_of(value, 3) + ", at most " + text_of(bound, 2)};
}

Finding none_denied(const std::string& figure, const HonestResult& result) {
  return {"false denies, " + figure, result.denied == 0,
          std::to_string(result.denied) + " of " + std::to_string(result.requests) + " (" +
              text_of(result.denied_percent(), 3) + " %), at most 0"};
}

}  // namespace

Figures measure(const Algorithm& algorithm, const Effort& effort) {
  Figures out;
  out.algorithm = algorithm.name;
  for (uint64_t seed = 1; seed <= effort.seeds; seed++) {
    out.steady.add(run_steady(algorithm, seed));
    out.roaming.add(run_roaming(algorithm, seed));
    out.mixed.add(run_mixed(algorithm, seed, effort.mixed_clients));
    Greedy light{{3, 2}};
    light.budget = kLightBudget;
    out.light.add(run_greedy(light, algorithm, seed));
  }
  for (uint64_t seed = 1; out.greedy.requests < effort.greedy_requests; seed++) {
    Greedy greedy{kGreedyTopologies[seed % kGreedyTopologies.size()]};
    greedy.stay_ms = kGreedyStaysMs[seed % kGreedyStaysMs.size()];
    out.greedy.add(run_greedy(greedy, algorithm, seed));
  }
  for (uint64_t seed = 1; seed <= kBurstSeeds; seed++) out.bursts.add(run_bursts(algorithm, seed));
  for (const Flood& kind : kFloods) {
    std::vector<FloodResult>& floods = out.floods.emplace_back();
    for (uint64_t seed = 1; seed <= effort.seeds; seed++) {
      floods.push_back(run_flood(kind, algorithm, seed));
    }
  }
  return out;
}

double first_window(const std::vector<FloodResult>& floods) {
  double sum = 0;
  for (const FloodResult& flood : floods) sum += flood.first();
  return sum / static_cast<double>(floods.size());
}

double steady_windows(const std::vector<FloodResult>& floods) { return mean_from(floods, 1); }

double late_windows(const std::vector<FloodResult>& floods) {
  return mean_from(floods, kLateWindow);
}

double worst_steady(const std::vector<FloodResult>& floods) {
  double worst = 0;
  for (const FloodResult& flood : floods) worst = std::max(worst, flood.steady());
  return worst;
}

std::vector<Finding> judge(const Figures& figures) {
  std::vector<Finding> out{
      none_denied("A", figures.steady),      none_denied("C", figures.roaming),
      none_denied("H", figures.mixed),       none_denied("greedy", figures.greedy),
      none_denied("bursts", figures.bursts),
  };
  std::vector<std::string> violations;
  Kv::Counts kv = figures.mixed.kv;
  kv.awaited += figures.steady.kv.awaited + figures.roaming.kv.awaited;
  for (const HonestResult* result : {&figures.steady, &figures.roaming, &figures.mixed,
                                     &figures.greedy, &figures.bursts, &figures.light}) {
    violations.insert(violations.end(), result->violations.begin(), result->violations.end());
  }
  for (size_t i = 0; i < kFloods.size(); i++) {
    const std::string name = kFloods[i].name;
    out.push_back(at_most("steady, " + name, steady_windows(figures.floods[i]), kSteadyMax));
    out.push_back(
        at_most("from the fifth window on, " + name, late_windows(figures.floods[i]), kSteadyMax));
    for (const FloodResult& flood : figures.floods[i]) {
      kv.awaited += flood.kv.awaited;
      violations.insert(violations.end(), flood.violations.begin(), flood.violations.end());
    }
  }
  out.push_back(at_most("awaited KV operations", static_cast<double>(kv.awaited), 0));
  out.push_back(at_most("KV reads per 1,000, H", figures.mixed.a_thousand(kv.reads), kReadsMax));
  out.push_back(at_most("KV writes per 1,000, H", figures.mixed.a_thousand(kv.writes), kWritesMax));
  out.push_back(at_most("KV operations, light clients",
                        static_cast<double>(figures.light.kv.reads + figures.light.kv.writes), 0));
  out.push_back({"rules of KV", violations.empty(),
                 violations.empty() ? "none broken" : "broken, first: " + violations.front()});
  return out;
}

}  // namespace edgeroom::sim
