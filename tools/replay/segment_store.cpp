#include "tools/replay/segment_store.h"

#include <cstdio>

#include "rooms/limits.h"
#include "rooms/segment.h"

namespace edgeroom::replay {

bool SegmentStore::put(uint32_t slot, std::string_view head, std::string_view data) {
  SegmentHead decoded;
  if (!decode_segment_head(head, decoded)) return false;
  if (!file_) file_.reset(std::tmpfile());
  if (!file_) return false;
  // A room uses its slots one after the other.
  if (slot > slots_.size() + kSegmentsMax) return false;
  if (slot >= slots_.size()) slots_.resize(slot + 1);
  Place& place = slots_[slot];
  if (place.room < data.size()) {
    place.offset = end_;
    place.room = data.size();
    end_ += static_cast<long>(data.size());
  }
  place.range = {decoded.first_seq, decoded.last_seq()};
  place.size = data.size();
  return std::fseek(file_.get(), place.offset, SEEK_SET) == 0 &&
         std::fwrite(data.data(), 1, data.size(), file_.get()) == data.size();
}

bool SegmentStore::get(uint32_t slot, std::string& data) const {
  if (!seqs(slot)) return false;
  const Place& place = slots_[slot];
  data.resize(place.size);
  return std::fseek(file_.get(), place.offset, SEEK_SET) == 0 &&
         std::fread(data.data(), 1, data.size(), file_.get()) == data.size();
}

std::optional<SegmentStore::Range> SegmentStore::seqs(uint32_t slot) const {
  if (slot >= slots_.size() || slots_[slot].range.first == 0) return std::nullopt;
  return slots_[slot].range;
}

}  // namespace edgeroom::replay
