// What the room answers from storage: history and recovery.

#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;

}  // namespace

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
