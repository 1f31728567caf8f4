// Isolates in locations, each with its limiter and its clock, and one KV between them.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/sim/kv.h"
#include "tests/sim/limiter.h"

namespace edgeroom::sim {

// All times of a world begin here, at a random place in the first minute.
inline constexpr double kStartMs = 1'800'000'000'000.0;
// Clocks are off by up to this, either way.
inline constexpr double kSkewMs = 250;

struct Topology {
  uint32_t locations = 1;
  uint32_t isolates_each = 1;

  [[nodiscard]] size_t isolates() const { return size_t{locations} * isolates_each; }
};

class World {
 public:
  World(const Topology& topology, const Algorithm& algorithm, uint64_t seed,
        const Policy& policy = policy_of(100, 60));

  // Whether the request was admitted. Requests come in the order of their times, which count from
  // the world's start.
  bool request(size_t isolate, const std::string& client, double at_ms);

  size_t random_isolate() { return below(isolates_.size()); }
  size_t random_isolate_of(uint32_t location) {
    return size_t{location} * topology_.isolates_each + below(topology_.isolates_each);
  }
  double fraction() { return random_.fraction(); }
  size_t below(size_t n) { return static_cast<size_t>(random_.next() % n); }

  // Moves the clock of every isolate, from now on.
  void shift_clocks(double by_ms) { shift_ms_ += by_ms; }
  // Stops the clock of every isolate at what it says at that time.
  void stop_clocks(double at_ms) { stopped_ms_ = at_ms; }

  Kv kv;
  uint64_t requests = 0;

 private:
  struct Isolate {
    std::unique_ptr<Limiter> limiter;
    uint32_t location = 0;
    double skew_ms = 0;
  };
  // The result of an operation, under way.
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

  [[nodiscard]] double clock_of(const Isolate& isolate, double at_ms) const;
  bool carry_out(size_t isolate, double at_ms);
  void fill(Delivery& delivery, const KvOperation& operation, uint32_t location, double at_ms);
  void send(Delivery delivery);
  void deliver_until(double at_ms);
  double latency_ms();

  Topology topology_;
  Random random_;
  Random latency_random_;  // apart, so that what KV does changes nobody's requests
  double start_ms_;
  double shift_ms_ = 0;
  double stopped_ms_ = -1;
  std::vector<Isolate> isolates_;
  std::priority_queue<Delivery> deliveries_;
  uint64_t order_ = 0;
};

}  // namespace edgeroom::sim
