// Segments: what one flush stores, and the index of those that are stored.
//
// A segment is one row: a slot (an integer key, overwritten by upsert), a head and data. The head
// is what the room needs in memory after waking; the data, the encoded records, stays in storage
// until somebody asks for it. The segments are at once the history, the outbox and the memory for
// deduplication.
//
//   head := version:u8 generation:varint first_seq:varint count:varint messages:varint
//           first_ts:varint last_ts:varint data_size:varint confirmed:varint hashes
//   hashes := 0:u8 | 1:u8 u64 * count      (one a record: rooms/dedup.h)
//
// A segment of another `generation` than the room's is of no use. `confirmed`
// is the watermark at the time of writing, so that the cursor needs no row of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace edgeroom {

struct SegmentHead {
  uint64_t generation = 0;
  uint64_t first_seq = 0;
  uint64_t count = 0;      // records, at least one
  uint64_t messages = 0;   // of them messages
  uint64_t first_ts = 0;   // ms
  uint64_t last_ts = 0;    // ms
  uint64_t data_size = 0;  // bytes
  uint64_t confirmed = 0;
  std::vector<uint64_t> hashes;  // empty, or one a record

  [[nodiscard]] uint64_t last_seq() const { return first_seq + count - 1; }
};

void encode_segment_head(std::string& out, const SegmentHead& head);
// False when the bytes are no head.
bool decode_segment_head(std::string_view bytes, SegmentHead& head);

// What the room remembers of a stored segment.
struct SegmentEntry {
  uint64_t first_seq = 0;
  uint64_t first_ts = 0;
  uint64_t last_ts = 0;
  uint32_t slot = 0;
  uint32_t count = 0;
  uint32_t messages = 0;
  uint32_t data_size = 0;

  [[nodiscard]] uint64_t last_seq() const { return first_seq + count - 1; }
};

// The stored segments, contiguous and ascending by seq, and the slots that may be written over.
class SegmentIndex {
 public:
  // Takes the stored segments, ascending by first_seq. Keeps the newest contiguous run; the slots
  // of the others are free.
  void restore(const std::vector<SegmentEntry>& stored);
  // A stored row that holds nothing of use.
  void add_free_slot(uint32_t slot);

  // The slot for the next segment: a free one, or that of the oldest segment when `oldest_done`
  // says that nobody needs it any more, or one without a row.
  uint32_t take_slot(bool oldest_done);
  // Forgets the oldest segment, which there must be; the slot whose row is to be deleted.
  uint32_t drop_oldest();
  // `entry` must follow the newest one.
  void append(const SegmentEntry& entry);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] const std::deque<SegmentEntry>& entries() const { return entries_; }
  [[nodiscard]] const SegmentEntry& oldest() const { return entries_.front(); }
  // The position in entries() of the segment that holds `seq`, which must be held.
  [[nodiscard]] size_t find(uint64_t seq) const;
  // The segment at this position of entries() holds other data now.
  void resize(size_t position, uint32_t data_size) { entries_[position].data_size = data_size; }
  // Messages in all segments but the oldest.
  [[nodiscard]] uint64_t messages_after_oldest() const;

 private:
  std::deque<SegmentEntry> entries_;
  std::deque<uint32_t> free_slots_;
  std::vector<uint32_t> dropped_slots_;  // they have no row
  uint64_t messages_ = 0;
  uint32_t slots_ = 0;  // one more than the highest slot ever used
};

}  // namespace edgeroom
