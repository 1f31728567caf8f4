// The exports of replay.wasm: scripts/replay --json for a browser. One module instance is one
// replay.
//
// The host writes a log into the input buffer, begins, and runs until there are no more records;
// after each call it takes what the room did so far: the lines that scripts/replay would print.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "tools/replay/json_view.h"
#include "tools/replay/memory_source.h"
#include "tools/replay/replayer.h"

namespace edgeroom::replay {

namespace {

constexpr uint32_t kAbiVersion = 1;

// Of a log and its arguments, all of which is held; scripts/replay takes a log of any size.
constexpr uint32_t kInputBytesMax = (256U << 20U) + 65536;

// What a call may answer.
constexpr int32_t kUnusable = -1;  // the output is the reason, in words
constexpr int32_t kEnded = 0;
constexpr int32_t kGoesOn = 1;

// A log that has been found to be one.
struct Run {
  Run(Options given, std::string_view log)
      : options(std::move(given)), file(std::make_unique<MemorySource>(log)) {}

  Options options;
  LogFile file;
  LogSummary log;
  std::optional<JsonView> view;
  std::optional<Replayer> replayer;
};

// Where the lines of the last call stand.
struct Output {
  uint32_t data;
  uint32_t size;
};
static_assert(sizeof(Output) == 8);

// The state of the module: one of each, made on first use and never destroyed.
struct Module {
  std::string input;
  std::string lines;
  std::unique_ptr<Run> run;
  bool has_ended = false;
  Output output{};
};

Module& module() {
  static auto& instance = *new Module;
  return instance;
}

uint32_t address_of(const void* pointer) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pointer));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::optional<Error> begin(std::string_view log, std::string_view arguments) {
  Module& m = module();
  auto options = parse_options(lines_of(arguments));
  if (!options.ok()) return options.error();
  m.run = std::make_unique<Run>(std::move(options.value()), log);
  Run& run = *m.run;
  auto summary = check_log(run.file, run.options, run.options.file);
  if (!summary.ok()) return summary.error();
  run.log = std::move(summary.value());
  run.view.emplace(run.options, [&m](std::string_view line) { m.lines += line; });
  run.replayer.emplace(run.options, *run.view, run.file, run.log);
  return std::nullopt;
}

}  // namespace

}  // namespace edgeroom::replay

extern "C" {

using edgeroom::replay::address_of;
using edgeroom::replay::kEnded;
using edgeroom::replay::kGoesOn;
using edgeroom::replay::kUnusable;
using edgeroom::replay::module;

uint32_t replay_abi_version() { return edgeroom::replay::kAbiVersion; }

// The address of a buffer of at least `size` bytes, which the replay reads until its end; 0 when
// that is more than the module holds. To be called before replay_begin alone.
uint32_t replay_input(uint32_t size) {
  if (size > edgeroom::replay::kInputBytesMax || module().run) return 0;
  std::string& input = module().input;
  if (input.size() < size) input.resize(size);
  return address_of(input.data());
}

// The input buffer holds `log_size` bytes of a log and, after them, the arguments of
// scripts/replay, one a line. Checks all of the log and makes the room. kUnusable is final, kGoesOn
// all else.
int32_t replay_begin(uint32_t log_size, uint32_t arguments_size) {
  auto& m = module();
  const std::string_view input(m.input);
  CHECK(!m.run && log_size <= input.size() && arguments_size <= input.size() - log_size);
  m.lines.clear();
  const auto error =
      edgeroom::replay::begin(input.substr(0, log_size), input.substr(log_size, arguments_size));
  if (error) {
    m.lines = error->detail;
    return kUnusable;
  }
  if (!m.run->replayer->begin()) m.has_ended = true;
  return kGoesOn;
}

// Gives the room up to so many more records. kEnded, with the line of the end among the output, or
// kGoesOn.
int32_t replay_run(uint32_t records) {
  auto& m = module();
  CHECK(m.run && m.run->replayer);
  m.lines.clear();
  const auto all = [](const edgeroom::Record&, std::string_view) { return true; };
  for (uint32_t i = 0; i < records && !m.has_ended; i++) {
    m.has_ended = !m.run->replayer->next(all);
  }
  if (!m.has_ended) return kGoesOn;
  m.run->replayer->end();
  return kEnded;
}

// The address of an edgeroom::replay::Output that tells where the output of the last call stands,
// valid until the next call of another export.
uint32_t replay_output() {
  auto& m = module();
  m.output.data = address_of(m.lines.data());
  m.output.size = static_cast<uint32_t>(m.lines.size());
  return address_of(&m.output);
}

}  // extern "C"
