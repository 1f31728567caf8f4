// HTTP requests of the room: its state, and what a moderator does without a socket.

#include <string>
#include <utility>

#include "base/json_writer.h"
#include "base/problem.h"
#include "rooms/limits.h"
#include "rooms/publication.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusCreated = 201;
constexpr uint32_t kStatusBadRequest = 400;
constexpr uint32_t kStatusTooLarge = 413;
constexpr uint32_t kStatusUnavailable = 503;

// Who publishes and deletes over HTTP, unless the request names somebody.
constexpr std::string_view kModerator = "moderator";

}  // namespace

std::optional<RoomStatus> Room::request(const Event& event, EffectList& effects) {
  const size_t line_end = event.payload.find('\n');
  const auto operation = parse_operation(event.payload.substr(0, line_end));
  if (!operation) return RoomStatus::kBadPayload;
  switch (operation->kind) {
    case OperationKind::kState:
      effects.respond(event.target, kStatusOk, state_json());
      return std::nullopt;
    case OperationKind::kMessages: {
      if (!operation->epoch.empty() && operation->epoch != log_.epoch()) {
        effects.respond(event.target, kStatusOk, other_epoch_json(operation->epoch));
        return std::nullopt;
      }
      HistoryQuery query;
      query.after = operation->after;
      query.before = operation->before;
      query.limit = static_cast<size_t>(operation->limit.value_or(kHistoryLimitDefault));
      if (query.limit == 0 || query.limit > kHistoryLimitMax) return RoomStatus::kBadPayload;
      HistoryReader reader(query);
      reader.target = event.target;
      reader.is_request = true;
      read_history(std::move(reader), effects);
      return std::nullopt;
    }
    case OperationKind::kPublish:
      if (event.number == static_cast<uint32_t>(FrameKind::kOversize)) {
        refuse(event.target, kStatusTooLarge, "Content Too Large", "the body holds at most 1 MiB",
               effects);
        return std::nullopt;
      }
      if (line_end == std::string_view::npos) return RoomStatus::kBadPayload;
      publish_request(event.target, event.payload.substr(line_end + 1), effects);
      return std::nullopt;
    case OperationKind::kDelete:
      delete_request(event.target, *operation->seq, effects);
      return std::nullopt;
    case OperationKind::kConnect: return RoomStatus::kBadPayload;
  }
  return RoomStatus::kBadPayload;
}

// Of another epoch the room holds nothing itself.
std::string Room::other_epoch_json(std::string_view epoch) const {
  std::string out;
  JsonObjectWriter object(out);
  object.string("room", log_.room());
  object.string("epoch", epoch);
  object.raw("messages", "[]");
  object.boolean("more", false);
  object.boolean("partial", true);
  object.close();
  return out;
}

void Room::publish_request(uint32_t request, std::string_view body, EffectList& effects) {
  const auto publication = parse_publication(body);
  if (!publication.ok()) {
    refuse(request, kStatusBadRequest, "Bad Request", publication.error().detail, effects);
    return;
  }
  const Publication& published = publication.value();
  if (!log_.exists()) log_.create(now_ms_, random_, effects);
  Record record;
  record.user = published.user.empty() ? kModerator : std::string_view(published.user);
  record.id = published.id;
  record.content = published.content;
  if (!record.id.empty()) {
    if (const auto seq = log_.find_duplicate(record.user, record.id)) {
      published_.push_back({request, *seq, true});
      want_flush(effects);
      return;
    }
  }
  if (const auto refusal = content_refusal(record.content)) {
    refuse(request, kStatusTooLarge, "Content Too Large", refusal->detail, effects);
    return;
  }
  if (const auto refusal = outbox_refusal()) {
    refuse(request, kStatusUnavailable, "Outbox full", refusal->detail, effects);
    return;
  }
  append_message(record, effects);
  published_.push_back({request, record.seq, false});
}

void Room::delete_request(uint32_t request, uint64_t target, EffectList& effects) {
  DeletionReader reader(target, std::string(kModerator));
  reader.asker = request;
  reader.is_request = true;
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

std::string Room::state_json() const {
  std::string out;
  JsonObjectWriter object(out);
  object.string("room", log_.room());
  if (log_.exists()) {
    object.string("epoch", log_.epoch());
  } else {
    object.null("epoch");
  }
  object.integer("seq", log_.flushed_seq());
  object.integer("confirmed", forwarder_.confirmed());
  object.integer("connections", connections_.size());
  object.integer("users", connections_.users());
  object.key("outbox");
  JsonObjectWriter outbox(out);
  outbox.integer("pending", forwarder_.pending());
  uint64_t oldest_ms = 0;
  if (forwarder_.pending() > 0) {
    const SegmentIndex& segments = log_.segments();
    const SegmentEntry& oldest = segments.entries()[segments.find(forwarder_.confirmed() + 1)];
    const double age_ms = now_ms_ - static_cast<double>(oldest.first_ts);
    oldest_ms = age_ms > 0 ? static_cast<uint64_t>(age_ms) : 0;
  }
  outbox.integer("oldest_ms", oldest_ms);
  outbox.integer("dead", forwarder_.dead().size());
  outbox.boolean("blocked", forwarder_.blocked());
  outbox.close();
  object.close();
  return out;
}

}  // namespace edgeroom
