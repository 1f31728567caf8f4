#include "tests/sim/limiter.h"

#include <unordered_map>
#include <utility>

#include "worker/limiter.h"
#include "worker/window.h"

namespace edgeroom::sim {

namespace {

class Edgeroom : public Limiter {
 public:
  Edgeroom(const Site& site, bool shared) : limiter_({site.policy}, site.seed, shared) {}

  bool check(const std::string& client, const Moment& moment) override {
    return limiter_.check(subject_of(client), moment.now_ms).violated == nullptr;
  }
  [[nodiscard]] bool kv_due() const override { return limiter_.kv_due(); }
  std::vector<KvOperation> kv_plan(double now_ms) override { return limiter_.kv_plan(now_ms); }
  bool kv_result(uint32_t operation, KvOutcome outcome, std::string_view payload,
                 double now_ms) override {
    return limiter_.kv_result(operation, outcome, payload, now_ms);
  }

 private:
  RateLimiter limiter_;
};

class Naive : public Limiter {
 public:
  explicit Naive(const Site& site) : site_(site) {}

  bool check(const std::string& client, const Moment& moment) override {
    Kv& kv = *site_.kv;
    const std::string name = "count:" + client;
    kv.counts.awaited++;
    const auto value = kv.get(name, kCacheTtlS, site_.location, moment.at_ms);
    const uint64_t count = value ? std::stoull(*value) : 0;
    if (count >= site_.policy.limit) return false;
    kv.counts.awaited++;
    kv.put(name, std::to_string(count + 1), site_.policy.window_s, site_.location, moment.at_ms);
    return true;
  }

 private:
  Site site_;
};

class Exact : public Limiter {
 public:
  using Windows = std::unordered_map<std::string, UsageWindow>;

  Exact(const Site& site, std::shared_ptr<Windows> windows)
      : policy_(site.policy), windows_(std::move(windows)) {}

  bool check(const std::string& client, const Moment& moment) override {
    const WindowShape shape{policy_.window_ms(), 0};
    UsageWindow& window = (*windows_)[client];
    if (window.used(shape, moment.at_ms) >= policy_.limit) return false;
    window.add(shape, moment.at_ms, 1);
    return true;
  }

 private:
  Policy policy_;
  std::shared_ptr<Windows> windows_;
};

}  // namespace

Policy policy_of(uint32_t limit, uint32_t window_s) {
  Policy policy = default_policies()[0];
  policy.limit = limit;
  policy.window_s = window_s;
  return policy;
}

PolicySubject subject_of(std::string_view client) {
  PolicySubject subject;
  subject.method = "GET";
  subject.path = "/api/rooms/lobby";
  subject.address = client;
  return subject;
}

Algorithm edgeroom_algorithm() {
  return {"edgeroom",
          [] { return [](const Site& site) { return std::make_unique<Edgeroom>(site, true); }; }};
}

Algorithm local_algorithm() {
  return {"local window only",
          [] { return [](const Site& site) { return std::make_unique<Edgeroom>(site, false); }; }};
}

Algorithm naive_algorithm() {
  return {"naive counter",
          [] { return [](const Site& site) { return std::make_unique<Naive>(site); }; }};
}

Algorithm exact_algorithm() {
  return {"Durable Object, exact", [] {
            return [windows = std::make_shared<Exact::Windows>()](const Site& site) {
              return std::make_unique<Exact>(site, windows);
            };
          }};
}

}  // namespace edgeroom::sim
