// The arguments of scripts/replay, whose --help says what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace edgeroom::replay {

// How much is shown of what the room did.
enum class Detail : uint8_t { kNone, kWords, kFull };

struct Options {
  std::string file;  // "-" for standard input
  // Which records are shown; none of the others is left out of the replay.
  uint64_t from = 0;
  uint64_t to = UINT64_MAX;
  std::vector<uint64_t> breaks;
  Detail effects = Detail::kWords;
  bool each = false;
  bool state = false;
  bool state_changes = false;  // with --json: the state itself only when it has changed
  bool json = false;
  bool debugger = false;
  std::optional<size_t> width;   // columns; 0: nothing is cut
  std::string variables = "{}";  // the room's settings, as one JSON object of strings

  [[nodiscard]] bool shows(uint64_t seq) const { return seq >= from && seq <= to; }
  [[nodiscard]] bool breaks_at(uint64_t seq) const;
};

// `arguments` without the program's name.
Result<Options> parse_options(const std::vector<std::string_view>& arguments);

}  // namespace edgeroom::replay
