#include "tools/replay/replay.h"

#include <utility>

#include "tools/replay/file_source.h"
#include "tools/replay/json_view.h"
#include "tools/replay/prompt.h"
#include "tools/replay/replayer.h"
#include "tools/replay/text_view.h"

namespace edgeroom::replay {

namespace {

void write_line(std::FILE* out, std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), out);
}

// A replay that somebody may step through.
class Replay {
 public:
  Replay(const Options& options, const Scene& scene, LogFile& file, const LogSummary& log)
      : options_(options),
        scene_(scene),
        text_(options, scene.screen, scene.commands != nullptr),
        json_(options, [out = scene.screen.out](std::string_view line) { write_line(out, line); }),
        replayer_(options, view(), file, log) {}

  int run() {
    const auto before = [this](const Record& record, std::string_view line) {
      return stop_before(record, line);
    };
    bool goes_on = replayer_.begin();
    while (goes_on) goes_on = replayer_.next(before);
    if (is_quit_) return kDiffers;
    return replayer_.end() ? kAsRecorded : kDiffers;
  }

 private:
  View& view() { return options_.json ? static_cast<View&>(json_) : text_; }

  // False when the replay is to end here.
  bool stop_before(const Record& record, std::string_view line) {
    const bool is_break = options_.breaks_at(record.seq);
    const bool has_stepped = steps_ == 1;
    if (steps_ > 0) steps_--;
    if (is_break && options_.debugger) scene_.debugger(record, line);
    if (is_break && scene_.commands == nullptr && !options_.debugger) {
      view().stopped(record, replayer_.host());
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
        case Ask::kState: text_.state(replayer_.host()); break;
        case Ask::kHistory: text_.history(replayer_.host(), previous_.number); break;
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

  const Options& options_;
  const Scene& scene_;
  TextView text_;
  JsonView json_;
  Replayer replayer_;
  uint64_t steps_ = 0;  // records until it stops again; 0: it does not
  Command previous_;
  bool is_quit_ = false;
};

int unusable(const Scene& scene, const std::string& what) {
  std::fprintf(scene.errors, "error: %s\n", what.c_str());
  return kUnusable;
}

}  // namespace

int replay(const Options& options, const Scene& scene) {
  auto source = FileSource::open(options.file);
  if (!source.ok()) return unusable(scene, source.error().detail);
  LogFile file(std::move(source.value()));
  const auto log = check_log(file, options, options.file == "-" ? "standard input" : options.file);
  if (!log.ok()) return unusable(scene, log.error().detail);
  Replay run(options, scene, file, log.value());
  const int code = run.run();
  if (std::fflush(scene.screen.out) != 0 || std::ferror(scene.screen.out) != 0) {
    return unusable(scene, "the output cannot be written");
  }
  return code;
}

}  // namespace edgeroom::replay
