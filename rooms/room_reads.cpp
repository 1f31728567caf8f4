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

void Room::read_history(HistoryAsk ask, std::optional<CentralPart> central, EffectList& effects) {
  HistoryReader reader(std::move(ask), std::move(central));
  if (!reader.ask().epoch.empty()) {
    // Of another epoch the room holds nothing itself.
    finish(reader, effects);
    return;
  }
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
  const bool is_own = reader.ask().epoch.empty();
  const uint64_t oldest = is_own ? log_.oldest_held_seq() : UINT64_MAX;
  const uint64_t stored_before = is_own ? forwarder_.confirmed() + 1 : UINT64_MAX;
  const auto missing = reader.missing(oldest, stored_before);
  if (!missing) {
    answer_history(reader, effects);
    return;
  }
  if (reader.ask().attempts >= kCentralReadAttemptsMax) {
    reader.do_without();
    answer_history(reader, effects);
    return;
  }
  HistoryAsk ask = reader.ask();
  if (ask.attempts == 0) ask.asked_ms = now_ms_;
  ask.attempts++;
  CentralRead read;
  read.epoch = is_own ? log_.epoch() : ask.epoch;
  read.query = *missing;
  read.boundary = missing->forwards() ? stored_before : missing->before.value_or(UINT64_MAX);
  read.asked_ms = ask.asked_ms;
  read.purpose = std::move(ask);
  read_central(std::move(read), effects);
}

void Room::answer_history(const HistoryReader& reader, EffectList& effects) {
  const HistoryAsk& ask = reader.ask();
  std::string out;
  if (ask.is_request) {
    out.append("{\"room\":");
    append_json_string(out, log_.room());
    out.append(",\"epoch\":");
    const std::string& epoch = ask.epoch.empty() ? log_.epoch() : ask.epoch;
    if (epoch.empty()) {
      out.append("null");
    } else {
      append_json_string(out, epoch);
    }
    out.push_back(',');
    reader.append_members(out);
    out.push_back('}');
    effects.respond(ask.asker, kStatusOk, out);
    return;
  }
  // Whoever asked may have gone while the central API was read.
  if (connections_.find(ask.asker) == nullptr) return;
  out.append("[{\"type\":\"history\",");
  reader.append_members(out);
  if (!ask.ref.empty()) {
    out.append(",\"ref\":");
    append_json_string(out, ask.ref);
  }
  out.append("}]");
  effects.send(ask.asker, out);
}

}  // namespace edgeroom
