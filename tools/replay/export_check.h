// Whether a replayed room gives out the very log that it was made from.
//
// The room holds the newest records only, as rooms do. So it is asked for what it was given before
// it may let go of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/log_text.h"
#include "tools/replay/host.h"

namespace edgeroom::replay {

struct Difference {
  uint64_t seq = 0;  // 0: it concerns no single record
  std::string what;
  std::string recorded;
  std::string replayed;
};

class ExportCheck {
 public:
  // `history_size`: messages that the room holds at the least.
  ExportCheck(const LogHeader& header, size_t history_size)
      : header_(header), history_size_(history_size), checked_(header.first - 1) {}

  // The room was given this record's line.
  void given(std::string_view line);
  // The turn ends: before its flush, and after it.
  void before_flush(Host& host);
  void flushed() { flushed_ = lines_.size(); }
  // The log is at its end. `is_whole`: then the state must be the recorded one.
  void finish(Host& host, bool is_whole);

  // The first ones, and how many there are in all.
  [[nodiscard]] const std::vector<Difference>& differences() const { return differences_; }
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  void check(Host& host);
  void compare(std::string_view exported);
  void check_header(Host& host, bool is_whole);
  void differ(Difference difference);

  const LogHeader& header_;
  size_t history_size_;
  uint64_t checked_;               // up to here the room has given what it was given
  std::deque<std::string> lines_;  // what follows
  size_t flushed_ = 0;             // how many of them the room has stored
  size_t bytes_ = 0;
  std::vector<Difference> differences_;
  uint64_t count_ = 0;
};

}  // namespace edgeroom::replay
