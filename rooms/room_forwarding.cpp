// Forwarding: from the forwarder's decisions to attempts, and from answers to confirmations.

#include <utility>

#include "base/check.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

// Begins the next attempt, if one is due: its records are loaded, and finish() sends them.
void Room::forward_next(EffectList& effects) {
  auto plan = forwarder_.next(now_ms_);
  if (!plan) return;
  const SegmentIndex& index = log_.segments();
  std::vector<SegmentEntry> segments;
  for (size_t i = index.find(plan->first); i < index.entries().size(); i++) {
    const SegmentEntry& entry = index.entries()[i];
    if (entry.first_seq > plan->last) break;
    segments.push_back(entry);
  }
  BatchReader reader(std::move(*plan), log_.room(), log_.epoch());
  start_load(Load(std::move(segments), std::move(reader)), effects);
}

void Room::finish(BatchReader& reader, EffectList& effects) {
  const std::string body = reader.finish();
  const uint32_t attempt = forwarder_.started(reader.plan(), reader.last());
  const std::string key = log_.room() + ":" + log_.epoch() + ":" + reader.range();
  effects.forward(attempt, body, key, kAttemptTimeoutMs);
}

std::optional<RoomStatus> Room::attempt_answered(const Event& event, EffectList& effects) {
  const size_t retry_after_end = event.payload.find('\n');
  if (retry_after_end == std::string_view::npos) return RoomStatus::kBadPayload;
  const size_t date_end = event.payload.find('\n', retry_after_end + 1);
  if (date_end == std::string_view::npos) return RoomStatus::kBadPayload;
  AttemptAnswer answer;
  answer.status = event.number;
  answer.retry_after = event.payload.substr(0, retry_after_end);
  answer.date = event.payload.substr(retry_after_end + 1, date_end - retry_after_end - 1);
  answer.body = event.payload.substr(date_end + 1);

  const uint64_t confirmed_before = forwarder_.confirmed();
  const auto outcome =
      forwarder_.answered(event.target, answer, log_.room(), log_.epoch(), now_ms_);
  if (!outcome) return std::nullopt;  // an answer that came after its time-out
  if (!outcome->trouble.empty()) {
    log_line(forwarder_.blocked() ? LogThreshold::kError : LogThreshold::kWarn, "forwarding",
             outcome->trouble, effects);
  }
  if (outcome->confirmed_moved) {
    count_confirmed_bytes(confirmed_before, forwarder_.confirmed());
    if (confirmed_before == confirmation_stored_) cursor_dirty_at_ms_ = now_ms_;
    forget_deletions();
    confirmation_dirty_ = true;
  }
  if (outcome->dead_changed) dead_dirty_ = true;
  if (outcome->confirmed_moved || outcome->dead_changed) want_flush(effects);
  return std::nullopt;
}

void Room::count_confirmed_bytes(uint64_t before, uint64_t now) {
  const SegmentIndex& index = log_.segments();
  for (size_t i = index.find(before + 1); i < index.entries().size(); i++) {
    const SegmentEntry& entry = index.entries()[i];
    if (entry.last_seq() > now) break;
    CHECK(outbox_bytes_ >= entry.data_size);
    outbox_bytes_ -= entry.data_size;
  }
}

}  // namespace edgeroom
