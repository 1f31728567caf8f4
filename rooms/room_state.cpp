#include "rooms/room_state.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/hex.h"
#include "base/siphash.h"
#include "rooms/limits.h"

namespace edgeroom {

void RoomState::apply(const Record& record) {
  moderation_.apply(record);
  if (behaviour_->has_state()) behaviour_->on_record(record);
}

std::string RoomState::encode() const {
  std::string out;
  ByteWriter writer(out);
  moderation_.encode(writer);
  writer.sized(behaviour_->name());
  std::string own;
  ByteWriter own_writer(own);
  behaviour_->save(own_writer);
  CHECK(own.size() <= kBehaviourBytesMax);
  writer.sized(own);
  return out;
}

bool RoomState::decode(std::string_view bytes, bool& other_kind) {
  ByteReader reader(bytes);
  if (!moderation_.decode(reader)) return false;
  other_kind = reader.sized() != behaviour_->name();
  const std::string_view own = reader.sized();
  if (!reader.ok() || !reader.at_end()) return false;
  if (other_kind) return true;
  ByteReader own_reader(own);
  return behaviour_->restore(own_reader) && own_reader.ok() && own_reader.at_end();
}

std::string RoomState::digest() const { return hex_u64(siphash({}, encode())); }

void UnconfirmedDeletions::record(const Record& record) {
  if (record.kind != RecordKind::kDeletion) return;
  by_target_.insert_or_assign(record.target, Entry{record.seq, std::string(record.user)});
}

void UnconfirmedDeletions::confirmed(uint64_t through, const DeadLetters& dead) {
  for (auto place = by_target_.begin(); place != by_target_.end();) {
    const uint64_t seq = place->second.seq;
    const bool is_stored = seq <= through && dead.find(seq) == nullptr;
    place = is_stored ? by_target_.erase(place) : std::next(place);
  }
}

const std::string* UnconfirmedDeletions::find(uint64_t target) const {
  const auto found = by_target_.find(target);
  return found == by_target_.end() ? nullptr : &found->second.by;
}

}  // namespace edgeroom
