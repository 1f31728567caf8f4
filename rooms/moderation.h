// Who is banned and who is muted: the part of the room's state that moderation records make.
//
// A fold over the log: apply() every record in order, and the state is the same whether it was
// built live, on waking or in a replay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "rooms/record.h"

namespace edgeroom {

class ByteReader;
class ByteWriter;

// A ban or a mute without an end.
inline constexpr uint64_t kForGood = UINT64_MAX;

class Moderation {
 public:
  // Takes a moderation record; all others change nothing. What has ended by the record's ts is
  // forgotten.
  void apply(const Record& record);

  // The end of the ban or mute that holds at `now_ms` (ms since 1970), kForGood for one that has
  // none, 0 when there is none.
  [[nodiscard]] uint64_t banned_until(std::string_view user, double now_ms) const;
  [[nodiscard]] uint64_t muted_until(std::string_view user, double now_ms) const;

  // Nobody more can be banned or muted before some ban or mute has ended (kModerationBytesMax).
  // When one has, the next record makes room.
  [[nodiscard]] bool full(double now_ms) const;

  // state := count:varint (user:sized banned_until:varint muted_until:varint) * count
  void encode(ByteWriter& out) const;
  // False when the bytes are no such state.
  bool decode(ByteReader& in);

 private:
  struct Entry {
    uint64_t banned_until = 0;  // 0: not banned
    uint64_t muted_until = 0;   // 0: not muted
  };

  // The earlier end of the two, kForGood when neither has one.
  static uint64_t end_of(const Entry& entry);
  void forget_ended(uint64_t now_ms);
  void forget_free(const std::string& user);

  std::map<std::string, Entry, std::less<>> by_user_;  // only those who are banned or muted
  size_t bytes_ = 0;                                   // of their names
  uint64_t next_end_ = kForGood;                       // no ban or mute ends before it
};

}  // namespace edgeroom
