#include "rooms/record.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/json_writer.h"

namespace edgeroom {

namespace {

constexpr uint8_t kHasId = 1;

}  // namespace

void encode_record(ByteWriter& out, const Record& record, uint64_t segment_ts) {
  CHECK(record.ts >= segment_ts);
  out.u8(static_cast<uint8_t>(record.kind));
  out.varint(record.ts - segment_ts);
  out.sized(record.user);
  out.u8(record.id.empty() ? 0 : kHasId);
  if (!record.id.empty()) out.sized(record.id);
  out.sized(record.conn);
  out.sized(record.content);
}

size_t encoded_bytes_max(const Record& record) {
  constexpr size_t kVarintBytesMax = 10;
  constexpr size_t kFixedBytes = 2;  // kind and flags
  constexpr size_t kVarints = 5;     // ts_delta and the four sizes
  return kFixedBytes + kVarints * kVarintBytesMax + record.user.size() + record.id.size() +
         record.conn.size() + record.content.size();
}

bool decode_record(ByteReader& in, uint64_t seq, uint64_t segment_ts, Record& record) {
  record = {};
  if (in.u8() != static_cast<uint8_t>(RecordKind::kMessage)) return false;
  record.seq = seq;
  record.ts = segment_ts + in.varint();
  record.user = in.sized();
  const uint8_t flags = in.u8();
  if ((flags & kHasId) != 0) record.id = in.sized();
  record.conn = in.sized();
  record.content = in.sized();
  return in.ok();
}

void append_client_json(std::string& out, const Record& record) {
  JsonObjectWriter object(out);
  object.string("type", "new_message");
  object.integer("seq", record.seq);
  object.string("user", record.user);
  object.integer("ts", record.ts);
  object.raw("content", record.content);
  if (!record.id.empty()) object.string("id", record.id);
  object.close();
}

void append_history_json(std::string& out, const Record& record) {
  JsonObjectWriter object(out);
  object.integer("seq", record.seq);
  object.integer("ts", record.ts);
  object.string("user", record.user);
  if (!record.id.empty()) object.string("id", record.id);
  object.raw("content", record.content);
  object.close();
}

void append_central_json(std::string& out, const Record& record) {
  JsonObjectWriter object(out);
  object.integer("seq", record.seq);
  object.string("type", "message");
  object.integer("ts", record.ts);
  object.string("user", record.user);
  if (!record.id.empty()) object.string("id", record.id);
  object.raw("content", record.content);
  object.close();
}

}  // namespace edgeroom
