// The room's one log: what is stored of it, what waits to be stored, and what the room remembers
// of both.
//
// Use: append() any number of records, then flush() once; between the two nothing is durable, and
// nothing may be told to anybody.
//
// What the records amount to (rooms/room_state.h) is stored now and then as a snapshot, in a row of
// its own; the segments after it are read again on waking. Which segments matter to it: those
// with other records than messages, and all of them when the behaviour keeps a state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/dedup.h"
#include "rooms/effects.h"
#include "rooms/record.h"
#include "rooms/segment.h"

namespace edgeroom {

class Random;
struct RoomSettings;

// The state rows by id: where the log stands, the snapshot, and which records are left out of the
// state that it is of.
inline constexpr uint32_t kStateRow = 0;
inline constexpr uint32_t kSnapshotRow = 1;
inline constexpr uint32_t kSkippedRow = 2;

// What is to be known of forwarding after a sleep, besides the watermark.
struct ForwardingPause {
  double until_ms = 0;    // nothing is sent before
  uint32_t failures = 0;  // in a row
  bool is_blocked = false;
  uint32_t dead_in_row = 0;     // records given up, and none stored since
  uint64_t replay_through = 0;  // dead letters up to here are to be tried again; 0: none

  bool operator==(const ForwardingPause& other) const = default;
};

class Log {
 public:
  // `room` is the room's name, empty if the state row is to tell it. `settings` must outlive the
  // log. `messages_matter`: messages change what the records amount to.
  Log(std::string room, const RoomSettings& settings, bool messages_matter);

  // --- restoring, before anything else ---
  // `id` is the row's.
  bool restore_state(uint32_t id, std::string_view bytes);
  bool restore_segment(uint32_t slot, std::string_view head);
  // False when what was given is not one unbroken log with all that is not confirmed in it.
  [[nodiscard]] bool restored(double now_ms);

  // Whether the room was ever joined or published to.
  [[nodiscard]] bool exists() const { return !epoch_.empty(); }
  // Begins the first epoch and stores it.
  void create(double now_ms, Random& random, EffectList& effects);
  // Begins as the copy of another room's log whose records after `flushed_seq` will be appended:
  // with its epoch, and with its snapshot `state`, which holds all records up to `through`. That is
  // stored when they have all been appended, and the room must not sleep before.
  struct Origin {
    std::string_view epoch;
    uint64_t flushed_seq = 0;
    uint64_t through = 0;
    std::string_view state;
    std::vector<uint64_t> skipped;  // as skipped() of that log
  };
  void import(const Origin& origin, Random& random, EffectList& effects);

  // --- appending ---
  // The seq under which the record's user and id were appended before, flushed or not. The record
  // keeps their hash.
  [[nodiscard]] std::optional<uint64_t> find_duplicate(Record& record) const;
  // The ts of a record that is appended now: never below that of the one before.
  [[nodiscard]] uint64_t next_ts(double now_ms) const;
  // Numbers the record, sets its ts and keeps its encoding for the flush.
  void append(Record& record, double now_ms);
  // Stores what was appended, with `confirmed` riding along.
  void flush(double now_ms, uint64_t confirmed, EffectList& effects);
  // Stores `data` in place of what the segment that holds `seq` has. `is_message` tells for each of
  // its records whether it is a message. Nothing may be appended and not flushed. An id that is
  // forgotten by now is lost to those who restore the room as well, whatever their clock shows.
  void rewrite(uint64_t seq, std::string_view data, const std::vector<bool>& is_message,
               uint64_t confirmed, EffectList& effects);
  // Stores `state` as the snapshot that holds all that was appended. The segments of what is not
  // flushed must follow in the same commit.
  void save_snapshot(std::string state, EffectList& effects);
  // It is time for one: waking would have much to read, or a segment whose slot could be written
  // over is not in the snapshot yet.
  [[nodiscard]] bool snapshot_due(uint64_t confirmed) const;
  // Stores the state row.
  void save_state(uint64_t confirmed, const ForwardingPause& pause, EffectList& effects);

  // Goes on under a new epoch, which sorts behind the present one: the central store holds other
  // records under that. Nothing may be appended and not flushed; the state row must be stored in
  // the same commit.
  void begin_epoch(double now_ms, Random& random);
  // Whether it may be done now. Not while the present one was begun so and nothing of it is stored,
  // nor soon after: a store that knows everything otherwise would have one epoch after the other.
  [[nodiscard]] bool may_begin_epoch(double now_ms) const;
  // Whether the epoch was begun so, and the central API has stored nothing of it yet.
  [[nodiscard]] bool is_epoch_unproven() const { return is_epoch_unproven_; }
  void prove_epoch() { is_epoch_unproven_ = false; }

  // Leaves a record out of the state for good: it stays a record of the log and nothing more. For
  // one that is in no snapshot, of a log that exists; at most kSkippedRecordsMax at once.
  void skip(uint64_t seq, EffectList& effects);
  [[nodiscard]] bool is_skipped(uint64_t seq) const;
  // Ascending; none that a snapshot knows of.
  [[nodiscard]] const std::vector<uint64_t>& skipped() const { return skipped_; }

  [[nodiscard]] const std::string& room() const { return room_; }
  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  // The newest durable record; 0 before the first.
  [[nodiscard]] uint64_t flushed_seq() const { return flushed_seq_; }
  [[nodiscard]] uint64_t appended_seq() const { return appended_seq_; }
  [[nodiscard]] size_t pending_bytes() const { return pending_bytes_; }
  // Nobody needs the oldest segment any more: its slot may be written over.
  [[nodiscard]] bool oldest_done(uint64_t confirmed) const;
  [[nodiscard]] const SegmentIndex& segments() const { return segments_; }
  // The snapshot: the state after the record `snapshot_through()`. Empty when there is none: the
  // records up to it have left the state as it was in the beginning.
  [[nodiscard]] const std::string& snapshot() const { return snapshot_; }
  [[nodiscard]] uint64_t snapshot_through() const { return snapshot_through_; }
  // The segments that are to be read on waking: those that matter and are after the snapshot, and
  // those with other records than messages above the watermark.
  [[nodiscard]] std::vector<SegmentEntry> segments_to_replay() const;
  // The oldest record that is still held; flushed_seq() + 1 when none is.
  [[nodiscard]] uint64_t oldest_held_seq() const;
  // As read by restore_state and restore_segment.
  [[nodiscard]] uint64_t restored_confirmed() const { return restored_confirmed_; }
  [[nodiscard]] const ForwardingPause& restored_pause() const { return restored_pause_; }

 private:
  struct PendingSegment {
    SegmentHead head;
    std::string data;
  };
  struct StoredSegment {
    uint32_t slot = 0;
    SegmentHead head;
  };

  void start_dedup();
  bool restore_state_row(std::string_view bytes);
  bool restore_snapshot_row(std::string_view bytes);
  bool restore_skipped_row(std::string_view bytes);
  void save_skipped(EffectList& effects) const;
  void forget_skipped();
  [[nodiscard]] bool matters(const SegmentEntry& entry) const;
  [[nodiscard]] bool oldest_forwarded_and_forgotten(uint64_t confirmed) const;
  [[nodiscard]] bool restored_whole() const;

  const RoomSettings& settings_;
  bool messages_matter_;
  std::string room_;
  std::string epoch_;
  uint64_t generation_ = 0;
  SipHashKey dedup_key_;
  std::optional<DedupWindow> dedup_;  // once the key is known
  SegmentIndex segments_;
  uint64_t flushed_seq_ = 0;
  uint64_t appended_seq_ = 0;
  uint64_t last_ts_ = 0;
  std::vector<PendingSegment> pending_;
  size_t pending_bytes_ = 0;
  std::string snapshot_;
  uint64_t snapshot_generation_ = 0;
  uint64_t snapshot_through_ = 0;
  bool snapshot_is_stored_ = true;        // but for that of an import
  uint32_t segments_after_snapshot_ = 0;  // those that matter
  uint64_t bytes_after_snapshot_ = 0;     // of their data
  std::vector<uint64_t> skipped_;
  uint64_t skipped_generation_ = 0;
  std::vector<StoredSegment> restoring_;
  uint64_t restored_confirmed_ = 0;
  uint64_t rowless_dead_ = 0;  // the first dead letter of a version without rows for them
  ForwardingPause restored_pause_;
  bool is_epoch_unproven_ = false;
  uint64_t epoch_began_after_ = 0;  // the newest record when begin_epoch was called; 0: never
};

}  // namespace edgeroom
