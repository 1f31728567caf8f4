#include "rooms/dead_letters.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap_sort.h"
#include "rooms/effects.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

constexpr uint8_t kHeadVersion = 1;

std::vector<DeadLetter>::const_iterator place_of(const std::vector<DeadLetter>& letters,
                                                 uint64_t seq) {
  return std::lower_bound(letters.begin(), letters.end(), seq,
                          [](const DeadLetter& letter, uint64_t s) { return letter.seq < s; });
}

}  // namespace

SegmentEntry DeadLetter::row() const {
  CHECK(data_size > 0);
  return {seq, ts, ts, slot, 1, is_message ? 1U : 0U, data_size};
}

bool DeadLetters::restore(uint32_t slot, std::string_view head) {
  ByteReader reader(head);
  if (reader.u8() != kHeadVersion) return false;
  DeadLetter letter;
  letter.slot = slot;
  letter.is_stored = true;
  letter.seq = reader.varint();
  letter.ts = reader.varint();
  letter.is_message = reader.u8() != 0;
  const uint64_t data_size = reader.varint();
  letter.code = reader.sized();
  if (!reader.ok() || !reader.at_end() || data_size == 0 || data_size > UINT32_MAX) return false;
  letter.data_size = static_cast<uint32_t>(data_size);
  const auto place = place_of(letters_, letter.seq);
  if (letter.seq == 0 || (place != letters_.end() && place->seq == letter.seq)) return false;
  letters_.insert(place, std::move(letter));
  return true;
}

void DeadLetters::add(uint64_t seq, std::string_view code) {
  CHECK(!is_full() && find(seq) == nullptr);
  DeadLetter letter;
  letter.seq = seq;
  letter.code = code.substr(0, kDeadLetterCodeBytesMax);
  letter.slot = free_slot();
  letters_.insert(place_of(letters_, seq), std::move(letter));
}

void DeadLetters::refused_again(uint64_t seq, std::string_view code) {
  const auto place = place_of(letters_, seq);
  CHECK(place != letters_.end() && place->seq == seq);
  DeadLetter& letter = letters_[static_cast<size_t>(place - letters_.begin())];
  code = code.substr(0, kDeadLetterCodeBytesMax);
  if (letter.code == code) return;
  letter.code = code;
  letter.is_stored = false;
}

bool DeadLetters::remove(uint64_t seq) {
  const auto place = place_of(letters_, seq);
  if (place == letters_.end() || place->seq != seq) return false;
  if (place->data_size > 0) removed_slots_.push_back(place->slot);
  letters_.erase(place);
  return true;
}

void DeadLetters::forget_rowless() {
  letters_.erase(std::remove_if(letters_.begin(), letters_.end(),
                                [](const DeadLetter& letter) { return letter.data_size == 0; }),
                 letters_.end());
}

void DeadLetters::store(uint64_t seq, const DeadLetterRow& row, EffectList& effects) {
  const auto place = place_of(letters_, seq);
  CHECK(place != letters_.end() && place->seq == seq && !row.data.empty());
  DeadLetter& letter = letters_[static_cast<size_t>(place - letters_.begin())];
  letter.ts = row.ts;
  letter.is_message = row.is_message;
  letter.data_size = static_cast<uint32_t>(row.data.size());
  letter.is_stored = true;
  std::string head;
  ByteWriter writer(head);
  writer.u8(kHeadVersion);
  writer.varint(letter.seq);
  writer.varint(letter.ts);
  writer.u8(letter.is_message ? 1 : 0);
  writer.varint(letter.data_size);
  writer.sized(letter.code);
  effects.put_segment(letter.slot, head, row.data, false);
}

void DeadLetters::drop_removed(EffectList& effects) {
  for (const uint32_t slot : removed_slots_) effects.drop_segment(slot);
  removed_slots_.clear();
}

const DeadLetter* DeadLetters::find(uint64_t seq) const {
  const auto place = place_of(letters_, seq);
  return place == letters_.end() || place->seq != seq ? nullptr : &*place;
}

bool DeadLetters::is_full() const { return letters_.size() >= kDeadLettersMax; }

std::vector<uint64_t> DeadLetters::unstored() const {
  std::vector<uint64_t> seqs;
  for (const DeadLetter& letter : letters_) {
    if (!letter.is_stored) seqs.push_back(letter.seq);
  }
  return seqs;
}

// The lowest one that no row has, nor had before drop_removed().
uint32_t DeadLetters::free_slot() const {
  std::vector<uint32_t> taken = removed_slots_;
  for (const DeadLetter& letter : letters_) taken.push_back(letter.slot);
  heap_sort(taken.begin(), taken.end());
  uint32_t slot = kDeadLetterSlotFirst;
  for (const uint32_t each : taken) {
    if (each == slot) slot++;
  }
  return slot;
}

}  // namespace edgeroom
