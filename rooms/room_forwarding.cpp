// Forwarding: from the forwarder's decisions to attempts, and from answers to confirmations.

#include <algorithm>
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
  uint64_t bytes = 0;
  for (size_t i = index.find(plan->first); i < index.entries().size(); i++) {
    const SegmentEntry& entry = index.entries()[i];
    if (entry.first_seq > plan->last) break;
    segments.push_back(entry);
    const uint64_t records = entry.last_seq() - entry.first_seq + 1;
    const uint64_t taken =
        std::min(entry.last_seq(), plan->last) - std::max(entry.first_seq, plan->first) + 1;
    bytes += entry.data_size * taken / records;
  }
  BatchReader reader(std::move(*plan), log_.room(), log_.epoch(), static_cast<size_t>(bytes));
  start_load(Load(std::move(segments), std::move(reader)), effects);
}

void Room::finish(BatchReader& reader, EffectList& effects) {
  const std::string body = reader.finish();
  const uint32_t attempt = forwarder_.started(reader.plan(), reader.last());
  const std::string key = log_.room() + ":" + log_.epoch() + ":" + reader.range();
  effects.forward(attempt, body, key, kAttemptTimeoutMs, forwarder_.clock_offset_ms());
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
  if (outcome->conflict && log_.may_begin_epoch(now_ms_)) {
    begin_epoch(effects);
    return std::nullopt;
  }
  if (outcome->has_stored && !outcome->conflict && log_.is_epoch_unproven()) {
    log_.prove_epoch();
    store_cursor(effects);
  }
  if (outcome->confirmed_moved) {
    count_confirmed_bytes(confirmed_before, forwarder_.confirmed());
    if (confirmed_before == confirmation_stored_) cursor_dirty_at_ms_ = now_ms_;
    forget_deletions();
    confirmation_dirty_ = true;
  }
  if (outcome->dead_changed) dead_dirty_ = true;
  if (outcome->confirmed_moved || outcome->dead_changed) want_flush(effects);
  if (pause_dirty()) store_cursor(effects);
  return std::nullopt;
}

// A short pause is over before the room could sleep. How many were given up in a row must be known
// after it: else three more would be with every waking.
bool Room::pause_dirty() const {
  const ForwardingPause pause = forwarder_.paused();
  return pause.is_blocked != pause_stored_.is_blocked ||
         pause.dead_in_row != pause_stored_.dead_in_row ||
         (pause.until_ms != pause_stored_.until_ms && pause.until_ms > now_ms_ + kTimerDelayMaxMs);
}

// The central store holds other records under this epoch: this room was set back to an earlier
// state, or has been somewhere else before. Nothing is overwritten there and nothing lost here: all
// that the room holds goes to the store again, under a new name.
void Room::begin_epoch(EffectList& effects) {
  flush(effects);
  const std::string before = log_.epoch();
  log_.begin_epoch(now_ms_, random_);
  forwarder_.restart(log_.oldest_held_seq() - 1);
  confirmation_sent_ = forwarder_.confirmed();
  confirmation_dirty_ = false;
  count_outbox_bytes();
  store_cursor(effects);
  log_line(LogThreshold::kError, "new_epoch",
           "the central store holds other records under the epoch " + before +
               "; the room goes on as " + log_.epoch(),
           effects);
  // Whoever is here knows the old name.
  drain(effects);
}

void Room::count_outbox_bytes() {
  outbox_bytes_ = 0;
  for (const SegmentEntry& entry : log_.segments().entries()) {
    if (entry.last_seq() > forwarder_.confirmed()) outbox_bytes_ += entry.data_size;
  }
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
