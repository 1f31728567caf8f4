// Deleting a message: its segment is read, written again without the content, and the deletion is
// recorded, all in one commit.

#include <string>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusNotFound = 404;
constexpr uint32_t kStatusUnavailable = 503;

}  // namespace

void Room::read_deletion(DeletionReader reader, EffectList& effects) {
  if (auto refusal = outbox_refusal()) {
    refuse_deletion(reader, refusal->code, refusal->detail, effects);
    return;
  }
  // What this turn has so far is stored first: the message may be of it, and the flush to come must
  // hold nothing but the deletion, for the two writes to be one commit.
  if (log_.appended_seq() > log_.flushed_seq()) flush(effects);
  const uint64_t target = reader.target();
  if (target < log_.oldest_held_seq() || target > log_.flushed_seq()) {
    refuse_deletion(reader, ErrorCode::kNotFound, "the room holds no such message", effects);
    return;
  }
  const SegmentIndex& index = log_.segments();
  start_load(Load({index.entries()[index.find(target)]}, std::move(reader)), effects);
}

void Room::finish(DeletionReader& reader, EffectList& effects) {
  if (!reader.found()) {
    refuse_deletion(reader, ErrorCode::kNotFound,
                    "no message has this seq, or it is deleted already", effects);
    return;
  }
  if (reader.is_request) {
    append_deletion(reader, {}, effects);
    std::string body;
    JsonObjectWriter object(body);
    object.string("epoch", log_.epoch());
    object.integer("seq", log_.flushed_seq());
    object.integer("target", reader.target());
    object.close();
    effects.respond(reader.asker, kStatusOk, body);
    return;
  }
  const Connection* connection = connections_.find(reader.asker);
  CHECK(connection != nullptr);
  if (reader.author() != connection->id) {
    refuse_deletion(reader, ErrorCode::kForbidden,
                    "only the connection that sent it may delete a message", effects);
    return;
  }
  append_deletion(reader, connection->id, effects);
}

void Room::append_deletion(const DeletionReader& reader, std::string_view conn,
                           EffectList& effects) {
  const SegmentIndex& index = log_.segments();
  const SegmentEntry before = index.entries()[index.find(reader.target())];
  log_.rewrite(reader.target(), reader.data(), reader.is_message(), forwarder_.confirmed(),
               effects);
  if (before.last_seq() > forwarder_.confirmed()) {
    outbox_bytes_ = outbox_bytes_ - before.data_size + reader.data().size();
  }
  Record record;
  record.kind = RecordKind::kDeletion;
  record.user = reader.by();
  record.conn = conn;
  record.target = reader.target();
  log_.append(record, now_ms_);
  append_client_json(pending_.begin_object(), record);
  pending_.end_object();
  flush(effects);
}

void Room::refuse_deletion(const DeletionReader& reader, ErrorCode code, std::string_view detail,
                           EffectList& effects) {
  if (reader.is_request) {
    const bool full = code == ErrorCode::kOutboxFull;
    refuse(reader.asker, full ? kStatusUnavailable : kStatusNotFound,
           full ? "Outbox full" : "Not Found", detail, effects);
    return;
  }
  ClientFrame frame;
  frame.ref = reader.ref;
  send_error(reader.asker, frame, {code, std::string(detail)}, 0, effects);
}

}  // namespace edgeroom
