#include "rooms/forwarder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/json_scanner.h"
#include "base/random.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusBadRequest = 400;
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

std::string answer_in_words(const AttemptAnswer& answer) {
  if (answer.status == 0) return "no answer";
  return "HTTP " + std::to_string(answer.status);
}

}  // namespace

double parse_retry_after(std::string_view header) {
  if (header.empty() || header.find_first_not_of("0123456789") != std::string_view::npos) return 0;
  const auto seconds = json_integer(header);
  if (!seconds) return kRetryAfterMaxMs;  // larger than any number of ours
  return std::min(static_cast<double>(*seconds) * 1000, kRetryAfterMaxMs);
}

bool Forwarder::Batch::done() const {
  return std::none_of(records.begin(), records.end(),
                      [](RecordState state) { return state == RecordState::kWaiting; });
}

void Forwarder::restore(uint64_t confirmed, std::vector<DeadLetter> dead) {
  CHECK(batches_.empty());
  confirmed_ = confirmed;
  cut_ = confirmed;
  appended_ = confirmed;
  dead_ = std::move(dead);
}

void Forwarder::appended(uint64_t through, double now_ms) {
  CHECK(through >= appended_);
  if (through > appended_ && cut_ == appended_) cut_at_ms_ = now_ms + kBatchLingerMs;
  appended_ = through;
}

void Forwarder::pause(double until_ms) { paused_until_ms_ = std::max(paused_until_ms_, until_ms); }

bool Forwarder::cut_due(double now_ms) const {
  if (cut_ == appended_) return false;
  return appended_ - cut_ >= kBatchRecordsMax || now_ms >= cut_at_ms_;
}

std::optional<BatchPlan> Forwarder::next(double now_ms) {
  // While the endpoint fails, one attempt at a time finds out whether it is back.
  const uint32_t in_flight_max = failures_ > 0 ? 1 : kBatchesInFlightMax;
  if (in_flight_ >= in_flight_max || now_ms < paused_until_ms_) return std::nullopt;
  BatchPlan plan;
  for (const Batch& batch : batches_) {
    if (batch.attempt != 0 || batch.done() || now_ms < batch.retry_at_ms) continue;
    plan.first = batch.first;
    plan.last = batch.last();
    for (const RecordState state : batch.records) {
      plan.wanted.push_back(state == RecordState::kWaiting);
    }
    return plan;
  }
  if (!cut_due(now_ms)) return std::nullopt;
  plan.first = cut_ + 1;
  plan.last = std::min(appended_, cut_ + kBatchRecordsMax);
  plan.wanted.assign(static_cast<size_t>(plan.last - cut_), true);
  return plan;
}

uint32_t Forwarder::started(const BatchPlan& plan, uint64_t last) {
  CHECK(last >= plan.first && last <= plan.last);
  last_attempt_++;
  in_flight_++;
  if (plan.first > cut_) {
    Batch batch;
    batch.first = plan.first;
    batch.records.assign(static_cast<size_t>(last - plan.first + 1), RecordState::kWaiting);
    batch.attempt = last_attempt_;
    batches_.push_back(std::move(batch));
    cut_ = last;
    return last_attempt_;
  }
  const auto found = std::find_if(batches_.begin(), batches_.end(),
                                  [&](const Batch& batch) { return batch.first == plan.first; });
  CHECK(found != batches_.end() && found->attempt == 0);
  found->attempt = last_attempt_;
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
  Batch* batch = attempt == 0 ? nullptr : find(attempt);
  if (batch == nullptr) return std::nullopt;
  batch->attempt = 0;
  in_flight_--;
  AttemptOutcome outcome;
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

void Forwarder::apply_results(Batch& batch, const std::vector<RecordResult>& results,
                              AttemptOutcome& outcome, double now_ms) {
  bool progress = false;
  bool conflict = false;
  for (const RecordResult& result : results) {
    if (result.seq < batch.first || result.seq > batch.last()) continue;
    RecordState& state = batch.records[static_cast<size_t>(result.seq - batch.first)];
    if (state != RecordState::kWaiting) continue;
    if (result.outcome == RecordOutcome::kStored) {
      state = RecordState::kStored;
      unbury(result.seq, outcome);
      progress = true;
    } else if (result.outcome == RecordOutcome::kRejected && result.code == "CONFLICT") {
      conflict = true;
    } else if (result.outcome == RecordOutcome::kRejected) {
      state = RecordState::kDead;
      bury(result.seq, result.code, outcome);
      progress = true;
    }
  }
  if (conflict) {
    // The central store holds another record under this name. Nothing may be lost or overwritten,
    // so everything waits for somebody who knows which one is right.
    outcome.trouble = "the central store holds other content under a seq of this epoch";
    blocked_ = true;
    back_off(batch, kBackoffCapMs, now_ms);
    return;
  }
  blocked_ = false;
  if (batch.done()) {
    failures_ = 0;
    return;
  }
  outcome.trouble = "the central API asks to try some records again";
  if (progress) failures_ = 0;
  back_off(batch, 0, now_ms);
}

void Forwarder::apply_refusal(Batch& batch, const AttemptAnswer& answer, AttemptOutcome& outcome,
                              double now_ms) {
  outcome.trouble = answer_in_words(answer);
  const bool refused_as_bad =
      answer.status == kStatusBadRequest || answer.status == kStatusUnprocessable;
  if (answer.status == kStatusTooLarge) {
    split_or_bury(batch, "TOO_LARGE", outcome);
  } else if (refused_as_bad && is_central_refusal(answer.body)) {
    split_or_bury(batch, "BAD_BATCH", outcome);
  } else if (is_passing(answer.status) || answer.status == kStatusOk) {
    back_off(batch, parse_retry_after(answer.retry_after), now_ms);
  } else {
    // 401, 403, 404, a redirect, somebody else's 4xx: a fault of configuration. Never a reason to
    // give a record up.
    blocked_ = true;
    back_off(batch, kBackoffCapMs / 2, now_ms);
  }
}

void Forwarder::split_or_bury(Batch& batch, std::string_view code, AttemptOutcome& outcome) {
  if (batch.records.size() == 1) {
    batch.records.front() = RecordState::kDead;
    bury(batch.first, code, outcome);
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

void Forwarder::back_off(Batch& batch, double floor_ms, double now_ms) {
  constexpr uint32_t kDoublingsMax = 6;  // 2^6 * kBackoffBaseMs is beyond the cap
  const auto factor = static_cast<double>(1U << std::min(failures_, kDoublingsMax));
  const double ceiling = std::min(kBackoffCapMs, kBackoffBaseMs * factor);
  const double jittered = kBackoffFloorMs + random_.fraction() * (ceiling - kBackoffFloorMs);
  failures_++;
  batch.retry_at_ms = now_ms + std::max(jittered, floor_ms);
  paused_until_ms_ = std::max(paused_until_ms_, batch.retry_at_ms);
}

void Forwarder::bury(uint64_t seq, std::string_view code, AttemptOutcome& outcome) {
  // After a restart a dead letter above the stored watermark is sent and refused once more.
  if (find_dead(seq) != dead_.end()) return;
  dead_.push_back({seq, std::string(code)});
  outcome.dead_changed = true;
}

void Forwarder::unbury(uint64_t seq, AttemptOutcome& outcome) {
  const auto found = find_dead(seq);
  if (found == dead_.end()) return;
  dead_.erase(found);
  outcome.dead_changed = true;
}

std::vector<DeadLetter>::const_iterator Forwarder::find_dead(uint64_t seq) const {
  return std::find_if(dead_.begin(), dead_.end(),
                      [seq](const DeadLetter& letter) { return letter.seq == seq; });
}

void Forwarder::move_watermark(AttemptOutcome& outcome) {
  while (!batches_.empty() && batches_.front().done()) {
    confirmed_ = batches_.front().last();
    batches_.pop_front();
    outcome.confirmed_moved = true;
  }
}

double Forwarder::deadline_ms() const {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const uint32_t in_flight_max = failures_ > 0 ? 1 : kBatchesInFlightMax;
  if (in_flight_ >= in_flight_max) return kNever;  // an answer or its time-out comes first
  double earliest = kNever;
  for (const Batch& batch : batches_) {
    if (batch.attempt == 0 && !batch.done()) earliest = std::min(earliest, batch.retry_at_ms);
  }
  if (cut_ != appended_) earliest = std::min(earliest, cut_at_ms_);
  return std::max(earliest, paused_until_ms_);
}

}  // namespace edgeroom
