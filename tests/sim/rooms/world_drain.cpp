// The end of a simulated room: the faults stop, everybody comes back, and everything drains.

#include <algorithm>
#include <utility>
#include <vector>

#include "rooms/limits.h"
#include "tests/sim/rooms/world.h"

namespace edgeroom::roomsim {

namespace {

// A round lets one thing happen, or all that is due at once.
constexpr uint64_t kRoundsMax = 4000;
constexpr double kDayMs = 24.0 * 3'600'000;
// As long as a room is held at most, and until rate limits have come back.
constexpr double kPatienceMs = 61'000;
// A socket is closed so long after it was asked; the room's clock may go at half the speed.
constexpr double kClosedMs = 2 * kDrainMs + 100;
// Beyond any Retry-After that is obeyed.
constexpr double kLongestPauseMs = 310'000;

}  // namespace

void World::drain() {
  place_.phase = "drain";
  say("the faults stop");
  is_calm_ = true;
  central_.heal();
  if (stands_at_ms_ > 0) change_clock();
  host_.commit();
  if (model_.epoch().empty() && host_.storage().state().empty()) {
    // Nobody has ever been here.
    Person& person = people_.front();
    if (person.socket == 0) join(person);
  }
  for (Person& person : people_) {
    if (person.is_deaf) leave(person);
  }
  if (dice_.one_in(4)) {
    ask(R"({"op":"drain"})", {});
    // Who comes meanwhile may be asked a little later, and has as much time as the others had.
    if (dice_.one_in(2)) {
      pass(static_cast<double>(dice_.between(100, 900)));
      for (Person& person : people_) {
        if (person.socket == 0 && host_.open_sockets() < rules_.connections) join(person);
      }
      ask(R"({"op":"drain"})", {});
    }
    if (!has_clock_changed_) check_closed();
  }
  drain_from_ms_ = schedule_.now_ms();
  pass(kPatienceMs);
  check_closed();
  check_expired();
  if (is_alarm_lost_) {
    // The room still counts on it: after the longest pause there is, any event does in its place.
    pass(kLongestPauseMs);
    ask(R"({"op":"state"})", {});
  }
  if (unarmed_events_ > 0) {
    // The clock has gone back: from the next event on the room's goes at half the speed.
    ask(R"({"op":"state"})", {});
    pass(2 * kPatienceMs);
  }
  const double end_ms = schedule_.now_ms() + kDayMs;
  for (uint64_t round = 0; drain_round(); round++) {
    place_.step++;
    expect(round < kRoundsMax && schedule_.now_ms() < end_ms,
           "what is left does not drain: the room is busy for ever");
  }
  check_drained();
  read_all();
  check_asleep();
  replay_letters();
}

// Who was asked to come back over another connection has lost the old one by then.
void World::check_closed() {
  std::vector<std::pair<const Person*, uint32_t>> asked;
  for (const Person& person : people_) {
    const bool is_meant = person.is_asked_back && person.asked_back_by == host_.generation();
    if (person.socket != 0 && is_meant) asked.emplace_back(&person, person.socket);
  }
  const uint64_t generation = host_.generation();
  if (host_.is_timer_late()) pass(kTimerLateMsMax);
  // A timer that was set before is late by as much as the clock has jumped.
  const bool is_timely = !has_clock_changed_;
  constexpr double kSlackMs = 20;  // timers come a little late, and clocks show whole milliseconds
  pass(is_timely ? kDrainMs + kSlackMs : kClosedMs);
  for (const auto& [person, socket] : asked) {
    expect(person->socket != socket || host_.generation() != generation,
           person->name + " was asked to come back, and is still connected");
  }
}

// Nobody stays whose token has ended: of the silent the room looks once a minute, by its alarm.
void World::check_expired() {
  if (!rules_.has_tokens || is_alarm_lost_ || unarmed_events_ > 0) return;
  const double ended_ms = wall_ms();
  pass(2 * kExpiryCheckMs + kPatienceMs);
  for (const Person& person : people_) {
    expect(person.socket == 0 || person.expires_ms == 0 || person.expires_ms > ended_ms,
           "the token of " + person.name + " has ended long ago");
  }
}

// Whether there is more to come.
bool World::drain_round() {
  return_all();
  if (fire_next(1e18)) {
    maybe_commit();
    return true;
  }
  return std::any_of(people_.begin(), people_.end(), [this](const Person& person) {
    return person.socket != 0 && !person.unknown.empty() && !model_.is_banned_for_good(person.name);
  });
}

// Whoever is not here comes back, and whoever has no answer asks again, a little later.
void World::return_all() {
  for (Person& person : people_) {
    if (person.socket != 0 && person.is_asked_back) leave(person);
    if (person.socket == 0) {
      if (host_.open_sockets() < rules_.connections) join(person);
      continue;
    }
    if (!person.was_welcomed || person.unknown.empty() || !dice_.one_in(4)) continue;
    pass(1000);
    if (person.socket != 0 && !person.unknown.empty()) publish_again(person);
  }
}

// Whoever pages sees all that there is, in either direction.
void World::read_all() {
  if (model_.messages().empty()) return;
  read_pages(true);
  read_pages(false);
}

void World::read_pages(bool is_forwards) {
  Asked asked;
  asked.kind = Asked::Kind::kMessages;
  asked.page.is_forwards = is_forwards;
  asked.page.asked_at = model_.seq();
  asked.page.limit = dice_.between(3, 30);
  for (uint64_t round = 0;; round++) {
    asked.page.is_whole = true;
    last_page_.clear();
    ask("{\"op\":\"messages\"" + asked.page.members() + "}", asked);
    while (last_page_.empty() && fire_next(schedule_.now_ms() + kCentralReadTimeoutMs)) {
    }
    expect(!last_page_.empty(), "a page is never answered");
    const Object page(last_page_);
    const std::vector<Object> messages = page.objects("messages");
    if (page.raw("more") != "true") return;
    expect(!messages.empty() && round <= model_.seq(), "pages have no end");
    if (is_forwards) {
      asked.page.after = messages.back().number("seq");
    } else {
      asked.page.before = messages.front().number("seq");
    }
  }
}

void World::check_drained() {
  host_.commit();
  Asked asked;
  asked.kind = Asked::Kind::kState;
  last_state_.clear();
  ask(R"({"op":"state"})", asked);
  expect(!last_state_.empty(), "the room does not answer");
  const Object state(last_state_);
  expect(!state.has("failed"), "the room is still held: " + last_state_);
  if (state.raw("epoch") == "null") {
    expect(model_.seq() == 0, "the room has forgotten that it exists");
    return;
  }
  expect(state.number("seq") == model_.seq(), "the room's seq is not that of what is stored");
  expect(state.number("confirmed") == model_.seq(),
         "not all is confirmed when everything has drained: " + last_state_);
  expect(state.number("connections") == host_.open_sockets(),
         "the room counts other connections than there are: " + last_state_);
  uint64_t dead = 0;
  for (uint64_t seq = 1; seq <= model_.seq(); seq++) {
    if (model_.is_central(seq) || seq <= model_.forgotten_through()) continue;
    expect(model_.is_refused(seq), "record " + std::to_string(seq) + " is nowhere");
    dead++;
  }
  const Object outbox(state.raw("outbox"));
  expect(asked_.empty(), "a request is never answered");
  // A replay may have failed whose letters were stored, or refused again, in another way.
  expect(
      model_.has_refused() || (outbox.number("attempts") == 0 && outbox.raw("blocked") == "false"),
      "all has gone through, and the room still counts failures: " + last_state_);
  expect(outbox.number("dead") >= dead, "a record is neither confirmed nor a dead letter");
  tally_.dead_letters += outbox.number("dead");
  for (const Person& person : people_) {
    if (person.socket == 0) continue;
    expect(person.epoch == model_.epoch(), person.name + " was not asked to come back");
    for (const auto& [ref, ask] : person.pages) {
      expect(ask.generation != host_.generation(),
             person.name + " was never answered the page " + ref);
    }
    expect(person.awaited_events.empty(),
           person.name + " has heard nothing of an event, and is still connected");
    expect(person.awaited.empty(),
           person.name + " has heard nothing of a message, and is still connected");
    expect(!host_.presence().is_known() || (person.told_count == host_.presence().size() &&
                                            person.told_users == host_.presence().users()),
           person.name + " was told of " + std::to_string(person.told_count) + " connections of " +
               std::to_string(person.told_users) + " users, and there are " +
               std::to_string(host_.presence().size()));
    expect(person.seen == model_.seq(), person.name + " has seen " + std::to_string(person.seen) +
                                            " of " + std::to_string(model_.seq()));
    expect(person.confirmed == model_.seq(), person.name + " was told of " +
                                                 std::to_string(person.confirmed) +
                                                 " confirmed of " + std::to_string(model_.seq()));
  }
}

// With nothing left to do the room sleeps, and wakes with nothing to do.
void World::check_asleep() {
  expect(host_.presence().untold().empty(), "a " + host_.presence().untold() + " was not told");
  tally_.drain_ms_max = std::max(tally_.drain_ms_max, schedule_.now_ms() - drain_from_ms_);
  const uint64_t posts = posts_;
  const std::string before = last_state_;
  sleep();
  while (fire_next(1e18)) maybe_commit();
  expect(last_state_.empty() ||
             Object(last_state_).raw("confirmed") == Object(before).raw("confirmed"),
         "the room has forgotten in its sleep what is confirmed: " + last_state_);
  expect(posts_ == posts, "a room that has woken sends again what is confirmed");
}

void World::replay() {
  ask(R"({"op":"replay"})", {});
  for (uint64_t round = 0; fire_next(1e18); round++) {
    maybe_commit();
    expect(round < kRoundsMax, "dead letters are tried for ever");
  }
}

// What was refused is stored when it is tried again, and then nothing is left.
void World::replay_letters() {
  // What is refused once more waits for the next time that somebody asks.
  central_.refuse_again(true);
  replay();
  central_.refuse_again(false);
  replay();
  Asked asked;
  asked.kind = Asked::Kind::kLetters;
  letters_ = 1;
  ask(R"({"op":"dead_letters","limit":50})", asked);
  expect(letters_ == 0, "dead letters are left though all can be stored");
  expect(model_.letter_rows() == 0, "the rows of dead letters are left though all are stored");
  for (uint64_t seq = model_.forgotten_through() + 1; seq <= model_.seq(); seq++) {
    expect(model_.is_central(seq), "record " + std::to_string(seq) + " is not stored centrally");
    const Stored& record = model_.at(seq);
    expect(record.deletion == 0 || model_.is_central_deleted(seq),
           "record " + std::to_string(seq) + " is deleted, and not centrally");
  }
  for (const Person& person : people_) {
    expect(person.socket == 0 || person.dead.empty(),
           person.name + " was not told that dead letters are stored");
  }
}

}  // namespace edgeroom::roomsim
