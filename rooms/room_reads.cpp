// What the room answers from its state and from storage: HTTP requests, history, recovery.

#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;

}  // namespace

std::optional<RoomStatus> Room::request(const Event& event, EffectList& effects) {
  const auto operation = parse_operation(event.payload);
  if (!operation) return RoomStatus::kBadPayload;
  switch (operation->kind) {
    case OperationKind::kState:
      effects.respond(event.target, kStatusOk, state_json());
      return std::nullopt;
    case OperationKind::kMessages: {
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
    case OperationKind::kConnect: return RoomStatus::kBadPayload;
  }
  return RoomStatus::kBadPayload;
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

void Room::read_history(HistoryReader reader, EffectList& effects) {
  std::vector<SegmentEntry> segments = reader.select(log_.segments());
  start_load(Load(std::move(segments), std::move(reader)), effects);
}

void Room::read_recovery(uint32_t handle, uint64_t after, EffectList& effects) {
  std::vector<SegmentEntry> segments;
  for (const SegmentEntry& entry : log_.segments().entries()) {
    if (entry.last_seq() > after) segments.push_back(entry);
  }
  if (segments.empty()) return;
  start_load(Load(std::move(segments), RecoveryReader(handle, after)), effects);
}

void Room::start_load(Load load, EffectList& effects) {
  CHECK(!load_);
  effects.load(load.slots());
  load_.emplace(std::move(load));
}

std::optional<RoomStatus> Room::handle_load(const Event& event, EffectList& effects) {
  if (event.type == EventType::kLoaded) {
    if (!load_->segment(event.target, event.payload)) return RoomStatus::kCorrupt;
    if (auto* recovery = std::get_if<RecoveryReader>(&load_->reader());
        recovery != nullptr && recovery->frames().bytes() >= kReplayFrameBytes) {
      finish(*recovery, effects);
    }
    return std::nullopt;
  }
  if (!load_->complete()) return RoomStatus::kCorrupt;
  // Finishing may begin the next load.
  Load ended = std::move(*load_);
  load_.reset();
  std::visit([&](auto& reader) { finish(reader, effects); }, ended.reader());
  return std::nullopt;
}

void Room::finish(RecoveryReader& reader, EffectList& effects) {
  for (const std::string& frame : reader.frames().take()) effects.send(reader.handle(), frame);
}

void Room::finish(HistoryReader& reader, EffectList& effects) {
  std::string out;
  if (reader.is_request) {
    out.append("{\"room\":");
    append_json_string(out, log_.room());
    out.append(",\"epoch\":");
    if (log_.exists()) {
      append_json_string(out, log_.epoch());
    } else {
      out.append("null");
    }
    out.push_back(',');
    reader.append_members(out, log_.oldest_held_seq());
    out.push_back('}');
    effects.respond(reader.target, kStatusOk, out);
    return;
  }
  out.append("[{\"type\":\"history\",");
  reader.append_members(out, log_.oldest_held_seq());
  if (!reader.ref.empty()) {
    out.append(",\"ref\":");
    append_json_string(out, reader.ref);
  }
  out.append("}]");
  effects.send(reader.target, out);
}

}  // namespace edgeroom
