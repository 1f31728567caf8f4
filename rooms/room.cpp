#include "rooms/room.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"

namespace edgeroom {

Room::Room(std::string name, const RoomSettings& settings, std::unique_ptr<Behaviour> behaviour,
           uint64_t seed)
    : settings_(settings),
      random_(seed),
      state_(std::move(behaviour)),
      log_(std::move(name), settings_, state_.behaviour().has_state()),
      connections_(settings_.user_limit),
      forwarder_(random_, dead_letters_),
      pending_(kOutboundFrameBytesMax) {}

std::optional<RoomStatus> Room::handle(const Event& event, EffectList& effects) {
  if (clock_.tell(event.now_ms)) alarm_at_ms_ = 0;
  now_ms_ = clock_.now_ms();
  const bool is_load_event = event.type == EventType::kLoaded || event.type == EventType::kLoadEnd;
  if (!is_load_event) {
    asked_.request.clear();
    asked_.trace.clear();
  }
  if (is_load_event != load_.has_value()) return RoomStatus::kOutOfOrder;
  const Refusal refusal = is_load_event ? handle_load(event, effects)
                          : restored_   ? handle_work(event, effects)
                                        : handle_restore(event, effects);
  if (refusal || !restored_) return refusal;
  if (!load_) begin_central_reads(effects);
  if (!load_) forward_next(effects);
  count_sent(effects);
  if (!load_) measure_readers(effects);
  if (!load_) arm(effects);
  return std::nullopt;
}

std::optional<RoomStatus> Room::handle_restore(const Event& event, EffectList& effects) {
  switch (event.type) {
    case EventType::kRestoreState:
      if (!log_.restore_state(event.target, event.payload)) return RoomStatus::kCorrupt;
      return std::nullopt;
    case EventType::kRestoreSegment:
      if (is_dead_letter_slot(event.target)) {
        if (!dead_letters_.restore(event.target, event.payload)) return RoomStatus::kCorrupt;
        return std::nullopt;
      }
      if (!log_.restore_segment(event.target, event.payload)) return RoomStatus::kCorrupt;
      return std::nullopt;
    case EventType::kRestoreConnection: {
      Connection connection(settings_.connection_limit);
      if (!decode_attachment(event.payload, connection)) return RoomStatus::kCorrupt;
      connections_.add(event.target, std::move(connection), now_ms_);
      return std::nullopt;
    }
    case EventType::kTrapped: pause_after_trap(event); return std::nullopt;
    case EventType::kRestored: return begin_restored(effects);
    default: return RoomStatus::kOutOfOrder;
  }
}

std::optional<RoomStatus> Room::begin_restored(EffectList& effects) {
  // A room that went on without records that nobody has confirmed would lose them unnoticed.
  if (!log_.restored(now_ms_)) return RoomStatus::kCorrupt;
  bool other_kind = false;
  if (!log_.snapshot().empty() && !state_.decode(log_.snapshot(), other_kind)) {
    return RoomStatus::kCorrupt;
  }
  if (other_kind) {
    log_line(LogThreshold::kWarn, "other_kind", "the stored state is of another kind of room",
             effects);
  }
  std::vector<SegmentEntry> segments;
  for (const DeadLetter& letter : dead_letters_.all()) {
    if (!letter.is_message) segments.push_back(letter.row());
  }
  const size_t letters = segments.size();
  for (const SegmentEntry& entry : log_.segments_to_replay()) segments.push_back(entry);
  if (segments.empty()) {
    restored(effects);
  } else {
    RestoreReader reader(state_, log_, deletions_, working_seq_, letters);
    start_load(Load(std::move(segments), reader), effects);
  }
  return std::nullopt;
}

void Room::finish(RestoreReader& /*reader*/, EffectList& effects) { restored(effects); }

void Room::restored(EffectList& effects) {
  restored_ = true;
  confirmation_stored_ = log_.restored_confirmed();
  confirmation_sent_ = confirmation_stored_;
  deletions_.confirmed(confirmation_stored_, dead_letters_);
  forwarder_.restore(confirmation_stored_, log_.restored_pause(), now_ms_);
  pause_stored_ = log_.restored_pause();
  forwarding_reported_ = forwarder_.state();
  // Those who are here may have been told of dead letters above the watermark that was stored.
  if (dead_letters_.size() > 0) dead_told_through_ = dead_letters_.all().back().seq;
  for (const auto& [handle, connection] : connections_.all()) expires(connection);
  if (connections_.size() > 0) {
    close_expired(effects);
    // Nobody knows when they were looked at before: once a minute is enough, however often the room
    // wakes.
    expiry_checked_ms_ = now_ms_;
  }
  if (!log_.exists()) return;
  count_outbox_bytes();
  forwarder_.appended(log_.flushed_seq(), now_ms_);
  // A pause that is too long for any was written by a clock that was wrong.
  if (pause_dirty()) store_cursor(effects);
  log_line(LogThreshold::kDebug, "restored", {}, effects);
}

std::optional<RoomStatus> Room::handle_work(const Event& event, EffectList& effects) {
  switch (event.type) {
    case EventType::kConnect: return connect(event, effects);
    case EventType::kFrame: frame(event, effects); return std::nullopt;
    case EventType::kClosed: closed(event.target, effects); return std::nullopt;
    case EventType::kFlush: flush(effects); return std::nullopt;
    case EventType::kTimer: timer(effects); return std::nullopt;
    case EventType::kAlarm:
      alarm_at_ms_ = 0;
      if (cursor_dirty()) store_cursor(effects);
      behaviour_timer(effects);
      close_expired(effects);
      return std::nullopt;
    case EventType::kRequest: return request(event, effects);
    case EventType::kAttemptResult: return attempt_answered(event, effects);
    case EventType::kTrapped: trapped(event, effects); return std::nullopt;
    case EventType::kFetched: return fetched(event, effects);
    case EventType::kVerified: token_verified(event, effects); return std::nullopt;
    case EventType::kMeasured: return measured(event, effects);
    case EventType::kImport: return import(event, effects);
    case EventType::kRecord: return import_record(event, effects);
    default: return RoomStatus::kOutOfOrder;
  }
}

void Room::append_record(Record& record, double ts_ms) {
  log_.append(record, ts_ms);
  deletions_.record(record);
  append_client_json(pending_.begin_object(), record);
  pending_.end_object();
  behaviour_speaks_ = true;
  if (record.seq <= log_.snapshot_through()) return;  // the snapshot of an imported log holds it
  if (log_.is_skipped(record.seq)) return;            // and so does its header
  state_.apply(record);
  // What is deleted cannot be read again on waking: the state that knows of it must be stored.
  if (record.kind == RecordKind::kDeletion && state_.behaviour().has_state()) {
    snapshot_wanted_ = true;
  }
}

void Room::want_flush(EffectList& effects) {
  if (flush_wanted_) return;
  flush_wanted_ = true;
  const auto connections = static_cast<double>(connections_.size());
  const double since_ms = now_ms_ - flushed_at_ms_;
  const double interval = std::min(connections * kFlushIntervalMs, kFlushIntervalMaxMs);
  const bool is_busy = since_ms < connections * kFlushBusyMs;
  effects.schedule_flush(std::max(0.0, std::floor(interval - since_ms)), is_busy ? 1 : 0);
}

void Room::flush(EffectList& effects) {
  flush_wanted_ = false;
  flushed_at_ms_ = now_ms_;
  if (std::exchange(behaviour_speaks_, false)) {
    Reply reply;
    state_.behaviour().on_flush(reply);
    CHECK(reply.messages().empty());
    flush_wanted_ = true;  // this is the flush that tells it
    say(reply, 0, {}, effects);
    flush_wanted_ = false;
  }
  if (log_.appended_seq() > log_.flushed_seq()) {
    const uint64_t bytes = log_.pending_bytes();
    if (snapshot_wanted_ || log_.snapshot_due(forwarder_.confirmed())) {
      log_.save_snapshot(state_.encode(), effects);
      snapshot_wanted_ = false;
    }
    log_.flush(now_ms_, forwarder_.confirmed(), effects);
    outbox_bytes_ += bytes;
    confirmation_stored_ = forwarder_.confirmed();
    forwarder_.appended(log_.flushed_seq(), now_ms_);
  }
  answer_published(effects);
  send_untold(effects);
  if (room_count_dirty_ && now_ms_ - room_count_sent_ms_ >= kRoomCountIntervalMs) {
    append_room_count();
  }
  if (confirmation_dirty_) append_confirmation();
  for (const std::string& whole_frame : pending_.take()) {
    if (connections_.size() > 0) effects.broadcast(whole_frame);
  }
}

void Room::append_room_count() {
  room_count_dirty_ = false;
  room_count_sent_ms_ = now_ms_;
  JsonObjectWriter object(pending_.begin_object());
  object.string("type", "room_count");
  object.integer("count", connections_.size());
  object.integer("users", connections_.users());
  object.close();
  pending_.end_object();
}

double Room::confirmation_due_ms() const {
  const size_t steps = connections_.size() / kConfirmationConnections;
  return confirmation_sent_ms_ +
         std::min(static_cast<double>(steps) * kConfirmationIntervalMs, kConfirmationIntervalMaxMs);
}

void Room::append_confirmation() {
  confirmation_dirty_ = false;
  confirmation_sent_ms_ = now_ms_;
  const uint64_t through = forwarder_.confirmed();
  std::string& out = pending_.begin_object();
  JsonObjectWriter object(out);
  object.string("type", "message_confirmed");
  object.string("epoch", log_.epoch());
  object.integer("through", through);
  bool any = false;
  for (const DeadLetter& letter : dead_letters_.all()) {
    if (letter.seq <= confirmation_sent_ || letter.seq > through) continue;
    if (!any) {
      object.key("except");
      out.push_back('[');
    } else {
      out.push_back(',');
    }
    append_json_integer(out, letter.seq);
    any = true;
  }
  if (any) out.push_back(']');
  if (!stored_letters_.empty()) {
    object.key("stored");
    char before = '[';
    for (const uint64_t seq : std::exchange(stored_letters_, {})) {
      out.push_back(std::exchange(before, ','));
      append_json_integer(out, seq);
    }
    out.push_back(']');
  }
  object.close();
  pending_.end_object();
  confirmation_sent_ = through;
}

void Room::timer(EffectList& effects) {
  timer_at_ms_ = 0;
  if (room_count_dirty_) want_flush(effects);
  if (confirmation_dirty_ && now_ms_ >= confirmation_due_ms()) want_flush(effects);
  behaviour_timer(effects);
  close_drained(effects);
  close_expired(effects);
  if (cursor_dirty() && now_ms_ >= cursor_dirty_at_ms_ + kCursorDelayMs) store_cursor(effects);
}

double Room::behaviour_deadline_ms() const {
  if (!log_.exists()) return std::numeric_limits<double>::infinity();
  const double deadline = state_.behaviour().deadline_ms();
  return std::max({deadline, behaviour_called_ms_ + kBehaviourTimerMinMs, trap_pause_until_ms_});
}

void Room::behaviour_timer(EffectList& effects) {
  if (now_ms_ < behaviour_deadline_ms()) return;
  behaviour_called_ms_ = now_ms_;
  Reply reply;
  state_.behaviour().on_timer(now_ms_, reply);
  say(reply, 0, {}, effects);
}

bool Room::cursor_dirty() const {
  return log_.exists() && confirmation_stored_ != forwarder_.confirmed();
}

void Room::store_cursor(EffectList& effects) {
  pause_stored_ = forwarder_.paused();
  ForwardingPause pause = pause_stored_;
  pause.until_ms = std::max(clock_.host_ms(pause.until_ms), 0.0);
  log_.save_state(forwarder_.confirmed(), pause, effects);
  confirmation_stored_ = forwarder_.confirmed();
  epoch_proof_dirty_ = false;
  // A confirmation that was to wait waits no longer, not even for the end of the turn: after a
  // sleep, or a trap there, nobody would be told of what storage knows.
  if (confirmation_dirty_) flush(effects);
}

// Sets the timer and the alarm to what the state asks for.
void Room::arm(EffectList& effects) {
  double due = forwarder_.deadline_ms();
  if (room_count_dirty_ && !flush_wanted_ && connections_.size() > 0) {
    due = std::min(due, room_count_sent_ms_ + kRoomCountIntervalMs);
  }
  if (confirmation_dirty_ && !flush_wanted_) due = std::min(due, confirmation_due_ms());
  if (cursor_dirty()) due = std::min(due, cursor_dirty_at_ms_ + kCursorDelayMs);
  if (drain_at_ms_ > 0) due = std::min(due, drain_at_ms_);
  if (measure_at_ms_ > 0) due = std::min(due, measure_at_ms_);
  // What may wait for longer than a room stays awake.
  const double far_due = std::min(behaviour_deadline_ms(), expiry_check_ms());
  const double soonest = std::min(due, far_due);
  const bool by_timer = soonest - now_ms_ <= kTimerDelayMaxMs;
  const double timer_at = by_timer ? std::max(soonest, now_ms_) : 0;
  if (timer_at != timer_at_ms_) {
    timer_at_ms_ = timer_at;
    effects.timer(by_timer ? std::ceil(timer_at - now_ms_) : -1);
  }
  double alarm_at = std::numeric_limits<double>::infinity();
  // Another alarm may be set, for much later: it must not stand in the safety alarm's place.
  const double safety = now_ms_ + kSafetyAlarmMs;
  // Nothing is done before the end of a long pause: the room need not wake for it.
  const bool is_paused =
      std::isfinite(due) && due - now_ms_ > kTimerDelayMaxMs && alarm_at_ms_ < due;
  const bool waits = forwarder_.pending() > 0 || forwarder_.replaying() > 0;
  if ((alarm_at_ms_ == 0 || alarm_at_ms_ > safety || is_paused) && waits) {
    alarm_at = std::isfinite(due) ? std::max(due, safety) : safety;
  }
  // A room may sleep until then.
  if (is_paused || far_due - now_ms_ > kTimerDelayMaxMs) alarm_at = std::min(alarm_at, far_due);
  const bool is_new =
      alarm_at_ms_ == 0 || alarm_at < alarm_at_ms_ || (is_paused && alarm_at > alarm_at_ms_);
  if (std::isfinite(alarm_at) && is_new) {
    alarm_at_ms_ = alarm_at;
    effects.alarm(clock_.host_ms(alarm_at_ms_));
  }
}

void Room::log_line(LogThreshold level, std::string_view what, std::string_view detail,
                    EffectList& effects) const {
  if (level < settings_.log_level) return;
  std::string fields;
  JsonObjectWriter object(fields);
  object.string("room", log_.room());
  object.string("event", what);
  if (!detail.empty()) object.string("detail", detail);
  if (!asked_.request.empty()) object.string("request", asked_.request);
  if (!asked_.trace.empty()) object.string("trace", asked_.trace);
  object.string("epoch", log_.epoch());
  object.integer("seq", log_.flushed_seq());
  object.integer("pending", forwarder_.pending());
  object.integer("connections", connections_.size());
  object.close();
  effects.log(static_cast<LogLevel>(level), fields);
}

}  // namespace edgeroom
