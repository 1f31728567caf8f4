#include "rooms/log_text.h"

#include <initializer_list>
#include <set>
#include <utility>

#include "base/hex.h"
#include "base/json_array.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "base/siphash.h"
#include "rooms/limits.h"

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

using Names = std::initializer_list<std::string_view>;
using Seen = std::set<std::string, std::less<>>;

Error wrong(std::string_view key, std::string_view what) {
  return Error{"\"" + std::string(key) + "\" " + std::string(what)};
}

std::optional<Error> missing(const Seen& seen, Names names) {
  for (const std::string_view name : names) {
    if (seen.count(name) == 0) return wrong(name, "is missing");
  }
  return std::nullopt;
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

// Gives each member of the object to `read`, and returns the first error. In it and in `seen`
// members are called by `prefix` and their name.
template <typename Read>
std::optional<Error> read_object(std::string_view json, std::string_view prefix, Seen& seen,
                                 Read read) {
  JsonObjectReader reader(json);
  JsonMember member;
  while (reader.next(member)) {
    const auto [name, is_new] = seen.emplace(std::string(prefix).append(member.key));
    if (!is_new) return wrong(*name, "is given twice");
    member.key = *name;
    if (auto error = read(member)) return error;
  }
  if (reader.wrong_root()) return Error{"not a JSON object"};
  if (const auto fault = reader.fault()) {
    return Error{"not JSON: " + std::string(fault->what) + " at byte " +
                 std::to_string(fault->offset)};
  }
  return std::nullopt;
}

std::optional<Error> read_snapshot(const JsonMember& snapshot, LogHeader& out) {
  if (snapshot.kind != JsonKind::kObject) return wrong(snapshot.key, "must be an object");
  Seen seen;
  std::string hex;
  auto error = read_object(snapshot.value, "snapshot.", seen,
                           [&](const JsonMember& member) -> std::optional<Error> {
                             if (member.key == "snapshot.through") {
                               return read_number(member, out.snapshot_through);
                             }
                             if (member.key == "snapshot.state") return read_text(member, hex);
                             return std::nullopt;
                           });
  if (!error) error = missing(seen, {"snapshot.through", "snapshot.state"});
  if (error) return error;
  auto bytes = hex_decode(hex);
  if (!bytes) return wrong("snapshot.state", "must be pairs of hexadecimal digits, 0-9 a-f");
  out.snapshot = std::move(*bytes);
  return std::nullopt;
}

// An array of whole numbers, each larger than the one before.
std::optional<Error> read_skipped(const JsonMember& member, std::vector<uint64_t>& out) {
  Error error = wrong(member.key, "must be at most " + std::to_string(kSkippedRecordsMax) +
                                      " ascending seqs of records after the snapshot");
  const auto elements = json_elements(member.value);
  if (!elements || elements->size() > kSkippedRecordsMax) return error;
  for (const JsonMember& element : *elements) {
    const auto seq = json_integer(element.value);
    if (!seq || *seq <= (out.empty() ? 0 : out.back())) return error;
    out.push_back(*seq);
  }
  return std::nullopt;
}

std::optional<Error> check_header(const LogHeader& header) {
  if (header.room.empty()) return wrong("room", "must not be empty");
  if (header.epoch.empty()) return wrong("epoch", "must not be empty");
  if (header.first == 0 || header.first > header.last + 1) {
    return wrong("first", "must be at least 1 and at most one more than \"last\"");
  }
  if (header.snapshot_through > header.last) {
    return wrong("snapshot.through", "must be at most \"last\"");
  }
  if (header.snapshot_through > 0 && header.snapshot.empty()) {
    return wrong("snapshot.state", "must not be empty when \"snapshot.through\" is not 0");
  }
  if (!header.skipped.empty() &&
      (header.skipped.front() <= header.snapshot_through || header.skipped.back() > header.last)) {
    return wrong("skipped", "must hold seqs after \"snapshot.through\" and up to \"last\"");
  }
  return std::nullopt;
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

std::optional<Error> read_deleted(const JsonMember& member, bool& out) {
  out = member.kind == JsonKind::kTrue;
  if (out || member.kind == JsonKind::kFalse) return std::nullopt;
  return wrong(member.key, "must be true or false");
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
  if (member.key == "deleted") return read_deleted(member, record.deleted);
  if (member.key == "content_text") return read_content_text(member, out);
  if (member.key == "conn") return read_text(member, out.conn);
  if (member.key == "id") return read_text(member, out.id);
  if (member.key == "by") return read_text(member, out.by);
  if (member.key == "reason") return read_text(member, out.reason);
  if (member.key == "user") return read_text(member, out.user);
  if (member.key == "content") record.content = member.value;
  return std::nullopt;
}

std::optional<Error> check_record(const Record& record, const Seen& seen) {
  if (auto error = missing(seen, {"type", "seq", "ts"})) return error;
  if (record.seq == 0) return wrong("seq", "must be at least 1");
  switch (record.kind) {
    case RecordKind::kMessage:
      if (seen.count("content") + seen.count("content_text") == 2) {
        return Error{"a message has either \"content\" or \"content_text\""};
      }
      if (record.content.empty() != record.deleted) {
        return Error{"a message has either \"content\" or \"deleted\""};
      }
      return record.deleted ? missing(seen, {"user", "by"}) : missing(seen, {"user"});
    case RecordKind::kDeletion: return missing(seen, {"target", "by"});
    case RecordKind::kModeration: return missing(seen, {"action", "user", "by"});
  }
  return std::nullopt;
}

// Of what the line has, what a record of its kind has. Of a moderation, "user" is the subject and
// "by" who acted; of a deletion, "by" is who acted.
Record record_of(const LogLine& line) {
  Record record;
  record.kind = line.record.kind;
  record.seq = line.record.seq;
  record.ts = line.record.ts;
  switch (record.kind) {
    case RecordKind::kMessage:
      record.user = line.user;
      record.deleted = line.record.deleted;
      if (record.deleted) {
        record.by = line.by;
        return record;
      }
      record.id = line.id;
      record.content = line.record.content;
      break;
    case RecordKind::kDeletion:
      record.user = line.by;
      record.target = line.record.target;
      break;
    case RecordKind::kModeration:
      record.user = line.by;
      record.action = line.record.action;
      record.subject = line.user;
      record.until = line.record.until;
      record.reason = line.reason;
      break;
  }
  record.conn = line.conn;
  return record;
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
  if (!header.skipped.empty()) {
    object.key("skipped");
    for (size_t i = 0; i < header.skipped.size(); i++) {
      out.push_back(i == 0 ? '[' : ',');
      append_json_integer(out, header.skipped[i]);
    }
    out.push_back(']');
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
  Seen seen;
  auto error = read_object(line, "", seen, [&](const JsonMember& member) -> std::optional<Error> {
    if (member.key == "type") return read_text(member, type);
    if (member.key == "v") return read_number(member, version);
    if (member.key == "room") return read_text(member, header.room);
    if (member.key == "epoch") return read_text(member, header.epoch);
    if (member.key == "first") return read_number(member, header.first);
    if (member.key == "last") return read_number(member, header.last);
    if (member.key == "confirmed") return read_number(member, header.confirmed);
    if (member.key == "kind") return read_text(member, header.kind);
    if (member.key == "state") return read_text(member, header.state_digest);
    if (member.key == "snapshot") return read_snapshot(member, header);
    if (member.key == "skipped") return read_skipped(member, header.skipped);
    return std::nullopt;
  });
  if (error) return *error;
  if (type != "log" || version != 1) return Error{"not the header of a room's log, version 1"};
  error =
      missing(seen, {"room", "epoch", "first", "last", "confirmed", "kind", "snapshot", "state"});
  if (!error) error = check_header(header);
  if (!error) error = check_sum(line);
  if (error) return *error;
  return header;
}

std::optional<Result<uint64_t>> parse_log_end(std::string_view line) {
  constexpr std::string_view kOpening = "{\"type\":\"end\"";
  if (line.substr(0, kOpening.size()) != kOpening) return std::nullopt;
  Seen seen;
  std::optional<uint64_t> records;
  auto error = read_object(line, "", seen, [&](const JsonMember& member) -> std::optional<Error> {
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
  for (std::string* text :
       {&out.user, &out.conn, &out.id, &out.content_text, &out.by, &out.reason}) {
    text->clear();
  }
  Seen seen;
  auto error = read_object(
      line, "", seen, [&out](const JsonMember& member) { return read_record_member(member, out); });
  if (!error) error = check_record(out.record, seen);
  if (!error) error = check_sum(line);
  if (!error) out.record = record_of(out);
  return error;
}

}  // namespace edgeroom
