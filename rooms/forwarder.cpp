#include "rooms/forwarder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/http_date.h"
#include "base/json_scanner.h"
#include "base/random.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusBadRequest = 400;
constexpr uint32_t kStatusUnauthorized = 401;
constexpr uint32_t kStatusForbidden = 403;
constexpr uint32_t kStatusRequestTimeout = 408;
constexpr uint32_t kStatusTooLarge = 413;
constexpr uint32_t kStatusUnprocessable = 422;
constexpr uint32_t kStatusTooMany = 429;
constexpr uint32_t kStatusFirstServerError = 500;

// Statuses after which the same batch may go through a little later. The outcome is unknown.
bool is_passing(uint32_t status) {
  return status == 0 || status == kStatusRequestTimeout || status == kStatusTooMany ||
         status >= kStatusFirstServerError;
}

bool is_unauthorized(uint32_t status) {
  return status == kStatusUnauthorized || status == kStatusForbidden;
}

std::string answer_in_words(const AttemptAnswer& answer) {
  if (answer.status == 0) return "no answer";
  return "HTTP " + std::to_string(answer.status);
}

}  // namespace

double parse_retry_after(std::string_view header, std::string_view date, double now_ms) {
  if (const auto until_ms = parse_http_date(header)) {
    const double from_ms = parse_http_date(date).value_or(now_ms);
    return std::clamp(*until_ms - from_ms, 0.0, kRetryAfterMaxMs);
  }
  if (header.empty() || header.find_first_not_of("0123456789") != std::string_view::npos) return 0;
  const auto seconds = json_integer(header);
  if (!seconds) return kRetryAfterMaxMs;  // larger than any number of ours
  return std::min(static_cast<double>(*seconds) * 1000, kRetryAfterMaxMs);
}

bool Forwarder::Batch::done() const {
  return std::none_of(records.begin(), records.end(),
                      [](RecordState state) { return state == RecordState::kWaiting; });
}

void Forwarder::restore(uint64_t confirmed, const ForwardingPause& pause, double now_ms) {
  CHECK(batches_.empty());
  confirmed_ = confirmed;
  cut_ = confirmed;
  appended_ = confirmed;
  // A trap may have paused it before.
  paused_until_ms_ =
      std::max(paused_until_ms_, std::min(pause.until_ms, now_ms + kRetryAfterMaxMs));
  failures_ = pause.failures;
  blocked_ = pause.is_blocked;
  dead_in_row_ = std::min(pause.dead_in_row, kDeadInRowMax);
  for (const DeadLetter& letter : letters_.all()) {
    if (letter.seq <= pause.replay_through) replay_.push_back(letter.seq);
  }
}

void Forwarder::restart(uint64_t confirmed) {
  CHECK(confirmed <= appended_);
  batches_.clear();
  in_flight_ = 0;
  confirmed_ = confirmed;
  cut_ = confirmed;
  cut_at_ms_ = 0;
  failures_ = 0;
  paused_until_ms_ = 0;
  blocked_ = false;
  letters_on_way_.clear();
  replay_attempt_ = 0;
  replay_at_ms_ = 0;
}

void Forwarder::appended(uint64_t through, double now_ms) {
  CHECK(through >= appended_);
  if (through > appended_ && cut_ == appended_) cut_at_ms_ = now_ms + kBatchLingerMs;
  appended_ = through;
}

void Forwarder::pause(double until_ms) { paused_until_ms_ = std::max(paused_until_ms_, until_ms); }

void Forwarder::replay() {
  replay_.clear();
  for (const DeadLetter& letter : letters_.all()) replay_.push_back(letter.seq);
  replay_max_ = kBatchRecordsMax;
  replay_failures_ = 0;
  replay_at_ms_ = 0;
}

bool Forwarder::may_replay(double now_ms) const {
  return !replay_.empty() && replay_attempt_ == 0 && now_ms >= replay_at_ms_;
}

BatchPlan Forwarder::letters_plan() const {
  BatchPlan plan;
  const size_t count = std::min(replay_.size(), replay_max_);
  plan.letters.assign(replay_.begin(), replay_.begin() + static_cast<std::ptrdiff_t>(count));
  plan.first = plan.letters.front();
  plan.last = plan.letters.back();
  return plan;
}

bool Forwarder::cut_due(double now_ms) const {
  if (!may_cut()) return false;
  return appended_ - cut_ >= batch_records_max_ || now_ms >= cut_at_ms_;
}

std::optional<BatchPlan> Forwarder::next(double now_ms) {
  // While the endpoint fails, one attempt at a time finds out whether it is back.
  const uint32_t in_flight_max = failures_ > 0 ? 1 : kBatchesInFlightMax;
  if (in_flight_ >= in_flight_max || now_ms < paused_until_ms_) return std::nullopt;
  const bool is_replay_due = may_replay(now_ms);
  // While the endpoint fails, letters that it has refused before find out by turns with the batches
  // whose records may be to blame.
  if (is_replay_due && failures_ == 0) return letters_plan();
  const bool is_cut_due = cut_due(now_ms);
  const Batch* batch = due_batch(now_ms);
  if (batch == nullptr && !is_cut_due) {
    batch = due_suspect(now_ms);
    if (is_replay_due && (batch == nullptr || last_replay_ < batch->last_attempt)) {
      return letters_plan();
    }
  }
  BatchPlan plan;
  if (batch != nullptr) {
    plan.first = batch->first;
    plan.last = batch->last();
    for (const RecordState state : batch->records) {
      plan.wanted.push_back(state == RecordState::kWaiting);
    }
    return plan;
  }
  if (!is_cut_due) return std::nullopt;
  planned_at_ms_ = now_ms;
  plan.first = cut_ + 1;
  plan.last = std::min(appended_, cut_ + batch_records_max_);
  plan.wanted.assign(static_cast<size_t>(plan.last - cut_), true);
  return plan;
}

bool Forwarder::is_due(const Batch& batch, double now_ms) const {
  return batch.attempt == 0 && !batch.done() && now_ms >= batch.retry_at_ms;
}

// The oldest; while nothing goes through, of those that nothing speaks against.
const Forwarder::Batch* Forwarder::due_batch(double now_ms) const {
  for (const Batch& batch : batches_) {
    if (is_due(batch, now_ms) && (failures_ == 0 || batch.failures == 0)) return &batch;
  }
  return nullptr;
}

// Of those whose records may be to blame, the one that was tried the longest ago.
const Forwarder::Batch* Forwarder::due_suspect(double now_ms) const {
  const Batch* found = nullptr;
  for (const Batch& batch : batches_) {
    if (!is_due(batch, now_ms)) continue;
    if (found == nullptr || batch.last_attempt < found->last_attempt) found = &batch;
  }
  return found;
}

uint32_t Forwarder::started(const BatchPlan& plan, uint64_t last) {
  CHECK(last >= plan.first && last <= plan.last);
  last_attempt_++;
  in_flight_++;
  if (!plan.letters.empty()) {
    CHECK(replay_attempt_ == 0);
    replay_attempt_ = last_attempt_;
    last_replay_ = last_attempt_;
    letters_on_way_.assign(plan.letters.begin(),
                           std::upper_bound(plan.letters.begin(), plan.letters.end(), last));
    return last_attempt_;
  }
  if (plan.first > cut_) {
    Batch batch;
    batch.first = plan.first;
    batch.records.assign(static_cast<size_t>(last - plan.first + 1), RecordState::kWaiting);
    batch.attempt = last_attempt_;
    batch.last_attempt = last_attempt_;
    batches_.push_back(std::move(batch));
    cut_ = last;
    // What a batch of so many left over waits for others again: else every second batch of a busy
    // room would be a small one. What did not fit into a body has waited.
    if (last == plan.last && cut_ != appended_) cut_at_ms_ = planned_at_ms_ + kBatchLingerMs;
    return last_attempt_;
  }
  const auto found = std::find_if(batches_.begin(), batches_.end(),
                                  [&](const Batch& batch) { return batch.first == plan.first; });
  CHECK(found != batches_.end() && found->attempt == 0);
  found->attempt = last_attempt_;
  found->last_attempt = last_attempt_;
  return last_attempt_;
}

Forwarder::Batch* Forwarder::find(uint32_t attempt) {
  for (Batch& batch : batches_) {
    if (batch.attempt == attempt) return &batch;
  }
  return nullptr;
}

std::optional<AttemptOutcome> Forwarder::answered(uint32_t attempt, const AttemptAnswer& answer,
                                                  std::string_view room, std::string_view epoch,
                                                  double now_ms) {
  AttemptOutcome outcome;
  if (attempt != 0 && attempt == replay_attempt_) {
    in_flight_--;
    letters_answered(answer, room, epoch, outcome, now_ms);
    return outcome;
  }
  Batch* batch = attempt == 0 ? nullptr : find(attempt);
  if (batch == nullptr) return std::nullopt;
  batch->attempt = 0;
  in_flight_--;
  std::optional<std::vector<RecordResult>> results;
  if (answer.status == kStatusOk) results = parse_central_results(answer.body, room, epoch);
  if (results) {
    apply_results(*batch, *results, outcome, now_ms);
  } else {
    apply_refusal(*batch, answer, outcome, now_ms);
  }
  move_watermark(outcome);
  return outcome;
}

void Forwarder::settle(Batch& batch, const RecordResult& result, AttemptOutcome& outcome) {
  RecordState& state = batch.records[static_cast<size_t>(result.seq - batch.first)];
  if (state != RecordState::kWaiting) return;
  if (result.outcome == RecordOutcome::kStored) {
    state = RecordState::kStored;
    unbury(result.seq, outcome);
  } else if (result.outcome == RecordOutcome::kRejected && result.code == "CONFLICT") {
    outcome.conflict = true;
  } else if (result.outcome == RecordOutcome::kRejected) {
    bury(state, result.seq, result.code, outcome);
  }
}

void Forwarder::apply_results(Batch& batch, const std::vector<RecordResult>& results,
                              AttemptOutcome& outcome, double now_ms) {
  const auto count = [&batch](RecordState state) {
    return std::count(batch.records.begin(), batch.records.end(), state);
  };
  const auto is_ours = [&batch](const RecordResult& result) {
    return result.seq >= batch.first && result.seq <= batch.last();
  };
  const auto waiting_before = count(RecordState::kWaiting);
  // Whoever stores some and refuses others is in his right mind.
  const bool stores = std::any_of(results.begin(), results.end(), [&](const RecordResult& result) {
    return is_ours(result) && result.outcome == RecordOutcome::kStored;
  });
  blocked_ = false;
  is_clock_corrected_ = false;
  for (const RecordResult& result : results) {
    if (stores) dead_in_row_ = 0;
    if (is_ours(result)) settle(batch, result, outcome);
  }
  if (stores) dead_in_row_ = 0;
  outcome.has_stored = stores;
  if (outcome.conflict) {
    // The central store holds another record under this name. Nothing may be lost or overwritten:
    // the room goes on under another epoch, or everything waits for an operator.
    outcome.trouble = "the central store holds other content under a seq of this epoch";
    blocked_ = true;
    batch.retry_at_ms = back_off(kBackoffCapMs, now_ms);
    return;
  }
  if (batch.done()) {
    failures_ = 0;
    if (stores) grow(batch);
    return;
  }
  if (outcome.trouble.empty()) outcome.trouble = "the central API asks to try some records again";
  const bool progress = count(RecordState::kWaiting) < waiting_before;
  if (progress && !blocked_) {
    failures_ = 0;
    batch.failures = 0;
    back_off_alone(batch, now_ms);
  } else if (batch.failures > 0 && failures_ == 0) {
    // Others went through since.
    batch.failures++;
    back_off_alone(batch, now_ms);
  } else {
    batch.failures++;
    batch.retry_at_ms = back_off(0, now_ms);
  }
}

void Forwarder::grow(const Batch& batch) {
  if (batch.first > grow_after_ && batch_records_max_ < kBatchRecordsMax) batch_records_max_++;
}

void Forwarder::apply_refusal(Batch& batch, const AttemptAnswer& answer, AttemptOutcome& outcome,
                              double now_ms) {
  if (const auto retry_at_ms = endpoint_refusal(batch.last_attempt, answer, outcome, now_ms)) {
    batch.retry_at_ms = *retry_at_ms;
    return;
  }
  const bool is_too_large = answer.status == kStatusTooLarge;
  const uint64_t half = std::max<uint64_t>(batch.records.size() / 2, 1);
  if (is_too_large) {
    batch_records_max_ = std::min(batch_records_max_, half);
  } else {
    grow_after_ = std::max(grow_after_, batch.last());
  }
  split_or_bury(batch, is_too_large ? "TOO_LARGE" : "BAD_BATCH", outcome, now_ms);
}

std::optional<double> Forwarder::endpoint_refusal(uint32_t attempt, const AttemptAnswer& answer,
                                                  AttemptOutcome& outcome, double now_ms) {
  outcome.trouble = answer_in_words(answer);
  if (is_unauthorized(answer.status) && correct_clock(attempt, answer, outcome)) {
    return now_ms;
  }
  const bool refused_as_bad =
      answer.status == kStatusBadRequest || answer.status == kStatusUnprocessable;
  if (answer.status == kStatusTooLarge || (refused_as_bad && is_central_refusal(answer.body))) {
    return std::nullopt;
  }
  if (is_passing(answer.status) || answer.status == kStatusOk) {
    return back_off(parse_retry_after(answer.retry_after, answer.date, now_ms), now_ms);
  }
  // 401, 403, 404, a redirect, somebody else's 4xx: a fault of configuration. Never a reason to
  // give a record up.
  blocked_ = true;
  return back_off(kBackoffCapMs / 2, now_ms);
}

void Forwarder::letters_answered(const AttemptAnswer& answer, std::string_view room,
                                 std::string_view epoch, AttemptOutcome& outcome, double now_ms) {
  const uint32_t attempt = std::exchange(replay_attempt_, 0);
  if (answer.status == kStatusOk) {
    if (const auto results = parse_central_results(answer.body, room, epoch)) {
      apply_letter_results(*results, outcome, now_ms);
      return;
    }
  }
  if (const auto retry_at_ms = endpoint_refusal(attempt, answer, outcome, now_ms)) {
    // The letters themselves may be to blame: others that go through do not make them come sooner.
    const bool is_at_once = *retry_at_ms <= now_ms;
    const double own_pause_ms = is_at_once ? 0 : backoff_ms(replay_failures_++);
    replay_at_ms_ = std::max(*retry_at_ms, now_ms + own_pause_ms);
    return;
  }
  if (letters_on_way_.size() > 1) {
    replay_max_ = letters_on_way_.size() / 2;
    return;
  }
  const uint64_t seq = letters_on_way_.front();
  if (letters_.find(seq) != nullptr) {
    letters_.refused_again(seq, answer.status == kStatusTooLarge ? "TOO_LARGE" : "BAD_BATCH");
  }
  end_replay(seq);
}

void Forwarder::apply_letter_results(const std::vector<RecordResult>& results,
                                     AttemptOutcome& outcome, double now_ms) {
  const size_t before = replay_.size();
  is_clock_corrected_ = false;
  replay_max_ = std::min<size_t>(replay_max_ + 1, kBatchRecordsMax);
  for (const RecordResult& result : results) {
    const bool is_ours =
        std::binary_search(letters_on_way_.begin(), letters_on_way_.end(), result.seq);
    if (!is_ours || letters_.find(result.seq) == nullptr) continue;
    if (result.outcome == RecordOutcome::kStored) {
      outcome.has_stored = true;
      dead_in_row_ = 0;
      unbury(result.seq, outcome);
    } else if (result.outcome == RecordOutcome::kRejected && result.code == "CONFLICT") {
      outcome.conflict = true;
    } else if (result.outcome == RecordOutcome::kRejected) {
      letters_.refused_again(result.seq, result.code);
      end_replay(result.seq);
    }
  }
  const bool is_any_left = std::any_of(
      letters_on_way_.begin(), letters_on_way_.end(),
      [this](uint64_t seq) { return std::binary_search(replay_.begin(), replay_.end(), seq); });
  const bool has_progress = replay_.size() < before;
  // An endpoint that stores nothing has not come to its senses.
  const bool is_guarded = dead_in_row_ == kDeadInRowMax || letters_.is_full();
  if (outcome.has_stored || !is_guarded) blocked_ = false;
  if (outcome.has_stored || (has_progress && !blocked_)) failures_ = 0;
  if (has_progress) replay_failures_ = 0;
  if (!is_any_left) return;
  replay_at_ms_ = now_ms + backoff_ms(replay_failures_++);
  outcome.trouble = "the central API asks to try some dead letters again";
}

void Forwarder::end_replay(uint64_t seq) {
  const auto place = std::lower_bound(replay_.begin(), replay_.end(), seq);
  if (place != replay_.end() && *place == seq) replay_.erase(place);
}

// A signature bears a time, and one that is too far from the server's is refused as a wrong one is.
// True when it is to be tried again at once by the server's clock.
bool Forwarder::correct_clock(uint32_t attempt, const AttemptAnswer& answer,
                              AttemptOutcome& outcome) {
  // Several are under way: what refused the first does not speak against the others.
  if (attempt <= old_clock_attempt_) return true;
  const auto server_ms = parse_http_date(answer.date);
  if (!server_ms) return false;
  const double offset_ms = *server_ms - answer.host_ms;
  if (std::abs(offset_ms - clock_offset_ms_) < kClockSkewMinMs) return false;
  clock_offset_ms_ = offset_ms;
  old_clock_attempt_ = last_attempt_;
  outcome.trouble = "the central API refuses a signature, and its clock is " +
                    std::to_string(static_cast<int64_t>(offset_ms / 1000)) + " s ahead of ours";
  outcome.is_news = true;
  // Once without a pause: a Date may be wrong, too.
  return !std::exchange(is_clock_corrected_, true);
}

void Forwarder::split_or_bury(Batch& batch, std::string_view code, AttemptOutcome& outcome,
                              double now_ms) {
  if (batch.records.size() == 1) {
    bury(batch.records.front(), batch.first, code, outcome);
    if (batch.done()) return;
    batch.failures++;
    batch.retry_at_ms = back_off(0, now_ms);
    return;
  }
  const size_t half = batch.records.size() / 2;
  Batch upper;
  upper.first = batch.first + half;
  upper.records.assign(batch.records.begin() + static_cast<std::ptrdiff_t>(half),
                       batch.records.end());
  batch.records.resize(half);
  const auto place = std::find_if(batches_.begin(), batches_.end(),
                                  [&](const Batch& b) { return b.first == batch.first; });
  batches_.insert(std::next(place), std::move(upper));
}

double Forwarder::backoff_ms(uint32_t failures) {
  constexpr uint32_t kDoublingsMax = 6;  // 2^6 * kBackoffBaseMs is beyond the cap
  const auto factor = static_cast<double>(1U << std::min(failures, kDoublingsMax));
  const double ceiling = std::min(kBackoffCapMs, kBackoffBaseMs * factor);
  return kBackoffFloorMs + random_.fraction() * (ceiling - kBackoffFloorMs);
}

double Forwarder::back_off(double floor_ms, double now_ms) {
  const double until_ms = now_ms + std::max(backoff_ms(failures_), floor_ms);
  failures_++;
  paused_until_ms_ = std::max(paused_until_ms_, until_ms);
  return until_ms;
}

void Forwarder::back_off_alone(Batch& batch, double now_ms) {
  batch.retry_at_ms = now_ms + backoff_ms(batch.failures);
}

void Forwarder::bury(RecordState& state, uint64_t seq, std::string_view code,
                     AttemptOutcome& outcome) {
  // After a restart a dead letter above the stored watermark is sent and refused once more, and
  // under a new epoch every one that is still held.
  if (letters_.find(seq) != nullptr) {
    state = RecordState::kDead;
    letters_.refused_again(seq, code);
    return;
  }
  if (letters_.is_full()) {
    blocked_ = true;
    outcome.trouble = "there are " + std::to_string(kDeadLettersMax) +
                      " dead letters: no more is given up until some are stored";
    return;
  }
  if (dead_in_row_ == kDeadInRowMax) {
    blocked_ = true;
    outcome.trouble =
        "the central API refuses record after record and stores none: no more is given up";
    return;
  }
  dead_in_row_++;
  state = RecordState::kDead;
  letters_.add(seq, code);
}

void Forwarder::unbury(uint64_t seq, AttemptOutcome& outcome) {
  if (!letters_.remove(seq)) return;
  outcome.stored_letters.push_back(seq);
  end_replay(seq);
}

void Forwarder::move_watermark(AttemptOutcome& outcome) {
  while (!batches_.empty() && batches_.front().done()) {
    confirmed_ = batches_.front().last();
    batches_.pop_front();
    outcome.confirmed_moved = true;
  }
}

std::string_view Forwarder::state() const {
  if (blocked_) return "blocked";
  return failures_ > 0 ? "failing" : "ok";
}

std::string_view Forwarder::breaker(double now_ms) const {
  if (now_ms < paused_until_ms_) return "open";
  return failures_ > 0 ? "half_open" : "closed";
}

double Forwarder::deadline_ms() const {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const uint32_t in_flight_max = failures_ > 0 ? 1 : kBatchesInFlightMax;
  if (in_flight_ >= in_flight_max) return kNever;  // an answer or its time-out comes first
  double earliest = kNever;
  for (const Batch& batch : batches_) {
    if (batch.attempt == 0 && !batch.done()) earliest = std::min(earliest, batch.retry_at_ms);
  }
  if (may_cut()) earliest = std::min(earliest, cut_at_ms_);
  if (!replay_.empty() && replay_attempt_ == 0) earliest = std::min(earliest, replay_at_ms_);
  return std::max(earliest, paused_until_ms_);
}

}  // namespace edgeroom
