#include "rooms/dedup.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "rooms/limits.h"

namespace edgeroom {

uint64_t DedupWindow::hash(std::string_view user, std::string_view id) const {
  std::string key;
  ByteWriter writer(key);
  writer.sized(user);
  writer.raw(id);
  const uint64_t value = siphash(key_, key);
  return value <= kNoMessageHash ? kNoMessageHash + 1 : value;
}

std::optional<uint64_t> DedupWindow::find(uint64_t hash) const {
  const auto found = seq_by_hash_.find(hash);
  if (found == seq_by_hash_.end()) return std::nullopt;
  return found->second;
}

void DedupWindow::add(uint64_t hash, uint64_t seq, double ts_ms) {
  messages_++;
  if (hash == kNoIdHash) return;
  // A hash that is known already is an id that was used again after it had been forgotten: stored
  // segments hold both messages, and a restore meets both. The newer one is to be remembered.
  seq_by_hash_.insert_or_assign(hash, seq);
  entries_.push_back({hash, seq, messages_, ts_ms});
  if (entries_.size() > entries_max_) drop_oldest();
}

void DedupWindow::expire(double now_ms) {
  while (!entries_.empty()) {
    const Entry& oldest = entries_.front();
    const bool in_history = oldest.ordinal + history_size_ > messages_;
    const bool young = now_ms - oldest.ts_ms < kDedupMs;
    if (in_history || young) return;
    drop_oldest();
  }
}

uint64_t DedupWindow::hash_at(uint64_t seq) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), seq,
                       [](const Entry& entry, uint64_t wanted) { return entry.seq < wanted; });
  return found == entries_.end() || found->seq != seq ? kNoIdHash : found->hash;
}

uint64_t DedupWindow::oldest_seq() const {
  return entries_.empty() ? UINT64_MAX : entries_.front().seq;
}

void DedupWindow::drop_oldest() {
  const auto found = seq_by_hash_.find(entries_.front().hash);
  if (found->second == entries_.front().seq) seq_by_hash_.erase(found);
  entries_.pop_front();
}

}  // namespace edgeroom
