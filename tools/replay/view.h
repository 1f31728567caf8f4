// What of a replay is shown, and how: one view for people, one for machines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/replay/export_check.h"
#include "tools/replay/host.h"
#include "tools/replay/log_file.h"
#include "tools/replay/options.h"

namespace edgeroom::replay {

// How a replay ended.
struct Outcome {
  uint64_t replayed = 0;  // records
  std::string digest;     // of the state after the last of them
  const std::vector<Difference>* differences = nullptr;
  uint64_t difference_count = 0;
  // Empty when the room took every record.
  std::string fault;
};

class View : public StepListener {
 public:
  virtual void begin(const LogSummary& log) = 0;
  // The room is about to be given its first record.
  virtual void started(const Host& host) = 0;
  // The replay stands before this record, which is a --break.
  virtual void stopped(const Record& record, const Host& host) = 0;
  virtual void end(const Outcome& outcome) = 0;
};

}  // namespace edgeroom::replay
