// What the simulator drives: the limiter of one isolate, ours or one to compare it with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/kv.h"
#include "worker/mailboxes.h"
#include "worker/policy.h"

namespace edgeroom::sim {

// Where and when a request is: the isolate's clock is off by some.
struct Moment {
  double at_ms = 0;   // true time
  double now_ms = 0;  // the isolate's
};

class Limiter {
 public:
  Limiter() = default;
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;
  virtual ~Limiter() = default;

  // Whether the request is admitted.
  virtual bool check(const std::string& client, const Moment& moment) = 0;

  // As of RateLimiter; one that does without KV, or waits for it, has nothing to do here.
  [[nodiscard]] virtual bool kv_due() const { return false; }
  virtual std::vector<KvOperation> kv_plan(double /*now_ms*/) { return {}; }
  virtual bool kv_result(uint32_t /*operation*/, KvOutcome /*outcome*/,
                         std::string_view /*payload*/, double /*now_ms*/) {
    return false;
  }
};

// What a limiter is made for. `kv` outlives it.
struct Site {
  Policy policy;
  uint64_t seed = 0;  // differs from isolate to isolate
  uint32_t location = 0;
  Kv* kv = nullptr;
};

using MakeLimiter = std::function<std::unique_ptr<Limiter>(const Site& site)>;

struct Algorithm {
  std::string name;
  // Called once for each world: what its isolates share beside KV belongs to what is returned.
  std::function<MakeLimiter()> begin;
};

// The policy that everything is measured with unless it says otherwise: 100 in 60 s.
Policy policy_of(uint32_t limit, uint32_t window_s);

// The request that a client makes, to a policy of policy_of().
PolicySubject subject_of(std::string_view client);

// Ours, as it ships.
Algorithm edgeroom_algorithm();
// The same without KV: what each isolate alone does.
Algorithm local_algorithm();
// What is found in the wild: read a counter, compare, write it back with a new TTL, at each
// request. An error of KV is caught, and the request admitted.
Algorithm naive_algorithm();
// One that sees everything at once, as a Durable Object would.
Algorithm exact_algorithm();

}  // namespace edgeroom::sim
