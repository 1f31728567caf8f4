#include "base/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace edgeroom {

double TokenBucket::tokens_at(double now_ms) const {
  if (now_ms <= last_ms_) return tokens_;
  return std::min(burst_, tokens_ + (now_ms - last_ms_) * rate_per_ms_);
}

double TokenBucket::wait_ms(double now_ms) const {
  if (!is_limited()) return 0;
  const double tokens = tokens_at(now_ms);
  return tokens >= 1 ? 0 : std::ceil((1 - tokens) / rate_per_ms_);
}

void TokenBucket::spend(double now_ms, double amount) {
  if (!is_limited()) return;
  tokens_ = tokens_at(now_ms) - amount;
  last_ms_ = std::max(last_ms_, now_ms);
}

bool TokenBucket::full(double now_ms) const { return !is_limited() || tokens_at(now_ms) >= burst_; }

}  // namespace edgeroom
