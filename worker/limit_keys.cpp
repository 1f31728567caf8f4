#include "worker/limit_keys.h"

#include <iterator>

#include "base/check.h"
#include "worker/limits.h"

namespace edgeroom {

LimitKey& LimitKeys::use(uint64_t id, uint32_t policy) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) {
    latest_first_.splice(latest_first_.begin(), latest_first_, found->second);
    return latest_first_.front();
  }
  LimitKey& key = latest_first_.emplace_front();
  key.id = id;
  key.policy = policy;
  by_id_.emplace(id, latest_first_.begin());
  return key;
}

LimitKey* LimitKeys::find(uint64_t id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

bool LimitKeys::share(LimitKey& key, const LimitShape& shape, uint32_t isolate, double now_ms) {
  if (shared_.size() >= kSharedKeysMax && !make_room_to_share(now_ms)) return false;
  key.sharing = std::make_unique<KeySharing>(shape, isolate);
  shared_.push_back(key.id);
  return true;
}

// Looks at the keys that have been shared for longest: one that is gone or idle goes.
bool LimitKeys::make_room_to_share(double now_ms) {
  for (size_t i = 0; i < kEvictionCandidates; i++) {
    LimitKey* key = find(shared_.front());
    const bool is_shared = key != nullptr && key->sharing != nullptr;
    if (!is_shared || now_ms - key->window.last_ms() >= kSharingIdleMs) {
      if (is_shared) key->sharing.reset();
      shared_.pop_front();
      return true;
    }
    shared_.splice(shared_.end(), shared_, shared_.begin());
  }
  return false;
}

void LimitKeys::trim() {
  while (size() > 1 && (size() > kLimitKeysMax || entries_ > kWindowEntriesMax)) evict();
}

void LimitKeys::clear() { *this = LimitKeys(); }

// Forgets the oldest key, but spares one that is shared when an unshared one is near: a flood of
// new addresses must not wash away what is known of those that are being limited.
void LimitKeys::evict() {
  CHECK(size() > 1);
  const auto oldest = std::prev(latest_first_.end());
  auto victim = oldest;
  auto candidate = oldest;
  for (size_t i = 0; i < kEvictionCandidates && candidate != latest_first_.begin(); i++) {
    if (candidate->sharing == nullptr) {
      victim = candidate;
      break;
    }
    candidate--;
  }
  entries_ -= victim->window.held();
  by_id_.erase(victim->id);
  latest_first_.erase(victim);
}

}  // namespace edgeroom
