#include "worker/limit_keys.h"

#include "base/check.h"
#include "worker/limits.h"

namespace edgeroom {

LimitKey& LimitKeys::use(uint64_t id, uint32_t policy) {
  const auto found = by_id_.find(id);
  if (found != by_id_.end()) {
    unlink(found->second);
    link_as_newest(found->second);
    return slots_[found->second].key;
  }
  uint32_t index = free_;
  if (index == kNone) {
    index = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    free_ = slots_[index].older;
  }
  slots_[index].key.id = id;
  slots_[index].key.policy = policy;
  by_id_.emplace(id, index);
  link_as_newest(index);
  return slots_[index].key;
}

LimitKey* LimitKeys::find(uint64_t id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &slots_[found->second].key;
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
    const uint64_t id = shared_.front();
    shared_.pop_front();
    LimitKey* key = find(id);
    if (key == nullptr || key->sharing == nullptr) return true;
    if (now_ms - key->window.last_ms() >= kSharingIdleMs) {
      key->sharing.reset();
      return true;
    }
    shared_.push_back(id);
  }
  return false;
}

void LimitKeys::trim() {
  while (size() > 1 && (size() > kLimitKeysMax || entries_ > kWindowEntriesMax)) evict();
}

void LimitKeys::clear() { *this = LimitKeys(); }

void LimitKeys::unlink(uint32_t index) {
  const Slot& slot = slots_[index];
  (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
  (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
}

void LimitKeys::link_as_newest(uint32_t index) {
  slots_[index].newer = kNone;
  slots_[index].older = newest_;
  (newest_ == kNone ? oldest_ : slots_[newest_].newer) = index;
  newest_ = index;
}

// Forgets the oldest key, but spares one that is shared when an unshared one is near: a flood of
// new addresses must not wash away what is known of those that are being limited.
void LimitKeys::evict() {
  uint32_t victim = oldest_;
  uint32_t candidate = oldest_;
  for (size_t i = 0; i < kEvictionCandidates && candidate != newest_; i++) {
    if (slots_[candidate].key.sharing == nullptr) {
      victim = candidate;
      break;
    }
    candidate = slots_[candidate].newer;
  }
  CHECK(victim != kNone && victim != newest_);
  unlink(victim);
  Slot& slot = slots_[victim];
  entries_ -= slot.key.window.held();
  by_id_.erase(slot.key.id);
  slot.key = LimitKey();
  slot.newer = kNone;
  slot.older = free_;
  free_ = victim;
}

}  // namespace edgeroom
