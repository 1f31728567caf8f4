// An exported log, line by line: checked from its first line to its last, then read record by
// record.
//
// No more than one line of it is in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "rooms/log_text.h"
#include "tools/replay/log_source.h"

namespace edgeroom::replay {

// What check() has found.
struct LogSummary {
  LogHeader header;
  std::string header_line;
  uint64_t records = 0;
  uint64_t first_ts = 0;  // ms since 1970, of the first and the last record; 0 without any
  uint64_t last_ts = 0;
  size_t user_columns = 0;  // of the widest name of those who did something
  // In words how the file was cut short; empty when it is whole.
  std::string cut;
};

class LogFile {
 public:
  explicit LogFile(std::unique_ptr<LogSource> source) : source_(std::move(source)) {}

  // Reads all of it, from the beginning. The error names the first line that is wrong, and what is
  // wrong with it; a file that was cut short is none.
  Result<LogSummary> check();

  // To the first record; after a check() without an error.
  bool rewind();
  // The next record's line, valid until the next call; nothing after the last.
  std::optional<std::string_view> next();
  // Of the line that next() gave.
  [[nodiscard]] uint64_t line_number() const { return line_number_; }

 private:
  enum class Read : uint8_t { kLine, kUnfinishedLine, kEnd, kTooLong, kFailed };

  bool to_start();
  Read read_line();
  bool refill();
  std::optional<Error> check_header(LogSummary& summary);
  std::optional<Error> check_records(LogSummary& summary);
  void cut_short(const std::string& how, LogSummary& summary) const;
  std::optional<Error> check_record(const LogSummary& summary, const Record& record) const;
  std::optional<Error> check_end(uint64_t records, LogSummary& summary);
  [[nodiscard]] Error at_line(const std::string& what) const;
  [[nodiscard]] Error unreadable(Read read) const;

  std::unique_ptr<LogSource> source_;
  std::string buffer_;   // what was read of the source…
  size_t position_ = 0;  // … and how far it was used
  std::string line_;
  uint64_t line_number_ = 0;
  uint64_t records_left_ = 0;
};

}  // namespace edgeroom::replay
