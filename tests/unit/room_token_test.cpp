// Connections that came with a token: when they end, how they are renewed, and what readers may do.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/token_limits.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"
#include "tests/unit/room_harness.h"

using edgeroom::EventType;
using edgeroom::kExpiryCheckMs;
using edgeroom::kSafetyAlarmMs;
using edgeroom::kTokenBytesMax;
using edgeroom::kTokenSkewSeconds;
using edgeroom::RoomSettings;
using edgeroom::test::contains;
using edgeroom::test::Dice;
using edgeroom::test::RoomHarness;

namespace {

constexpr uint32_t kExpired = 4001;

RoomSettings with_tokens() {
  RoomSettings settings;
  settings.needs_token = true;
  return settings;
}

std::string whole(double ms) { return std::to_string(static_cast<uint64_t>(ms)); }

std::string as(const std::string& user, double expires_ms, const std::string& role = "") {
  return ",\"user\":\"" + user + "\"" + (role.empty() ? "" : ",\"role\":\"" + role + "\"") +
         ",\"expires\":" + whole(expires_ms);
}

std::string good(const std::string& user, double expires_s, const std::string& members = "") {
  return "good {\"sub\":\"" + user + "\",\"exp\":" + whole(expires_s) + members + "}";
}

void bring(RoomHarness& room, uint32_t handle, const std::string& verdict) {
  room.frame(handle, R"({"type":"token","token":"t","ref":"r"})");
  REQUIRE_FALSE(room.event(EventType::kVerified, handle, 0, verdict));
}

// The alarm finds the room asleep, and wakes it.
void alarm_in_sleep(RoomHarness& room) {
  REQUIRE(room.alarm_at_ms);
  room.now_ms = std::max(room.now_ms, *room.alarm_at_ms);
  room.alarm_at_ms.reset();
  room.timer_delay_ms.reset();
  room.wake();
  REQUIRE_FALSE(room.event(EventType::kAlarm));
}

// Lets the host do what it was asked for until then, as it does.
void pass(RoomHarness& room, double until_ms) {
  for (int i = 0; i < 1000; i++) {
    room.turn();
    const double timer_at = room.timer_delay_ms ? room.now_ms + *room.timer_delay_ms : until_ms + 1;
    const double alarm_at = room.alarm_at_ms.value_or(until_ms + 1);
    if (std::min(timer_at, alarm_at) > until_ms) break;
    if (timer_at <= alarm_at) {
      room.timer();
    } else {
      room.alarm();
    }
  }
  room.turn();
  room.now_ms = until_ms;
}

}  // namespace

TEST_CASE("a welcome says until when the token is good, and what a reader is") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 5000));
  CHECK(contains(room.text(ana), "\"user\":\"ana\",\"expires\":1800000005000,\"epoch\""));
  const auto rita = room.join(as("rita", room.now_ms + 5000, "reader"));
  CHECK(contains(room.text(rita), "\"role\":\"reader\",\"expires\":1800000005000"));
  const auto mod = room.join(",\"user\":\"moderator\",\"role\":\"moderator\"");
  CHECK(contains(room.text(mod), "\"role\":\"moderator\",\"epoch\""));
}

TEST_CASE("an expired connection is closed with 4001 on its next frame, whatever it holds") {
  for (const char* frame : {R"({"type":"message","content":1})", "no JSON", R"({"type":"ping"})",
                            R"({"type":"token","token":"t"})"}) {
    CAPTURE(std::string(frame));
    RoomHarness room(with_tokens());
    const auto ana = room.join(as("ana", room.now_ms + 5000));
    const auto bob = room.join(as("bob", room.now_ms + 60'000));
    room.turn();
    room.now_ms += 4999;
    room.frame(ana, R"({"type":"message","content":1})");
    CHECK(room.closed.empty());
    room.turn();
    room.take(bob);
    room.now_ms += 1;
    room.frame(ana, frame);
    CHECK(room.closed == std::map<uint32_t, uint32_t>{{ana, kExpired}});
    CHECK(room.verifications.empty());
    room.turn();
    CHECK_FALSE(contains(room.text(bob), "new_message"));
  }
}

TEST_CASE("silent connections are looked for when the first ends, and then once a minute") {
  RoomHarness room(with_tokens());
  const double start = room.now_ms;
  std::vector<uint32_t> handles;
  for (int i = 0; i < 10; i++) {
    handles.push_back(room.join(as("u" + std::to_string(i), start + 20'000 + i * 12'000)));
  }
  room.turn();
  REQUIRE(room.alarm_at_ms.has_value());
  CHECK(*room.alarm_at_ms == start + 20'000);
  int alarms = 0;
  std::vector<size_t> closed;
  while (room.alarm_at_ms && alarms < 20) {
    alarm_in_sleep(room);
    alarms++;
    room.turn();
    closed.push_back(room.closed.size());
    while (room.timer_delay_ms) {
      room.timer();
      room.turn();
    }
  }
  // At 20 s one of them, at 80 s five more, at 140 s the rest.
  CHECK(closed == std::vector<size_t>{1, 6, 10});
  CHECK(alarms == 3);
}

TEST_CASE("a room that wakes often looks as it wakes, and is woken for it once a minute at most") {
  RoomHarness room(with_tokens());
  const double start = room.now_ms;
  const auto bob = room.join(as("bob", start + 3'600'000));
  // Further apart than a room waits awake for.
  for (int i = 0; i < 20; i++) room.join(as("ana", start + 10'000 + i * 20'000));
  room.turn();
  int alarms = 0;
  for (int second = 1; second < 300; second++) {
    room.now_ms = start + second * 1000;
    room.timer_delay_ms.reset();
    if (second % 20 == 15) {
      room.wake();
      room.frame(bob, R"({"type":"presence"})");
      CHECK(room.closed.size() == static_cast<size_t>((second - 10) / 20 + 1));
    } else if (room.alarm_at_ms && *room.alarm_at_ms <= room.now_ms) {
      alarm_in_sleep(room);
      alarms++;
    }
    room.turn();
  }
  CHECK(alarms == 1);
}

TEST_CASE("a token renews, and the attachment knows") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 5000));
  room.turn();
  room.take(ana);
  bring(room, ana, good("ana", 1'800'000'100));
  REQUIRE(room.verifications.size() == 1);
  CHECK(room.verifications[0].first == ana);
  CHECK(room.verifications[0].second == "t");
  CHECK(room.text(ana) == R"([{"type":"token","expires":1800000100000,"ref":"r"}])");
  room.now_ms += 99'999;
  room.wake();
  room.frame(ana, R"({"type":"message","content":1})");
  CHECK(room.closed.empty());
  room.now_ms += 1;
  room.frame(ana, R"({"type":"message","content":1})");
  CHECK(room.closed.count(ana) == 1);
}

TEST_CASE("what the newer token allows is allowed from then on, also after a sleep") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 5000, "reader"));
  room.turn();
  const auto mute_is_refused = [&room, ana] {
    room.take(ana);
    room.frame(ana, R"({"type":"moderation","action":"mute","user":"eve"})");
    return contains(room.text(ana), "\"code\":\"forbidden\"");
  };
  CHECK(mute_is_refused());
  bring(room, ana, good("ana", 1'800'000'100, R"(,"role":"moderator")"));
  CHECK_FALSE(mute_is_refused());
  room.wake();
  CHECK_FALSE(mute_is_refused());
  bring(room, ana, good("ana", 1'800'000'100, R"(,"rooms":{"lobby":"member"})"));
  CHECK(mute_is_refused());
}

TEST_CASE("a token may also shorten, and one just past its end gets the skew") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 500'000));
  room.turn();
  room.take(ana);
  bring(room, ana, good("ana", 1'800'000'010));
  CHECK(contains(room.text(ana), "\"expires\":1800000010000"));
  REQUIRE(room.alarm_at_ms.has_value());
  CHECK(*room.alarm_at_ms == 1'800'000'010'000.0);
  room.now_ms += 5000;
  bring(room, ana, good("ana", 1'800'000'000));
  CHECK(contains(room.text(ana),
                 "\"expires\":" + whole(1'800'000'000'000.0 + kTokenSkewSeconds * 1000)));
}

TEST_CASE("a token that does not renew changes nothing") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 5000, "reader"));
  room.turn();
  room.take(ana);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {good("eve", 1'800'000'100), "\"code\":\"forbidden\",\"detail\":\"the token names another"},
      {good("ana ", 1'800'000'100), "\"code\":\"forbidden\",\"detail\":\"the token names another"},
      {good("ana", 1'800'000'100, R"(,"rooms":["other"])"),
       "\"code\":\"forbidden\",\"detail\":\"the token is not good for this room"},
      {"bad it is forged",
       "\"code\":\"forbidden\",\"detail\":\"the token was refused: it is forged"},
      {R"(good {"sub":"ana"})", "\"code\":\"forbidden\",\"detail\":\"the token was refused: exp:"},
      {"none the keys can't be had",
       "\"code\":\"internal\",\"detail\":\"tokens cannot be verified"},
      {"", "\"code\":\"internal\""},
  };
  for (const auto& [verdict, told] : cases) {
    CAPTURE(verdict);
    bring(room, ana, verdict);
    const std::string text = room.text(ana);
    CHECK(contains(text, told));
    CHECK(contains(text, "\"ref\":\"r\""));
  }
  room.frame(ana, R"({"type":"message","content":1})");
  CHECK(contains(room.text(ana), "\"code\":\"forbidden\""));
  room.now_ms += 5000;
  room.frame(ana, R"({"type":"presence"})");
  CHECK(room.closed.count(ana) == 1);
}

TEST_CASE("one token of a connection is verified at a time, and none that is too long") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 5000));
  room.turn();
  room.take(ana);
  const std::string longest(kTokenBytesMax, 'x');
  room.frame(ana, R"({"type":"token","token":")" + longest + "x\"}");
  CHECK(contains(room.text(ana), "longer than 8192 bytes"));
  room.frame(ana, R"({"type":"token","token":")" + longest + "\"}");
  room.frame(ana, R"({"type":"token","token":"second"})");
  CHECK(contains(room.text(ana), "\"code\":\"rate_limited\""));
  CHECK(room.verifications.size() == 1);
  REQUIRE_FALSE(room.event(EventType::kVerified, ana, 0, good("ana", 1'800'000'100)));
  // Nobody asked for this one.
  REQUIRE_FALSE(room.event(EventType::kVerified, ana, 0, good("ana", 1'800'000'200)));
  REQUIRE_FALSE(room.event(EventType::kVerified, 77, 0, good("ana", 1'800'000'200)));
  CHECK(room.text(ana) == R"([{"type":"token","expires":1800000100000}])");
}

TEST_CASE("who has brought a token in time stays while it is verified, and no longer") {
  for (const bool is_good : {true, false}) {
    CAPTURE(is_good);
    RoomHarness room(with_tokens());
    const auto ana = room.join(as("ana", room.now_ms + 5000));
    room.turn();
    room.frame(ana, R"({"type":"token","token":"t"})");
    room.now_ms += 6000;
    room.frame(ana, R"({"type":"message","content":1})");
    CHECK(room.closed.empty());
    REQUIRE_FALSE(room.event(EventType::kVerified, ana, 0,
                             is_good ? good("ana", 1'800'000'100) : std::string("bad it")));
    CHECK(room.closed.count(ana) == (is_good ? 0 : 1));
  }
}

TEST_CASE("a verdict for somebody who has gone, or for another instance, is nobody's") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 5000));
  const auto bob = room.join(as("bob", room.now_ms + 5000));
  room.turn();
  room.frame(ana, R"({"type":"token","token":"t"})");
  room.frame(bob, R"({"type":"token","token":"t"})");
  room.leave(ana);
  room.turn();
  REQUIRE_FALSE(room.event(EventType::kVerified, ana, 0, good("ana", 1'800'000'100)));
  room.wake();
  room.take(bob);
  REQUIRE_FALSE(room.event(EventType::kVerified, bob, 0, good("bob", 1'800'000'100)));
  CHECK(room.text(bob).empty());
}

TEST_CASE("tokens mean nothing where nobody asks for them") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.take(ana);
  room.frame(ana, R"({"type":"token","token":"t"})");
  CHECK(contains(room.text(ana), "\"code\":\"forbidden\""));
  CHECK(room.verifications.empty());
}

TEST_CASE("readers read: no message, no event, no deletion is theirs") {
  RoomHarness room(with_tokens());
  const auto ana = room.join(as("ana", room.now_ms + 50'000));
  room.frame(ana, R"({"type":"message","content":1})");
  room.turn();
  const auto reader = room.join(as("ana", room.now_ms + 50'000, "reader"));
  room.turn();
  room.take(ana);
  for (const char* frame :
       {R"({"type":"message","content":1})", R"({"type":"event","name":"typing"})",
        R"({"type":"delete","seq":1})", R"({"type":"moderation","action":"kick","user":"ana"})"}) {
    CAPTURE(std::string(frame));
    room.take(reader);
    room.frame(reader, frame);
    CHECK(contains(room.text(reader), "\"code\":\"forbidden\""));
    room.turn();
  }
  CHECK(room.text(ana).empty());
  room.frame(reader, R"({"type":"history"})");
  CHECK(contains(room.text(reader), "\"type\":\"history\",\"messages\":[{\"seq\":1"));
  room.frame(ana, R"({"type":"delete","seq":1})");
  CHECK(contains(room.text(ana), "message_deleted"));
}

TEST_CASE("whom a token names may not read either, when he is banned") {
  RoomHarness room(with_tokens());
  const std::string ban = R"({"op":"moderate","room":"lobby","user":"mia"})"
                          "\n"
                          R"({"action":"ban","user":"eve"})";
  CHECK(room.request(ban).status == 200);
  for (const char* op : {"state", "messages"}) {
    const std::string head = "{\"op\":\"" + std::string(op) + "\",\"room\":\"lobby\"";
    const auto refused = room.request(head + ",\"user\":\"eve\"}");
    CHECK(refused.status == 403);
    CHECK(contains(refused.body, "banned"));
    CHECK(room.request(head + ",\"user\":\"ana\"}").status == 200);
    CHECK(room.request(head + "}").status == 200);
  }
  const auto log = room.whole(R"({"op":"log","room":"lobby"})").body;
  CHECK(contains(log, "\"user\":\"eve\",\"by\":\"mia\""));
}

TEST_CASE(
    "any joins, renewals, sleeps and pauses: nobody speaks after his end, nobody is closed "
    "before it, and a silent one at most a minute and a bit late") {
  Dice dice(23);
  for (int round = 0; round < 60; round++) {
    RoomHarness room(with_tokens());
    std::map<uint32_t, double> ends;  // of those who are there, by the model
    for (int step = 0; step < 60; step++) {
      const double now = room.now_ms;
      const auto some = [&]() {
        auto at = ends.begin();
        std::advance(at, static_cast<long>(dice.below(ends.size())));
        return at->first;
      };
      const uint64_t act = dice.below(10);
      if (act < 3 || ends.empty()) {
        const double end = now + static_cast<double>(dice.between(1, 200)) * 1000;
        ends[room.join(as("ana", end))] = end;
      } else if (act < 5) {
        const uint32_t handle = some();
        const bool alive = now < ends[handle];
        room.frame(handle, R"({"type":"token","token":"t"})");
        if (alive) {
          const double end = now + static_cast<double>(dice.between(1, 200)) * 1000;
          REQUIRE_FALSE(room.event(EventType::kVerified, handle, 0, good("ana", end / 1000)));
          // Verdicts count seconds.
          ends[handle] = static_cast<double>(static_cast<uint64_t>(end / 1000)) * 1000;
          if (ends[handle] <= now) ends[handle] += kTokenSkewSeconds * 1000.0;
        }
      } else if (act < 7) {
        const uint32_t handle = some();
        room.frame(handle, R"({"type":"message","content":1})");
        CHECK((room.closed.count(handle) == 1) == (now >= ends[handle]));
      } else if (act < 8) {
        room.turn();
        room.wake();
        // The alarm outlives the instance, the timer does not.
        room.timer_delay_ms.reset();
      } else {
        const double until = now + static_cast<double>(dice.between(1, 90'000));
        pass(room, until);
      }
      room.turn();
      for (const auto& [handle, code] : room.closed) {
        if (ends.count(handle) == 0) continue;
        CHECK(code == kExpired);
        CHECK(room.now_ms >= ends[handle]);
        ends.erase(handle);
      }
    }
    pass(room, room.now_ms + 400'000 + kExpiryCheckMs);
    for (const auto& [handle, end] : ends) {
      CAPTURE(end);
      CHECK(room.closed.count(handle) == 1);
    }
  }
}

TEST_CASE("what waits to be forwarded has its safety alarm, though a token ends much later") {
  // The alarm for the token's end stood in its place: an object that was lost before it had
  // forwarded everything was not woken for an hour.
  RoomHarness room(with_tokens());
  const uint32_t ana = room.join(as("ana", room.now_ms + 3'600'000));
  room.turn();
  REQUIRE(room.alarm_at_ms);
  CHECK(*room.alarm_at_ms > room.now_ms + kSafetyAlarmMs);
  room.publish(ana, "1");
  CHECK(*room.alarm_at_ms == room.now_ms + kSafetyAlarmMs);
  const uint64_t rows = room.storage.rows_written;
  room.now_ms += 1000;
  room.frame(ana, R"({"type":"presence"})");
  CHECK(room.storage.rows_written == rows);
}

TEST_CASE("a token ends by the host's clock, though that has gone back") {
  // Once a clock that was wrong by an hour had been set right, the room closed everybody whose
  // token was good for less than that, at his first frame, and again when he came back with
  // another.
  RoomHarness room(with_tokens());
  room.join(as("bob", room.now_ms + 7'200'000));
  room.turn();
  room.now_ms -= 3'600'000;
  const double right_ms = room.now_ms;
  const auto ana = room.join(as("ana", right_ms + 600'000));
  const auto silent = room.join(as("eve", right_ms + 600'000));
  room.turn();
  room.frame(ana, R"({"type":"message","content":1})");
  room.turn();
  CHECK(room.closed.empty());
  // A silent one is looked for, as late again as the clock was wrong at most, and not all the time.
  pass(room, right_ms + 599'999);
  room.frame(ana, R"({"type":"message","content":1})");
  CHECK(room.closed.empty());
  room.now_ms += 1;
  room.frame(ana, R"({"type":"message","content":1})");
  CHECK(room.closed == std::map<uint32_t, uint32_t>{{ana, kExpired}});
  pass(room, right_ms + 2 * 600'000 + kExpiryCheckMs);
  CHECK(room.closed.count(silent) == 1);
  // A token that is brought just past its end is good for the skew, by the same clock.
  const auto mia = room.join(as("mia", room.now_ms + 1000));
  room.take(mia);
  bring(room, mia, good("mia", (room.now_ms - 1000) / 1000));
  CHECK(contains(room.text(mia),
                 "\"expires\":" + whole(room.now_ms - 1000 + kTokenSkewSeconds * 1000.0)));
}
