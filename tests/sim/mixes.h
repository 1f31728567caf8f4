// The traffic that algorithms are compared by. Every mix lasts ten windows.
//
//   A  one client, steady at 80 % of the limit, in one location of two isolates
//   C  one client at 90 %, roaming over three locations of two isolates
//   H  3,000 clients that keep to the limit, most of them light, in ten locations of four isolates
//   D  a flood of 50 requests a second in one location of four isolates
//   J  a flood of 10 requests a second over three locations of two isolates
//   E  a flood of 200 requests a second over twenty locations of four isolates
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace edgeroom::sim {

inline constexpr int kWindows = 10;

// What came of clients that all keep to the limit.
struct HonestResult {
  uint64_t requests = 0;
  uint64_t denied = 0;
  uint64_t light_requests = 0;  // by clients below a quarter of the limit
  Kv::Counts kv;
  std::vector<std::string> violations;

  [[nodiscard]] double denied_percent() const;
  [[nodiscard]] double a_thousand(uint64_t operations) const;
  void add(const HonestResult& other);
};

HonestResult run_steady(const Algorithm& algorithm, uint64_t seed, const KvFaults& faults = {});
HonestResult run_roaming(const Algorithm& algorithm, uint64_t seed, const KvFaults& faults = {});
HonestResult run_mixed(const Algorithm& algorithm, uint64_t seed, size_t clients,
                       const KvFaults& faults = {});

struct Greedy {
  Topology topology;
  Policy policy = policy_of(100, 60);
  double duration_ms = 1'800'000;
  uint32_t budget = 100;  // requests that it sends in any window
  double stay_ms = 0;     // how long it stays with an isolate, up to; 0: it goes everywhere at once
};

// A client that sends all of its budget, as unevenly as it likes; but never more than that in any
// window of true time.
HonestResult run_greedy(const Greedy& greedy, const Algorithm& algorithm, uint64_t seed,
                        const KvFaults& faults = {});

// A client that sends most of its limit at once, to one of two isolates by turns, the next time as
// soon as that has left the window; and the rest evenly to both, so that each knows of the other.
// What an isolate counts of the other for half a second too long denies some of it.
HonestResult run_bursts(const Algorithm& algorithm, uint64_t seed);

struct Flood {
  const char* name;
  Topology topology;
  double rate;  // of the limit's
};

// What came of a flood: how many times the limit was admitted in each window.
struct FloodResult {
  std::vector<double> admitted;
  uint64_t requests = 0;
  Kv::Counts kv;
  std::vector<std::string> violations;

  [[nodiscard]] double first() const { return admitted.front(); }
  // The mean of all windows but the first.
  [[nodiscard]] double steady() const { return mean_from(1); }
  // The mean from the given window on, counted from 0.
  [[nodiscard]] double mean_from(size_t window) const;
};

inline constexpr const char* kFloodClient = "192.0.2.1";

inline constexpr Flood kFloodD{"D", {1, 4}, 30};
inline constexpr Flood kFloodJ{"J", {3, 2}, 6};
inline constexpr Flood kFloodE{"E", {20, 4}, 120};
inline constexpr std::array<Flood, 3> kFloods{kFloodD, kFloodJ, kFloodE};

// Sends the flood at random times, from any isolate, into a world of its topology.
FloodResult flood(World& world, const Flood& kind, const Policy& policy, int windows = kWindows,
                  double from_ms = 0);
FloodResult run_flood(const Flood& kind, const Algorithm& algorithm, uint64_t seed,
                      const Policy& policy = policy_of(100, 60), const KvFaults& faults = {});

}  // namespace edgeroom::sim
