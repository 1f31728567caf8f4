// A replay from a log's first record to its last, one record at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tools/replay/export_check.h"
#include "tools/replay/host.h"
#include "tools/replay/log_file.h"
#include "tools/replay/options.h"
#include "tools/replay/view.h"

namespace edgeroom::replay {

// Reads all of the log. The error says what is wrong with it, or why these options or this program
// do not fit it; `name` is the log's for whoever reads that.
Result<LogSummary> check_log(LogFile& file, const Options& options, const std::string& name);

class Replayer {
 public:
  // Hears of each record before the room has it. The replay ends there when it says false.
  using Before = std::function<bool(const Record& record, std::string_view line)>;

  // All of it must outlive the replay. `log`: what check_log() has found in `file`.
  Replayer(const Options& options, View& view, LogFile& file, const LogSummary& log);

  // Makes the room. False after a fault, which end() tells of.
  bool begin();
  // Gives the room its next record. False after the last, after a fault, and when `before` said so.
  bool next(const Before& before);
  // Compares, and tells the view how it ended. Returns whether all was as recorded.
  bool end();

  [[nodiscard]] Host& host() { return host_; }

 private:
  bool give(std::string_view line, const Before& before);
  bool end_turn();
  bool finish();

  const Options& options_;
  View& view_;
  LogFile& file_;
  const LogSummary& log_;
  Host host_;
  ExportCheck check_;
  size_t turn_bytes_ = 0;
  uint64_t replayed_ = 0;
  std::string fault_;
};

}  // namespace edgeroom::replay
