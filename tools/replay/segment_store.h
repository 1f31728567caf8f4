// What a replayed room asks its host to store. That is little: the central API of a replay confirms
// at once, so a room soon writes over what it has stored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgeroom::replay {

class SegmentStore {
 public:
  struct Range {
    uint64_t first = 0;
    uint64_t last = 0;
  };

  // Writes over what was in the slot. False when the head is none, or the slot no room's.
  bool put(uint32_t slot, std::string_view head, std::string_view data);
  // Valid until the next put(); nothing when the slot is empty.
  [[nodiscard]] std::optional<std::string_view> get(uint32_t slot) const;
  // The seqs in a slot; nothing when it is empty.
  [[nodiscard]] std::optional<Range> seqs(uint32_t slot) const;

 private:
  struct Slot {
    Range range;  // first 0: empty
    std::string data;
  };

  std::vector<Slot> slots_;
};

}  // namespace edgeroom::replay
