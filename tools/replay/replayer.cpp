#include "tools/replay/replayer.h"

#include <utility>

#include "base/settings.h"
#include "rooms/behaviour.h"
#include "rooms/limits.h"

namespace edgeroom::replay {

namespace {

// After the last record, so that what is under way comes to its end: a batch waits for others, the
// watermark for its row, and the safety alarm longest of all.
constexpr double kRestMs = kSafetyAlarmMs + kCursorDelayMs;

// Why this program cannot replay this log at all; empty when it can.
std::string unsuitable(const LogSummary& log, const Options& options) {
  const auto variables = SettingMap::parse(options.variables);
  if (!variables.ok()) return "--var: " + variables.error().detail;
  const auto settings = parse_room_settings(variables.value());
  if (!settings.ok()) return "--var: " + settings.error().detail;
  auto behaviour = make_behaviour(variables.value());
  if (!behaviour.ok()) return "--var: " + behaviour.error().detail;
  // The room gets it as a line (rooms/abi.h, kStart).
  if (log.header.room.find('\n') != std::string::npos) {
    return "line 1: \"room\" is no room's name: it holds a line feed";
  }
  const std::string kind(behaviour.value()->name());
  if (kind != log.header.kind) {
    return "line 1: \"kind\" is " + log.header.kind + ", and this program knows " + kind +
           " only; EDGEROOM_BEHAVIOUR names the sources of another kind of room";
  }
  RoomState state(std::move(behaviour.value()));
  bool other_kind = false;
  if (!log.header.snapshot.empty() &&
      (!state.decode(log.header.snapshot, other_kind) || other_kind)) {
    return "line 1: \"snapshot\" is no state of a room of kind " + kind;
  }
  return "";
}

// Why the options do not fit the log; empty when they do.
std::string beyond(const LogSummary& log, const Options& options) {
  const uint64_t first = log.header.first;
  const uint64_t last = first + log.records - 1;
  const std::string holds =
      log.records == 0 ? "the log holds no records"
                       : "the log holds seqs " + std::to_string(first) + "-" + std::to_string(last);
  for (const uint64_t seq : options.breaks) {
    if (seq < first || seq > last) return "--break " + std::to_string(seq) + ": " + holds;
  }
  if (options.from > last) return "--from " + std::to_string(options.from) + ": " + holds;
  if (options.to < first) return "--to " + std::to_string(options.to) + ": " + holds;
  return "";
}

}  // namespace

Result<LogSummary> check_log(LogFile& file, const Options& options, const std::string& name) {
  auto log = file.check();
  if (!log.ok()) return Error{name + ": " + log.error().detail};
  const std::string fault = unsuitable(log.value(), options);
  if (!fault.empty()) return Error{fault[0] == '-' ? fault : name + ": " + fault};
  const std::string misfit = beyond(log.value(), options);
  if (!misfit.empty()) return Error{misfit};
  return log;
}

Replayer::Replayer(const Options& options, View& view, LogFile& file, const LogSummary& log)
    : options_(options),
      view_(view),
      file_(file),
      log_(log),
      host_(view, options.variables),
      check_(log.header, parse_room_settings(options.variables).value().history_size) {}

bool Replayer::begin() {
  view_.begin(log_);
  if (!host_.begin(log_.header, log_.header_line, static_cast<double>(log_.first_ts)) ||
      !file_.rewind()) {
    return false;
  }
  view_.started(host_);
  return true;
}

bool Replayer::next(const Before& before) {
  const auto line = file_.next();
  return line && give(*line, before);
}

bool Replayer::give(std::string_view line, const Before& before) {
  LogLine parsed;
  if (parse_log_line(line, parsed)) {
    fault_ = "line " + std::to_string(file_.line_number()) + " was changed while it was replayed";
    return false;
  }
  const Record& record = parsed.record;
  const auto ts = static_cast<double>(record.ts);
  if (options_.each || ts > host_.now_ms() || turn_bytes_ > kPendingBytesMax) {
    if (!end_turn()) return false;
  }
  if (ts > host_.now_ms() && !host_.pass_time(ts)) return false;
  if (!before(record, line)) return false;
  check_.given(line);
  turn_bytes_ += line.size();
  if (!host_.record(record, line)) return false;
  replayed_++;
  return true;
}

bool Replayer::end_turn() {
  turn_bytes_ = 0;
  check_.before_flush(host_);
  if (!host_.end_turn()) return false;
  check_.flushed();
  return true;
}

bool Replayer::finish() {
  if (!fault_.empty() || !host_.fault().empty() || replayed_ < log_.records) return false;
  if (!end_turn() || !host_.pass_time(host_.now_ms() + kRestMs)) return false;
  check_.finish(host_, log_.cut.empty());
  return true;
}

bool Replayer::end() {
  finish();
  if (fault_.empty()) fault_ = host_.fault();
  if (fault_.empty() && replayed_ < log_.records) fault_ = "the log cannot be read any more";
  Outcome outcome;
  outcome.replayed = replayed_;
  outcome.digest = host_.state().digest();
  outcome.differences = &check_.differences();
  outcome.difference_count = check_.count();
  if (!fault_.empty()) {
    outcome.fault = "stopped at seq " + std::to_string(host_.seq()) + ": " + fault_;
  }
  view_.end(outcome);
  return fault_.empty() && log_.cut.empty() && check_.count() == 0;
}

}  // namespace edgeroom::replay
