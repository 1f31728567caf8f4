#include "rooms/record.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "base/check.h"
#include "base/json_writer.h"
#include "base/plain_run.h"

namespace edgeroom {

namespace {

constexpr uint8_t kHasId = 1;
constexpr uint8_t kIsDeleted = 2;
constexpr uint8_t kIsDeletedByUser = 3;

struct ActionName {
  std::string_view name;
  ModerationAction action;
};

constexpr std::array<ActionName, 5> kActionNames = {{
    {"kick", ModerationAction::kKick},
    {"ban", ModerationAction::kBan},
    {"unban", ModerationAction::kUnban},
    {"mute", ModerationAction::kMute},
    {"unmute", ModerationAction::kUnmute},
}};

// The parts of a record but for its content are short, and many: they are put together here, and
// appended at once.
class ShortText {
 public:
  static constexpr size_t kBytes = 1024;

  // The caller sees to it that all fits.
  void put(std::string_view text) {
    std::copy(text.begin(), text.end(), bytes_.data() + size_);
    size_ += text.size();
  }
  void byte(uint8_t value) { bytes_[size_++] = static_cast<char>(value); }
  void decimal(uint64_t value) {
    char* const begin = bytes_.data() + size_;
    size_ += static_cast<size_t>(std::to_chars(begin, begin + kDigitsMax, value).ptr - begin);
  }
  void varint(uint64_t value) { size_ += write_varint(bytes_.data() + size_, value); }
  void sized(std::string_view text) {
    varint(text.size());
    put(text);
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  static constexpr size_t kDigitsMax = 20;

  std::array<char, kBytes> bytes_;
  size_t size_ = 0;
};

// Whether all but the content fits, with what is put around it: names and ids of 64 characters do.
bool is_short(const Record& record) {
  constexpr size_t kAroundBytesMax = 128;
  return record.user.size() + record.id.size() + record.conn.size() + kAroundBytesMax <=
         ShortText::kBytes;
}

bool is_clean(std::string_view text) { return unescaped_run(text) == text.size(); }

// What nearly all records are: a message whose text needs no escapes. For these, the two writers
// below make at once what their callers make member by member for others.
bool is_plain(const Record& record) {
  return record.kind == RecordKind::kMessage && !record.deleted && is_short(record) &&
         is_clean(record.user) && is_clean(record.id);
}

void append_plain_message(std::string& out, const Record& record) {
  ShortText head;
  head.put(R"({"type":"new_message","seq":)");
  head.decimal(record.seq);
  head.put(R"(,"user":")");
  head.put(record.user);
  head.put(R"(","ts":)");
  head.decimal(record.ts);
  head.put(R"(,"content":)");
  out.append(head.view());
  out.append(record.content);
  ShortText tail;
  if (!record.id.empty()) {
    tail.put(R"(,"id":")");
    tail.put(record.id);
    tail.byte('"');
  }
  tail.byte('}');
  out.append(tail.view());
}

void append_plain_central_message(std::string& out, const Record& record) {
  ShortText head;
  head.put(R"({"seq":)");
  head.decimal(record.seq);
  head.put(R"(,"type":"message","ts":)");
  head.decimal(record.ts);
  head.put(R"(,"user":")");
  head.put(record.user);
  if (!record.id.empty()) {
    head.put(R"(","id":")");
    head.put(record.id);
  }
  head.put(R"(","content":)");
  out.append(head.view());
  out.append(record.content);
  out.push_back('}');
}

void encode_plain_message(ByteWriter& out, const Record& record, uint64_t segment_ts) {
  ShortText head;
  head.byte(static_cast<uint8_t>(RecordKind::kMessage));
  head.varint(record.ts - segment_ts);
  head.sized(record.user);
  head.byte(record.id.empty() ? 0 : kHasId);
  if (!record.id.empty()) head.sized(record.id);
  head.sized(record.conn);
  head.varint(record.content.size());
  out.raw(head.view());
  out.raw(record.content);
}

void encode_message(ByteWriter& out, const Record& record) {
  if (record.deleted && record.by == record.user) {
    out.u8(kIsDeletedByUser);
    return;
  }
  if (record.deleted) {
    out.u8(kIsDeleted);
    out.sized(record.by);
    return;
  }
  out.u8(record.id.empty() ? 0 : kHasId);
  if (!record.id.empty()) out.sized(record.id);
  out.sized(record.conn);
  out.sized(record.content);
}

bool decode_message(ByteReader& in, Record& record) {
  const uint8_t flags = in.u8();
  if (flags > kIsDeletedByUser) return false;
  record.deleted = flags >= kIsDeleted;
  if (record.deleted) {
    record.by = flags == kIsDeletedByUser ? record.user : in.sized();
    return in.ok();
  }
  if (flags == kHasId) record.id = in.sized();
  record.conn = in.sized();
  record.content = in.sized();
  return in.ok();
}

bool decode_moderation(ByteReader& in, Record& record) {
  record.conn = in.sized();
  record.action = static_cast<ModerationAction>(in.u8());
  record.subject = in.sized();
  record.until = in.varint();
  record.reason = in.sized();
  return in.ok() && !moderation_action_name(record.action).empty();
}

void append_moderation_members(JsonObjectWriter& object, const Record& record) {
  object.string("action", moderation_action_name(record.action));
  object.string("user", record.subject);
  object.string("by", record.user);
  if (record.until > 0) object.integer("until", record.until);
  if (!record.reason.empty()) object.string("reason", record.reason);
}

void append_message_members(JsonObjectWriter& object, const Record& record, bool as_line = false) {
  if (record.deleted) {
    object.boolean("deleted", true);
    return;
  }
  if (!record.id.empty()) object.string("id", record.id);
  // Inside a JSON string there is no line break, so it can only be white space.
  if (as_line && record.content.find_first_of("\r\n") != std::string_view::npos) {
    object.string("content_text", record.content);
  } else {
    object.raw("content", record.content);
  }
}

void append_forwarded_members(JsonObjectWriter& object, const Record& record,
                              bool as_line = false) {
  object.integer("seq", record.seq);
  switch (record.kind) {
    case RecordKind::kMessage:
      object.string("type", "message");
      object.integer("ts", record.ts);
      object.string("user", record.user);
      append_message_members(object, record, as_line);
      return;
    case RecordKind::kDeletion:
      object.string("type", "delete");
      object.integer("ts", record.ts);
      object.integer("target", record.target);
      object.string("by", record.user);
      return;
    case RecordKind::kModeration:
      object.string("type", "moderation");
      object.integer("ts", record.ts);
      append_moderation_members(object, record);
      return;
  }
}

}  // namespace

std::string_view moderation_action_name(ModerationAction action) {
  for (const ActionName& known : kActionNames) {
    if (known.action == action) return known.name;
  }
  return {};
}

std::optional<ModerationAction> parse_moderation_action(std::string_view name) {
  for (const ActionName& known : kActionNames) {
    if (known.name == name) return known.action;
  }
  return std::nullopt;
}

void encode_record(ByteWriter& out, const Record& record, uint64_t segment_ts) {
  CHECK(record.ts >= segment_ts);
  if (record.kind == RecordKind::kMessage && !record.deleted && is_short(record)) {
    encode_plain_message(out, record, segment_ts);
    return;
  }
  out.u8(static_cast<uint8_t>(record.kind));
  out.varint(record.ts - segment_ts);
  out.sized(record.user);
  switch (record.kind) {
    case RecordKind::kMessage: encode_message(out, record); return;
    case RecordKind::kDeletion:
      out.sized(record.conn);
      out.varint(record.target);
      return;
    case RecordKind::kModeration:
      out.sized(record.conn);
      out.u8(static_cast<uint8_t>(record.action));
      out.sized(record.subject);
      out.varint(record.until);
      out.sized(record.reason);
      return;
  }
}

size_t encoded_bytes_max(const Record& record) {
  constexpr size_t kFixedBytes = 2;  // kind, and flags or action
  constexpr size_t kVarints = 8;     // ts_delta, target, until and at most five sizes
  return kFixedBytes + kVarints * kVarintBytesMax + record.user.size() + record.id.size() +
         record.conn.size() + record.content.size() + record.by.size() + record.subject.size() +
         record.reason.size();
}

bool decode_record(ByteReader& in, uint64_t seq, uint64_t segment_ts, Record& record) {
  record = {};
  record.kind = static_cast<RecordKind>(in.u8());
  record.seq = seq;
  record.ts = segment_ts + in.varint();
  record.user = in.sized();
  switch (record.kind) {
    case RecordKind::kMessage: return decode_message(in, record);
    case RecordKind::kDeletion:
      record.conn = in.sized();
      record.target = in.varint();
      return in.ok();
    case RecordKind::kModeration: return decode_moderation(in, record);
  }
  return false;
}

void append_client_json(std::string& out, const Record& record) {
  if (is_plain(record)) {
    append_plain_message(out, record);
    return;
  }
  JsonObjectWriter object(out);
  if (record.kind == RecordKind::kDeletion) {
    object.string("type", "message_deleted");
    object.integer("seq", record.seq);
    object.integer("target", record.target);
    object.string("by", record.user);
    object.integer("ts", record.ts);
    object.close();
    return;
  }
  if (record.kind == RecordKind::kModeration) {
    object.string("type", "moderation");
    object.integer("seq", record.seq);
    append_moderation_members(object, record);
    object.integer("ts", record.ts);
    object.close();
    return;
  }
  object.string("type", "new_message");
  object.integer("seq", record.seq);
  object.string("user", record.user);
  object.integer("ts", record.ts);
  if (record.deleted) {
    object.boolean("deleted", true);
  } else {
    object.raw("content", record.content);
    if (!record.id.empty()) object.string("id", record.id);
  }
  object.close();
}

void append_history_json(std::string& out, const Record& record) {
  CHECK(record.kind == RecordKind::kMessage);
  JsonObjectWriter object(out);
  object.integer("seq", record.seq);
  object.integer("ts", record.ts);
  object.string("user", record.user);
  append_message_members(object, record);
  if (record.deleted) object.string("by", record.by);
  object.close();
}

void append_central_json(std::string& out, const Record& record) {
  if (is_plain(record)) {
    append_plain_central_message(out, record);
    return;
  }
  JsonObjectWriter object(out);
  append_forwarded_members(object, record);
  object.close();
}

void append_log_json(std::string& out, const Record& record) {
  JsonObjectWriter object(out);
  append_forwarded_members(object, record, true);
  if (record.deleted) object.string("by", record.by);
  if (!record.conn.empty()) object.string("conn", record.conn);
  object.close();
}

}  // namespace edgeroom
