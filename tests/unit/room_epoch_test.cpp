// A room and a central store that do not agree: a new epoch. And what of a failing store is known
// after a sleep.

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::test::contains;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;

namespace {

std::string conflict_at(const RoomHarness& room, const std::string& epoch, int seq) {
  CHECK(contains(room.attempts.front().body, "\"seq\":" + std::to_string(seq)));
  return R"({"v":1,"room":"lobby","epoch":")" + epoch + R"(","results":[{"seq":)" +
         std::to_string(seq) + R"(,"status":"rejected","code":"CONFLICT"}]})";
}

bool has_log(const RoomHarness& room, const std::string& what) {
  return std::any_of(room.logs.begin(), room.logs.end(),
                     [&](const std::string& line) { return contains(line, what); });
}

}  // namespace

TEST_CASE("a conflict in the central store begins a new epoch, in which nothing is lost") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.publish(ana, "1", "a-1");
  room.confirm_all();
  room.publish(ana, "2", "a-2");
  room.publish(ana, "3", "a-3");
  const std::string before = room.epoch();
  room.take(ana);
  room.until_attempt();
  room.answer(200, conflict_at(room, before, 2));
  const std::string after = room.epoch();
  CHECK(after > before);
  CHECK(has_log(room, "new_epoch"));
  CHECK(has_log(room, before));
  // Who is here is asked to come back, and learns the new name.
  CHECK(contains(room.text(ana), "\"type\":\"reconnect\""));
  const auto again = room.join(",\"user\":\"ana\",\"epoch\":\"" + before + "\",\"after\":3");
  const std::string welcome = room.text(again);
  CHECK(contains(welcome, "\"epoch\":\"" + after + "\""));
  CHECK(contains(welcome, "\"seq\":3,\"confirmed\":0,\"recovered\":false"));
  // All that the room holds goes to the store again, under the new name.
  room.until_attempt();
  CHECK(contains(room.attempts.front().key, ":" + after + ":1-3"));
  CHECK(contains(room.attempts.front().body, "\"epoch\":\"" + after + "\""));
  room.confirm_all();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"confirmed\":3"));
  // And nothing was numbered anew: an id is known as before.
  room.take(again);
  room.frame(again, R"({"type":"message","content":2,"id":"a-2"})");
  CHECK(contains(room.text(again), R"({"type":"ack","id":"a-2","seq":2,"duplicate":true})"));
  room.publish(again, "4");
  CHECK(contains(room.text(again), "\"seq\":4"));
  room.wake();
  CHECK(room.epoch() == after);
}

TEST_CASE("the new epoch is stored with its beginning") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  const std::string before = room.epoch();
  room.until_attempt();
  room.answer(200, conflict_at(room, before, 1));
  const std::string after = room.epoch();
  CHECK(after > before);
  room.wake();
  CHECK(room.epoch() == after);
  room.until_attempt();
  CHECK(contains(room.attempts.front().body, "\"epoch\":\"" + after + "\""));
}

TEST_CASE("what segments tell of the watermark before a new epoch is nothing after it") {
  // They carry it for the next waking. It was taken for the new epoch's, so that those records did
  // not go out again under the new name.
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  for (int i = 1; i <= 5; i++) {
    room.publish(ana, "1");
    room.confirm_all();
  }
  room.publish(ana, "6");
  room.until_attempt();
  room.answer(200, conflict_at(room, room.epoch(), 6));
  const std::string after = room.epoch();
  room.wake();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"confirmed\":0"));
  room.until_attempt();
  CHECK(contains(room.attempts.front().key, ":" + after + ":1-6"));
  room.store_all();
  // What comes after it is told as ever.
  const auto bob = room.join();
  room.publish(bob, "7");
  room.wake();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"confirmed\":6"));
}

TEST_CASE("an answer to what was sent under the old name changes nothing") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  for (int i = 0; i < 150; i++) room.publish(ana, "1");
  const std::string before = room.epoch();
  room.until_attempt();
  for (int i = 0; i < 5 && room.attempts.size() < 2; i++) room.timer();
  REQUIRE(room.attempts.size() == 2);
  room.answer(200, conflict_at(room, before, 1));
  const std::string after = room.epoch();
  // The second attempt under way was made under the old name.
  CHECK(contains(room.attempts.front().body, before));
  room.store_all();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"confirmed\":0"));
  room.confirm_all();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"confirmed\":150"));
  CHECK(room.epoch() == after);
}

TEST_CASE("an endpoint that answers CONFLICT to everything gets one new epoch, and no more") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(200, conflict_at(room, room.epoch(), 1));
  const std::string second = room.epoch();
  room.wake();
  for (int i = 0; i < 3; i++) {
    room.until_attempt();
    room.answer(200, conflict_at(room, second, 1));
    CHECK(room.epoch() == second);
    CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"blocked\":true"));
  }
  // When it has come to its senses, there is another for another conflict, but not soon.
  room.confirm_all();
  const auto ben = room.join();
  room.publish(ben, "2");
  room.until_attempt();
  room.answer(200, conflict_at(room, second, 2));
  CHECK(room.epoch() == second);
  room.confirm_all();
  room.now_ms += edgeroom::kEpochAgeMinMs;
  const auto bob = room.join();
  room.publish(bob, "3");
  room.until_attempt();
  room.answer(200, conflict_at(room, second, 3));
  CHECK(room.epoch() > second);
}

TEST_CASE("an endpoint that stores some and answers CONFLICT to others gets one new epoch, too") {
  // Each of its answers proved the epoch and ended it, one a round trip.
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  room.publish(ana, "2");
  const auto half = [](const std::string& epoch) {
    return R"({"v":1,"room":"lobby","epoch":")" + epoch +
           R"(","results":[{"seq":1,"status":"stored"},)"
           R"({"seq":2,"status":"rejected","code":"CONFLICT"}]})";
  };
  room.until_attempt();
  room.answer(200, half(room.epoch()));
  const std::string second = room.epoch();
  for (int i = 0; i < 3; i++) {
    room.until_attempt();
    room.answer(200, half(second));
    CHECK(room.epoch() == second);
  }
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"blocked\":true"));
}

TEST_CASE("a page that was asked for under the old name is not told under the new one") {
  RoomHarness room(quiet_settings(1));
  const auto ana = room.join();
  for (int i = 0; i < 40; i++) {
    room.publish(ana, "1");
    room.confirm_all();
  }
  room.publish(ana, "1");
  room.until_attempt();
  const std::string before = room.epoch();
  const uint32_t request = room.begin_request(R"({"op":"messages","room":"lobby","after":0})");
  REQUIRE(room.fetches.size() == 1);
  room.answer(200, conflict_at(room, before, 41));
  room.fetched(200,
               R"({"v":1,"room":"lobby","epoch":")" + before +
                   R"(","messages":[{"seq":1,"user":"ana","ts":1,"content":1}],"more":false})");
  const auto answer = room.answer_of(request);
  CHECK(contains(answer.body, "\"epoch\":\"" + room.epoch()));
  CHECK_FALSE(contains(answer.body, "\"seq\":1,"));
  CHECK(contains(answer.body, "\"partial\":true"));
}

TEST_CASE("what was given up in a row is known after a sleep") {
  // A blocked room sleeps; three more were given up with every waking.
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  for (int i = 0; i < 20; i++) room.publish(ana, "1");
  for (int i = 0; i < 60; i++) {
    room.until_attempt();
    room.answer(400, R"({"v":1,"error":"BAD_BATCH","field":"records[0]"})");
    if (i % 3 == 2 && room.attempts.empty()) room.wake();
  }
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"dead\":3,\"blocked\":true"));
  // A quiet room, which sleeps after each.
  RoomHarness quiet(quiet_settings());
  const auto bob = quiet.join();
  for (int i = 0; i < 6; i++) {
    quiet.publish(bob, "1");
    quiet.until_attempt();
    while (!quiet.attempts.empty()) quiet.answer(413, "");
    quiet.turn();
    quiet.wake();
  }
  CHECK(contains(quiet.request("{\"op\":\"state\"}").body, "\"dead\":3,\"blocked\":true"));
}

TEST_CASE("a Retry-After is obeyed, and a block known, after a sleep") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(429, "", "200");
  const double until_ms = room.now_ms + 200'000;
  room.wake();
  room.publish(ana, "2");
  room.until_attempt();
  CHECK(room.now_ms >= until_ms);
  room.answer(403, "{\"message\":\"Forbidden\"}");
  room.wake();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"blocked\":true"));
  room.confirm_all();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"blocked\":false"));
  room.wake();
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"blocked\":false"));
}

TEST_CASE("of short pauses the first costs a row, and long ones no wake before they are over") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  const uint64_t before = room.storage.rows_written;
  room.until_attempt();
  room.answer(503, "");
  // That it fails is known to the next instance, which can tell when it does not.
  CHECK(room.storage.rows_written == before + 1);
  room.until_attempt();
  room.answer(503, "");
  CHECK(room.storage.rows_written == before + 1);
  for (int i = 1; i <= 5; i++) {
    room.until_attempt();
    room.answer(503, "", "100");
    // The pause, and an alarm as the attempt was made and another for the end of the pause.
    CHECK(room.storage.rows_written <= before + static_cast<uint64_t>(3 * i) + 1);
    REQUIRE(room.alarm_at_ms);
    CHECK(*room.alarm_at_ms == room.now_ms + 100'000);
  }
}
