// What each system is told, and tells, over its WebSocket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/options.h"

namespace edgeroom::load {

// Stands before a message's number in its content, and nowhere else in what is sent or told.
constexpr char kMark = '@';
constexpr size_t kNumberDigits = 10;

// Where a message's number stands in a text: calls `found(number, position behind it)` for each.
template <typename Found>
void each_number(std::string_view text, Found found) {
  size_t at = text.find(kMark);
  while (at != std::string_view::npos && text.size() - at > kNumberDigits) {
    uint64_t number = 0;
    bool digits = true;
    for (size_t i = at + 1; i <= at + kNumberDigits; i++) {
      digits = digits && text[i] >= '0' && text[i] <= '9';
      number = number * 10 + static_cast<uint64_t>(text[i] - '0');
    }
    if (digits) found(number, at + 1 + kNumberDigits);
    at = text.find(kMark, at + 1);
  }
}

// Writes the messages of one run: all of the same length, each with its number.
class Speech {
 public:
  explicit Speech(const Options& options);

  // Valid until the next call.
  std::string_view message(uint64_t number);

 private:
  std::string text_;
  size_t number_at_ = 0;
  size_t id_at_ = 0;  // 0: no id
};

// Where connection `index` of room `room` joins; `after` is added to the query of the one who
// returns.
std::string join_target(const Options& options, size_t room, size_t index, std::string_view after);

// What a connection says to what it is told before it has joined, if anything.
struct Greeting {
  bool joined = false;
  std::string_view answer;
};

// Joined as soon as the WebSocket is open: nothing is told.
bool joins_at_once(Dialect dialect);
Greeting greet(Dialect dialect, std::string_view text);

// The answer to a heartbeat, empty when `text` is none.
std::string_view heartbeat_answer(Dialect dialect, std::string_view text);

// The error that the server tells, if it does.
std::optional<std::string_view> told_error(Dialect dialect, std::string_view text);

// The whole number behind `key` in a text; nothing when it is not there.
std::optional<uint64_t> number_behind(std::string_view text, std::string_view key);

}  // namespace edgeroom::load
