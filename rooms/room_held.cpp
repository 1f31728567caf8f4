#include "rooms/room_held.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "base/problem.h"
#include "rooms/limits.h"
#include "rooms/request_body.h"
#include "rooms/room_summary.h"

namespace edgeroom {

namespace {

constexpr uint32_t kCloseInternalError = 1011;
constexpr std::string_view kCloseReason = "the room cannot be restored";

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusBadRequest = 400;
constexpr uint32_t kStatusConflict = 409;
constexpr uint32_t kStatusTooLarge = 413;
constexpr uint32_t kStatusUnavailable = 503;

constexpr double kMsPerSecond = 1000;

// Tests over real alarms do not wait for minutes.
#if defined(EDGEROOM_TEST_HOOKS) && defined(__wasm__)
constexpr double kHaste = 30;
#else
constexpr double kHaste = 1;
#endif
constexpr double kRetryMs = kHeldRetryMs / kHaste;
constexpr double kAlarmMs = kHeldAlarmMs / kHaste;

// Takes the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// What `event` was about, as a subject with its verb to come.
std::string subject_of(EventType event, uint32_t target) {
  const std::string number = std::to_string(target);
  switch (event) {
    case EventType::kRestoreState: return "state row " + number;
    case EventType::kRestoreSegment: return "the head of the segment in slot " + number;
    case EventType::kRestoreConnection: return "what an open socket carries";
    case EventType::kLoaded: return "the segment in slot " + number;
    default: return "what is stored";
  }
}

}  // namespace

std::optional<RestoreFailure> parse_restore_failure(const Event& event) {
  RestoreFailure failure;
  failure.during = static_cast<EventType>(event.target);
  failure.target = event.number;
  std::string_view rest = event.payload;
  std::string_view status = take_line(rest);
  const bool is_refusal = !status.empty() && status.front() == '-';
  if (is_refusal) status.remove_prefix(1);
  const auto status_number = json_integer(status);
  const auto seq = json_integer(take_line(rest));
  const auto tries = json_integer(take_line(rest));
  if (!status_number || !seq || !tries || !rest.empty()) return std::nullopt;
  failure.status = -static_cast<int32_t>(*status_number);
  failure.seq = *seq;
  failure.tries = *tries;
  return failure;
}

Result<uint64_t> parse_skip(std::string_view body) {
  std::optional<uint64_t> seq;
  bool is_given = false;
  bool is_twice = false;
  JsonObjectReader reader(body);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key != "seq") continue;
    is_twice = is_given;
    is_given = true;
    seq = json_integer(member.value);
  }
  if (auto not_json = body_error(reader)) return *not_json;
  if (!is_given) return Error{"seq: is missing"};
  if (is_twice) return Error{"seq: is given twice"};
  if (!seq || *seq == 0) return Error{"seq: must be a whole number from 1 to 2^53-1"};
  return *seq;
}

HeldRoom::HeldRoom(std::string name, const RoomSettings& settings, const RestoreFailure& failure,
                   double now_ms)
    : settings_(settings),
      failure_(failure),
      now_ms_(now_ms),
      held_at_ms_(now_ms),
      log_(std::move(name), settings_, true) {}

std::optional<RoomStatus> HeldRoom::handle(const Event& event, EffectList& effects) {
  const bool has_jumped = clock_.tell(event.now_ms);
  now_ms_ = clock_.now_ms();
  if (!restored_) {
    handle_restore(event, effects);
    return std::nullopt;
  }
  // By a clock that has gone back the alarm would come as much later.
  if (has_jumped && waits_) set_alarm(effects);
  return handle_work(event, effects);
}

void HeldRoom::handle_restore(const Event& event, EffectList& effects) {
  const bool has_failed = event.type == failure_.during && event.target == failure_.target;
  switch (event.type) {
    case EventType::kRestoreState:
      if (has_failed) return;
      if (event.target == kStateRow) {
        log_known_ = log_.restore_state(event.target, event.payload);
        log_whole_ = log_known_;
      } else if (log_known_ && event.target == kSkippedRow) {
        log_.restore_state(event.target, event.payload);
      }
      return;
    case EventType::kRestoreSegment:
      if (is_dead_letter_slot(event.target)) {
        dead_letters_++;
        return;
      }
      if (!log_known_) return;
      if (has_failed || !log_.restore_segment(event.target, event.payload)) log_whole_ = false;
      return;
    case EventType::kRestoreConnection: sockets_.push_back(event.target); return;
    case EventType::kRestored: restored(effects); return;
    default: return;
  }
}

void HeldRoom::restored(EffectList& effects) {
  restored_ = true;
  // Of a log that could not be put together not even that is tried again.
  if (failure_.during == EventType::kRestored) log_whole_ = false;
  if (log_known_ && failure_.during != EventType::kRestored) {
    log_whole_ = log_.restored(now_ms_) && log_whole_;
  }
  for (const uint32_t socket : sockets_) {
    effects.close(socket, kCloseInternalError, kCloseReason);
  }
  sockets_.clear();
  if (failure_.tries <= 1) {
    std::string fields;
    JsonObjectWriter object(fields);
    object.string("room", log_.room());
    object.string("event", "held");
    object.string("detail", reason());
    object.close();
    effects.log(LogLevel::kError, fields);
  }
  // What cannot be read may hold something that waits.
  waits_ = !log_whole_ || log_.flushed_seq() > log_.restored_confirmed() ||
           log_.restored_pause().replay_through > 0;
  if (waits_) set_alarm(effects);
}

void HeldRoom::set_alarm(EffectList& effects) const {
  effects.alarm(clock_.host_ms(now_ms_ + kAlarmMs));
}

bool HeldRoom::retry_due() const { return now_ms_ >= held_at_ms_ + kRetryMs; }

std::optional<RoomStatus> HeldRoom::handle_work(const Event& event, EffectList& effects) {
  switch (event.type) {
    case EventType::kConnect:
      if (retry_due()) {
        effects.rebuild();
      } else {
        refuse(event.target, kStatusUnavailable, "Service Unavailable",
               std::string(kCloseReason) + "; its state says why", effects);
      }
      return std::nullopt;
    case EventType::kRequest: return request(event, effects);
    case EventType::kAlarm:
      if (retry_due()) {
        effects.rebuild();
      } else {
        // Whatever it was for, it is not forgotten.
        set_alarm(effects);
      }
      return std::nullopt;
    case EventType::kImport:
    case EventType::kRecord: return RoomStatus::kOutOfOrder;
    default: return std::nullopt;  // of a socket or a timer of the instance before
  }
}

std::optional<RoomStatus> HeldRoom::request(const Event& event, EffectList& effects) {
  const auto operation = parse_operation(event.payload.substr(0, event.payload.find('\n')));
  if (!operation) return RoomStatus::kBadPayload;
  if (operation->kind == OperationKind::kSkip) {
    skip_request(event, effects);
  } else if (retry_due()) {
    effects.rebuild();
  } else if (operation->kind == OperationKind::kState) {
    effects.respond(event.target, kStatusOk, state_json());
  } else if (operation->kind == OperationKind::kMetrics) {
    effects.respond_metrics(event.target, room_metrics(summary(), true));
  } else {
    refuse(event.target, kStatusUnavailable, "Service Unavailable",
           std::string(kCloseReason) + "; its state says why", effects);
  }
  return std::nullopt;
}

void HeldRoom::skip_request(const Event& event, EffectList& effects) {
  const uint32_t request = event.target;
  if (event.number == static_cast<uint32_t>(FrameKind::kOversize)) {
    refuse(request, kStatusTooLarge, "Content Too Large", "the body holds at most 1 MiB", effects);
    return;
  }
  const size_t line_end = event.payload.find('\n');
  const auto seq =
      parse_skip(line_end == std::string_view::npos ? "" : event.payload.substr(line_end + 1));
  if (!seq.ok()) {
    refuse(request, kStatusBadRequest, "Bad Request", seq.error().detail, effects);
    return;
  }
  if (log_.is_skipped(seq.value())) {
    // It has been left out by now, and the room cannot be restored all the same.
    std::string answer;
    JsonObjectWriter object(answer);
    object.integer("seq", seq.value());
    object.boolean("restored", false);
    object.raw("failed", failure_json());
    object.close();
    effects.respond(request, kStatusOk, answer);
    return;
  }
  std::string conflict;
  if (!may_skip()) {
    conflict = "no record is to blame, and so none can be skipped: " + reason();
  } else if (seq.value() != failure_.seq) {
    conflict = "record " + std::to_string(seq.value()) + " is not the one that failed; that is " +
               std::to_string(failure_.seq);
  } else if (log_.skipped().size() >= kSkippedRecordsMax) {
    conflict = std::to_string(kSkippedRecordsMax) +
               " records are skipped already, the most that a room may leave out";
  }
  if (!conflict.empty() || !log_known_) {
    if (conflict.empty()) conflict = "the room's log cannot be read";
    refuse(request, kStatusConflict, "Conflict", conflict, effects);
    return;
  }
  log_.skip(seq.value(), effects);
  effects.rebuild();
}

void HeldRoom::refuse(uint32_t request, uint32_t status, std::string_view title,
                      std::string_view detail, EffectList& effects) const {
  const double wait_s = std::ceil((held_at_ms_ + kRetryMs - now_ms_) / kMsPerSecond);
  const bool has_retry = status == kStatusUnavailable;
  effects.respond(request, status, problem_json(status, title, detail),
                  has_retry ? static_cast<uint32_t>(std::max(wait_s, 1.0)) : 0);
}

std::string HeldRoom::reason() const {
  if (may_skip()) {
    return "the module trapped when it made the room's state of record " +
           std::to_string(failure_.seq);
  }
  const std::string subject = subject_of(failure_.during, failure_.target);
  if (failure_.status == 0) return "the module trapped on " + subject;
  if (failure_.during == EventType::kRestored || failure_.during == EventType::kLoadEnd) {
    return "what is stored is not one whole log with a snapshot that can be read";
  }
  return subject + " cannot be read";
}

std::string HeldRoom::failure_json() const {
  std::string out;
  JsonObjectWriter object(out);
  if (may_skip()) object.integer("seq", failure_.seq);
  object.string("reason", reason());
  object.integer("tries", failure_.tries);
  object.close();
  return out;
}

RoomSummary HeldRoom::summary() const {
  RoomSummary summary;
  summary.room = log_.room();
  summary.breaker = "open";
  if (log_known_) {
    summary.epoch = log_.epoch();
    summary.seq = log_.flushed_seq();
    summary.confirmed = std::min(log_.restored_confirmed(), summary.seq);
    summary.pending = summary.seq - summary.confirmed;
    summary.oldest_ms = oldest_pending_ms(log_.segments(), summary.confirmed, now_ms_);
    summary.dead = dead_letters_;
  }
  return summary;
}

std::string HeldRoom::state_json() const {
  std::string out;
  JsonObjectWriter object(out);
  append_room_summary(object, out, summary());
  object.raw("failed", failure_json());
  object.close();
  return out;
}

}  // namespace edgeroom
