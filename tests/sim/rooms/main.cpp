// Simulates rooms in worlds full of faults, a seed each, and says which seed has found what.

#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/rooms/faults.h"
#include "tests/sim/rooms/memory.h"
#include "tests/sim/rooms/world.h"

namespace edgeroom::roomsim {
namespace {

constexpr const char* kUsage =
    "usage: room_sim [--from N] [--seeds N | --seconds N] [--progress] [--json FILE]\n"
    "       room_sim --seed N [--trace]\n"
    "\n"
    "Simulates rooms, a seed each, and stops at the first that breaks a rule: exit code 1, with "
    "the\n"
    "seed, what was expected, the last events and the command that repeats it.\n"
    "\n"
    "  --from N      the first seed, 1 if left out\n"
    "  --seeds N     so many seeds, 1000 if left out\n"
    "  --seconds N   as many as there are in that time\n"
    "  --json FILE   writes there what was done, and how often each kind of fault occurred\n"
    "  --progress    prints `progress SEEDS SEED` every half second\n"
    "  --seed N      that one alone\n"
    "  --trace       prints what happens in it\n";

constexpr int kUsageError = 2;
constexpr size_t kLastEvents = 40;
// So many seeds must meet every kind of fault.
constexpr uint64_t kAllFaultsSeeds = 1000;

struct Options {
  uint64_t from = 1;
  uint64_t seeds = 1000;
  uint64_t seconds = 0;
  std::optional<uint64_t> seed;
  std::string json;  // empty: nowhere
  bool has_progress = false;
  bool has_trace = false;
};

// For the handler of a crash, which may use nothing else.
char crash_text[256];

void crashed(int signal) {
  const size_t size = std::strlen(crash_text);
  if (write(STDOUT_FILENO, crash_text, size) < 0) _exit(2);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void note_seed(uint64_t seed) {
  std::snprintf(crash_text, sizeof crash_text,
                "FAILED seed %llu\n  the room trapped by itself (a CHECK, or worse)\n"
                "  again: build/native/tests/sim/rooms/room_sim --seed %llu --trace\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed));
}

// What went wrong in the seed; nothing when all was well.
std::optional<std::string> failure_of(uint64_t seed, Tally& tally,
                                      std::vector<std::string>* trace) {
  note_seed(seed);
  std::optional<std::string> failure;
  {
    World world(seed, tally, trace);
    try {
      world.run();
    } catch (const Violation& violation) {
      failure = "step " + std::to_string(world.place().step) + " (" + world.place().phase +
                "): " + violation.what();
    }
  }
  if (!failure && room_bytes() > 0) {
    failure = "the room has left " + std::to_string(room_bytes()) + " bytes of memory";
  }
  return failure;
}

void print_failure(uint64_t seed, const std::string& failure) {
  std::printf("FAILED seed %llu\n  %s\n", static_cast<unsigned long long>(seed), failure.c_str());
  std::vector<std::string> trace;
  Tally tally;
  failure_of(seed, tally, &trace);
  const size_t first = trace.size() > kLastEvents ? trace.size() - kLastEvents : 0;
  for (size_t i = first; i < trace.size(); i++) std::printf("  | %s\n", trace[i].c_str());
  std::printf("  again: build/native/tests/sim/rooms/room_sim --seed %llu --trace\n",
              static_cast<unsigned long long>(seed));
}

int run_one(uint64_t seed, bool has_trace) {
  std::vector<std::string> trace;
  Tally tally;
  const auto failure = failure_of(seed, tally, has_trace ? &trace : nullptr);
  for (const std::string& line : trace) std::printf("%s\n", line.c_str());
  if (failure) {
    std::printf("FAILED seed %llu\n  %s\n", static_cast<unsigned long long>(seed),
                failure->c_str());
    return 1;
  }
  std::fputs(tally.text().c_str(), stdout);
  return 0;
}

bool write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  const bool is_written = std::fputs(text.c_str(), file) >= 0;
  return std::fclose(file) == 0 && is_written;
}

int run_many(const Options& options) {
  using Clock = std::chrono::steady_clock;
  const auto started = Clock::now();
  auto told = started;
  Tally tally;
  for (uint64_t i = 0; options.seconds > 0 || i < options.seeds; i++) {
    const auto now = Clock::now();
    if (options.seconds > 0 && now - started >= std::chrono::seconds(options.seconds)) break;
    const uint64_t seed = options.from + i;
    if (options.has_progress && now - told >= std::chrono::milliseconds(500)) {
      std::printf("progress %llu %llu\n", static_cast<unsigned long long>(i),
                  static_cast<unsigned long long>(seed));
      std::fflush(stdout);
      told = now;
    }
    if (const auto failure = failure_of(seed, tally, nullptr)) {
      print_failure(seed, *failure);
      return 1;
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  if (!options.json.empty() && !write_file(options.json, tally.json(seconds))) {
    std::printf("FAILED %s cannot be written\n", options.json.c_str());
    return 1;
  }
  std::fputs(tally.text().c_str(), stdout);
  std::printf("%.1f s, %.0f seeds a minute, %.0f events a seed\n", seconds,
              static_cast<double>(tally.seeds) / seconds * 60,
              static_cast<double>(tally.events) / static_cast<double>(tally.seeds));
  const std::string missing = tally.missing();
  if (tally.seeds >= kAllFaultsSeeds && !missing.empty()) {
    std::printf("FAILED these faults never occurred: %s\n", missing.c_str());
    return 1;
  }
  return 0;
}

int usage_error(const std::string& reason) {
  std::fprintf(stderr, "room_sim: %s\n\n%s", reason.c_str(), kUsage);
  return kUsageError;
}

int run(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string_view name = arguments[i];
    if (name == "--trace" || name == "--progress") {
      (name == "--trace" ? options.has_trace : options.has_progress) = true;
      continue;
    }
    if (name == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    uint64_t number = 0;
    const std::string_view value = i + 1 < count ? arguments[++i] : "";
    if (name == "--json") {
      if (value.empty()) return usage_error("--json needs a file");
      options.json = value;
      continue;
    }
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (fault != std::errc() || end != value.data() + value.size()) {
      return usage_error(std::string(name) + " needs a whole number, or is unknown");
    }
    if (name == "--from") {
      options.from = number;
    } else if (name == "--seeds") {
      options.seeds = number;
    } else if (name == "--seconds") {
      options.seconds = number;
    } else if (name == "--seed") {
      options.seed = number;
    } else {
      return usage_error("unknown argument " + std::string(name));
    }
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    std::signal(signal, crashed);
  }
  return options.seed ? run_one(*options.seed, options.has_trace) : run_many(options);
}

}  // namespace
}  // namespace edgeroom::roomsim

int main(int count, char** arguments) { return edgeroom::roomsim::run(count, arguments); }
