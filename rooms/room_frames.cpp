// Frames of the room: what a connection says, and what it is answered.

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kCloseFrameTooLarge = 1009;
constexpr uint32_t kCloseFlooding = 4029;

FrameError reader_refusal() { return {ErrorCode::kForbidden, "the token allows reading alone"}; }

Member member_of(const Connection& connection) {
  return {connection.user, connection.id, connection.is_moderator()};
}

}  // namespace

void Room::frame(const Event& event, EffectList& effects) {
  Connection* connection = connections_.find(event.target);
  if (connection == nullptr) return;
  connection->heard_at_bytes = broadcast_bytes_;
  if (event.number == static_cast<uint32_t>(FrameKind::kOversize) ||
      event.payload.size() > kInboundFrameBytesMax) {
    close(event.target, kCloseFrameTooLarge, "a frame holds at most 1 MiB", effects);
    return;
  }
  if (is_expired(*connection)) {
    close_for_expiry(event.target, effects);
    return;
  }
  ClientFrame frame;
  std::optional<FrameError> error;
  if (event.number == static_cast<uint32_t>(FrameKind::kBinary)) {
    error = FrameError{ErrorCode::kBadFrame, "frames must be text, this one is binary"};
  } else {
    error = parse_frame(event.payload, frame);
  }
  if (!admit(event.target, *connection, frame, event.payload.size(), effects)) return;
  if (error) {
    send_error(event.target, frame, *error, 0, effects);
    return;
  }
  act(event.target, *connection, frame, effects);
}

bool Room::admit(uint32_t handle, Connection& connection, const ClientFrame& frame, size_t bytes,
                 EffectList& effects) {
  FrameBudget& budget = connection.budget;
  FrameBudget* user_budget = connections_.user_budget(connection);
  // Whoever has rested is not reproached with what was long ago.
  const bool has_rested =
      budget.full(now_ms_) && (user_budget == nullptr || user_budget->full(now_ms_));
  if (has_rested) connection.flood_warnings = 0;
  const double connection_ms = budget.wait_ms(now_ms_);
  const double user_ms = user_budget == nullptr ? 0 : user_budget->wait_ms(now_ms_);
  const double retry_after_ms = std::max(connection_ms, user_ms);
  if (retry_after_ms == 0) {
    budget.spend_frame(now_ms_, bytes);
    if (user_budget != nullptr) user_budget->spend_frame(now_ms_, bytes);
    return true;
  }
  if (++connection.flood_warnings > kFloodWarningsMax) {
    close(handle, kCloseFlooding, "flooding", effects);
    return false;
  }
  const FrameError error{ErrorCode::kRateLimited,
                         connection_ms > 0 ? "too many frames or bytes on this connection"
                                           : "too many frames or bytes of this user"};
  send_error(handle, frame, error, retry_after_ms, effects);
  // The time to wait, which it tells, could not be long enough for itself as well.
  const size_t answer_bytes = effects.records().back().data_size;
  budget.refund_answer(now_ms_, answer_bytes);
  if (user_budget != nullptr) user_budget->refund_answer(now_ms_, answer_bytes);
  return false;
}

void Room::act(uint32_t handle, const Connection& connection, const ClientFrame& frame,
               EffectList& effects) {
  switch (frame.type) {
    case FrameType::kMessage: publish(handle, connection, frame, effects); return;
    case FrameType::kEvent: signal(handle, connection, frame, effects); return;
    case FrameType::kHistory: {
      HistoryAsk ask;
      ask.query.after = frame.after;
      ask.query.before = frame.before;
      ask.query.limit = static_cast<size_t>(frame.limit.value_or(kHistoryLimitDefault));
      ask.asker = handle;
      ask.ref = frame.ref;
      read_history(std::move(ask), std::nullopt, effects);
      return;
    }
    case FrameType::kPresence: send_presence(handle, frame, effects); return;
    case FrameType::kDelete: delete_message(handle, connection, frame, effects); return;
    case FrameType::kModeration: moderate_by_frame(handle, connection, frame, effects); return;
    case FrameType::kToken: renew_token(handle, frame, effects); return;
    case FrameType::kPing: send_pong(handle, frame, effects); return;
  }
}

std::optional<FrameError> Room::content_refusal(std::string_view content) const {
  if (content.size() > settings_.message_bytes_max) {
    return FrameError{ErrorCode::kTooLarge, "\"content\" has " + std::to_string(content.size()) +
                                                " bytes; the most is " +
                                                std::to_string(settings_.message_bytes_max)};
  }
  if (settings_.content_rules.refuse(content)) {
    return FrameError{ErrorCode::kContentRefused, "\"content\" holds a word that is not allowed"};
  }
  return std::nullopt;
}

std::optional<FrameError> Room::outbox_refusal(uint64_t reserve) const {
  const uint64_t unforwarded = log_.appended_seq() - forwarder_.confirmed();
  const uint64_t bytes = outbox_bytes_ + log_.pending_bytes();
  const SegmentIndex& segments = log_.segments();
  const bool segments_full = segments.entries().size() >= kSegmentsMax + reserve &&
                             segments.oldest().last_seq() > forwarder_.confirmed();
  // Of the reserve, each record may take as many bytes as the longest names.
  const uint64_t reserve_bytes = reserve * kModeratorRecordBytesMax;
  if (unforwarded >= settings_.outbox_records_max + reserve ||
      bytes >= settings_.outbox_bytes_max + reserve_bytes || segments_full) {
    return FrameError{ErrorCode::kOutboxFull, "the room waits for the central API with " +
                                                  std::to_string(unforwarded) +
                                                  " records and takes no more until it answers"};
  }
  return std::nullopt;
}

std::optional<FrameError> Room::speech_refusal(const Connection& connection) const {
  if (connection.access < Access::kPublish) {
    return reader_refusal();
  }
  const uint64_t until = state_.moderation().muted_until(connection.user, now_ms_);
  if (until == 0) return std::nullopt;
  FrameError error{ErrorCode::kMuted, "a moderator has muted this user"};
  if (until != kForGood) {
    error.detail += " until " + std::to_string(until) + " (ms since 1970)";
    error.until_ms = until;
  }
  return error;
}

std::optional<FrameError> Room::message_refusal(const Member& member, std::string_view content,
                                                std::string& rewritten) const {
  if (auto refusal = content_refusal(content)) return refusal;
  if (auto refusal = outbox_refusal()) return refusal;
  const Verdict verdict = state_.behaviour().on_message(member, content, now_ms_);
  CHECK(!verdict.is_handled());
  if (verdict.is_refused()) return FrameError{ErrorCode::kContentRefused, verdict.text()};
  if (verdict.is_rewritten()) {
    rewritten = verdict.text();
    CHECK(rewritten.size() <= settings_.message_bytes_max && is_json(rewritten));
  }
  return std::nullopt;
}

void Room::publish(uint32_t handle, const Connection& connection, const ClientFrame& frame,
                   EffectList& effects) {
  Record record;
  record.user = connection.user;
  record.conn = connection.id;
  record.id = frame.id;
  if (!frame.id.empty()) {
    if (const auto seq = log_.find_duplicate(record)) {
      // Still in this turn: the original's new_message answers both, if it comes to that.
      if (*seq > log_.flushed_seq()) {
        effects.keep_frame();
        return;
      }
      std::string out = "[";
      JsonObjectWriter object(out);
      object.string("type", "ack");
      object.string("id", frame.id);
      object.integer("seq", *seq);
      object.boolean("duplicate", true);
      if (!frame.ref.empty()) object.string("ref", frame.ref);
      object.close();
      out.push_back(']');
      effects.send(handle, out);
      return;
    }
  }
  auto refusal = speech_refusal(connection);
  std::string rewritten;
  if (!refusal) refusal = message_refusal(member_of(connection), frame.content, rewritten);
  if (refusal) {
    send_error(handle, frame, *refusal, 0, effects);
    return;
  }
  record.content = rewritten.empty() ? frame.content : std::string_view(rewritten);
  append_message(record, effects);
}

void Room::append_message(Record& record, EffectList& effects) {
  effects.keep_frame();
  append_record(record, now_ms_);
  want_flush(effects);
  if (log_.pending_bytes() > kPendingBytesMax) flush(effects);
}

void Room::signal(uint32_t handle, const Connection& connection, const ClientFrame& frame,
                  EffectList& effects) {
  auto refusal = speech_refusal(connection);
  if (!refusal) refusal = content_refusal(frame.content);
  Reply reply;
  const Verdict verdict = refusal ? Verdict::accept()
                                  : state_.behaviour().on_event(member_of(connection), frame.name,
                                                                frame.content, now_ms_, reply);
  if (verdict.is_refused()) refusal = FrameError{ErrorCode::kContentRefused, verdict.text()};
  if (refusal) {
    send_error(handle, frame, *refusal, 0, effects);
    return;
  }
  if (!verdict.is_handled()) {
    const std::string_view content =
        verdict.is_rewritten() ? std::string_view(verdict.text()) : frame.content;
    CHECK(!verdict.is_rewritten() || is_json(content));
    effects.keep_frame();
    JsonObjectWriter object(pending_.begin_object());
    object.string("type", "event");
    object.string("name", frame.name);
    object.string("user", connection.user);
    object.string("conn", connection.id);
    if (!content.empty()) object.raw("content", content);
    object.close();
    pending_.end_object();
    want_flush(effects);
  }
  const bool waits = say(reply, handle, frame.ref, effects);
  if (verdict.is_handled() && waits) effects.keep_frame();
  flush_if_full(effects);
}

bool Room::say(const Reply& reply, uint32_t handle, std::string_view ref, EffectList& effects) {
  bool waits = false;
  for (const Reply::Signal& signal : reply.signals()) {
    CHECK(is_json(signal.content));
    std::string told;
    JsonObjectWriter object(told);
    object.string("type", "event");
    object.string("name", signal.name);
    object.raw("content", signal.content);
    if (!signal.to_all && !ref.empty()) object.string("ref", ref);
    object.close();
    if (signal.to_all) {
      pending_.begin_object().append(told);
      pending_.end_object();
      want_flush(effects);
      waits = true;
    } else {
      waits = tell(handle, "[" + told + "]", effects) || waits;
    }
  }
  // What the room said stands in the log that a copy is made of.
  if (is_copy_) return waits;
  for (const std::string& content : reply.messages()) {
    if (outbox_refusal()) return waits;
    CHECK(is_json(content) && content.size() <= settings_.message_bytes_max);
    Record record;
    record.user = state_.behaviour().name();
    record.content = content;
    append_record(record, now_ms_);
    want_flush(effects);
    waits = true;
  }
  return waits;
}

bool Room::tell(uint32_t handle, std::string frame, EffectList& effects) {
  CHECK(connections_.find(handle) != nullptr);
  if (log_.appended_seq() == log_.flushed_seq()) {
    effects.send(handle, frame);
    return false;
  }
  untold_bytes_ += frame.size();
  untold_.push_back({handle, std::move(frame)});
  return true;
}

// Before the turn's records go to everybody: what these frames say may be older than those.
void Room::send_untold(EffectList& effects) {
  for (const UntoldFrame& untold : untold_) {
    if (connections_.find(untold.handle) != nullptr) effects.send(untold.handle, untold.frame);
  }
  untold_.clear();
  untold_bytes_ = 0;
}

void Room::flush_if_full(EffectList& effects) {
  if (pending_.bytes() + untold_bytes_ > kPendingBytesMax) flush(effects);
}

void Room::delete_message(uint32_t handle, const Connection& connection, const ClientFrame& frame,
                          EffectList& effects) {
  if (connection.access < Access::kPublish) {
    send_error(handle, frame, reader_refusal(), 0, effects);
    return;
  }
  DeletionReader reader(*frame.seq, connection.user);
  reader.asker = handle;
  reader.by_moderator = connection.is_moderator();
  reader.conn = connection.id;
  reader.ref = frame.ref;
  read_deletion(std::move(reader), effects);
}

void Room::send_pong(uint32_t handle, const ClientFrame& frame, EffectList& effects) {
  std::string out = "[";
  JsonObjectWriter object(out);
  object.string("type", "pong");
  if (!frame.ref.empty()) object.string("ref", frame.ref);
  object.close();
  out.push_back(']');
  effects.send(handle, out);
}

void Room::send_presence(uint32_t handle, const ClientFrame& frame, EffectList& effects) {
  std::string out = "[";
  JsonObjectWriter object(out);
  object.string("type", "presence");
  object.key("members");
  out.push_back('[');
  bool first = true;
  for (const auto& [unused, member] : connections_.all()) {
    if (!first) out.push_back(',');
    first = false;
    JsonObjectWriter entry(out);
    entry.string("user", member.user);
    entry.string("conn", member.id);
    entry.close();
  }
  out.push_back(']');
  object.integer("count", connections_.size());
  object.integer("users", connections_.users());
  if (!frame.ref.empty()) object.string("ref", frame.ref);
  object.close();
  out.push_back(']');
  effects.send(handle, out);
}

void Room::send_error(uint32_t handle, const ClientFrame& frame, const FrameError& error,
                      double retry_after_ms, EffectList& effects) {
  std::string out = "[";
  JsonObjectWriter object(out);
  object.string("type", "error");
  object.string("code", error_code_name(error.code));
  object.string("detail", error.detail);
  if (!frame.id.empty()) object.string("id", frame.id);
  if (!frame.ref.empty()) object.string("ref", frame.ref);
  if (retry_after_ms > 0) {
    object.integer("retry_after_ms", static_cast<uint64_t>(retry_after_ms));
  }
  if (error.until_ms > 0) object.integer("until", error.until_ms);
  object.close();
  out.push_back(']');
  effects.send(handle, out);
}

}  // namespace edgeroom
