// When a room tells that records are confirmed: in a frame that there is anyhow, or soon in its
// own.

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::kConfirmationIntervalMaxMs;
using edgeroom::test::contains;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;

namespace {

struct Crowd {
  explicit Crowd(size_t size) : room(quiet_settings()) {
    for (size_t i = 0; i < size; i++) handles.push_back(room.join());
    room.turn();
    heard();
  }

  // A message, which the central API stores at once. What the first connection then hears.
  std::string publish_and_store() {
    room.publish(handles[0], "1");
    room.until_attempt();
    room.store_all();
    room.turn();
    return heard();
  }

  std::string heard() {
    for (size_t i = 1; i < handles.size(); i++) room.take(handles[i]);
    return room.text(handles[0]);
  }

  RoomHarness room;
  std::vector<uint32_t> handles;
};

constexpr const char* kConfirmed = "message_confirmed";

}  // namespace

TEST_CASE("a small room tells each confirmation at once") {
  Crowd few(49);
  for (int i = 1; i <= 3; i++) {
    CAPTURE(i);
    CHECK(contains(few.publish_and_store(), "\"through\":" + std::to_string(i) + "}"));
  }
}

TEST_CASE("in a large room a confirmation waits for a frame to ride in") {
  Crowd crowd(1000);
  // Nobody was told of any for long: this one goes out at once.
  CHECK(contains(crowd.publish_and_store(), "\"through\":1}"));
  const std::string second = crowd.publish_and_store();
  CHECK(contains(second, "new_message"));
  CHECK_FALSE(contains(second, kConfirmed));
  // It rides in the frame of the third message.
  crowd.room.publish(crowd.handles[0], "3");
  const auto frames = crowd.room.take(crowd.handles[0]);
  REQUIRE(frames.size() == 1);
  CHECK(contains(frames[0], "\"seq\":3"));
  CHECK(contains(frames[0], "\"through\":2}"));
}

TEST_CASE("a confirmation that finds none gets a frame of its own, 400 ms after the last") {
  Crowd crowd(1000);
  crowd.publish_and_store();
  const double told_ms = crowd.room.now_ms;
  CHECK_FALSE(contains(crowd.publish_and_store(), kConfirmed));
  REQUIRE(crowd.room.timer_delay_ms);
  CHECK(crowd.room.now_ms + *crowd.room.timer_delay_ms == told_ms + 400);
  // A timer that fires early tells nobody.
  REQUIRE_FALSE(crowd.room.event(edgeroom::EventType::kTimer));
  crowd.room.turn();
  CHECK_FALSE(contains(crowd.heard(), kConfirmed));
  crowd.room.timer();
  crowd.room.turn();
  const auto frames = crowd.room.take(crowd.handles[0]);
  REQUIRE(frames.size() == 1);
  CHECK(contains(frames[0], "\"through\":2}"));
}

TEST_CASE("the largest room waits for a second at most") {
  Crowd crowd(4000);
  crowd.publish_and_store();
  const double told_ms = crowd.room.now_ms;
  CHECK_FALSE(contains(crowd.publish_and_store(), kConfirmed));
  crowd.room.timer();
  CHECK(crowd.room.now_ms == told_ms + kConfirmationIntervalMaxMs);
  crowd.room.turn();
  CHECK(contains(crowd.heard(), "\"through\":2}"));
}

TEST_CASE("what storage knows to be confirmed is told in the same event") {
  Crowd crowd(1000);
  crowd.publish_and_store();
  CHECK_FALSE(contains(crowd.publish_and_store(), kConfirmed));
  // The alarm stores the watermark, before the 400 ms are over. Were it told at the turn's end, a
  // trap before that would leave an instance that takes it for told.
  crowd.room.alarm();
  CHECK(contains(crowd.heard(), "\"through\":2}"));
}

TEST_CASE("a dead letter that is stored after all is told in the same turn, whatever waits") {
  Crowd crowd(1000);
  RoomHarness& room = crowd.room;
  const auto result = [&room](const char* status) {
    return R"({"v":1,"room":"lobby","epoch":")" + room.epoch() + R"(","results":[{"seq":1,)" +
           status + "}]}";
  };
  room.publish(crowd.handles[0], "1");
  room.until_attempt();
  room.answer(200, result(R"("status":"rejected","code":"INVALID")"));
  room.turn();
  CHECK(contains(crowd.heard(), R"("through":1,"except":[1])"));
  // Its second try is answered within the 400 ms.
  room.request(R"({"op":"replay"})");
  REQUIRE(room.attempts.size() == 1);
  room.answer(200, result(R"("status":"stored")"));
  room.turn();
  CHECK(contains(crowd.heard(), R"("stored":[1])"));
}
