// What an algorithm is measured by, and the bar that it has to reach.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/mixes.h"

namespace edgeroom::sim {

inline constexpr uint64_t kSeeds = 5;
inline constexpr size_t kMixedClients = 3000;

// How much is simulated.
struct Effort {
  uint64_t seeds = kSeeds;
  size_t mixed_clients = kMixedClients;
  uint64_t greedy_requests = 1'000'000;  // at least
};

struct Figures {
  std::string algorithm;
  HonestResult steady;   // A
  HonestResult roaming;  // C
  HonestResult mixed;    // H
  HonestResult greedy;
  HonestResult bursts;
  HonestResult light;
  std::vector<std::vector<FloodResult>> floods;  // as kFloods, by seed
};

Figures measure(const Algorithm& algorithm, const Effort& effort);

// One figure beside its bound.
struct Finding {
  std::string figure;
  bool ok = false;
  std::string said;  // the value, and the bound
};

// Every figure of the bar that a simulation can tell.
std::vector<Finding> judge(const Figures& figures);

// Of one kind of flood, over all seeds: the mean of the first window; of all others; of those from
// the fifth on; and the others' in the seed in which it is highest.
double first_window(const std::vector<FloodResult>& floods);
double steady_windows(const std::vector<FloodResult>& floods);
double late_windows(const std::vector<FloodResult>& floods);
double worst_steady(const std::vector<FloodResult>& floods);

}  // namespace edgeroom::sim
