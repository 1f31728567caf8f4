// Who has brought tokens that are no moderator's: whoever tries many is not listened to for a
// while.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/token_bucket.h"

namespace edgeroom {

// Counts in this isolate alone, so nothing is waited for; RATE_LIMITS bound what an address may ask
// of all of them.
class FailedTokens {
 public:
  // How long no token of `address` (an address_key) is looked at; 0: it is.
  [[nodiscard]] double wait_ms(std::string_view address, double now_ms) const;
  void count(std::string_view address, double now_ms);
  // Addresses that are remembered.
  [[nodiscard]] size_t size() const { return by_address_.size(); }

 private:
  struct Entry {
    std::string address;
    TokenBucket bucket;
  };

  std::list<Entry> latest_first_;
  std::map<std::string_view, std::list<Entry>::iterator> by_address_;
};

}  // namespace edgeroom
