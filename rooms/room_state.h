// What the room knows because of its log: who is banned or muted, and what its behaviour has made
// of the records. Snapshot + the records after it = the state, in every life of the room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/behaviour.h"
#include "rooms/dead_letters.h"
#include "rooms/moderation.h"
#include "rooms/record.h"

namespace edgeroom {

class RoomState {
 public:
  explicit RoomState(std::unique_ptr<Behaviour> behaviour) : behaviour_(std::move(behaviour)) {}

  // The next record of the log. Every record comes once, in order.
  void apply(const Record& record);

  // state := moderation kind:sized behaviour:sized      (moderation as in rooms/moderation.h)
  [[nodiscard]] std::string encode() const;
  // False when the bytes are no state. A state of another kind of room is taken without the part
  // of its behaviour, which then begins anew; `other_kind` tells.
  bool decode(std::string_view bytes, bool& other_kind);
  // 16 hexadecimal digits that differ when states do.
  [[nodiscard]] std::string digest() const;

  [[nodiscard]] const Moderation& moderation() const { return moderation_; }
  [[nodiscard]] const Behaviour& behaviour() const { return *behaviour_; }

 private:
  Moderation moderation_;
  std::unique_ptr<Behaviour> behaviour_;
};

// Deletions that the central API has not stored, because it has not confirmed them yet or has
// refused them. It may still give out what they delete, and the room must not pass that on.
class UnconfirmedDeletions {
 public:
  // A record of the log; all but deletions are ignored.
  void record(const Record& record);
  // Everything up to `through` is stored, but for the dead letters.
  void confirmed(uint64_t through, const DeadLetters& dead);
  // Who has deleted this message; null when nobody has, or the central API knows of it.
  [[nodiscard]] const std::string* find(uint64_t target) const;
  [[nodiscard]] size_t size() const { return by_target_.size(); }

 private:
  struct Entry {
    uint64_t seq = 0;
    std::string by;
  };
  std::map<uint64_t, Entry> by_target_;
};

}  // namespace edgeroom
