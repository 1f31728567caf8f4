// The forwarder: decides which records go to the central API, when, and what an answer means.
//
// The records wait in the room's own segments; this holds only where it stands. Batches are cut
// from the sequence in order, several may be on their way at once, and the watermark `confirmed`
// moves over the part that has no hole. A batch that failed is tried again with the same records;
// the central API recognises what it already has by (room, epoch, seq).
//
// Nothing here is durable by itself: after a restart everything above the stored watermark is sent
// again and answered `duplicate`.
//
// Dead letters can be tried again: they are sent in batches of their own, one at a time, beside the
// others. Those that are refused once more remain what they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/central_result.h"
#include "rooms/dead_letters.h"
#include "rooms/limits.h"
#include "rooms/log.h"

namespace edgeroom {

class Random;

// One attempt to make: the records to read, build into a body and send.
struct BatchPlan {
  uint64_t first = 0;
  uint64_t last = 0;
  // One entry a record from `first` on: whether it goes into this attempt.
  std::vector<bool> wanted;
  // In place of `wanted`: dead letters, ascending, from `first` to `last`.
  std::vector<uint64_t> letters;
};

// An answer, as the host saw it.
struct AttemptAnswer {
  uint32_t status = 0;           // 0: no answer (time-out, reset, no connection)
  std::string_view retry_after;  // the header
  std::string_view date;         // the header
  std::string_view body;
  double host_ms = 0;  // the host's clock when it came, with which requests are signed
};

// What an answer changed.
struct AttemptOutcome {
  bool confirmed_moved = false;
  // Dead letters that are stored now.
  std::vector<uint64_t> stored_letters;
  // The central store holds something else under a seq of this epoch.
  bool conflict = false;
  // Some of the batch is stored, now or before.
  bool has_stored = false;
  // Something for the log; empty when all went well.
  std::string trouble;
  // It is news, though the state may be what it was.
  bool is_news = false;
};

class Forwarder {
 public:
  // Both must outlive the forwarder.
  Forwarder(Random& random, DeadLetters& letters) : random_(random), letters_(letters) {}

  // Where a restored or new room stands: everything up to `confirmed` is done. A pause that a clock
  // which went back would make endless ends as the longest there is.
  void restore(uint64_t confirmed, const ForwardingPause& pause, double now_ms);
  // The epoch has changed: everything after `confirmed` is sent under the new one, and what is on
  // its way is not waited for. Letters without a row must have been forgotten.
  void restart(uint64_t confirmed);
  // Records up to `through` are durable and may be sent.
  void appended(uint64_t through, double now_ms);

  // Nothing is sent before `until_ms`.
  void pause(double until_ms);
  // All dead letters are tried again.
  void replay();

  // The next attempt to make now, if any. Follow it by started() or by nothing at all.
  [[nodiscard]] std::optional<BatchPlan> next(double now_ms);
  // The attempt for `plan` is on its way, with records up to `last` in it (a body may be full
  // before the plan is); returns its number.
  uint32_t started(const BatchPlan& plan, uint64_t last);
  // The answer to an attempt; nothing for an attempt that is not, or no longer, on its way.
  std::optional<AttemptOutcome> answered(uint32_t attempt, const AttemptAnswer& answer,
                                         std::string_view room, std::string_view epoch,
                                         double now_ms);
  // When next() may have something to do though nothing else happens; infinity for never.
  [[nodiscard]] double deadline_ms() const;

  [[nodiscard]] uint64_t confirmed() const { return confirmed_; }
  [[nodiscard]] uint64_t pending() const { return appended_ - confirmed_; }
  // Dead letters that are still to be tried again.
  [[nodiscard]] size_t replaying() const { return replay_.size(); }
  // The endpoint refuses us for a reason that only an operator can mend.
  [[nodiscard]] bool blocked() const { return blocked_; }
  [[nodiscard]] ForwardingPause paused() const {
    return {paused_until_ms_, failures_, blocked_, dead_in_row_,
            replay_.empty() ? 0 : replay_.back()};
  }
  // Attempts in a row that have failed, the endpoint being to blame.
  [[nodiscard]] uint32_t failures() const { return failures_; }
  // "ok", "failing" (the last attempt has, and the endpoint is to blame) or "blocked".
  [[nodiscard]] std::string_view state() const;
  // "closed", "open" or "half_open" (rooms/room_summary.h).
  [[nodiscard]] std::string_view breaker(double now_ms) const;
  // By how much the central API's clock is ahead of ours, where it has refused us for that; what is
  // signed bears its time.
  [[nodiscard]] double clock_offset_ms() const { return clock_offset_ms_; }

 private:
  enum class RecordState : uint8_t { kWaiting, kStored, kDead };

  struct Batch {
    uint64_t first = 0;
    std::vector<RecordState> records;
    uint32_t attempt = 0;       // 0: not on its way
    uint32_t last_attempt = 0;  // on its way or not
    // In a row, that its own records are to be blamed for, and not the endpoint.
    uint32_t failures = 0;
    double retry_at_ms = 0;

    [[nodiscard]] uint64_t last() const { return first + records.size() - 1; }
    [[nodiscard]] bool done() const;
  };

  [[nodiscard]] Batch* find(uint32_t attempt);
  [[nodiscard]] bool cut_due(double now_ms) const;
  void apply_results(Batch& batch, const std::vector<RecordResult>& results,
                     AttemptOutcome& outcome, double now_ms);
  void apply_refusal(Batch& batch, const AttemptAnswer& answer, AttemptOutcome& outcome,
                     double now_ms);
  // The part of an answer that speaks of the endpoint and not of records: when to try again, or
  // nothing for an answer that does not.
  std::optional<double> endpoint_refusal(uint32_t attempt, const AttemptAnswer& answer,
                                         AttemptOutcome& outcome, double now_ms);
  bool correct_clock(uint32_t attempt, const AttemptAnswer& answer, AttemptOutcome& outcome);
  void letters_answered(const AttemptAnswer& answer, std::string_view room, std::string_view epoch,
                        AttemptOutcome& outcome, double now_ms);
  void apply_letter_results(const std::vector<RecordResult>& results, AttemptOutcome& outcome,
                            double now_ms);
  [[nodiscard]] bool may_replay(double now_ms) const;
  [[nodiscard]] BatchPlan letters_plan() const;
  void end_replay(uint64_t seq);
  void settle(Batch& batch, const RecordResult& result, AttemptOutcome& outcome);
  void split_or_bury(Batch& batch, std::string_view code, AttemptOutcome& outcome, double now_ms);
  // Nothing at all is sent before the pause is over, whose end is returned.
  double back_off(double floor_ms, double now_ms);
  // The same for one batch, while the others go on.
  void back_off_alone(Batch& batch, double now_ms);
  [[nodiscard]] double backoff_ms(uint32_t failures);
  // Gives the record up, unless too many were in a row: then nothing is until one is stored, and
  // the endpoint counts as blocked.
  void bury(RecordState& state, uint64_t seq, std::string_view code, AttemptOutcome& outcome);
  [[nodiscard]] bool is_due(const Batch& batch, double now_ms) const;
  [[nodiscard]] const Batch* due_batch(double now_ms) const;
  [[nodiscard]] const Batch* due_suspect(double now_ms) const;
  [[nodiscard]] bool may_cut() const {
    return cut_ != appended_ && cut_ - confirmed_ < kUnsettledRecordsMax;
  }
  void unbury(uint64_t seq, AttemptOutcome& outcome);
  // After a batch went through: the next may be a record larger, up to the limit.
  void grow(const Batch& batch);
  void move_watermark(AttemptOutcome& outcome);

  Random& random_;
  DeadLetters& letters_;
  uint64_t confirmed_ = 0;  // all up to here is stored or dead
  uint64_t cut_ = 0;        // all up to here is in batches_ or before them
  uint64_t appended_ = 0;
  double cut_at_ms_ = 0;  // when the oldest record that is not in a batch has waited enough
  double planned_at_ms_ = 0;
  std::deque<Batch> batches_;
  // What is cut next: less than kBatchRecordsMax after a batch that was too large, until as many
  // have gone through one by one; not while there may be records to blame up to grow_after_.
  uint64_t batch_records_max_ = kBatchRecordsMax;
  uint64_t grow_after_ = 0;
  std::vector<uint64_t> replay_;          // ascending
  std::vector<uint64_t> letters_on_way_;  // those of replay_attempt_
  uint32_t replay_attempt_ = 0;           // 0: none on its way
  uint32_t last_replay_ = 0;              // the same, on its way or not
  size_t replay_max_ = kBatchRecordsMax;  // letters in one attempt
  uint32_t replay_failures_ = 0;          // in a row, without any progress
  double replay_at_ms_ = 0;
  uint32_t in_flight_ = 0;
  uint32_t last_attempt_ = 0;
  uint32_t failures_ = 0;       // in a row
  uint32_t dead_in_row_ = 0;    // given up, and nothing stored since
  double paused_until_ms_ = 0;  // after a failure nothing is sent before
  bool blocked_ = false;
  double clock_offset_ms_ = 0;
  bool is_clock_corrected_ = false;  // and nothing was answered well since
  uint32_t old_clock_attempt_ = 0;   // the last one that was signed before the offset changed
};

// The delay that a Retry-After header asks for, in seconds or until a date, as ms, at most
// kRetryAfterMaxMs; 0 when there is none that can be read. `date`: the answer's own Date header,
// which counts before our clock; `now_ms` where there is none.
double parse_retry_after(std::string_view header, std::string_view date, double now_ms);

}  // namespace edgeroom
