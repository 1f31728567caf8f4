import { LATER_MUTANTS } from "./later-mutants.js";
import { THIRD_MUTANTS } from "./third-mutants.js";

/**
 * Bugs planted in the room, one at a time, to see that the simulator finds them: `scripts/sim --mutants`.
 *
 * Each is one place of one file, which must stand there exactly once. A change of that place in the
 * room needs a change here.
 *
 * @typedef {object} Mutant
 * @property {string} name
 * @property {string} about what it is a bug of
 * @property {string} file
 * @property {string} from
 * @property {string} to
 */

/** @type {Mutant[]} */
const FIRST_MUTANTS = [
  {
    name: "time goes back",
    about: "order",
    file: "rooms/log.cpp",
    from: "return std::max(static_cast<uint64_t>(now_ms), last_ts_);",
    to: "return static_cast<uint64_t>(now_ms);",
  },
  {
    name: "recovery one too few",
    about: "order",
    file: "rooms/load.cpp",
    from: "RecoveryReader::record(const Record& record) {\n  if (record.seq <= after_) return;",
    to: "RecoveryReader::record(const Record& record) {\n  if (record.seq <= after_ + 1) return;",
  },
  {
    name: "recovery one too many",
    about: "order",
    file: "rooms/load.cpp",
    from: "RecoveryReader::record(const Record& record) {\n  if (record.seq <= after_) return;",
    to: "RecoveryReader::record(const Record& record) {\n  if (record.seq < after_) return;",
  },
  {
    name: "told before it is stored",
    about: "durability",
    file: "rooms/room_frames.cpp",
    from: "  if (log_.appended_seq() == log_.flushed_seq()) {\n    effects.send(handle, frame);",
    to: "  if (handle > 0) {\n    effects.send(handle, frame);",
  },
  {
    name: "overwrites what is not forwarded",
    about: "durability",
    file: "rooms/log.cpp",
    from: "  if (last > confirmed) return false;\n",
    to: "  if (last > confirmed + 1000) return false;\n",
  },
  {
    name: "overwrites history",
    about: "durability",
    file: "rooms/log.cpp",
    from: "segments_.messages_after_oldest() >= settings_.history_size;",
    to: "segments_.messages_after_oldest() + 1 >= settings_.history_size;",
  },
  {
    name: "ack of what is not stored",
    about: "durability",
    file: "rooms/room_frames.cpp",
    from: "if (*seq > log_.flushed_seq()) {",
    to: "if (*seq == 0) {",
  },
  {
    name: "a deleted content stays stored",
    about: "durability",
    file: "rooms/room_deletion.cpp",
    from: "  log_.rewrite(reader.target(), reader.data(), reader.is_message(), forwarder_.confirmed(),\n               effects);\n",
    to: "",
  },
  {
    name: "ids are not looked up",
    about: "deduplication",
    file: "rooms/log.cpp",
    from: "  return dedup_->find(record.id_hash);",
    to: "  return record.seq > 0 ? dedup_->find(record.id_hash) : std::nullopt;",
  },
  {
    name: "ids are forgotten at a restore",
    about: "deduplication",
    file: "rooms/log.cpp",
    from: "      if (hash == kNoMessageHash) continue;",
    to: "      if (hash != kNoIdHash) continue;",
  },
  {
    name: "ids are forgotten with their age",
    about: "deduplication",
    file: "rooms/dedup.cpp",
    from: "    if (in_history || young) return;",
    to: "    if (young) return;",
  },
  {
    name: "ids are forgotten with the history",
    about: "deduplication",
    file: "rooms/dedup.cpp",
    from: "    if (in_history || young) return;",
    to: "    if (in_history) return;",
  },
  {
    name: "stored frames are given again",
    about: "deduplication",
    file: "rooms/log.cpp",
    from: "effects.put_segment(slot, encoded_head, segment.data, true);",
    to: "effects.put_segment(slot, encoded_head, segment.data, false);",
  },
  {
    name: "a rewritten segment loses its ids",
    about: "deduplication",
    file: "rooms/log.cpp",
    from: "  if (!any_hash) head.hashes.clear();",
    to: "  if (any_hash) head.hashes.assign(head.hashes.size(), kNoIdHash);",
  },
  {
    name: "recovered over a gap",
    about: "recovery",
    file: "rooms/room_connections.cpp",
    from: "after + 1 < log_.oldest_held_seq()) return false;",
    to: "after + 2 < log_.oldest_held_seq()) return false;",
  },
  {
    name: "recovered from another epoch",
    about: "recovery",
    file: "rooms/room_connections.cpp",
    from: "  if (!operation.after || operation.epoch != log_.epoch()) return false;",
    to: "  if (!operation.after) return false;",
  },
  {
    name: "never recovered from the oldest",
    about: "recovery",
    file: "rooms/room_connections.cpp",
    from: "after + 1 < log_.oldest_held_seq()) return false;",
    to: "after < log_.oldest_held_seq() + 1) return false;",
  },
  {
    name: "the watermark passes a hole",
    about: "watermark",
    file: "rooms/forwarder.cpp",
    from: "  while (!batches_.empty() && batches_.front().done()) {",
    to: "  while (!batches_.empty() && batches_.front().attempt == 0) {",
  },
  {
    name: "retry counts as stored",
    about: "watermark",
    file: "rooms/forwarder.cpp",
    from: "  if (result.outcome == RecordOutcome::kStored) {\n    state = RecordState::kStored;",
    to: "  if (result.outcome != RecordOutcome::kRejected) {\n    state = RecordState::kStored;",
  },
  {
    name: "results of another epoch count",
    about: "watermark",
    file: "rooms/central_result.cpp",
    from: "answer.room != room || answer.epoch != epoch ||",
    to: "answer.room != room || epoch.empty() ||",
  },
  {
    name: "a segment says that it is confirmed",
    about: "watermark",
    file: "rooms/log.cpp",
    from: "    head.confirmed = confirmed;\n    encoded_head.clear();",
    to: "    head.confirmed = head.last_seq() - 1;\n    encoded_head.clear();",
  },
  {
    name: "exceptions are not told",
    about: "watermark",
    file: "rooms/room.cpp",
    from: "    if (letter.seq <= confirmation_sent_ || letter.seq > through) continue;",
    to: "    if (letter.seq <= confirmation_sent_ + 1 || letter.seq > through) continue;",
  },
  {
    name: "a trap hides an exception",
    about: "watermark",
    file: "rooms/room.cpp",
    from: "  if (confirmation_dirty_) flush(effects);\n}",
    to: "  if (confirmation_dirty_ && !flush_wanted_) flush(effects);\n}",
  },
  {
    name: "frames cost nothing",
    about: "limits",
    file: "rooms/room_frames.cpp",
    from: "    budget.spend_frame(now_ms_, bytes);",
    to: "    if (bytes > 10000) budget.spend_frame(now_ms_, bytes);",
  },
  {
    name: "floods are warned for ever",
    about: "limits",
    file: "rooms/room_frames.cpp",
    from: "  if (++connection.flood_warnings > kFloodWarningsMax) {",
    to: "  if (++connection.flood_warnings > 2 * kFloodWarningsMax) {",
  },
  {
    name: "one more than the outbox holds",
    about: "limits",
    file: "rooms/room_frames.cpp",
    from: "  if (unforwarded >= settings_.outbox_records_max + reserve ||",
    to: "  if (unforwarded > settings_.outbox_records_max + reserve ||",
  },
  {
    name: "one connection too many",
    about: "limits",
    file: "rooms/room_connections.cpp",
    from: "  if (connections_.size() >= settings_.connections_max) {",
    to: "  if (connections_.size() > settings_.connections_max) {",
  },
  {
    name: "a message too large",
    about: "limits",
    file: "rooms/room_frames.cpp",
    from: "  if (content.size() > settings_.message_bytes_max) {",
    to: "  if (content.size() > settings_.message_bytes_max + 20) {",
  },
  {
    name: "banned users join",
    about: "restore",
    file: "rooms/room_connections.cpp",
    from: "  if (refuse_banned(event.target, operation->user, effects)) return std::nullopt;\n  if (conn",
    to: "  if (conn",
  },
  {
    name: "a snapshot names too few records",
    about: "restore",
    file: "rooms/log.cpp",
    from: "  snapshot_through_ = appended_seq_;",
    to: "  snapshot_through_ = flushed_seq_;",
  },
  {
    name: "a restore takes all for confirmed",
    about: "restore",
    file: "rooms/log.cpp",
    from: "      restored_confirmed_ = std::max(restored_confirmed_, head.confirmed);",
    to: "      restored_confirmed_ = std::max(restored_confirmed_, head.last_seq());",
  },
  {
    name: "no alarm is set",
    about: "restore",
    file: "rooms/room.cpp",
    from: "  if ((alarm_at_ms_ == 0 || alarm_at_ms_ > safety || is_paused) && waits) {",
    to: "  if (alarm_at_ms_ > safety && is_paused && waits) {",
  },
];

export const MUTANTS = [...FIRST_MUTANTS, ...LATER_MUTANTS, ...THIRD_MUTANTS];

/** One of each kind, which every run must find. */
export const FEW_MUTANTS = [
  "recovered over a gap",
  "stored frames are given again",
  "a trap hides an exception",
  "a snapshot names too few records",
];
