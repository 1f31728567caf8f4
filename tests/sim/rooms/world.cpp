#include "tests/sim/rooms/world.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/http_date.h"
#include "base/json_scanner.h"
#include "rooms/dead_letters.h"
#include "rooms/limits.h"
#include "tests/sim/rooms/memory.h"

namespace edgeroom::roomsim {

namespace {

// 15 January 2027.
constexpr double kStartMs = 1'800'000'000'000;
constexpr uint64_t kSteps = 220;
constexpr double kHourMs = 3'600'000;
// Of one room of these sizes, with all that waits for the end of its turn.
constexpr size_t kRoomBytesMax = 8U << 20U;
// Events at one time, one after the other, that nobody has asked for.
constexpr uint64_t kThingsInAMoment = 1000;
// An alarm is at the end of a pause at the latest, by a clock that may have gone back a few times
// by so little that the room does not mind.
constexpr double kAlarmMaxMs = kRetryAfterMaxMs + 8 * kTimerDelayMaxMs;
// It comes late by so much.
constexpr uint64_t kAlarmLateMsMax = 60'000;
// A failing endpoint is tried again within this, as a timer rounds it (docs/PROTOCOL.md).
constexpr double kRetryMaxMs = kBackoffCapMs + 1;
constexpr uint64_t kHabits = 32;

// What connections are closed with (contract, section 3).
constexpr uint32_t kFrameTooLarge = 1009;
constexpr uint32_t kInternalError = 1011;
constexpr uint32_t kRestart = 1012;
constexpr uint32_t kTokenEnded = 4001;
constexpr uint32_t kSentAway = 4003;
constexpr uint32_t kSlow = 4008;
constexpr uint32_t kFlooding = 4029;

constexpr double kNever = std::numeric_limits<double>::infinity();

}  // namespace

World::World(uint64_t seed, Tally& tally, std::vector<std::string>* trace)
    : dice_(seed),
      tally_(tally),
      trace_(trace),
      rules_(Rules::some(dice_)),
      model_(rules_),
      host_(rules_, *this),
      central_(dice_, model_, tally_, schedule_,
               [this](const CentralRequest& request, uint32_t status, const std::string& payload) {
                 central_answers(request, status, payload);
               }),
      tells_backlog_(dice_.one_in(2)),
      wall_offset_ms_(kStartMs + static_cast<double>(dice_.below(1000))),
      trap_in_(dice_.one_in(2) ? dice_.between(dice_.one_in(4) ? 8 : 30, 300) : 0),
      commit_in_(dice_.between(2, 6)) {
  const size_t people = dice_.between(2, 7);
  for (size_t i = 0; i < people; i++) {
    Person& person = people_.emplace_back();
    person.is_moderator = dice_.one_in(5);
    person.is_reader = !person.is_moderator && dice_.one_in(10);
    if (dice_.one_in(2)) person.habit = dice_.below(kHabits);
    person.name = person.is_moderator ? "mod" + std::to_string(i)
                                      : "user" + std::to_string(dice_.below(people));
  }
}

void World::run() {
  while (place_.step < kSteps) {
    place_.step++;
    step();
  }
  drain();
  tally_.seeds++;
  tally_.records += model_.seq();
}

void World::say(std::string_view what) {
  if (trace_ == nullptr) return;
  std::string line = std::to_string(place_.step);
  line += " @" + std::to_string(static_cast<int64_t>(schedule_.now_ms())) + " ";
  line += what;
  trace_->push_back(std::move(line));
}

double World::wall_ms() {
  double now = stands_at_ms_ > 0 ? stands_at_ms_ : wall_offset_ms_ + schedule_.now_ms();
  now = std::floor(now);
  if (wall_first_ms_ == 0) wall_first_ms_ = now;
  if (wall_before_ms_ > 0) passed_ms_ += std::max(0.0, now - wall_before_ms_);
  wall_before_ms_ = now;
  model_.time_is(wall_first_ms_ + passed_ms_);
  return now;
}

bool World::traps(EventType type, bool is_restoring) {
  if (is_calm_ || is_undisturbed_ || trap_in_ == 0) return false;
  // A restore has many events, and a trap there holds the room for a minute.
  const uint64_t rare = is_restoring ? 20 : 1;
  // What was to be told when a letter's row was written is told by now.
  const bool is_bad_moment = type == EventType::kFlush && std::exchange(has_letter_changed_, false);
  if (!(is_bad_moment && dice_.one_in(3)) && !dice_.one_in(trap_in_ * rare)) return false;
  say("trap on event " + std::to_string(static_cast<uint32_t>(type)));
  if (is_restoring) {
    tally_.count(Fault::kTrapInRestore);
  } else if (type == EventType::kFrame) {
    tally_.count(Fault::kTrapInFrame);
  } else if (type == EventType::kFlush) {
    tally_.count(Fault::kTrapInFlush);
  } else if (type == EventType::kLoaded || type == EventType::kLoadEnd) {
    tally_.count(Fault::kTrapInLoad);
  } else if (type == EventType::kRequest || type == EventType::kConnect) {
    tally_.count(Fault::kTrapInRequest);
  } else {
    tally_.count(Fault::kTrapInBackground);
  }
  return true;
}

bool World::commit_fails() {
  if (is_calm_ || is_undisturbed_ || !dice_.one_in(60)) return false;
  say("the commit fails");
  tally_.count(Fault::kCommitFailed);
  return true;
}

void World::committing(const Storage& storage) {
  wall_ms();
  for (const Storage::Change& change : storage.changes()) {
    if (is_dead_letter_slot(change.slot)) has_letter_changed_ = true;
  }
  model_.committing(storage, passed_ms_, host_.generation());
}

void World::event_given() {
  tally_.events++;
  const size_t bytes = room_bytes();
  tally_.room_bytes_max = std::max(tally_.room_bytes_max, bytes);
  if (bytes > kRoomBytesMax) {
    throw Violation("the room holds " + std::to_string(bytes) + " bytes of memory");
  }
}

// Until its 30 s are over it leaves the central API alone.
void World::paused(uint64_t generation) {
  pause_ = {generation, 0, passed_ms_ + kTrapPauseMs, "after a trap", model_.epoch(), false};
}

void World::check_pause(const CentralRequest& request) const {
  const bool is_meant = request.generation == pause_.generation &&
                        request.events > pause_.after_events && model_.epoch() == pause_.epoch;
  if (is_meant && request.passed_ms < pause_.until_passed_ms - 1) {
    throw Violation("a batch is sent before the end of a pause " + pause_.why);
  }
}

void World::central_answers(const CentralRequest& request, uint32_t status,
                            const std::string& payload) {
  say("the central API answers " + std::to_string(status) + " to " +
      std::to_string(request.number) + ": " +
      payload.substr(payload.find("\n\n") == 0 ? 2 : 0, 200));
  answers_++;
  const size_t header_end = payload.find('\n');
  const std::string header = payload.substr(0, header_end);
  auto wait_s = json_integer(header);
  const auto until_ms = parse_http_date(header);
  const auto from_ms = parse_http_date(
      header_end == std::string::npos
          ? ""
          : payload.substr(header_end + 1, payload.find('\n', header_end + 1) - header_end - 1));
  if (until_ms && from_ms) {
    wait_s = static_cast<uint64_t>(std::max(*until_ms - *from_ms, 0.0) / 1000);
  }
  // What is answered under an epoch before is not listened to.
  const bool is_of_now = request.text.find(model_.epoch()) != std::string::npos;
  const bool is_heard = !request.is_read && is_of_now && request.generation == host_.generation();
  if (is_heard && wait_s && (status == 429 || status == 503)) {
    const uint64_t seconds = std::min(*wait_s, Central::kRetryAfterSecondsMax);
    const double until_passed_ms = passed_ms_ + static_cast<double>(seconds) * 1000;
    if (request.generation != pause_.generation || until_passed_ms > pause_.until_passed_ms) {
      constexpr uint64_t kStoredFromSeconds = 9;  // beyond kTimerDelayMaxMs
      pause_ = {request.generation,   host_.events() + 1, until_passed_ms,
                "that was asked for", model_.epoch(),     seconds >= kStoredFromSeconds};
    }
  }
  if (!request.is_read && status == 403 && from_ms && request.generation == host_.generation()) {
    // What was sent before the clock was corrected says nothing of it any more.
    const bool is_heeded =
        request.generation != heeded_.generation || request.events > heeded_.events;
    if (is_heeded) heeded_ = corrected_ = {request.generation, host_.events() + 1};
  }
  UnderWay& under_way = this->under_way(request);
  (request.is_read ? under_way.reads : under_way.posts)--;
  host_.central_answered(request, status, payload);
  if (is_heard) check_retry(request);
  maybe_commit();
}

// What a batch of an epoch before is answered is not waited for; reads are, all of them.
World::UnderWay& World::under_way(const CentralRequest& request) {
  constexpr std::string_view kBefore = "\"epoch\":\"";
  const size_t at = request.is_read ? std::string::npos : request.text.find(kBefore);
  const std::string epoch =
      at == std::string::npos
          ? std::string()
          : request.text.substr(at + kBefore.size(),
                                request.text.find('"', at + kBefore.size()) - at - kBefore.size());
  return under_way_[{request.generation, epoch}];
}

// An endpoint that fails, or refuses, is tried again within a minute, unless it has asked for more.
void World::check_retry(const CentralRequest& request) {
  const bool is_asked_for =
      request.generation == pause_.generation && passed_ms_ < pause_.until_passed_ms;
  if (request.generation != host_.generation() || is_asked_for || host_.is_timer_late()) return;
  if (host_.has_uncommitted()) return;  // it may have asked, or set its alarm
  if (under_way(request).posts > 0) return;
  if (model_.settled_through() >= model_.seq()) return;
  const double timer_ms = host_.timer_at().value_or(kNever) - schedule_.now_ms();
  const double alarm_ms = host_.alarm_at().value_or(kNever) - wall_ms();
  expect(std::min(timer_ms, alarm_ms) <= kRetryMaxMs,
         "records wait, and nothing is to be tried for " +
             std::to_string(std::min(timer_ms, alarm_ms) / 1000) + " s");
}

void World::ask_central(CentralRequest request) {
  UnderWay& under_way = this->under_way(request);
  if (request.is_read) {
    expect(++under_way.reads <= kCentralReadsUnderWayMax, "more reads at once than may be");
  } else {
    posts_++;
    expect(++under_way.posts <= kBatchesInFlightMax, "more batches at once than may be");
    check_pause(request);
    const bool is_meant =
        request.generation == corrected_.generation && request.events > corrected_.events;
    expect(!is_meant || stands_at_ms_ > 0 || !central_.is_too_old(request),
           "a batch is signed by a clock that the central API has corrected");
  }
  say((request.is_read ? "asks the central API: " : "posts: ") + request.text.substr(0, 300));
  central_.ask(request);
}

void World::maybe_commit() {
  if (!host_.has_uncommitted()) return;
  if (!is_calm_ && dice_.one_in(commit_in_)) return;
  host_.commit();
}

void World::step() {
  const uint64_t chosen = dice_.below(20);
  if (chosen < 9) {
    act(people_[dice_.index(people_.size())]);
  } else if (chosen < 10) {
    request();
  } else if (chosen < 11) {
    disturb();
  } else if (chosen < 15) {
    // The end of the turn, and what else is due.
    pass(static_cast<double>(dice_.below(30)));
  } else {
    const std::array<double, 6> spans = {5, 100, 300, 2000, 9000, 70'000};
    pass(static_cast<double>(
        dice_.below(static_cast<uint64_t>(spans[dice_.index(dice_.one_in(8) ? 6 : 4)]))));
  }
  maybe_commit();
  check_alarm();
}

void World::disturb() {
  switch (dice_.below(12)) {
    case 0:
    case 1: sleep(); return;
    case 2:
      if (!dice_.one_in(3)) return;
      say("crashed");
      tally_.count(host_.has_uncommitted() ? Fault::kTurnLost : Fault::kCrashed);
      host_.lose();
      return;
    case 3:
      if (!host_.has_uncommitted()) return;
      say("the turn is lost");
      tally_.count(Fault::kTurnLost);
      host_.lose();
      return;
    case 4:
    case 5: change_clock(); return;
    case 6: central_.change_mood(); return;
    case 7: tells_backlog_ = dice_.one_in(2); return;
    case 8: set_back(); return;
    default: pass(static_cast<double>(dice_.below(1000))); return;
  }
}

// What the room answers is the same before and after.
void World::sleep() {
  host_.commit();
  if (host_.has_uncommitted()) return;
  is_undisturbed_ = true;
  const Look before = look();
  say("evicted");
  tally_.count(Fault::kEvicted);
  // In the real world what is to come at the end of the turn keeps the object awake.
  if (host_.flush_at()) {
    for (Person& person : people_) {
      person.awaited.clear();
      person.awaited_events.clear();
    }
  }
  const bool is_pause_stored = pause_.is_stored && pause_.generation == host_.generation();
  const size_t sockets = host_.open_sockets();
  const uint64_t tokens_ended = tokens_ended_;
  host_.evict();
  if (is_pause_stored) {
    // What was asked for holds for whoever wakes.
    pause_.generation = host_.generation() + 1;
    pause_.after_events = 0;
  }
  const Look after = look();
  is_undisturbed_ = false;
  const Object was(before.state);
  const Object is(after.state);
  if (was.has("failed") || is.has("failed") || was.raw("epoch") == "null") return;
  const std::string what = before.state + " " + before.letters + " has become " + after.state +
                           " " + after.letters + " in its sleep";
  const Object outbox(was.raw("outbox"));
  const Object outbox_after(is.raw("outbox"));
  // That it was asked may have closed those who are slow.
  bool has_closed = was.number("connections") != sockets;
  // And that it woke those whose tokens have ended.
  has_closed = has_closed || tokens_ended_ > tokens_ended;
  for (const std::string_view name : {"epoch", "seq", "connections", "users"}) {
    const bool is_meant = !has_closed || name == "epoch" || name == "seq";
    if (is_meant && was.raw(name) != is.raw(name)) throw Violation(what);
  }
  const uint64_t replaying = outbox.has("replaying") ? outbox.number("replaying") : 0;
  const uint64_t replaying_after =
      outbox_after.has("replaying") ? outbox_after.number("replaying") : 0;
  if (outbox.raw("dead") != outbox_after.raw("dead") || before.letters != after.letters ||
      outbox.raw("blocked") != outbox_after.raw("blocked") || replaying_after < replaying ||
      (replaying == 0 && replaying_after > 0) ||
      (outbox.number("attempts") == 0) != (outbox_after.number("attempts") == 0)) {
    throw Violation(what);
  }
  const auto alarm = host_.alarm_at();
  const bool is_near = alarm && *alarm <= wall_ms() + kAlarmMaxMs;
  if (replaying_after > 0 && !host_.has_uncommitted() && !is_near) {
    throw Violation("dead letters are to be tried again, and no alarm is set for them");
  }
  model_.woken(host_.generation(), is.number("confirmed"));
}

World::Look World::look() {
  last_state_.clear();
  last_letters_.clear();
  Asked asked;
  asked.kind = Asked::Kind::kState;
  ask(R"({"op":"state"})", asked);
  asked.kind = Asked::Kind::kLetters;
  ask(R"({"op":"dead_letters","limit":50})", asked);
  host_.commit();
  return {last_state_, last_letters_};
}

// The object's storage is restored to what it was: once remembered, and some time later set back.
void World::set_back() {
  host_.commit();
  if (host_.has_uncommitted() || model_.epoch().empty()) return;
  if (!saved_ || saved_->model.epoch() != model_.epoch()) {
    if (model_.is_proof_stored()) saved_.emplace(Saved{host_.storage().image(), model_});
    return;
  }
  say("set back to record " + std::to_string(saved_->model.seq()));
  tally_.count(Fault::kSetBack);
  host_.set_back(saved_->image);
  model_.set_back(saved_->model, host_.generation());
  for (Person& person : people_) {
    if (person.seen > model_.seq()) person.knows = false;
  }
  saved_.reset();
}

void World::change_clock() {
  corrected_ = {};
  has_clock_changed_ = true;
  const double now = wall_ms();
  const double steady = schedule_.now_ms();
  if (stands_at_ms_ > 0) {
    stands_at_ms_ = 0;
    wall_offset_ms_ = now - steady;
    return;
  }
  const double by = static_cast<double>(dice_.below(dice_.one_in(2) ? 20'000 : 3'600'000));
  switch (dice_.below(4)) {
    case 0:
      say("the clock stands still");
      tally_.count(Fault::kClockStands);
      stands_at_ms_ = now;
      return;
    case 1:
    case 2:
      say("the clock jumps ahead by " + std::to_string(by));
      tally_.count(Fault::kClockAhead);
      wall_offset_ms_ += by;
      return;
    default:
      say("the clock jumps back by " + std::to_string(by));
      // The room does not see how much time has passed until then.
      for (Person& person : people_) {
        person.wait_ms = 0;
        person.sent_passed_ms = passed_ms_;
      }
      tally_.count(Fault::kClockBack);
      wall_offset_ms_ -= by;
      model_.clock_went_back();
      unarmed_events_ = host_.events();
      return;
  }
}

double World::alarm_due_ms() {
  const auto at = host_.alarm_at();
  // What is not committed has not been set.
  if (!at || host_.has_uncommitted()) return kNever;
  const double soonest = std::max(schedule_.now_ms(), alarm_late_until_ms_);
  if (stands_at_ms_ > 0) return *at <= stands_at_ms_ ? soonest : kNever;
  return std::max(soonest, *at - wall_offset_ms_);
}

void World::pass(double ms) {
  const double until = schedule_.now_ms() + ms;
  while (fire_next(until)) {
  }
  schedule_.pass(until - schedule_.now_ms());
}

// What is due first, if it is due by then.
bool World::fire_next(double until_ms) {
  const double thing = schedule_.next_ms();
  const double flush = host_.flush_at().value_or(kNever);
  const double timer = host_.timer_at().value_or(kNever);
  const double alarm = alarm_due_ms();
  const double next = std::min({thing, flush, timer, alarm});
  if (next > until_ms) return false;
  moment_things_ = moment_ms_ == schedule_.now_ms() ? moment_things_ + 1 : 0;
  moment_ms_ = schedule_.now_ms();
  if (moment_things_ > kThingsInAMoment) throw Violation("the room is busy without an end");
  schedule_.pass(std::max(0.0, next - schedule_.now_ms()));
  if (next == thing) {
    schedule_.do_next();
  } else if (next == flush) {
    say("flush");
    host_.look_again();
  } else if (next == timer) {
    fire_timer();
  } else {
    fire_alarm();
  }
  maybe_commit();
  check_alarm();
  return true;
}

void World::fire_timer() {
  if (!is_calm_ && dice_.one_in(15)) {
    tally_.count(Fault::kTimerLate);
    host_.delay_timer(static_cast<double>(dice_.between(1, kTimerLateMsMax)));
    return;
  }
  say("timer");
  host_.fire_timer();
}

void World::fire_alarm() {
  if (is_calm_) {
    say("alarm");
    host_.fire_alarm();
    return;
  }
  switch (dice_.below(12)) {
    case 0:
      say("the alarm is late");
      tally_.count(Fault::kAlarmLate);
      // What keeps the platform has nothing to do with the clock, which may go back meanwhile.
      alarm_late_until_ms_ =
          schedule_.now_ms() + static_cast<double>(dice_.between(1, kAlarmLateMsMax));
      return;
    case 1:
      say("the alarm is lost");
      tally_.count(Fault::kAlarmLost);
      is_alarm_lost_ = true;
      alarm_lost_by_ = host_.generation();
      host_.move_alarm({});
      host_.commit();
      return;
    case 2:
      tally_.count(Fault::kAlarmDoubled);
      say("alarm, twice");
      host_.fire_alarm();
      maybe_commit();
      host_.fire_alarm();
      return;
    default:
      say("alarm");
      host_.fire_alarm();
      return;
  }
}

// A room may be gone at any time, with its timers: what waits to be forwarded has an alarm, which
// comes before the longest pause is over.
void World::check_alarm() {
  if (host_.has_uncommitted() || !host_.is_awake() || host_.generation() == alarm_lost_by_) return;
  if (host_.events() == unarmed_events_ || model_.settled_through() >= model_.seq()) return;
  const auto at = host_.alarm_at();
  const double latest = wall_ms() + kAlarmMaxMs;
  if (at && *at <= latest) return;
  throw Violation("records wait to be forwarded, and " +
                  (at ? "the alarm is " + std::to_string((*at - wall_ms()) / 1000) + " s ahead"
                      : std::string("there is no alarm")));
}

uint64_t World::any_seq() { return dice_.between(1, model_.seq() + 1); }

Person* World::person_of(uint32_t socket) {
  const auto found = by_socket_.find(socket);
  return found == by_socket_.end() ? nullptr : &people_[found->second];
}

void World::told(uint32_t socket, Told& frame) {
  Person* person = person_of(socket);
  if (person == nullptr || person->is_deaf) return;
  if (trace_ != nullptr) {
    say("  " + person->name + "#" + std::to_string(socket) + " < " + frame.text.substr(0, 400));
  }
  const bool is_new = !person->was_welcomed;
  person->hear(frame, model_, passed_ms_);
  if (is_new) {
    model_.joined(person->conn, person->name, person->joined_passed_ms, person->joined_generation);
  }
}

void World::closed(uint32_t socket, uint32_t code) {
  Person* person = person_of(socket);
  if (person == nullptr) return;
  say(person->name + "#" + std::to_string(socket) + " is closed with " + std::to_string(code));
  if (!person->is_deaf) check_close(*person, code);
  if (code == kTokenEnded) {
    tally_.count(Fault::kTokenEnded);
    tokens_ended_++;
  }
  slow_.erase(socket);
  person->disconnected();
  by_socket_.erase(socket);
}

// Nobody is sent away without a reason.
void World::check_close(const Person& person, uint32_t code) const {
  const std::string what =
      person.name + " is closed with " + std::to_string(code) + ", and there is no reason: ";
  switch (code) {
    case 0: return;  // the object is gone
    case kTokenEnded:
      expect(person.expires_ms > 0 && person.expires_ms <= model_.latest_ms(),
             what + "the token is good until " + std::to_string(person.expires_ms));
      return;
    case kSentAway:
      expect(model_.was_sent_away(person.name), what + "neither kick nor ban");
      return;
    case kSlow: {
      const auto slow = slow_.find(person.socket);
      expect(slow != slow_.end(), what + "nothing waits for it");
      uint64_t total = 0;
      for (const auto& [unused, each] : slow_) total += each.bytes;
      expect(slow->second.bytes > kBacklogBytesMax || total > kBacklogTotalBytesMax ||
                 passed_ms_ - slow->second.since_passed_ms >= kBacklogSlowMs - 1,
             what + "it is not slow for long");
      return;
    }
    case kFlooding:
      expect(person.warnings >= kFloodWarningsMax,
             what + std::to_string(person.warnings) + " refusals since it has rested");
      return;
    case kFrameTooLarge: expect(person.has_sent_oversize, what + "no frame was too large"); return;
    case kInternalError:
      expect(trap_in_ > 0 || saved_.has_value(), what + "nothing trapped");
      return;
    case kRestart:
      expect(person.is_asked_back, what + "it was not asked to come back");
      expect(passed_ms_ - person.asked_back_passed_ms >= person.asked_back_after_ms - 2,
             what + "it had more time to come back");
      return;
    default: throw Violation(what + "an unknown code");
  }
}

Backlog World::backlog_of(uint32_t socket) {
  Backlog backlog;
  if (!is_calm_ && dice_.one_in(3)) {
    tally_.count(Fault::kSlowReader);
    backlog.bytes = static_cast<uint32_t>(dice_.below(dice_.one_in(4) ? 20U << 20U : 2U << 20U));
  }
  if (!tells_backlog_ || backlog.bytes < kBacklogSlowBytes) {
    slow_.erase(socket);
  } else {
    slow_.try_emplace(socket, Slow{0, passed_ms_}).first->second.bytes = backlog.bytes;
  }
  backlog.silent_ms = dice_.one_in(3) ? UINT32_MAX : static_cast<uint32_t>(dice_.below(60'000));
  return backlog;
}

}  // namespace edgeroom::roomsim
