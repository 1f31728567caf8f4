// Another kind of room than chat: what it refuses, rewrites and says of its own accord, and when it
// is called.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/settings.h"
#include "rooms/behaviour.h"
#include "rooms/limits.h"
#include "rooms/room.h"
#include "tests/unit/room_harness.h"
#include "tests/unit/test_behaviours.h"

using edgeroom::kBehaviourTimerMinMs;
using edgeroom::kSafetyAlarmMs;
using edgeroom::kTimerDelayMaxMs;
using edgeroom::RoomSettings;
using edgeroom::test::contains;
using edgeroom::test::make_clerk;
using edgeroom::test::make_clock;
using edgeroom::test::RoomHarness;

namespace {

std::unique_ptr<edgeroom::Behaviour> clerk() { return make_clerk(); }

// A clerk's room with one connection that has read its welcome.
struct Office {
  RoomHarness room;
  uint32_t ana;

  explicit Office(const RoomSettings& settings = quiet()) : room(settings, clerk) {
    ana = room.join(",\"user\":\"ana\"");
    room.turn();
    room.take(ana);
  }

  static RoomSettings quiet() {
    RoomSettings settings;
    settings.presence_max = 0;
    return settings;
  }

  void event(const std::string& name, const std::string& content = "") {
    room.frame(ana, "{\"type\":\"event\",\"name\":\"" + name + "\"" +
                        (content.empty() ? "" : ",\"content\":" + content) + ",\"ref\":\"r\"}");
  }
};

std::string own_event(const std::string& name, const std::string& content) {
  return "{\"type\":\"event\",\"name\":\"" + name + "\",\"content\":" + content + "}";
}

}  // namespace

TEST_CASE("a message that is refused is told to its sender alone, and leaves nothing") {
  Office office;
  const auto bob = office.room.join(",\"user\":\"bob\"");
  office.room.take(bob);
  office.room.frame(office.ana, R"({"type":"message","content":"no","id":"a","ref":"r"})");
  CHECK(office.room.text(office.ana) ==
        R"([{"type":"error","code":"content_refused","detail":"not that","id":"a","ref":"r"}])");
  CHECK(office.room.storage.segments.empty());
  office.room.turn();
  CHECK_FALSE(contains(office.room.text(bob), "not that"));
  // The id is free: it names no message.
  office.room.publish(office.ana, "\"yes\"", "a");
  CHECK(contains(office.room.text(office.ana), "\"content\":\"yes\",\"id\":\"a\""));
}

TEST_CASE("a message that is rewritten is stored, told and forwarded as what it has become") {
  Office office;
  office.room.publish(office.ana, "\"shout\"", "a");
  CHECK(contains(office.room.text(office.ana), "\"content\":\"SHOUT\",\"id\":\"a\"}"));
  for (const auto& [slot, segment] : office.room.storage.segments) {
    CHECK(contains(segment.second, "SHOUT"));
    CHECK_FALSE(contains(segment.second, "shout"));
  }
  office.room.frame(office.ana, R"({"type":"message","content":"shout","id":"a"})");
  CHECK(contains(office.room.text(office.ana), "\"type\":\"ack\",\"id\":\"a\",\"seq\":1"));
  office.room.until_attempt();
  CHECK(contains(office.room.attempts[0].body, "\"content\":\"SHOUT\"}]}"));
}

TEST_CASE("over HTTP a refused message is 422, and a rewritten one 201") {
  Office office;
  const auto refused =
      office.room.request("{\"op\":\"publish\"}\n{\"content\":\"no\",\"id\":\"p\"}");
  CHECK(refused.status == 422);
  CHECK(refused.body == R"({"type":"about:blank","title":"Content refused","status":422,)"
                        R"("detail":"not even from a moderator"})");
  CHECK(office.room.storage.segments.empty());
  const auto taken =
      office.room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":\"shout\",\"id\":\"p\"}");
  CHECK(taken.status == 201);
  CHECK(contains(office.room.text(office.ana), "\"content\":\"SHOUT\",\"id\":\"p\""));
}

TEST_CASE("a room that was never used does not begin with a message that is refused") {
  RoomHarness room({}, clerk);
  CHECK(room.request("{\"op\":\"publish\"}\n{\"content\":\"no\"}").status == 422);
  CHECK(room.storage.rows_written == 0);
  CHECK(room.epoch().empty());
}

TEST_CASE("an event is refused, rewritten or taken, and what is said on the side is told") {
  Office office;
  const auto bob = office.room.join(",\"user\":\"bob\"");
  office.room.turn();
  office.room.take(office.ana);
  office.room.take(bob);
  office.event("no");
  CHECK(office.room.text(office.ana) ==
        R"([{"type":"error","code":"content_refused","detail":"no such event","ref":"r"}])");
  CHECK_FALSE(office.room.flush_scheduled);  // nothing of what was said with the refusal
  CHECK(office.room.storage.segments.empty());

  office.event("shout", "\"hey\"");
  office.room.turn();
  const std::string loud = office.room.text(bob);
  CHECK(contains(loud, "\"name\":\"shout\",\"user\":\"ana\""));
  CHECK(contains(loud, "\"content\":\"LOUD\"}"));
  CHECK_FALSE(contains(loud, "hey"));
  office.event("shout");  // without a content, too
  office.room.turn();
  CHECK(contains(office.room.text(bob), "\"content\":\"LOUD\"}"));
  office.room.take(office.ana);

  office.event("ask");
  CHECK(office.room.text(office.ana) ==
        R"([{"type":"event","name":"records","content":0,"ref":"r"}])");
  CHECK(office.room.take(bob).empty());
  office.room.turn();
  CHECK(contains(office.room.text(bob), "\"name\":\"ask\",\"user\":\"ana\""));
  CHECK(office.room.storage.segments.empty());
}

TEST_CASE("a message of the room itself is a record like any other, under the kind's name") {
  Office office;
  office.event("say");
  office.room.turn();
  const std::string told = office.room.text(office.ana);
  const size_t event = told.find("\"name\":\"say\"");
  const size_t record = told.find(
      R"({"type":"new_message","seq":1,"user":"clerk","ts":1800000000000,"content":"said"})");
  CHECK(event != std::string::npos);
  CHECK(record != std::string::npos);
  CHECK(event < record);
  CHECK(office.room.storage.segments.size() == 1);
  office.room.until_attempt();
  CHECK(
      contains(office.room.attempts[0].body,
               R"({"seq":1,"type":"message","ts":1800000000000,"user":"clerk","content":"said"})"));
  // Nobody is its author but moderators.
  office.room.frame(office.ana, "{\"type\":\"delete\",\"seq\":1}");
  CHECK(contains(office.room.text(office.ana), "\"code\":\"forbidden\""));
}

TEST_CASE("whoever joins is welcomed first, and then told what the kind of room has to say") {
  Office office;
  office.room.publish(office.ana, "1");
  office.room.take(office.ana);
  const auto herald = office.room.join(",\"user\":\"herald\"");
  const auto frames = office.room.take(herald);
  REQUIRE(frames.size() == 2);
  CHECK(contains(frames[0], "\"type\":\"welcome\""));
  CHECK(contains(frames[0], "\"seq\":1,"));
  CHECK(frames[1] == "[" + own_event("records", "1") + "]");
  CHECK(office.room.take(office.ana).empty());
  office.room.turn();
  const std::string told = office.room.text(office.ana);
  CHECK(told == office.room.text(herald));
  CHECK(contains(told, "{\"type\":\"event\",\"name\":\"herald\",\"content\":\""));
  CHECK(contains(told, "\"seq\":2,\"user\":\"clerk\""));
}

TEST_CASE("who comes back hears what he missed, and what the room said when he came is no gap") {
  Office office;
  office.room.publish(office.ana, "1");
  const auto herald = office.room.join(",\"user\":\"herald\",\"epoch\":\"" + office.room.epoch() +
                                       "\",\"after\":0");
  const auto frames = office.room.take(herald);
  REQUIRE(frames.size() == 3);
  CHECK(contains(frames[0], "\"recovered\":true"));
  CHECK(contains(frames[2], "\"seq\":1,"));
  CHECK_FALSE(contains(frames[2], "\"seq\":2,"));
  office.room.turn();
  CHECK(contains(office.room.text(herald), "\"seq\":2,\"user\":\"clerk\""));
}

TEST_CASE("on_flush is called once for a turn with records, and is told behind them") {
  Office office;
  office.room.frame(office.ana, R"({"type":"message","content":1})");
  office.room.frame(office.ana, R"({"type":"message","content":2})");
  office.room.turn();
  CHECK(office.room.order == std::vector<std::string>{"put", "broadcast"});
  auto frames = office.room.take(office.ana);
  REQUIRE(frames.size() == 1);
  const std::string total = own_event("total", "2");
  CHECK(frames[0].substr(frames[0].size() - total.size() - 1) == total + "]");
  CHECK(frames[0].find("\"name\":\"total\"") == frames[0].rfind("\"name\":\"total\""));
  CHECK_FALSE(office.room.flush_scheduled);  // telling it is no reason for another turn
  office.event("x");
  office.room.turn();
  CHECK_FALSE(contains(office.room.text(office.ana), "total"));
  // Deletions and moderation are records, too.
  office.room.frame(office.ana, "{\"type\":\"delete\",\"seq\":1}");
  CHECK(contains(office.room.text(office.ana), own_event("total", "3")));
  office.room.request("{\"op\":\"moderate\"}\n{\"action\":\"mute\",\"user\":\"eve\"}");
  CHECK(contains(office.room.text(office.ana), own_event("total", "4")));
}

TEST_CASE("a deadline soon is kept by the timer") {
  Office office;
  office.room.publish(office.ana, "{\"wake_in\":500}");
  office.room.confirm_all();
  office.room.take(office.ana);
  const double deadline_ms = 1'800'000'000'500.0;
  while (office.room.now_ms < deadline_ms) {
    CHECK_FALSE(contains(office.room.text(office.ana), "\"time\""));
    office.room.timer();
    office.room.turn();
  }
  CHECK(office.room.now_ms == deadline_ms);
  CHECK(contains(office.room.text(office.ana),
                 "\"user\":\"clerk\",\"ts\":1800000000500,\"content\":\"time\""));
  // That has ended it: the room comes to rest.
  office.room.confirm_all();
  for (int i = 0; i < 20 && (office.room.timer_delay_ms || office.room.alarm_at_ms); i++) {
    if (office.room.timer_delay_ms) {
      office.room.timer();
    } else {
      office.room.alarm();
    }
    office.room.turn();
  }
  CHECK_FALSE(office.room.timer_delay_ms);
  CHECK_FALSE(office.room.alarm_at_ms);
  CHECK_FALSE(contains(office.room.text(office.ana), "\"time\""));
}

TEST_CASE("a deadline far away is kept by the alarm, over sleep, and keeps nobody awake") {
  Office office;
  const double start_ms = office.room.now_ms;
  const double deadline_ms = start_ms + 3'600'000;
  office.room.publish(office.ana, "{\"wake_in\":3600000}");
  office.room.confirm_all();
  const auto rest = [&] {
    for (int i = 0; i < 20 && office.room.timer_delay_ms; i++) {
      office.room.timer();
      office.room.turn();
    }
    CHECK_FALSE(office.room.timer_delay_ms);
    if (office.room.alarm_at_ms && *office.room.alarm_at_ms < deadline_ms) office.room.alarm();
    CHECK_FALSE(office.room.timer_delay_ms);
    REQUIRE(office.room.alarm_at_ms);
    CHECK(*office.room.alarm_at_ms == deadline_ms);
  };
  rest();
  CHECK(office.room.now_ms < start_ms + kSafetyAlarmMs + 1);
  office.room.wake();
  rest();
  SUBCASE("on time") { office.room.alarm(); }
  SUBCASE("the alarm comes late") {
    *office.room.alarm_at_ms += 59'000;
    office.room.alarm();
  }
  SUBCASE("the alarm comes early, and the timer does the rest") {
    office.room.now_ms = deadline_ms - 5000;
    office.room.alarm_at_ms = office.room.now_ms;
    office.room.alarm();
    office.room.turn();
    REQUIRE(office.room.timer_delay_ms);
    office.room.timer();
    CHECK(office.room.now_ms == deadline_ms);
  }
  SUBCASE("the room was away for a day, and is woken by something else") {
    office.room.now_ms += 86'400'000;
    office.room.wake();
    REQUIRE(office.room.timer_delay_ms);
    CHECK(*office.room.timer_delay_ms == 0);
    office.room.timer();
  }
  office.room.turn();
  CHECK(contains(office.room.text(office.ana), "\"content\":\"time\""));
}

TEST_CASE("a deadline that has passed and is not moved comes again, but not sooner than a second") {
  Office office;
  office.room.publish(office.ana, "{\"nag_from\":0}");
  office.room.confirm_all();
  office.room.take(office.ana);
  double last_ms = 0;
  int nags = 0;
  while (nags < 5) {
    office.room.timer();
    office.room.turn();
    const std::string told = office.room.text(office.ana);
    if (!contains(told, "\"name\":\"nag\"")) continue;
    CHECK(office.room.now_ms - last_ms >= kBehaviourTimerMinMs);
    if (nags > 0) CHECK(office.room.now_ms - last_ms < 2 * kBehaviourTimerMinMs);
    last_ms = office.room.now_ms;
    nags++;
  }
  CHECK(office.room.storage.segments.size() == 1);  // it told, and published nothing
}

TEST_CASE("a room that was never used has no timer, whatever its kind wants") {
  RoomHarness room({}, make_clock);
  room.request("{\"op\":\"state\"}");
  room.request("{\"op\":\"messages\"}");
  CHECK_FALSE(room.timer_delay_ms);
  CHECK_FALSE(room.alarm_at_ms);
  CHECK(room.storage.rows_written == 0);
  const auto ana = room.join();
  REQUIRE(room.timer_delay_ms);
  CHECK(*room.timer_delay_ms == 0);
  room.timer();
  room.turn();
  CHECK(contains(room.text(ana), "\"user\":\"clock\""));
}

TEST_CASE("a room that may take no more messages takes none from itself either, until it may") {
  // It published every second for as long as the central API was away.
  RoomSettings settings;
  settings.outbox_records_max = 3;
  settings.presence_max = 0;
  RoomHarness room(settings, make_clock);
  const auto ana = room.join();
  const auto seconds = [&room](int count) {
    const double end_ms = room.now_ms + count * 1000.0;
    while (room.now_ms < end_ms) {
      room.timer();
      room.turn();
      while (!room.attempts.empty()) room.answer(503, "");
    }
  };
  seconds(10);
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"seq\":3,"));
  room.confirm_all();
  room.take(ana);
  seconds(1);
  CHECK(contains(room.text(ana), "\"content\":\"tick\""));
}

TEST_CASE("what a behaviour does not say is what chat does") {
  const auto chat = RoomHarness::chat();
  CHECK(chat->name() == "chat");
  CHECK_FALSE(chat->has_state());
  CHECK(chat->deadline_ms() == std::numeric_limits<double>::infinity());
  RoomHarness room;
  const auto ana = room.join();
  CHECK(room.take(ana).size() == 1);
  room.turn();
  room.take(ana);
  room.publish(ana, "\"no\"");
  const auto frames = room.take(ana);
  REQUIRE(frames.size() == 1);
  CHECK_FALSE(contains(frames[0], "\"type\":\"event\""));
}

TEST_CASE("what is to be told at the end of the turn outlives a trap, told to whom else it was") {
  Office office;
  office.event("bell");
  // The sender has his answer at once, which is no reason to forget the frame.
  CHECK(office.room.order.back() == "keep");
  CHECK(contains(office.room.text(office.ana), "\"name\":\"rung\""));
  office.room.turn();
  CHECK(contains(office.room.text(office.ana), own_event("bell", "0")));
}

TEST_CASE("events that fill a turn end it, and what was said before is told before") {
  Office office;
  const auto bob = office.room.join(",\"user\":\"bob\"");
  office.room.turn();
  office.room.take(bob);
  const std::string content = "\"" + std::string(60'000, 'x') + "\"";
  int events = 0;
  std::vector<std::string> told;
  while (told.empty()) {
    REQUIRE(++events < 100);
    office.event("typing", content);
    told = office.room.take(bob);
  }
  size_t bytes = 0;
  for (const std::string& frame : told) bytes += frame.size();
  CHECK(bytes > edgeroom::kPendingBytesMax);
  CHECK(bytes < edgeroom::kPendingBytesMax + 2 * content.size());
  // Nothing of it is told a second time.
  office.room.turn();
  CHECK_FALSE(contains(office.room.text(bob), "typing"));
}

TEST_CASE("a room that wakes for its kind in the middle of a pause sets that alarm once") {
  Office office;
  constexpr double kWakeMs = 200'000;
  office.room.publish(office.ana, R"({"wake_in":200000})");
  const double deadline_ms = office.room.now_ms + kWakeMs;
  office.room.until_attempt();
  office.room.answer(429, "", "300");
  office.room.turn();
  REQUIRE(office.room.alarm_at_ms);
  CHECK(*office.room.alarm_at_ms == deadline_ms);
  office.room.alarm_at_ms.reset();
  for (int i = 0; i < 3; i++) {
    office.room.now_ms += 1000;
    office.room.frame(office.ana, "{\"type\":\"presence\"}");
  }
  CHECK_FALSE(office.room.alarm_at_ms);  // it is set
  office.room.now_ms = deadline_ms;
  REQUIRE_FALSE(office.room.event(edgeroom::EventType::kAlarm));
  office.room.turn();
  CHECK(contains(office.room.text(office.ana), "\"content\":\"time\""));
}
