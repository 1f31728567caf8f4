#include "tools/replay/segment_store.h"

#include "rooms/limits.h"
#include "rooms/segment.h"

namespace edgeroom::replay {

bool SegmentStore::put(uint32_t slot, std::string_view head, std::string_view data) {
  SegmentHead decoded;
  if (!decode_segment_head(head, decoded)) return false;
  // A room uses its slots one after the other.
  if (slot > slots_.size() + kSegmentsMax) return false;
  if (slot >= slots_.size()) slots_.resize(slot + 1);
  slots_[slot].range = {decoded.first_seq, decoded.last_seq()};
  slots_[slot].data = data;
  return true;
}

std::optional<std::string_view> SegmentStore::get(uint32_t slot) const {
  if (!seqs(slot)) return std::nullopt;
  return slots_[slot].data;
}

std::optional<SegmentStore::Range> SegmentStore::seqs(uint32_t slot) const {
  if (slot >= slots_.size() || slots_[slot].range.first == 0) return std::nullopt;
  return slots_[slot].range;
}

}  // namespace edgeroom::replay
