// Moderation: kick, ban and mute, by a moderator's frame or over HTTP. Each is a record of the log.

#include <string>
#include <utility>

#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kCloseSentAway = 4003;

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusBadRequest = 400;
constexpr uint32_t kStatusUnavailable = 503;

constexpr uint64_t kMsPerSecond = 1000;

}  // namespace

void Room::moderate_by_frame(uint32_t handle, const Connection& connection,
                             const ClientFrame& frame, EffectList& effects) {
  std::optional<FrameError> refusal;
  if (!connection.is_moderator()) {
    refusal = FrameError{ErrorCode::kForbidden, "only a moderator may do this"};
  } else {
    refusal = moderation_refusal(frame.action);
  }
  if (refusal) {
    send_error(handle, frame, *refusal, 0, effects);
    return;
  }
  // The connection may be among those that are sent away.
  const std::string by = connection.user;
  const std::string conn = connection.id;
  moderate(frame, by, conn, effects);
}

void Room::moderate_request(uint32_t request, std::string_view by, std::string_view body,
                            EffectList& effects) {
  ClientFrame ask;
  if (const auto error = parse_moderation(body, ask)) {
    const std::string not_json = error->code == ErrorCode::kBadJson ? "the body is not JSON: " : "";
    refuse(request, kStatusBadRequest, "Bad Request", not_json + error->detail, effects);
    return;
  }
  if (const auto refusal = moderation_refusal(ask.action)) {
    refuse(request, kStatusUnavailable, "Service Unavailable", refusal->detail, effects);
    return;
  }
  if (!log_.exists()) log_.create(now_ms_, random_, effects);
  moderate(ask, by, {}, effects);
  std::string answer;
  JsonObjectWriter object(answer);
  object.string("epoch", log_.epoch());
  object.integer("seq", log_.flushed_seq());
  object.close();
  effects.respond(request, kStatusOk, answer);
}

std::optional<FrameError> Room::moderation_refusal(ModerationAction action) const {
  // What adds nothing to the list is how it becomes shorter, too.
  const bool adds = action == ModerationAction::kBan || action == ModerationAction::kMute;
  if (adds && state_.moderation().full(now_ms_)) {
    return FrameError{ErrorCode::kForbidden,
                      "as many users as the room can remember are banned or muted (" +
                          std::to_string(kModerationBytesMax) + " bytes of names)"};
  }
  return outbox_refusal(kModeratorRecordsMax);
}

void Room::moderate(const ClientFrame& ask, std::string_view by, std::string_view conn,
                    EffectList& effects) {
  Record record;
  record.kind = RecordKind::kModeration;
  record.user = by;
  record.conn = conn;
  record.action = ask.action;
  record.subject = ask.user;
  record.reason = ask.reason;
  // From the record's own ts on: what has ended before that is forgotten with the next one.
  if (ask.for_s) record.until = log_.next_ts(now_ms_) + *ask.for_s * kMsPerSecond;
  append_record(record, now_ms_);
  // Those who are sent away hear why before they are, and nobody hears before it is stored.
  flush(effects);
  if (ask.action == ModerationAction::kKick) close_user(ask.user, "kicked", effects);
  if (ask.action == ModerationAction::kBan) close_user(ask.user, "banned", effects);
}

void Room::close_user(std::string_view user, std::string_view reason, EffectList& effects) {
  std::vector<uint32_t> handles;
  for (const auto& [handle, connection] : connections_.all()) {
    if (connection.user == user) handles.push_back(handle);
  }
  for (const uint32_t handle : handles) close(handle, kCloseSentAway, reason, effects);
}

}  // namespace edgeroom
