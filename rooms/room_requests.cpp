// HTTP requests of the room: its state, and what a moderator does without a socket.

#include <string>
#include <utility>

#include "base/json_writer.h"
#include "base/problem.h"
#include "rooms/limits.h"
#include "rooms/publication.h"
#include "rooms/room.h"
#include "rooms/room_summary.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusCreated = 201;
constexpr uint32_t kStatusBadRequest = 400;
constexpr uint32_t kStatusConflict = 409;
constexpr uint32_t kStatusTooLarge = 413;
constexpr uint32_t kStatusUnprocessable = 422;
constexpr uint32_t kStatusUnavailable = 503;

// Who acts over HTTP, unless his token names him.
constexpr std::string_view kModerator = "moderator";

}  // namespace

std::optional<RoomStatus> Room::request(const Event& event, EffectList& effects) {
  const size_t line_end = event.payload.find('\n');
  const auto operation = parse_operation(event.payload.substr(0, line_end));
  if (!operation) return RoomStatus::kBadPayload;
  asked_ = operation->names;
  if (!asked_.request.empty()) {
    log_line(LogThreshold::kDebug, "asked", operation_name(operation->kind), effects);
  }
  const std::string_view by =
      operation->user.empty() ? kModerator : std::string_view(operation->user);
  switch (operation->kind) {
    case OperationKind::kState:
      if (refuse_banned(event.target, operation->user, effects)) return std::nullopt;
      effects.respond(event.target, kStatusOk, state_json());
      return std::nullopt;
    case OperationKind::kMessages: {
      if (refuse_banned(event.target, operation->user, effects)) return std::nullopt;
      HistoryAsk ask;
      ask.query.after = operation->after;
      ask.query.before = operation->before;
      ask.query.limit = static_cast<size_t>(operation->limit.value_or(kHistoryLimitDefault));
      if (ask.query.limit == 0 || ask.query.limit > kHistoryLimitMax)
        return RoomStatus::kBadPayload;
      ask.asker = event.target;
      ask.is_request = true;
      if (operation->epoch != log_.epoch()) ask.epoch = operation->epoch;
      read_history(std::move(ask), std::nullopt, effects);
      return std::nullopt;
    }
    case OperationKind::kPublish:
    case OperationKind::kModerate:
    case OperationKind::kSkip:
      if (event.number == static_cast<uint32_t>(FrameKind::kOversize)) {
        refuse(event.target, kStatusTooLarge, "Content Too Large", "the body holds at most 1 MiB",
               effects);
        return std::nullopt;
      }
      if (line_end == std::string_view::npos) return RoomStatus::kBadPayload;
      if (operation->kind == OperationKind::kPublish) {
        publish_request(event.target, by, event.payload.substr(line_end + 1), effects);
      } else if (operation->kind == OperationKind::kSkip) {
        skip_request(event.target, event.payload.substr(line_end + 1), effects);
      } else {
        moderate_request(event.target, by, event.payload.substr(line_end + 1), effects);
      }
      return std::nullopt;
    case OperationKind::kDelete:
      delete_request(event.target, by, *operation, effects);
      return std::nullopt;
    case OperationKind::kLog: read_log(event.target, *operation, effects); return std::nullopt;
    case OperationKind::kDrain: drain_request(event.target, effects); return std::nullopt;
    case OperationKind::kDeadLetters:
      read_dead_letters(event.target, *operation, effects);
      return std::nullopt;
    case OperationKind::kReplay: replay_request(event.target, effects); return std::nullopt;
    case OperationKind::kMetrics:
      effects.respond_metrics(event.target, room_metrics(summary(), false));
      return std::nullopt;
    case OperationKind::kConnect: return RoomStatus::kBadPayload;
  }
  return RoomStatus::kBadPayload;
}

void Room::drain_request(uint32_t request, EffectList& effects) {
  std::string body;
  JsonObjectWriter object(body);
  object.integer("connections", connections_.size());
  object.integer("after_ms", static_cast<uint64_t>(kDrainMs));
  object.close();
  drain(effects);
  effects.respond(request, kStatusOk, body);
}

void Room::publish_request(uint32_t request, std::string_view by, std::string_view body,
                           EffectList& effects) {
  const auto publication = parse_publication(body);
  if (!publication.ok()) {
    refuse(request, kStatusBadRequest, "Bad Request", publication.error().detail, effects);
    return;
  }
  const Publication& published = publication.value();
  Record record;
  record.user = published.user.empty() ? by : std::string_view(published.user);
  record.id = published.id;
  if (!record.id.empty() && log_.exists()) {
    if (const auto seq = log_.find_duplicate(record)) {
      published_.push_back({request, *seq, true});
      want_flush(effects);
      return;
    }
  }
  std::string rewritten;
  const Member member{record.user, {}, true};
  if (const auto refusal = message_refusal(member, published.content, rewritten)) {
    refuse_publication(request, *refusal, effects);
    return;
  }
  record.content = rewritten.empty() ? published.content : std::string_view(rewritten);
  if (!log_.exists()) log_.create(now_ms_, random_, effects);
  append_message(record, effects);
  published_.push_back({request, record.seq, false});
}

void Room::refuse_publication(uint32_t request, const FrameError& refusal, EffectList& effects) {
  if (refusal.code == ErrorCode::kTooLarge) {
    refuse(request, kStatusTooLarge, "Content Too Large", refusal.detail, effects);
  } else if (refusal.code == ErrorCode::kOutboxFull) {
    refuse(request, kStatusUnavailable, "Outbox full", refusal.detail, effects);
  } else {
    refuse(request, kStatusUnprocessable, "Content refused", refusal.detail, effects);
  }
}

void Room::delete_request(uint32_t request, std::string_view by, const Operation& operation,
                          EffectList& effects) {
  if (!operation.epoch.empty() && operation.epoch != log_.epoch()) {
    refuse(request, kStatusConflict, "Conflict",
           "the room is in another epoch, and deletes nothing of an earlier one", effects);
    return;
  }
  DeletionReader reader(*operation.seq, std::string(by));
  reader.asker = request;
  reader.is_request = true;
  reader.by_moderator = true;
  read_deletion(std::move(reader), effects);
}

// After the records of the turn were stored.
void Room::answer_published(EffectList& effects) {
  for (const PublishedAnswer& answer : published_) {
    std::string body;
    JsonObjectWriter object(body);
    object.string("epoch", log_.epoch());
    object.integer("seq", answer.seq);
    if (answer.duplicate) object.boolean("duplicate", true);
    object.close();
    effects.respond(answer.request, answer.duplicate ? kStatusOk : kStatusCreated, body);
  }
  published_.clear();
}

void Room::refuse(uint32_t request, uint32_t status, std::string_view title,
                  std::string_view detail, EffectList& effects) {
  effects.respond(request, status, problem_json(status, title, detail));
}

RoomSummary Room::summary() const {
  RoomSummary summary;
  summary.room = log_.room();
  if (log_.exists()) summary.epoch = log_.epoch();
  summary.seq = log_.flushed_seq();
  summary.confirmed = forwarder_.confirmed();
  summary.connections = connections_.size();
  summary.users = connections_.users();
  summary.pending = forwarder_.pending();
  summary.oldest_ms = oldest_pending_ms(log_.segments(), forwarder_.confirmed(), now_ms_);
  summary.dead = dead_letters_.size();
  summary.replaying = forwarder_.replaying();
  summary.blocked = forwarder_.blocked();
  summary.attempts = forwarder_.failures();
  summary.breaker = forwarder_.breaker(now_ms_);
  return summary;
}

std::string Room::state_json() const {
  std::string out;
  JsonObjectWriter object(out);
  append_room_summary(object, out, summary());
  object.close();
  return out;
}

}  // namespace edgeroom
