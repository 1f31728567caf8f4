// Forwarding: from the forwarder's decisions to attempts, and from answers to confirmations.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"
#include "rooms/room_summary.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusAccepted = 202;

}  // namespace

// Begins the next attempt, if one is due: its records are loaded, and finish() sends them.
void Room::forward_next(EffectList& effects) {
  auto plan = forwarder_.next(now_ms_);
  if (!plan) return;
  if (!plan->letters.empty()) {
    std::vector<SegmentEntry> rows = letter_rows(plan->letters);
    size_t bytes = 0;
    for (const SegmentEntry& row : rows) bytes += row.data_size;
    BatchReader reader(std::move(*plan), log_.room(), log_.epoch(), bytes);
    start_load(Load(std::move(rows), std::move(reader)), effects);
    return;
  }
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
  answer.host_ms = event.now_ms;

  const uint64_t confirmed_before = forwarder_.confirmed();
  const auto outcome =
      forwarder_.answered(event.target, answer, log_.room(), log_.epoch(), now_ms_);
  if (!outcome) return std::nullopt;  // an answer that came after its time-out
  report_forwarding(*outcome, effects);
  if (outcome->conflict && log_.may_begin_epoch(now_ms_)) {
    begin_epoch(effects);
    store_letters(effects);
    return std::nullopt;
  }
  if (outcome->has_stored && !outcome->conflict && log_.is_epoch_unproven()) {
    log_.prove_epoch();
    epoch_proof_dirty_ = true;
  }
  if (outcome->confirmed_moved) {
    count_confirmed_bytes(confirmed_before, forwarder_.confirmed());
    if (confirmed_before == confirmation_stored_) cursor_dirty_at_ms_ = now_ms_;
    forget_deletions();
    confirmation_dirty_ = true;
  }
  for (const uint64_t seq : outcome->stored_letters) {
    // Who was never told that it was refused need not be told that it is stored.
    if (seq > std::max(confirmation_sent_, dead_told_through_)) continue;
    stored_letters_.push_back(seq);
    confirmation_dirty_ = true;
  }
  if (!outcome->stored_letters.empty()) forget_deletions();
  if (confirmation_dirty_ && now_ms_ >= confirmation_due_ms()) want_flush(effects);
  store_letters(effects);
  return std::nullopt;
}

// What an answer has said of dead letters stands in their rows when the turn ends.
void Room::store_letters(EffectList& effects) {
  const std::vector<uint64_t> to_bury = dead_letters_.unstored();
  if (to_bury.empty()) {
    dead_letters_.drop_removed(effects);
    answer_taken(effects);
  } else {
    bury(to_bury, effects);
  }
}

// With thousands of rooms behind an endpoint that is down, a line for every attempt hides the one
// that says what is the matter: the log has the changes, and the attempts between them as debug.
void Room::report_forwarding(const AttemptOutcome& outcome, EffectList& effects) {
  const std::string_view state = forwarder_.state();
  const bool has_changed = std::exchange(forwarding_reported_, state) != state;
  if (!has_changed && outcome.trouble.empty()) return;
  std::string fields;
  JsonObjectWriter object(fields);
  object.string("room", log_.room());
  object.string("event", "forwarding");
  object.string("state", state);
  if (!outcome.trouble.empty()) object.string("detail", outcome.trouble);
  object.string("epoch", log_.epoch());
  object.integer("pending", forwarder_.pending());
  object.integer("oldest_ms", oldest_pending_ms(log_.segments(), forwarder_.confirmed(), now_ms_));
  object.integer("dead", dead_letters_.size());
  object.integer("attempts", forwarder_.failures());
  object.close();
  LogThreshold level = outcome.is_news ? LogThreshold::kWarn : LogThreshold::kDebug;
  if (has_changed) {
    level = state == "blocked"   ? LogThreshold::kError
            : state == "failing" ? LogThreshold::kWarn
                                 : LogThreshold::kInfo;
  }
  if (level >= settings_.log_level) effects.log(static_cast<LogLevel>(level), fields);
  effects.forwarding_state(fields);
}

// Follows all rows that the answer writes and drops. What is stored now is told at once: its
// letter's row is gone, and after a trap nobody could tell of it.
void Room::answer_taken(EffectList& effects) {
  if (epoch_proof_dirty_ || pause_dirty()) store_cursor(effects);
  if (!stored_letters_.empty()) flush(effects);
}

void Room::bury(const std::vector<uint64_t>& seqs, EffectList& effects) {
  const SegmentIndex& index = log_.segments();
  std::vector<SegmentEntry> segments;
  for (const uint64_t seq : seqs) {
    const DeadLetter* letter = dead_letters_.find(seq);
    if (letter->data_size > 0) {
      segments.push_back(letter->row());
      continue;
    }
    const SegmentEntry& entry = index.entries()[index.find(seq)];
    if (segments.empty() || segments.back().slot != entry.slot) segments.push_back(entry);
  }
  start_load(Load(std::move(segments), BurialReader(seqs)), effects);
}

void Room::finish(BurialReader& reader, EffectList& effects) {
  CHECK(reader.rows().size() == reader.seqs().size());
  dead_letters_.drop_removed(effects);
  for (size_t i = 0; i < reader.seqs().size(); i++) {
    const uint64_t seq = reader.seqs()[i];
    dead_letters_.store(seq, reader.rows()[i], effects);
    log_line(LogThreshold::kWarn, "dead_letter",
             "record " + std::to_string(seq) + ": " + dead_letters_.find(seq)->code, effects);
  }
  answer_taken(effects);
}

std::vector<SegmentEntry> Room::letter_rows(const std::vector<uint64_t>& seqs) const {
  std::vector<SegmentEntry> rows;
  rows.reserve(seqs.size());
  for (const uint64_t seq : seqs) {
    const DeadLetter* letter = dead_letters_.find(seq);
    CHECK(letter != nullptr);
    rows.push_back(letter->row());
  }
  return rows;
}

void Room::read_dead_letters(uint32_t request, const Operation& operation, EffectList& effects) {
  const uint64_t after = operation.after.value_or(0);
  const auto limit = static_cast<size_t>(operation.limit.value_or(kHistoryLimitDefault));
  std::vector<SegmentEntry> rows;
  size_t bytes = 0;
  bool more = false;
  for (const DeadLetter& letter : dead_letters_.all()) {
    if (letter.seq <= after) continue;
    bytes += letter.data_size;
    more = rows.size() == limit || (!rows.empty() && bytes > kHistoryBytesMax);
    if (more) break;
    rows.push_back(letter.row());
  }
  DeadLettersReader reader(request, dead_letters_, more);
  if (rows.empty()) {
    finish(reader, effects);
  } else {
    start_load(Load(std::move(rows), std::move(reader)), effects);
  }
}

void Room::finish(DeadLettersReader& reader, EffectList& effects) {
  effects.respond(reader.request(), kStatusOk, reader.finish());
}

// They are tried one batch after the other, and what is stored is told by message_confirmed.
void Room::replay_request(uint32_t request, EffectList& effects) {
  forwarder_.replay();
  std::string body;
  JsonObjectWriter object(body);
  object.integer("replaying", forwarder_.replaying());
  object.close();
  // Also when the room sleeps, or is gone, in between.
  if (pause_dirty()) store_cursor(effects);
  effects.respond(request, kStatusAccepted, body);
}

// A short pause is over before the room could sleep. How many were given up in a row must be known
// after it: else three more would be with every waking. And whether the last attempt has failed:
// else nobody would be told that the next has not.
bool Room::pause_dirty() const {
  const ForwardingPause pause = forwarder_.paused();
  return pause.is_blocked != pause_stored_.is_blocked ||
         pause.dead_in_row != pause_stored_.dead_in_row ||
         (pause.failures > 0) != (pause_stored_.failures > 0) ||
         pause.replay_through != pause_stored_.replay_through ||
         (pause.until_ms != pause_stored_.until_ms && pause.until_ms > now_ms_ + kTimerDelayMaxMs);
}

// The central store holds other records under this epoch: this room was set back to an earlier
// state, or has been somewhere else before. Nothing is overwritten there and nothing lost here: all
// that the room holds goes to the store again, under a new name.
void Room::begin_epoch(EffectList& effects) {
  flush(effects);
  const std::string before = log_.epoch();
  log_.begin_epoch(now_ms_, random_);
  // They are sent again with all the rest.
  dead_letters_.forget_rowless();
  dead_letters_.drop_removed(effects);
  forwarder_.restart(log_.oldest_held_seq() - 1);
  forwarder_.pause(trap_pause_until_ms_);
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
