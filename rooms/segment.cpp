#include "rooms/segment.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace edgeroom {

namespace {

constexpr uint8_t kHeadVersion = 1;

}  // namespace

void encode_segment_head(std::string& out, const SegmentHead& head) {
  ByteWriter writer(out);
  writer.u8(kHeadVersion);
  writer.varint(head.generation);
  writer.varint(head.first_seq);
  writer.varint(head.count);
  writer.varint(head.messages);
  writer.varint(head.first_ts);
  writer.varint(head.last_ts);
  writer.varint(head.data_size);
  writer.varint(head.confirmed);
  writer.u8(head.hashes.empty() ? 0 : 1);
  CHECK(head.hashes.empty() || head.hashes.size() == head.count);
  for (const uint64_t hash : head.hashes) writer.u64(hash);
}

bool decode_segment_head(std::string_view bytes, SegmentHead& head) {
  constexpr uint64_t kDataSizeMax = UINT32_MAX;
  ByteReader reader(bytes);
  head = {};
  if (reader.u8() != kHeadVersion) return false;
  head.generation = reader.varint();
  head.first_seq = reader.varint();
  head.count = reader.varint();
  head.messages = reader.varint();
  head.first_ts = reader.varint();
  head.last_ts = reader.varint();
  head.data_size = reader.varint();
  head.confirmed = reader.varint();
  const uint8_t has_hashes = reader.u8();
  if (!reader.ok() || has_hashes > 1 || head.first_seq == 0 || head.count == 0) return false;
  if (head.messages > head.count || head.data_size > kDataSizeMax) return false;
  // No record is empty: a count beyond the data is none, and nobody shall count up to it.
  if (head.count > head.data_size || head.first_seq > kSafeIntegerMax) return false;
  if (has_hashes == 1) {
    if (bytes.size() - reader.position() != head.count * sizeof(uint64_t)) return false;
    head.hashes.reserve(static_cast<size_t>(head.count));
    for (uint64_t i = 0; i < head.count; i++) head.hashes.push_back(reader.u64());
  }
  return reader.at_end();
}

void SegmentIndex::restore(const std::vector<SegmentEntry>& stored) {
  CHECK(entries_.empty());
  size_t first = stored.empty() ? 0 : stored.size() - 1;
  while (first > 0 && stored[first - 1].last_seq() + 1 == stored[first].first_seq) first--;
  for (size_t i = 0; i < stored.size(); i++) {
    slots_ = std::max(slots_, stored[i].slot + 1);
    if (i < first) {
      free_slots_.push_back(stored[i].slot);
    } else {
      messages_ += stored[i].messages;
      entries_.push_back(stored[i]);
    }
  }
}

void SegmentIndex::add_free_slot(uint32_t slot) {
  slots_ = std::max(slots_, slot + 1);
  free_slots_.push_back(slot);
}

uint32_t SegmentIndex::take_slot(bool oldest_done) {
  if (!free_slots_.empty()) {
    const uint32_t slot = free_slots_.front();
    free_slots_.pop_front();
    return slot;
  }
  if (oldest_done && !entries_.empty()) {
    const uint32_t slot = entries_.front().slot;
    messages_ -= entries_.front().messages;
    entries_.pop_front();
    return slot;
  }
  if (!dropped_slots_.empty()) {
    const uint32_t slot = dropped_slots_.back();
    dropped_slots_.pop_back();
    return slot;
  }
  return slots_++;
}

uint32_t SegmentIndex::drop_oldest() {
  CHECK(!entries_.empty());
  const uint32_t slot = entries_.front().slot;
  messages_ -= entries_.front().messages;
  entries_.pop_front();
  dropped_slots_.push_back(slot);
  return slot;
}

void SegmentIndex::append(const SegmentEntry& entry) {
  CHECK(entries_.empty() || entries_.back().last_seq() + 1 == entry.first_seq);
  messages_ += entry.messages;
  entries_.push_back(entry);
}

size_t SegmentIndex::find(uint64_t seq) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), seq,
                       [](uint64_t s, const SegmentEntry& entry) { return s < entry.first_seq; });
  CHECK(after != entries_.begin());
  const auto found = std::prev(after);
  CHECK(seq <= found->last_seq());
  return static_cast<size_t>(found - entries_.begin());
}

uint64_t SegmentIndex::messages_after_oldest() const {
  return entries_.empty() ? 0 : messages_ - entries_.front().messages;
}

}  // namespace edgeroom
