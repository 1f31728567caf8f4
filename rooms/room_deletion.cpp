// Deleting a message: its segment is read, written again without the content, and the deletion is
// recorded, all in one commit.

#include <string>
#include <utility>

#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusNotFound = 404;
constexpr uint32_t kStatusUnavailable = 503;

}  // namespace

void Room::read_deletion(DeletionReader reader, EffectList& effects) {
  auto refusal = outbox_refusal(kModeratorRecordsMax);
  if (!refusal && deletions_.size() >= kUnconfirmedDeletionsMax) {
    refusal = FrameError{ErrorCode::kOutboxFull,
                         "the central API has too many deletions to confirm before"};
  }
  if (refusal) {
    refuse_deletion(reader, refusal->code, refusal->detail, effects);
    return;
  }
  // What this turn has so far is stored first: the message may be of it, and the flush to come must
  // hold nothing but the deletion, for the two writes to be one commit.
  if (log_.appended_seq() > log_.flushed_seq()) flush(effects);
  const uint64_t target = reader.target();
  // The room alone holds what the central API has refused.
  const DeadLetter* letter = dead_letters_.find(target);
  if (letter != nullptr && target < log_.oldest_held_seq()) {
    start_load(Load({letter->row()}, std::move(reader)), effects);
    return;
  }
  if (reader.by_moderator && target > 0 && target < log_.oldest_held_seq()) {
    read_central_message(std::move(reader), effects);
    return;
  }
  if (target < log_.oldest_held_seq() || target > log_.flushed_seq()) {
    refuse_deletion(reader, ErrorCode::kNotFound, "the room holds no such message", effects);
    return;
  }
  const SegmentIndex& index = log_.segments();
  start_load(Load({index.entries()[index.find(target)]}, std::move(reader)), effects);
}

// The room has let go of the message: only the central API can say whether there is one.
void Room::read_central_message(DeletionReader reader, EffectList& effects) {
  CentralRead read;
  read.epoch = log_.epoch();
  read.query.after = reader.target() - 1;
  read.query.limit = 1;
  read.asked_ms = now_ms_;
  read.purpose = std::move(reader);
  read_central(std::move(read), effects);
}

void Room::finish(DeletionReader& reader, EffectList& effects) {
  if (!reader.found()) {
    refuse_deletion(reader, ErrorCode::kNotFound,
                    "no message has this seq, or it is deleted already", effects);
    return;
  }
  // Without tokens anybody may take any name: then the author is the connection.
  const bool by_author =
      settings_.needs_token ? reader.author_user() == reader.by() : reader.author() == reader.conn;
  if (!reader.by_moderator && !by_author) {
    refuse_deletion(reader, ErrorCode::kForbidden,
                    settings_.needs_token
                        ? "only a moderator or its author may delete a message"
                        : "only a moderator or the connection that sent it may delete a message",
                    effects);
    return;
  }
  if (dead_letters_.find(reader.target()) != nullptr) {
    dead_letters_.store(reader.target(), reader.letter(), effects);
  }
  if (reader.target() < log_.oldest_held_seq()) {
    append_deletion(reader, effects);
    return;
  }
  const SegmentIndex& index = log_.segments();
  const SegmentEntry before = index.entries()[index.find(reader.target())];
  log_.rewrite(reader.target(), reader.data(), reader.is_message(), forwarder_.confirmed(),
               effects);
  if (before.last_seq() > forwarder_.confirmed()) {
    outbox_bytes_ = outbox_bytes_ - before.data_size + reader.data().size();
  }
  append_deletion(reader, effects);
}

void Room::append_deletion(const DeletionReader& reader, EffectList& effects) {
  Record record;
  record.kind = RecordKind::kDeletion;
  record.user = reader.by();
  record.conn = reader.conn;
  record.target = reader.target();
  append_record(record, now_ms_);
  const uint64_t seq = record.seq;
  flush(effects);
  if (!reader.is_request) return;
  std::string body;
  JsonObjectWriter object(body);
  object.string("epoch", log_.epoch());
  object.integer("seq", seq);
  object.integer("target", reader.target());
  object.close();
  effects.respond(reader.asker, kStatusOk, body);
}

void Room::refuse_deletion(const DeletionReader& reader, ErrorCode code, std::string_view detail,
                           EffectList& effects) {
  if (reader.is_request) {
    const bool is_missing = code == ErrorCode::kNotFound;
    refuse(reader.asker, is_missing ? kStatusNotFound : kStatusUnavailable,
           is_missing ? "Not Found" : "Service Unavailable", detail, effects);
    return;
  }
  if (connections_.find(reader.asker) == nullptr) return;
  ClientFrame frame;
  frame.ref = reader.ref;
  send_error(reader.asker, frame, {code, std::string(detail)}, 0, effects);
}

}  // namespace edgeroom
