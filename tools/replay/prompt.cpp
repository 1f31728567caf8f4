#include "tools/replay/prompt.h"

#include <array>
#include <optional>
#include <string>

#include "base/json_scanner.h"
#include "rooms/limits.h"

namespace edgeroom::replay {

namespace {

constexpr uint64_t kHistoryDefault = 20;

struct Word {
  std::string_view name;
  Ask ask;
};

constexpr std::array<Word, 14> kWords = {{{"step", Ask::kNext},
                                          {"s", Ask::kNext},
                                          {"next", Ask::kNext},
                                          {"n", Ask::kNext},
                                          {"continue", Ask::kContinue},
                                          {"c", Ask::kContinue},
                                          {"state", Ask::kState},
                                          {"history", Ask::kHistory},
                                          {"effects", Ask::kEffects},
                                          {"help", Ask::kHelp},
                                          {"h", Ask::kHelp},
                                          {"?", Ask::kHelp},
                                          {"quit", Ask::kQuit},
                                          {"q", Ask::kQuit}}};

// Takes the first word off `line`.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kSpace = " \t\r";
  const size_t start = line.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return line = {};
  const size_t end = line.find_first_of(kSpace, start);
  const std::string_view word = line.substr(start, end == line.npos ? end : end - start);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end);
  return word;
}

}  // namespace

Result<Command> parse_command(std::string_view line, const Command& previous) {
  const std::string_view name = take_word(line);
  if (name.empty()) return previous;
  std::optional<Command> command;
  for (const Word& word : kWords) {
    if (word.name == name) command = Command{word.ask, 1};
  }
  if (!command) return Error{"no such command: " + std::string(name) + " (help lists them)"};
  if (command->ask == Ask::kHistory) command->number = kHistoryDefault;
  const std::string_view count = take_word(line);
  if (!count.empty()) {
    const bool counts = name.substr(0, 1) == "n" || command->ask == Ask::kHistory;
    const auto number = json_integer(count);
    if (!counts || !number || *number == 0) {
      return Error{std::string(name) + ": what does " + std::string(count) + " mean?"};
    }
    command->number = *number;
  }
  if (!take_word(line).empty()) return Error{std::string(name) + ": too many words"};
  if (command->ask == Ask::kHistory && command->number > kHistoryLimitMax) {
    command->number = kHistoryLimitMax;
  }
  return *command;
}

}  // namespace edgeroom::replay
