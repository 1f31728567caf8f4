// Exported logs, as `scripts/replay` reads them. The sums of the lines are put right first: a
// fuzzer finds none.
//
// A line that is taken is written again as the same record. A log that passes the check makes a
// room, which gives out the records that it was given.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/siphash.h"
#include "rooms/log_text.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/stored_room.h"
#include "tools/replay/log_file.h"
#include "tools/replay/memory_source.h"

namespace edgeroom::fuzz {
namespace {

// `{…}` with its sum, instead of one that it may have had.
std::string summed(std::string_view line) {
  const std::string_view whole = line.substr(0, line.rfind(",\"sum\":"));
  std::string out(whole);
  if (whole.size() == line.size() && !out.empty() && out.back() == '}') out.pop_back();
  const std::string sum = hex_u64(siphash({}, out));
  return out + ",\"sum\":\"" + sum + "\"}";
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(summed(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

void check_line(const std::string& text) {
  LogLine line;
  if (const auto error = parse_log_line(text, line)) {
    CHECK(!error->detail.empty());
    return;
  }
  CHECK(line.record.seq > 0);
  std::string once;
  append_log_line(once, line.record);
  CHECK(once.size() > 1 && once.back() == '\n' && once.find('\n') == once.size() - 1);
  LogLine again;
  const std::string own = once.substr(0, once.size() - 1);
  CHECK(!parse_log_line(own, again));
  std::string twice;
  append_log_line(twice, again.record);
  CHECK(twice == once);
}

void check_header(const std::string& text) {
  const auto header = parse_log_header(text);
  if (!header.ok()) {
    CHECK(!header.error().detail.empty());
    return;
  }
  std::string once;
  append_log_header(once, header.value());
  const auto again = parse_log_header(std::string_view(once).substr(0, once.size() - 1));
  CHECK(again.ok());
  std::string twice;
  append_log_header(twice, again.value());
  CHECK(twice == once);
}

// The records' lines of a log.
std::string_view records_in(std::string_view log) {
  const size_t first = log.find('\n');
  const size_t last = log.rfind('\n', log.size() - 2);
  return first == std::string_view::npos ? "" : log.substr(first + 1, last - first);
}

// Makes a room of the log, and compares what that one gives out.
void check_copy(replay::LogFile& file, const replay::LogSummary& log) {
  Host host({});
  CHECK(host.wake());
  if (!host.event(EventType::kImport, 0, 0, log.header_line)) return;
  std::string given;
  CHECK(file.rewind());
  while (const auto line = file.next()) {
    if (!host.event(EventType::kRecord, 0, 0, *line)) return;
    LogLine parsed;
    CHECK(!parse_log_line(*line, parsed));
    append_log_line(given, parsed.record);
    CHECK(host.flush());
  }
  CHECK(host.flush());
  const std::string before = host.digest();
  const std::string out = host.request(R"({"op":"log","room":"lobby"})");
  // It may hold more than a room of these settings keeps.
  const std::string_view records = records_in(out);
  CHECK(given.size() >= records.size());
  CHECK(given.substr(given.size() - records.size()) == records);
  CHECK(host.wake());
  CHECK(host.digest() == before);
}

void check_log(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).push_back('\n');
  replay::LogFile file(std::make_unique<replay::MemorySource>(text));
  const auto log = file.check();
  if (!log.ok()) {
    CHECK(!log.error().detail.empty());
    return;
  }
  CHECK(log.value().records < lines.size());
  check_copy(file, log.value());
}

}  // namespace
}  // namespace edgeroom::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgeroom::fuzz;  // NOLINT(google-build-using-namespace)
  const std::vector<std::string> lines = lines_of(text_of(data, size));
  for (const std::string& line : lines) {
    check_header(line);
    check_line(line);
  }
  check_log(lines);
  return 0;
}
