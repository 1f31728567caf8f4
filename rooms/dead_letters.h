// Dead letters: the records that the central API has refused for good.
//
// Each has a row of its own among the segments, in a slot above all of theirs, with the record as
// it is in the log: the segment that holds it may be written over, and what was accepted is not
// forgotten. The row is stored before the watermark passes the record.
//
//   head := version:u8 seq:varint ts:varint is_message:u8 data_size:varint code:sized
//   data := the record                                    (rooms/record.h, counted from its own ts)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/segment.h"

namespace edgeroom {

class EffectList;

// Slots from here on are dead letters'. No segment's slot comes near (kSegmentsMax).
inline constexpr uint32_t kDeadLetterSlotFirst = 1U << 30U;

constexpr bool is_dead_letter_slot(uint32_t slot) { return slot >= kDeadLetterSlotFirst; }

// What a row holds.
struct DeadLetterRow {
  uint64_t ts = 0;  // ms, the record's
  bool is_message = true;
  std::string data;
};

struct DeadLetter {
  uint64_t seq = 0;
  std::string code;  // why, in the central API's word
  uint32_t slot = 0;
  uint64_t ts = 0;  // ms; this and what follows once there is a row
  bool is_message = true;
  uint32_t data_size = 0;  // bytes; 0: there is no row yet
  bool is_stored = false;  // the row says all that stands here

  // The row, as one that is to be read.
  [[nodiscard]] SegmentEntry row() const;
};

class DeadLetters {
 public:
  // A stored row. False when the head is none.
  bool restore(uint32_t slot, std::string_view head);

  // A record is given up; there must be room, and no letter of this seq. store() must follow.
  void add(uint64_t seq, std::string_view code);
  // Refused once more: if for another reason, store() must follow.
  void refused_again(uint64_t seq, std::string_view code);
  // It is stored centrally after all. False when there is no such letter.
  bool remove(uint64_t seq);
  // Removes those that have no row yet.
  void forget_rowless();
  // Puts the row of a letter that there is.
  void store(uint64_t seq, const DeadLetterRow& row, EffectList& effects);
  // Drops the rows of those that were removed.
  void drop_removed(EffectList& effects);

  // Ascending by seq.
  [[nodiscard]] const std::vector<DeadLetter>& all() const { return letters_; }
  [[nodiscard]] const DeadLetter* find(uint64_t seq) const;
  [[nodiscard]] size_t size() const { return letters_.size(); }
  // No more can be kept.
  [[nodiscard]] bool is_full() const;
  // Those whose rows are to be written.
  [[nodiscard]] std::vector<uint64_t> unstored() const;

 private:
  [[nodiscard]] uint32_t free_slot() const;

  std::vector<DeadLetter> letters_;
  std::vector<uint32_t> removed_slots_;
};

}  // namespace edgeroom
