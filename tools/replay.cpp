// replay: steps an exported room log through the core, natively. scripts/replay builds and runs it,
// and says how it is used.
//
// Standard output is the same wherever and whenever a log is replayed, but for its width and
// colours on a terminal.

#include "tools/replay/replay.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// Where there is no terminal to ask.
constexpr size_t kDefaultWidth = 100;
// A terminal that says it has fewer does not know.
constexpr size_t kWidthMin = 40;

size_t terminal_width() {
  winsize size{};
  const bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= kWidthMin;
  return is_known ? size.ws_col : kDefaultWidth;
}

// https://no-color.org
bool wants_colour() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool is_dumb = term == nullptr || std::string_view(term) == "dumb";
  return (no_color == nullptr || *no_color == '\0') && !is_dumb;
}

// Stops in the debugger that runs this program, in this very function where the processor has an
// instruction for it.
[[gnu::noinline]] void stop_in_debugger(const Record& record, std::string_view line) {
  std::fflush(stdout);
  std::fprintf(stderr,
               "replay: before seq %llu, which is `record`:\n%s\n"
               "replay: a breakpoint at edgeroom::Room::import_record leads into the core\n",
               static_cast<unsigned long long>(record.seq), visible(line).c_str());
#if defined(__x86_64__) || defined(__i386__)
  __asm__ volatile("int3");
#else
  std::raise(SIGTRAP);
#endif
}

// A CHECK of the core has failed, and has said so. What led to it must not stay in a buffer.
void on_abort(int /*signal*/) { std::fflush(stdout); }

// Whoever replays on a terminal is asked at a --break; the log itself may come by standard input.
std::FILE* commands_of(const Options& options) {
  if (options.json || isatty(STDOUT_FILENO) == 0) return nullptr;
  if (options.file == "-") return std::fopen("/dev/tty", "r");
  return isatty(STDIN_FILENO) != 0 ? stdin : nullptr;
}

int run(const std::vector<std::string_view>& arguments) {
  const auto options = parse_options(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "error: %s\nscripts/replay --help says how it is used\n",
                 options.error().detail.c_str());
    return kUnusable;
  }
  const bool is_terminal = isatty(STDOUT_FILENO) != 0;
  Scene scene;
  scene.screen.out = stdout;
  scene.screen.width =
      options.value().width.value_or(is_terminal ? terminal_width() : kDefaultWidth);
  scene.screen.colour = is_terminal && wants_colour();
  scene.commands = commands_of(options.value());
  scene.errors = stderr;
  scene.debugger = stop_in_debugger;
  std::signal(SIGABRT, on_abort);
  return replay(options.value(), scene);
}

}  // namespace

}  // namespace edgeroom::replay

int main(int argc, char** argv) {
  return edgeroom::replay::run(std::vector<std::string_view>(argv + 1, argv + argc));
}
