#include "tools/replay/replay.h"

#include <memory>
#include <utility>

#include "base/settings.h"
#include "rooms/behaviour.h"
#include "rooms/limits.h"
#include "tools/replay/json_view.h"
#include "tools/replay/prompt.h"
#include "tools/replay/text_view.h"

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

class Replay {
 public:
  Replay(const Options& options, const Scene& scene, LogFile& file, const LogSummary& log,
         size_t history_size)
      : options_(options),
        scene_(scene),
        file_(file),
        log_(log),
        text_(options, scene.screen, scene.commands != nullptr),
        json_(options, scene.screen.out),
        host_(view(), options.variables),
        check_(log.header, history_size) {}

  int run() {
    view().begin(log_);
    if (!host_.begin(log_.header, log_.header_line, static_cast<double>(log_.first_ts)) ||
        !file_.rewind()) {
      return end();
    }
    view().started(host_);
    while (const auto line = file_.next()) {
      if (!give(*line)) return is_quit_ ? kDiffers : end();
    }
    if (end_turn() && host_.pass_time(host_.now_ms() + kRestMs)) {
      check_.finish(host_, log_.cut.empty());
    }
    return end();
  }

 private:
  View& view() { return options_.json ? static_cast<View&>(json_) : text_; }

  bool give(std::string_view line) {
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
    if (!stop_before(record, line)) return false;
    check_.given(line);
    turn_bytes_ += line.size();
    if (!host_.record(record, line)) return false;
    replayed_++;
    return true;
  }

  bool end_turn() {
    turn_bytes_ = 0;
    check_.before_flush(host_);
    if (!host_.end_turn()) return false;
    check_.flushed();
    return true;
  }

  // False when the replay is to end here.
  bool stop_before(const Record& record, std::string_view line) {
    const bool is_break = options_.breaks_at(record.seq);
    const bool has_stepped = steps_ == 1;
    if (steps_ > 0) steps_--;
    if (is_break && options_.debugger) scene_.debugger(record, line);
    if (is_break && scene_.commands == nullptr && !options_.debugger) {
      view().stopped(record, host_);
    }
    if (scene_.commands == nullptr || options_.debugger || (!is_break && !has_stepped)) return true;
    steps_ = 0;
    text_.show_all(false);
    text_.next_record(record);
    return ask();
  }

  // Commands until one of them goes on. False for quit.
  bool ask() {
    for (;;) {
      std::fputs("(replay) ", scene_.screen.out);
      std::fflush(scene_.screen.out);
      std::string line;
      if (!read_command(line)) return quit();
      const auto command = parse_command(line, previous_);
      if (!command.ok()) {
        std::fprintf(scene_.screen.out, "%s\n", command.error().detail.c_str());
        continue;
      }
      previous_ = command.value();
      switch (previous_.ask) {
        case Ask::kNext:
          steps_ = previous_.number;
          text_.show_all(true);
          return true;
        case Ask::kContinue: return true;
        case Ask::kState: text_.state(host_); break;
        case Ask::kHistory: text_.history(host_, previous_.number); break;
        case Ask::kEffects: text_.last_turn(); break;
        case Ask::kHelp:
          std::fprintf(scene_.screen.out, "%s\n", std::string(kPromptHelp).c_str());
          break;
        case Ask::kQuit: return quit();
      }
    }
  }

  bool quit() {
    is_quit_ = true;
    return false;
  }

  // False at the end of the input.
  bool read_command(std::string& line) const {
    constexpr size_t kCommandBytesMax = 200;
    for (;;) {
      const int c = std::fgetc(scene_.commands);
      if (c == EOF) {
        std::fputc('\n', scene_.screen.out);
        return false;
      }
      if (c == '\n') return true;
      if (line.size() < kCommandBytesMax) line.push_back(static_cast<char>(c));
    }
  }

  int end() {
    if (fault_.empty()) fault_ = host_.fault();
    if (fault_.empty() && replayed_ < log_.records) fault_ = "the log cannot be read any more";
    Outcome outcome;
    outcome.replayed = replayed_;
    outcome.digest = host_.state().digest();
    outcome.differences = &check_.differences();
    outcome.difference_count = check_.count();
    if (!fault_.empty()) {
      const uint64_t seq = host_.seq();
      outcome.fault = "stopped at seq " + std::to_string(seq) + ": " + fault_;
    }
    view().end(outcome);
    const bool is_same = fault_.empty() && log_.cut.empty() && check_.count() == 0;
    return is_same ? kAsRecorded : kDiffers;
  }

  const Options& options_;
  const Scene& scene_;
  LogFile& file_;
  const LogSummary& log_;
  TextView text_;
  JsonView json_;
  Host host_;
  ExportCheck check_;
  size_t turn_bytes_ = 0;
  uint64_t replayed_ = 0;
  uint64_t steps_ = 0;  // records until it stops again; 0: it does not
  Command previous_;
  bool is_quit_ = false;
  std::string fault_;
};

int unusable(const Scene& scene, const std::string& what) {
  std::fprintf(scene.errors, "error: %s\n", what.c_str());
  return kUnusable;
}

}  // namespace

int replay(const Options& options, const Scene& scene) {
  auto file = LogFile::open(options.file);
  if (!file.ok()) return unusable(scene, file.error().detail);
  const auto log = file.value().check();
  const std::string name = options.file == "-" ? "standard input" : options.file;
  if (!log.ok()) return unusable(scene, name + ": " + log.error().detail);
  const std::string fault = unsuitable(log.value(), options);
  if (!fault.empty()) return unusable(scene, fault[0] == '-' ? fault : name + ": " + fault);
  const std::string misfit = beyond(log.value(), options);
  if (!misfit.empty()) return unusable(scene, misfit);
  const auto settings = parse_room_settings(options.variables);
  Replay run(options, scene, file.value(), log.value(), settings.value().history_size);
  const int code = run.run();
  if (std::fflush(scene.screen.out) != 0 || std::ferror(scene.screen.out) != 0) {
    return unusable(scene, "the output cannot be written");
  }
  return code;
}

}  // namespace edgeroom::replay
