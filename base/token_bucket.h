// A token bucket: how often something may happen, in bursts and for long.
#pragma once

namespace edgeroom {

// Tokens that come back at `rate` a second, up to `burst`. Starts full. May be overdrawn: then
// nothing is to be had until that is paid back. A rate of 0 means no limit.
class TokenBucket {
 public:
  TokenBucket(double rate_per_s, double burst)
      : rate_per_ms_(rate_per_s / 1000), burst_(burst), tokens_(burst) {}

  // How long until there is a token; 0: there is one.
  [[nodiscard]] double wait_ms(double now_ms) const;
  void spend(double now_ms, double amount);
  // Whether all tokens have come back.
  [[nodiscard]] bool full(double now_ms) const;

 private:
  [[nodiscard]] double tokens_at(double now_ms) const;
  [[nodiscard]] bool is_limited() const { return rate_per_ms_ > 0; }

  double rate_per_ms_;
  double burst_;
  double tokens_;
  double last_ms_ = 0;
};

}  // namespace edgeroom
