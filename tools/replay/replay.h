// The replay that scripts/replay runs: on a terminal, or for a program.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "tools/replay/options.h"
#include "tools/replay/text_view.h"

namespace edgeroom::replay {

// What scripts/replay ends with.
inline constexpr int kAsRecorded = 0;
inline constexpr int kDiffers = 1;
inline constexpr int kUnusable = 2;

// Where the replay takes place.
struct Scene {
  Screen screen;
  // Where commands are read from at a --break; null when there is nobody to ask.
  std::FILE* commands = nullptr;
  // Where it says what is wrong with the file or the options.
  std::FILE* errors = nullptr;
  // Called for --debugger where it should stop, with the record that the room is given next.
  std::function<void(const Record& record, std::string_view line)> debugger;
};

// Returns the exit code.
int replay(const Options& options, const Scene& scene);

}  // namespace edgeroom::replay
