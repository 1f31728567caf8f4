// Connections of the room: joining, leaving, being sent away.

#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "base/problem.h"
#include "rooms/epoch.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr unsigned kConnectionIdCharacters = 10;  // 50 random bits
constexpr unsigned kAnonymousNameCharacters = 6;

constexpr uint32_t kStatusForbidden = 403;
constexpr uint32_t kStatusUnavailable = 503;

// RFC 6455, section 7.4.1, and its registry: the service restarts.
constexpr uint32_t kCloseRestart = 1012;

}  // namespace

std::optional<RoomStatus> Room::connect(const Event& event, EffectList& effects) {
  const auto operation = parse_operation(event.payload);
  if (!operation || operation->kind != OperationKind::kConnect) return RoomStatus::kBadPayload;
  if (state_.moderation().banned_until(operation->user, now_ms_) > 0) {
    effects.respond(
        event.target, kStatusForbidden,
        problem_json(kStatusForbidden, "Forbidden", "This user is banned from the room."));
    return std::nullopt;
  }
  if (connections_.size() >= settings_.connections_max) {
    effects.respond(event.target, kStatusUnavailable,
                    problem_json(kStatusUnavailable, "Room full",
                                 "The room holds " + std::to_string(settings_.connections_max) +
                                     " connections, the most it may (ROOM_CONNECTIONS_MAX)."));
    return std::nullopt;
  }
  if (!log_.exists()) log_.create(now_ms_, random_, effects);
  flush_if_full(effects);
  Connection connection(settings_.message_rate, settings_.message_burst);
  connection.id = make_token(kConnectionIdCharacters, random_);
  connection.user = operation->user.empty()
                        ? "anon-" + make_token(kAnonymousNameCharacters, random_)
                        : operation->user;
  connection.is_moderator = operation->is_moderator;
  std::string attachment;
  encode_attachment(attachment, connection);
  effects.accept(event.target, attachment);
  const Connection& added = connections_.add(event.target, std::move(connection));
  welcome(event.target, added, *operation, effects);
  Reply reply;
  state_.behaviour().on_join({added.user, added.id, added.is_moderator}, now_ms_, reply);
  say(reply, event.target, {}, effects);
  presence_changed("join", added, effects);
  if (recoverable(*operation)) read_recovery(event.target, *operation->after, effects);
  return std::nullopt;
}

bool Room::recoverable(const Operation& operation) const {
  if (!operation.after || operation.epoch != log_.epoch()) return false;
  const uint64_t after = *operation.after;
  if (after > log_.flushed_seq() || after + 1 < log_.oldest_held_seq()) return false;
  uint64_t bytes = 0;
  const auto& entries = log_.segments().entries();
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (entry->last_seq() <= after) break;
    bytes += entry->data_size;
    if (bytes > kRecoveryBytesMax) return false;
  }
  return true;
}

void Room::welcome(uint32_t handle, const Connection& connection, const Operation& operation,
                   EffectList& effects) {
  std::string frame = "[";
  JsonObjectWriter object(frame);
  object.string("type", "welcome");
  object.integer("v", 1);
  object.string("room", log_.room());
  object.string("conn", connection.id);
  object.string("user", connection.user);
  if (connection.is_moderator) object.string("role", "moderator");
  object.string("epoch", log_.epoch());
  object.integer("seq", log_.flushed_seq());
  object.integer("confirmed", forwarder_.confirmed());
  object.boolean("recovered", recoverable(operation));
  object.integer("count", connections_.size());
  object.integer("users", connections_.users());
  object.key("limits");
  {
    JsonObjectWriter limits(frame);
    limits.integer("message_bytes", settings_.message_bytes_max);
    limits.integer("frame_bytes", kInboundFrameBytesMax);
    limits.integer("messages_per_s", static_cast<uint64_t>(settings_.message_rate));
    limits.integer("message_burst", static_cast<uint64_t>(settings_.message_burst));
    limits.integer("history", settings_.history_size);
    limits.close();
  }
  object.key("dead");
  frame.push_back('[');
  bool first = true;
  for (const DeadLetter& letter : forwarder_.dead()) {
    if (letter.seq < log_.oldest_held_seq()) continue;
    if (!first) frame.push_back(',');
    first = false;
    append_json_integer(frame, letter.seq);
  }
  frame.push_back(']');
  object.close();
  frame.push_back(']');
  effects.send(handle, frame);
}

void Room::presence_changed(std::string_view type, const Connection& connection,
                            EffectList& effects) {
  room_count_dirty_ = true;
  const bool small = connections_.size() <= settings_.presence_max;
  if (small) {
    JsonObjectWriter object(pending_.begin_object());
    object.string("type", type);
    object.string("user", connection.user);
    object.string("conn", connection.id);
    object.close();
    pending_.end_object();
  }
  if (small || now_ms_ - room_count_sent_ms_ >= kRoomCountIntervalMs) want_flush(effects);
}

void Room::closed(uint32_t handle, EffectList& effects) {
  const auto found = connections_.all().find(handle);
  if (found == connections_.all().end()) return;  // the room itself has closed it
  const Connection gone = found->second;
  connections_.remove(handle);
  presence_changed("leave", gone, effects);
}

void Room::close(uint32_t handle, uint32_t code, std::string_view reason, EffectList& effects) {
  effects.close(handle, code, reason);
  closed(handle, effects);
}

// Everybody is asked to come back over a new connection; whoever has not gone by himself is closed
// after kDrainMs.
void Room::drain(EffectList& effects) {
  std::string frame = "[";
  JsonObjectWriter object(frame);
  object.string("type", "reconnect");
  object.integer("after_ms", static_cast<uint64_t>(kDrainMs));
  object.close();
  frame.push_back(']');
  for (const auto& [handle, unused] : connections_.all()) {
    Connection* connection = connections_.find(handle);
    if (connection->drained_at_ms > 0) continue;
    connection->drained_at_ms = now_ms_ + kDrainMs;
    effects.send(handle, frame);
  }
  if (connections_.size() > 0 && drain_at_ms_ == 0) drain_at_ms_ = now_ms_ + kDrainMs;
}

void Room::close_drained(EffectList& effects) {
  if (drain_at_ms_ == 0 || now_ms_ < drain_at_ms_) return;
  drain_at_ms_ = 0;
  std::vector<uint32_t> handles;
  for (const auto& [handle, connection] : connections_.all()) {
    const double at_ms = connection.drained_at_ms;
    if (at_ms == 0) continue;
    if (at_ms <= now_ms_) {
      handles.push_back(handle);
    } else if (drain_at_ms_ == 0 || at_ms < drain_at_ms_) {
      drain_at_ms_ = at_ms;  // asked by a later drain
    }
  }
  for (const uint32_t handle : handles) close(handle, kCloseRestart, "drained", effects);
}

}  // namespace edgeroom
