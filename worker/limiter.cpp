#include "worker/limiter.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "worker/limits.h"

namespace edgeroom {

namespace {

// Times are added up in doubles: what is off by this part of a unit is rounding.
constexpr double kRoundingUnits = 1e-6;

constexpr double kQuantaPerWindow = 128;

uint32_t whole_seconds(double ms) {
  return static_cast<uint32_t>(std::max(1.0, std::ceil(ms / 1000)));
}

std::vector<SharedPolicy> shared_policies(const std::vector<Policy>& policies) {
  std::vector<SharedPolicy> out;
  out.reserve(policies.size());
  for (const Policy& policy : policies) {
    out.push_back({policy.name, limit_shape(policy.limit, policy.window_s)});
  }
  return out;
}

uint32_t isolate_of(uint64_t seed) { return static_cast<uint32_t>(Random(seed).next() >> 32U); }

}  // namespace

RateLimiter::RateLimiter(std::vector<Policy> policies, uint64_t seed, bool shared)
    : policies_(std::move(policies)),
      isolate_(isolate_of(seed)),
      shared_(shared),
      mailboxes_(isolate_, shared_policies(policies_)) {
  Random random(~seed);
  hash_key_ = {random.next(), random.next()};
  for (const Policy& policy : policies_) {
    Shape shape;
    shape.window.window_ms = policy.window_ms();
    shape.window.quantum_ms =
        policy.limit <= kExactLimitMax ? 0 : policy.window_ms() / kQuantaPerWindow;
    shape.limit = limit_shape(policy.limit, policy.window_s);
    // Names hold nothing that a structured field's string would have to escape.
    shape.quota = '"' + policy.name + "\";q=" + std::to_string(policy.limit) +
                  ";w=" + std::to_string(policy.window_s);
    shapes_.push_back(std::move(shape));
  }
}

// The time that the limiter goes by: whole ms, and never back.
double RateLimiter::advance_clock(double now_ms) {
  now_ms =
      std::isnan(now_ms) ? kClockMinMs : std::clamp(std::floor(now_ms), kClockMinMs, kClockMaxMs);
  if (now_ms < now_ms_ - kClockStepBackMs) {
    keys_.clear();
    now_ms_ = now_ms;
  }
  now_ms_ = std::max(now_ms_, now_ms);
  return now_ms_;
}

// The key's units in the window that were admitted here.
uint64_t RateLimiter::used(LimitKey& key, double now_ms) {
  const size_t held = key.window.held();
  const uint64_t units = key.window.used(shapes_[key.policy].window, now_ms);
  keys_.note_window_entries(held, key.window.held());
  return units;
}

RateLimiter::Assessment RateLimiter::assess(LimitKey& key, double now_ms) {
  const Shape& shape = shapes_[key.policy];
  const uint32_t limit = policies_[key.policy].limit;
  const uint32_t cost = policies_[key.policy].cost;
  SharedCounts* counts = key.sharing ? &key.sharing->counts : nullptr;
  const uint64_t own = used(key, now_ms);
  const uint64_t remote = counts != nullptr ? counts->remote_in_window(now_ms) : 0;
  const uint64_t in_window = limit - std::min<uint64_t>(limit, own + remote);
  const double unit_ms =
      shape.limit.interval_ms * (counts != nullptr ? counts->weight(now_ms, cost) : 1);
  const double until_full_ms = now_ms + shape.window.window_ms - std::max(key.arrival_ms, now_ms);
  const double unpaid = std::max(0.0, std::floor(until_full_ms / unit_ms + kRoundingUnits));

  Assessment out{};
  const bool has_turn = counts == nullptr || counts->has_turn(now_ms, cost);
  if (has_turn) out.remaining = std::min(in_window, static_cast<uint64_t>(unpaid));
  out.admitted = out.remaining >= cost;
  if (in_window < cost) {
    // What lacks may come from either; waiting for it from the one that gives it sooner is right,
    // and less than both together would need at most.
    const uint64_t lacking = own + remote + cost - limit;
    const double own_wait_ms = key.window.wait_ms(shape.window, now_ms, lacking);
    const double remote_wait_ms =
        counts != nullptr ? counts->remote_wait_ms(now_ms, lacking) : shape.window.window_ms;
    out.wait_ms = std::min(own_wait_ms, remote_wait_ms);
  }
  if (unpaid < cost) out.wait_ms = std::max(out.wait_ms, unit_ms * cost - until_full_ms);
  if (!has_turn) out.wait_ms = std::max(out.wait_ms, counts->turn_wait_ms(now_ms));
  return out;
}

void RateLimiter::start_sharing(LimitKey& key, std::string_view text, double now_ms) {
  const LimitShape& shape = shapes_[key.policy].limit;
  if (!keys_.share(key, shape, isolate_, now_ms)) return;
  key.sharing->text = text;
  key.window.each(now_ms, [&key, now_ms](double at_ms, uint32_t units) {
    key.sharing->counts.add_own(at_ms, now_ms, units);
  });
}

void RateLimiter::admit(LimitKey& key, std::string_view text, double now_ms) {
  const Shape& shape = shapes_[key.policy];
  const uint32_t cost = policies_[key.policy].cost;
  const size_t held = key.window.held();
  key.window.add(shape.window, now_ms, cost);
  keys_.note_window_entries(held, key.window.held());
  const double weight = key.sharing ? key.sharing->counts.weight(now_ms, cost) : 1;
  key.arrival_ms = std::max(key.arrival_ms, now_ms) + shape.limit.interval_ms * cost * weight;
  if (!shared_) return;
  if (key.sharing) {
    key.sharing->counts.add_own(now_ms, now_ms, cost);
  } else if (used(key, now_ms) >= shape.limit.report_min) {
    start_sharing(key, text, now_ms);
  }
}

LimitItem RateLimiter::item_of(LimitKey& key, double now_ms) {
  const Shape& shape = shapes_[key.policy];
  const Assessment now = assess(key, now_ms);
  const bool in_use = used(key, now_ms) > 0;
  const double reset_ms = !now.admitted ? now.wait_ms
                          : in_use      ? key.window.wait_ms(shape.window, now_ms, 1)
                                        : shape.window.window_ms;
  return {&policies_[key.policy], shape.quota, now.remaining, whole_seconds(reset_ms)};
}

LimitVerdict RateLimiter::check(const PolicySubject& subject, double now_ms) {
  now_ms = advance_clock(now_ms);
  LimitVerdict verdict;
  size_t candidates = 0;  // of candidates_, which keeps its memory
  double wait_ms = 0;
  double counted_wait_ms = 0;
  for (uint32_t i = 0; i < policies_.size(); i++) {
    const Policy& policy = policies_[i];
    if (!policy_matches(policy, subject)) continue;
    if (candidates == candidates_.size()) candidates_.emplace_back();
    Candidate& candidate = candidates_[candidates];
    put_policy_key(candidate.text, policy, subject);
    LimitKey& key = keys_.use(id_of(candidate.text), i);
    const Assessment assessment = assess(key, now_ms);
    candidate.key = &key;
    candidate.policy = i;
    candidate.is_counted = !subject.user.empty() && !policy.counts_by(PolicyKey::kUser);
    if (assessment.admitted || candidate.is_counted) {
      if (!assessment.admitted && !policy.report_only) {
        counted_wait_ms = std::max(counted_wait_ms, assessment.wait_ms);
      }
    } else if (policy.report_only) {
      verdict.report_only_hits.push_back(&policy);
      continue;
    } else {
      verdict.violations.push_back(&policy);
      if (verdict.violated == nullptr || assessment.wait_ms > wait_ms) verdict.violated = &policy;
      wait_ms = std::max(wait_ms, assessment.wait_ms);
    }
    candidates++;
  }
  verdict.items.reserve(candidates);
  for (size_t i = 0; i < candidates; i++) {
    const Candidate& candidate = candidates_[i];
    LimitKey& key = *candidate.key;
    if (candidate.is_counted) {
      if (!policies_[candidate.policy].report_only) verdict.items.push_back(item_of(key, now_ms));
      continue;
    }
    if (verdict.violated == nullptr) {
      admit(key, candidate.text, now_ms);
    } else if (key.sharing && verdict.violated == &policies_[candidate.policy]) {
      key.sharing->counts.note_denial();
    }
    if (!policies_[candidate.policy].report_only) verdict.items.push_back(item_of(key, now_ms));
    if (key.sharing) mailboxes_.look_at(key, used(key, now_ms), now_ms);
  }
  if (verdict.violated != nullptr) {
    verdict.retry_after_s = whole_seconds(std::max(wait_ms, counted_wait_ms));
  }
  keys_.trim();
  return verdict;
}

const std::vector<KvOperation>& RateLimiter::kv_plan(double now_ms) {
  return mailboxes_.plan(keys_, advance_clock(now_ms));
}

bool RateLimiter::kv_result(uint32_t operation, KvOutcome outcome, std::string_view payload,
                            double now_ms) {
  return mailboxes_.result(keys_, operation, outcome, payload, advance_clock(now_ms));
}

}  // namespace edgeroom
