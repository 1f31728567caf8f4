#include "tests/sim/world.h"

#include <utility>

#include "base/siphash.h"

namespace edgeroom::sim {

namespace {

constexpr uint64_t kLatencySeed = 0x6c6174656e6379;

// Stands for HMAC-SHA-256: the same text gives the same 32 bytes everywhere.
std::string hash_of(const std::string& text) {
  std::string out;
  for (uint64_t i = 0; i < 4; i++) {
    const uint64_t part = siphash(SipHashKey{i, 7}, text);
    for (unsigned shift = 0; shift < 64; shift += 8) {
      out.push_back(static_cast<char>((part >> shift) & 0xffU));
    }
  }
  return out;
}

}  // namespace

World::World(const Topology& topology, const Algorithm& algorithm, uint64_t seed,
             const Policy& policy)
    : kv(seed), topology_(topology), random_(~seed), latency_random_(seed ^ kLatencySeed) {
  start_ms_ = kStartMs + random_.fraction() * 60'000;
  const MakeLimiter make = algorithm.begin();
  for (size_t i = 0; i < topology.isolates(); i++) {
    Isolate& isolate = isolates_.emplace_back();
    isolate.location = static_cast<uint32_t>(i / topology.isolates_each);
    isolate.skew_ms = (2 * random_.fraction() - 1) * kSkewMs;
    isolate.limiter = make({policy, random_.next(), isolate.location, &kv});
  }
}

double World::clock_of(const Isolate& isolate, double at_ms) const {
  const double seen_ms = stopped_ms_ >= 0 ? stopped_ms_ : at_ms;
  return start_ms_ + seen_ms + isolate.skew_ms + shift_ms_;
}

bool World::request(size_t isolate, const std::string& client, double at_ms) {
  deliver_until(at_ms);
  requests++;
  const Isolate& here = isolates_[isolate];
  const bool admitted = here.limiter->check(client, {at_ms, clock_of(here, at_ms)});
  // What was hashed is asked for at once, as the Worker does.
  if (here.limiter->kv_due() && carry_out(isolate, at_ms)) carry_out(isolate, at_ms);
  return admitted;
}

double World::latency_ms() {
  const double part = latency_random_.fraction();
  return kv.faults.reorders ? part * 8000 : 20 + part * 150;
}

// Whether something was hashed. All reads of a plan are one, and come back or fail together.
bool World::carry_out(size_t isolate, double at_ms) {
  const Isolate& here = isolates_[isolate];
  const double read_ms = at_ms + latency_ms();
  bool hashed = false;
  size_t names = 0;
  for (const KvOperation& operation : here.limiter->kv_plan(clock_of(here, at_ms))) {
    Delivery delivery{at_ms, order_++, isolate, operation.id, KvOutcome::kDone, {}};
    if (operation.type == KvOperationType::kHash) {
      here.limiter->kv_result(operation.id, KvOutcome::kDone, hash_of(operation.name),
                              clock_of(here, at_ms));
      hashed = true;
      continue;
    }
    const bool is_read = operation.type == KvOperationType::kGet;
    if (is_read) names++;
    delivery.at_ms = is_read && !kv.faults.reorders ? read_ms : at_ms + latency_ms();
    fill(delivery, operation, here.location, at_ms);
    if (!kv.faults.hangs) send(std::move(delivery));
  }
  kv.note_bulk(names);
  return hashed;
}

void World::fill(Delivery& delivery, const KvOperation& operation, uint32_t location,
                 double at_ms) {
  if (operation.type == KvOperationType::kPut) {
    if (!kv.put(operation.name, operation.value, operation.ttl_s, location, at_ms)) {
      delivery.outcome = KvOutcome::kFailed;
    }
    return;
  }
  auto value = kv.get(operation.name, kCacheTtlS, location, at_ms);
  if (kv.faults.fails) {
    delivery.outcome = KvOutcome::kFailed;
  } else if (value) {
    delivery.payload = std::move(*value);
  } else {
    delivery.outcome = KvOutcome::kMissing;
  }
}

void World::send(Delivery delivery) {
  if (kv.faults.duplicates) {
    Delivery twice = delivery;
    twice.at_ms += latency_ms();
    twice.order = order_++;
    deliveries_.push(std::move(twice));
  }
  deliveries_.push(std::move(delivery));
}

void World::deliver_until(double at_ms) {
  while (!deliveries_.empty() && deliveries_.top().at_ms <= at_ms) {
    const Delivery delivery = deliveries_.top();
    deliveries_.pop();
    const Isolate& here = isolates_[delivery.isolate];
    here.limiter->kv_result(delivery.operation, delivery.outcome, delivery.payload,
                            clock_of(here, delivery.at_ms));
  }
}

}  // namespace edgeroom::sim
