#include "rooms/log_text.h"

#include <utility>

#include "base/hex.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "base/siphash.h"

namespace edgeroom {

namespace {

// ,"sum":"0123456789abcdef"}
constexpr std::string_view kSumOpening = ",\"sum\":\"";
constexpr std::string_view kSumClosing = "\"}";
constexpr size_t kSumDigits = 16;
constexpr size_t kSumBytes = kSumOpening.size() + kSumDigits + kSumClosing.size();

std::string sum_of(std::string_view text) { return hex_u64(siphash({}, text)); }

// Makes a line of the object that begins at `start` and ends with `out`.
void end_line(std::string& out, size_t start) {
  out.pop_back();
  const std::string sum = sum_of(std::string_view(out).substr(start));
  out.append(kSumOpening).append(sum).append(kSumClosing).push_back('\n');
}

std::optional<Error> check_sum(std::string_view line) {
  const size_t start = line.size() < kSumBytes ? 0 : line.size() - kSumBytes;
  const std::string_view tail = line.substr(start);
  if (tail.substr(0, kSumOpening.size()) != kSumOpening) {
    return Error{"\"sum\" is missing: it must be the last member"};
  }
  const std::string_view digits = tail.substr(kSumOpening.size(), kSumDigits);
  if (digits == sum_of(line.substr(0, start))) return std::nullopt;
  return Error{"\"sum\" does not fit: the line was changed after it was exported"};
}

Error wrong(std::string_view key, std::string_view what) {
  return Error{"\"" + std::string(key) + "\" " + std::string(what)};
}

std::optional<Error> read_text(const JsonMember& member, std::string& out) {
  if (member.kind != JsonKind::kString) return wrong(member.key, "must be a string");
  out = json_unescape(member.value);
  return std::nullopt;
}

std::optional<Error> read_number(const JsonMember& member, uint64_t& out) {
  const auto number = json_integer(member.value);
  if (!number) return wrong(member.key, "must be a whole number from 0 to 2^53-1");
  out = *number;
  return std::nullopt;
}

// Gives each member of the object to `read`, and returns the first error.
template <typename Read>
std::optional<Error> read_object(std::string_view json, Read read) {
  JsonObjectReader reader(json);
  JsonMember member;
  while (reader.next(member)) {
    if (auto error = read(member)) return error;
  }
  if (reader.wrong_root()) return Error{"not a JSON object"};
  if (const auto fault = reader.fault()) {
    return Error{"not JSON: " + std::string(fault->what) + " at byte " +
                 std::to_string(fault->offset)};
  }
  return std::nullopt;
}

std::optional<Error> read_snapshot(std::string_view json, LogHeader& out) {
  return read_object(json, [&out](const JsonMember& member) -> std::optional<Error> {
    if (member.key == "through") return read_number(member, out.snapshot_through);
    if (member.key != "state") return std::nullopt;
    std::string hex;
    if (auto error = read_text(member, hex)) return error;
    auto bytes = hex_decode(hex);
    if (!bytes) return wrong(member.key, "must be hexadecimal");
    out.snapshot = std::move(*bytes);
    return std::nullopt;
  });
}

std::optional<Error> read_type(const JsonMember& member, RecordKind& kind) {
  std::string name;
  if (auto error = read_text(member, name)) return error;
  if (name == "message") {
    kind = RecordKind::kMessage;
  } else if (name == "delete") {
    kind = RecordKind::kDeletion;
  } else if (name == "moderation") {
    kind = RecordKind::kModeration;
  } else {
    return wrong(member.key, "must be message, delete or moderation");
  }
  return std::nullopt;
}

std::optional<Error> read_action(const JsonMember& member, ModerationAction& out) {
  std::string name;
  if (auto error = read_text(member, name)) return error;
  const auto action = parse_moderation_action(name);
  if (!action) return wrong(member.key, "must be kick, ban, unban, mute or unmute");
  out = *action;
  return std::nullopt;
}

std::optional<Error> read_content_text(const JsonMember& member, LogLine& out) {
  if (auto error = read_text(member, out.content_text)) return error;
  if (!is_json(out.content_text)) return wrong(member.key, "must hold JSON");
  out.record.content = out.content_text;
  return std::nullopt;
}

std::optional<Error> read_record_member(const JsonMember& member, LogLine& out) {
  Record& record = out.record;
  if (member.key == "type") return read_type(member, record.kind);
  if (member.key == "seq") return read_number(member, record.seq);
  if (member.key == "ts") return read_number(member, record.ts);
  if (member.key == "target") return read_number(member, record.target);
  if (member.key == "until") return read_number(member, record.until);
  if (member.key == "action") return read_action(member, record.action);
  if (member.key == "conn") return read_text(member, out.conn);
  if (member.key == "id") return read_text(member, out.id);
  if (member.key == "by") return read_text(member, out.by);
  if (member.key == "reason") return read_text(member, out.reason);
  if (member.key == "user") return read_text(member, out.user);
  if (member.key == "content") record.content = member.value;
  if (member.key == "content_text") return read_content_text(member, out);
  if (member.key == "deleted") record.deleted = member.kind == JsonKind::kTrue;
  return std::nullopt;
}

// Of a moderation, "user" is the subject and "by" who acted; of a deletion, "by" is who acted.
void point_to_strings(LogLine& line) {
  Record& record = line.record;
  record.conn = line.conn;
  record.id = line.id;
  record.reason = line.reason;
  record.user = record.kind == RecordKind::kMessage ? line.user : line.by;
  if (record.kind == RecordKind::kModeration) {
    line.subject = line.user;
    record.subject = line.subject;
  }
  if (record.deleted) record.by = line.by;
}

}  // namespace

void append_log_header(std::string& out, const LogHeader& header) {
  const size_t start = out.size();
  JsonObjectWriter object(out);
  object.string("type", "log");
  object.integer("v", 1);
  object.string("room", header.room);
  object.string("epoch", header.epoch);
  object.integer("first", header.first);
  object.integer("last", header.last);
  object.integer("confirmed", header.confirmed);
  object.string("kind", header.kind);
  object.key("snapshot");
  {
    JsonObjectWriter snapshot(out);
    snapshot.integer("through", header.snapshot_through);
    snapshot.string("state", hex_encode(header.snapshot));
    snapshot.close();
  }
  object.string("state", header.state_digest);
  object.close();
  end_line(out, start);
}

void append_log_line(std::string& out, const Record& record) {
  const size_t start = out.size();
  append_log_json(out, record);
  end_line(out, start);
}

void append_log_end(std::string& out, uint64_t records) {
  const size_t start = out.size();
  JsonObjectWriter object(out);
  object.string("type", "end");
  object.integer("records", records);
  object.close();
  end_line(out, start);
}

Result<LogHeader> parse_log_header(std::string_view line) {
  LogHeader header;
  std::string type;
  uint64_t version = 0;
  auto error = read_object(line, [&](const JsonMember& member) -> std::optional<Error> {
    if (member.key == "type") return read_text(member, type);
    if (member.key == "v") return read_number(member, version);
    if (member.key == "room") return read_text(member, header.room);
    if (member.key == "epoch") return read_text(member, header.epoch);
    if (member.key == "first") return read_number(member, header.first);
    if (member.key == "last") return read_number(member, header.last);
    if (member.key == "confirmed") return read_number(member, header.confirmed);
    if (member.key == "kind") return read_text(member, header.kind);
    if (member.key == "state") return read_text(member, header.state_digest);
    if (member.key == "snapshot") return read_snapshot(member.value, header);
    return std::nullopt;
  });
  if (error) return *error;
  if (type != "log" || version != 1) return Error{"not the header of a room's log, version 1"};
  if (header.epoch.empty()) return wrong("epoch", "is missing");
  if (header.first == 0 || header.first > header.last + 1) {
    return wrong("first", "must be at least 1 and at most one more than \"last\"");
  }
  if (auto changed = check_sum(line)) return *changed;
  return header;
}

std::optional<Result<uint64_t>> parse_log_end(std::string_view line) {
  constexpr std::string_view kOpening = "{\"type\":\"end\"";
  if (line.substr(0, kOpening.size()) != kOpening) return std::nullopt;
  std::optional<uint64_t> records;
  auto error = read_object(line, [&](const JsonMember& member) -> std::optional<Error> {
    if (member.key != "records") return std::nullopt;
    return read_number(member, records.emplace());
  });
  if (error) return *error;
  if (!records) return wrong("records", "is missing");
  if (auto changed = check_sum(line)) return *changed;
  return *records;
}

std::optional<Error> parse_log_line(std::string_view line, LogLine& out) {
  out.record = {};
  for (std::string* text : {&out.user, &out.conn, &out.id, &out.by, &out.subject, &out.reason}) {
    text->clear();
  }
  auto error = read_object(
      line, [&out](const JsonMember& member) { return read_record_member(member, out); });
  if (error) return error;
  if (out.record.seq == 0) return wrong("seq", "is missing");
  const Record& record = out.record;
  if (record.kind == RecordKind::kMessage && record.content.empty() != record.deleted) {
    return Error{"a message has either \"content\" or \"deleted\""};
  }
  if (auto changed = check_sum(line)) return changed;
  point_to_strings(out);
  return std::nullopt;
}

}  // namespace edgeroom
