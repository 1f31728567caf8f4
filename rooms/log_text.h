// An exported log: what GET /api/rooms/{room}/log answers, and scripts/replay reads.
//
// NDJSON: a header, then every record that the room holds, in order, then an end that proves the
// whole was read:
//
//   {"type":"log","v":1,"room":…,"epoch":…,"first":…,"last":…,"confirmed":…,"kind":…,
//    "snapshot":{"through":…,"state":"<hex>"},"skipped":[…]?,"state":"<digest>"}
//   {"seq":…,"type":"message",…}      (append_log_json in rooms/record.h)
//   {"type":"end","records":…}
//
// The last member of every line is "sum": 16 hexadecimal digits, SipHash-2-4 with the key 0 of the
// line's bytes before `,"sum":`. It tells a line that was changed on the way, not one that was
// forged.
//
// `first` is the oldest record that follows, `last` the newest; `state` is the digest of the room's
// state after `last` (RoomState::digest), which the snapshot and the records after it must lead to,
// but for those in `skipped`: a moderator has had them left out of the state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "rooms/record.h"

namespace edgeroom {

struct LogHeader {
  std::string room;
  std::string epoch;
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t confirmed = 0;
  std::string kind;  // the behaviour's name
  uint64_t snapshot_through = 0;
  std::string snapshot;           // bytes; empty for none
  std::vector<uint64_t> skipped;  // seqs after the snapshot, ascending
  std::string state_digest;
};

// Each with its line feed.
void append_log_header(std::string& out, const LogHeader& header);
void append_log_line(std::string& out, const Record& record);
void append_log_end(std::string& out, uint64_t records);

// The errors name the member that is wrong. Lines are without their line feed.
Result<LogHeader> parse_log_header(std::string_view line);
// Nothing when the line is not the end but something else; what it is, parse_log_line tells.
std::optional<Result<uint64_t>> parse_log_end(std::string_view line);

// A record read from a line, with the strings that its views point into. Not to be moved.
struct LogLine {
  LogLine() = default;
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  Record record;
  std::string user;
  std::string conn;
  std::string id;
  std::string by;
  std::string reason;
  std::string content_text;
};

// `line` must outlive `out`, whose record's content may be a view of it.
std::optional<Error> parse_log_line(std::string_view line, LogLine& out);

}  // namespace edgeroom
