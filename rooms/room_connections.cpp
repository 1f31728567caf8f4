// Connections of the room: joining, leaving, being sent away.

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "base/problem.h"
#include "base/token_limits.h"
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

constexpr uint32_t kCloseTokenExpired = 4001;

void append_limit(JsonObjectWriter& object, const FrameLimit& limit) {
  object.integer("messages_per_s", static_cast<uint64_t>(limit.rate));
  object.integer("message_burst", static_cast<uint64_t>(limit.burst));
  if (limit.bytes == 0) return;
  object.integer("bytes_per_s", static_cast<uint64_t>(limit.bytes));
  object.integer("bytes_burst", static_cast<uint64_t>(limit.bytes_burst));
}

}  // namespace

std::optional<RoomStatus> Room::connect(const Event& event, EffectList& effects) {
  const auto operation = parse_operation(event.payload);
  if (!operation || operation->kind != OperationKind::kConnect) return RoomStatus::kBadPayload;
  asked_ = operation->names;
  if (refuse_banned(event.target, operation->user, effects)) return std::nullopt;
  if (connections_.size() >= settings_.connections_max) {
    effects.respond(event.target, kStatusUnavailable,
                    problem_json(kStatusUnavailable, "Room full",
                                 "The room holds " + std::to_string(settings_.connections_max) +
                                     " connections, the most it may (ROOM_CONNECTIONS_MAX)."));
    return std::nullopt;
  }
  if (!log_.exists()) log_.create(now_ms_, random_, effects);
  flush_if_full(effects);
  Connection connection(settings_.connection_limit);
  connection.id = make_token(kConnectionIdCharacters, random_);
  connection.heard_at_bytes = broadcast_bytes_;
  connection.user = operation->user.empty()
                        ? "anon-" + make_token(kAnonymousNameCharacters, random_)
                        : operation->user;
  connection.access = operation->access;
  connection.expires_ms = static_cast<double>(operation->expires.value_or(0));
  std::string attachment;
  encode_attachment(attachment, connection);
  effects.accept(event.target, attachment, settings_.may_compress);
  const Connection& added = connections_.add(event.target, std::move(connection), now_ms_);
  if (!asked_.request.empty()) {
    log_line(LogThreshold::kDebug, "joined", "connection " + added.id, effects);
  }
  welcome(event.target, added, *operation, effects);
  Reply reply;
  state_.behaviour().on_join({added.user, added.id, added.is_moderator()}, now_ms_, reply);
  say(reply, event.target, {}, effects);
  expires(added);
  presence_changed("join", added, effects);
  if (recoverable(*operation)) read_recovery(event.target, *operation->after, effects);
  return std::nullopt;
}

bool Room::refuse_banned(uint32_t request, std::string_view user, EffectList& effects) {
  if (state_.moderation().banned_until(user, now_ms_) == 0) return false;
  refuse(request, kStatusForbidden, "Forbidden", "This user is banned from the room.", effects);
  return true;
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
  if (connection.is_moderator()) object.string("role", "moderator");
  if (connection.access == Access::kRead) object.string("role", "reader");
  if (connection.expires_ms > 0) {
    object.integer("expires", static_cast<uint64_t>(connection.expires_ms));
  }
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
    append_limit(limits, settings_.connection_limit);
    if (settings_.user_limit.is_any()) {
      limits.key("user");
      JsonObjectWriter user(frame);
      append_limit(user, settings_.user_limit);
      user.close();
    }
    limits.integer("history", settings_.history_size);
    limits.close();
  }
  object.key("dead");
  frame.push_back('[');
  bool first = true;
  for (const DeadLetter& letter : dead_letters_.all()) {
    if (letter.seq > forwarder_.confirmed()) break;  // that comes with a confirmation
    dead_told_through_ = std::max(dead_told_through_, letter.seq);
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
  connections_.remove(handle, now_ms_);
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

// One alarm for all of them, at most one a minute: whoever speaks is checked as he does.
void Room::expires(const Connection& connection) {
  if (connection.expires_ms > 0) {
    earliest_expiry_ms_ = std::min(earliest_expiry_ms_, clock_.room_ms(connection.expires_ms));
  }
}

double Room::expiry_check_ms() const {
  return std::max(earliest_expiry_ms_, expiry_checked_ms_ + kExpiryCheckMs);
}

void Room::close_expired(EffectList& effects) {
  if (now_ms_ < expiry_check_ms()) return;
  expiry_checked_ms_ = now_ms_;
  earliest_expiry_ms_ = std::numeric_limits<double>::infinity();
  std::vector<uint32_t> handles;
  for (const auto& [handle, connection] : connections_.all()) {
    if (is_expired(connection)) {
      handles.push_back(handle);
    } else {
      expires(connection);
    }
  }
  for (const uint32_t handle : handles) close_for_expiry(handle, effects);
}

void Room::close_for_expiry(uint32_t handle, EffectList& effects) {
  close(handle, kCloseTokenExpired, "the token has expired", effects);
}

// Whoever has brought another token in time is not sent away while it is being verified. A token's
// times are those of the host's clock: by the room's, which does not go back, new ones might be
// over.
bool Room::is_expired(const Connection& connection) const {
  const bool has_ended = connection.expires_ms > 0 && clock_.host_now_ms() >= connection.expires_ms;
  return has_ended && !connection.is_renewing;
}

void Room::renew_token(uint32_t handle, const ClientFrame& frame, EffectList& effects) {
  Connection& connection = *connections_.find(handle);
  if (!settings_.needs_token) {
    send_error(handle, frame, {ErrorCode::kForbidden, "this room asks for no token"}, 0, effects);
  } else if (frame.token.size() > kTokenBytesMax) {
    send_error(handle, frame,
               {ErrorCode::kForbidden, "the token was refused: it is longer than " +
                                           std::to_string(kTokenBytesMax) + " bytes"},
               0, effects);
  } else if (connection.is_renewing) {
    send_error(handle, frame, {ErrorCode::kRateLimited, "a token is being verified"},
               kRenewalRetryMs, effects);
  } else {
    connection.is_renewing = true;
    connection.renewal_ref = frame.ref;
    effects.verify_token(handle, frame.token);
  }
}

std::optional<FrameError> Room::renewal_refusal(const Connection& connection,
                                                const TokenVerdict& verdict) const {
  if (verdict.is_unknown) {
    return FrameError{ErrorCode::kInternal, "tokens cannot be verified now: " + verdict.refusal};
  }
  if (!verdict.claims) {
    return FrameError{ErrorCode::kForbidden, "the token was refused: " + verdict.refusal};
  }
  if (verdict.claims->user != connection.user) {
    return FrameError{ErrorCode::kForbidden, "the token names another user"};
  }
  if (verdict.claims->access(log_.room()) == Access::kNone) {
    return FrameError{ErrorCode::kForbidden, "the token is not good for this room"};
  }
  return std::nullopt;
}

void Room::token_verified(const Event& event, EffectList& effects) {
  Connection* connection = connections_.find(event.target);
  if (connection == nullptr || !connection->is_renewing) return;
  connection->is_renewing = false;
  const std::string ref = std::exchange(connection->renewal_ref, {});
  ClientFrame frame;
  frame.ref = ref;
  const TokenVerdict verdict = parse_token_verdict(event.payload);
  if (const auto refusal = renewal_refusal(*connection, verdict)) {
    send_error(event.target, frame, *refusal, 0, effects);
    if (is_expired(*connection)) close_for_expiry(event.target, effects);
    return;
  }
  connection->access = verdict.claims->access(log_.room());
  connection->expires_ms = verdict.claims->good_until_ms(clock_.host_now_ms());
  expires(*connection);
  std::string attachment;
  encode_attachment(attachment, *connection);
  effects.attach(event.target, attachment);
  std::string out = "[";
  JsonObjectWriter object(out);
  object.string("type", "token");
  object.integer("expires", static_cast<uint64_t>(connection->expires_ms));
  if (!frame.ref.empty()) object.string("ref", frame.ref);
  object.close();
  out.push_back(']');
  effects.send(event.target, out);
}

}  // namespace edgeroom
