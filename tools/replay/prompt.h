// What somebody who steps through a replay may ask for.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace edgeroom::replay {

enum class Ask : uint8_t { kNext, kContinue, kState, kHistory, kEffects, kHelp, kQuit };

struct Command {
  Ask ask = Ask::kNext;
  uint64_t number = 1;  // of kNext: records; of kHistory: messages
};

// A line as it was typed, without its line feed. An empty one asks for `previous` again.
Result<Command> parse_command(std::string_view line, const Command& previous);

inline constexpr std::string_view kPromptHelp =
    "step, s         give the room this record\n"
    "next N, n N     give it N records\n"
    "continue, c     go on to the next --break, or to the end\n"
    "state           who is banned or muted, and the state's digest\n"
    "history [N]     the newest messages that the room would show (20; 100 at most)\n"
    "effects         all that came of the last turn, in full\n"
    "quit, q         end here\n"
    "Return alone does the last one again.";

}  // namespace edgeroom::replay
