// What a replayed room asks its host to store: in a file without a name, so that memory does not
// grow with the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/log_file.h"

namespace edgeroom::replay {

class SegmentStore {
 public:
  struct Range {
    uint64_t first = 0;
    uint64_t last = 0;
  };

  // Writes over what was in the slot. False when the disk does not take it, or the head is none.
  bool put(uint32_t slot, std::string_view head, std::string_view data);
  // False when there is no such segment, or it cannot be read.
  bool get(uint32_t slot, std::string& data) const;
  // The seqs in a slot; nothing when it is empty.
  [[nodiscard]] std::optional<Range> seqs(uint32_t slot) const;

 private:
  struct Place {
    Range range;
    long offset = 0;
    size_t size = 0;
    size_t room = 0;  // bytes that can be written over
  };

  File file_;
  long end_ = 0;
  std::vector<Place> slots_;  // range.first 0: empty
};

}  // namespace edgeroom::replay
