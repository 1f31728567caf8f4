#include "worker/failed_tokens.h"

#include "worker/limits.h"

namespace edgeroom {

double FailedTokens::wait_ms(std::string_view address, double now_ms) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? 0 : found->second->bucket.wait_ms(now_ms);
}

void FailedTokens::count(std::string_view address, double now_ms) {
  const auto found = by_address_.find(address);
  if (found != by_address_.end()) {
    latest_first_.splice(latest_first_.begin(), latest_first_, found->second);
  } else {
    if (by_address_.size() == kFailedTokenAddressesMax) {
      by_address_.erase(latest_first_.back().address);
      latest_first_.pop_back();
    }
    const TokenBucket bucket(kFailedTokensPerMinute / 60.0, kFailedTokensPerMinute);
    latest_first_.push_front({std::string(address), bucket});
    by_address_.emplace(latest_first_.front().address, latest_first_.begin());
  }
  latest_first_.front().bucket.spend(now_ms, 1);
}

}  // namespace edgeroom
