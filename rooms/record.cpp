#include "rooms/record.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/json_writer.h"

namespace edgeroom {

namespace {

constexpr uint8_t kHasId = 1;
constexpr uint8_t kIsDeleted = 2;

bool decode_message(ByteReader& in, Record& record) {
  const uint8_t flags = in.u8();
  if (flags > kIsDeleted) return false;
  record.deleted = flags == kIsDeleted;
  if (record.deleted) {
    record.by = in.sized();
    return in.ok();
  }
  if (flags == kHasId) record.id = in.sized();
  record.conn = in.sized();
  record.content = in.sized();
  return in.ok();
}

void append_message_members(JsonObjectWriter& object, const Record& record) {
  if (record.deleted) {
    object.boolean("deleted", true);
    return;
  }
  if (!record.id.empty()) object.string("id", record.id);
  object.raw("content", record.content);
}

}  // namespace

void encode_record(ByteWriter& out, const Record& record, uint64_t segment_ts) {
  CHECK(record.ts >= segment_ts);
  out.u8(static_cast<uint8_t>(record.kind));
  out.varint(record.ts - segment_ts);
  out.sized(record.user);
  if (record.kind == RecordKind::kDeletion) {
    out.varint(record.target);
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

size_t encoded_bytes_max(const Record& record) {
  constexpr size_t kVarintBytesMax = 10;
  constexpr size_t kFixedBytes = 2;  // kind and flags
  constexpr size_t kVarints = 6;     // ts_delta, the four sizes, target
  return kFixedBytes + kVarints * kVarintBytesMax + record.user.size() + record.id.size() +
         record.conn.size() + record.content.size() + record.by.size();
}

bool decode_record(ByteReader& in, uint64_t seq, uint64_t segment_ts, Record& record) {
  record = {};
  record.kind = static_cast<RecordKind>(in.u8());
  record.seq = seq;
  record.ts = segment_ts + in.varint();
  record.user = in.sized();
  switch (record.kind) {
    case RecordKind::kMessage: return decode_message(in, record);
    case RecordKind::kDeletion: record.target = in.varint(); return in.ok();
  }
  return false;
}

void append_client_json(std::string& out, const Record& record) {
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
  JsonObjectWriter object(out);
  object.integer("seq", record.seq);
  if (record.kind == RecordKind::kDeletion) {
    object.string("type", "delete");
    object.integer("ts", record.ts);
    object.integer("target", record.target);
    object.string("by", record.user);
    object.close();
    return;
  }
  object.string("type", "message");
  object.integer("ts", record.ts);
  object.string("user", record.user);
  append_message_members(object, record);
  object.close();
}

}  // namespace edgeroom
