// Draining a room: everybody is asked to come back over a new connection, and the old ones are
// closed.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "rooms/limits.h"
#include "rooms/room.h"
#include "tests/unit/room_harness.h"

using edgeroom::kDrainMs;
using edgeroom::test::contains;
using edgeroom::test::RoomHarness;

namespace {

const std::string kReconnect = "[{\"type\":\"reconnect\",\"after_ms\":1000}]";

std::string drain(RoomHarness& room) {
  const auto answer = room.request("{\"op\":\"drain\",\"room\":\"lobby\"}");
  CHECK(answer.status == 200);
  return answer.body;
}

// Time passes, timers fire.
void pass(RoomHarness& room, double ms) {
  const double end_ms = room.now_ms + ms;
  while (room.timer_delay_ms && room.now_ms + *room.timer_delay_ms <= end_ms) {
    room.timer();
    room.turn();
  }
  if (room.timer_delay_ms) *room.timer_delay_ms -= end_ms - room.now_ms;
  room.now_ms = end_ms;
}

}  // namespace

TEST_CASE("everybody is asked to reconnect, and closed with 1012 when the time has come") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.turn();
  room.take(ana);
  room.take(bob);
  CHECK(drain(room) == "{\"connections\":2,\"after_ms\":1000}");
  CHECK(room.text(ana) == kReconnect);
  CHECK(room.text(bob) == kReconnect);
  // Until then it is a connection like any other.
  pass(room, kDrainMs - 1);
  CHECK(room.closed.empty());
  room.publish(ana, "1", "a");
  CHECK(contains(room.text(ana), "\"id\":\"a\""));
  CHECK(contains(room.text(bob), "\"id\":\"a\""));
  pass(room, 1);
  CHECK(room.closed[ana] == 1012);
  CHECK(room.closed[bob] == 1012);
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"connections\":0,\"users\":0"));
  room.confirm_all();
}

TEST_CASE("whoever joins after it is not closed, and hears the others leave") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  drain(room);
  pass(room, 10);
  const auto back = room.join(",\"user\":\"ana\"");
  room.turn();
  CHECK_FALSE(contains(room.text(back), "reconnect"));
  pass(room, kDrainMs);
  CHECK(room.closed.count(ana) == 1);
  CHECK(room.closed.count(back) == 0);
  CHECK(contains(room.text(back), "\"type\":\"leave\""));
  pass(room, 100'000);
  CHECK(room.closed.count(back) == 0);
}

TEST_CASE("whoever goes by himself is not closed, and an empty room drains nobody") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  drain(room);
  room.leave(ana);
  pass(room, 10 * kDrainMs);
  CHECK(room.closed.empty());
  CHECK_FALSE(room.timer_delay_ms);  // a room with nobody in it does not stay awake
  CHECK(drain(room) == "{\"connections\":0,\"after_ms\":1000}");
  CHECK_FALSE(room.timer_delay_ms);
}

TEST_CASE("a drain of a room that was never used stores nothing") {
  RoomHarness room;
  CHECK(drain(room) == "{\"connections\":0,\"after_ms\":1000}");
  CHECK(room.storage.rows_written == 0);
  CHECK_FALSE(room.timer_delay_ms);
}

TEST_CASE("a second drain asks only those who were not asked, and leaves each his time") {
  // Whoever was asked by the second was closed with the first.
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  drain(room);
  room.take(ana);
  pass(room, kDrainMs - 50);
  const auto bob = room.join(",\"user\":\"bob\"");
  room.turn();
  room.take(ana);
  room.take(bob);
  CHECK(drain(room) == "{\"connections\":2,\"after_ms\":1000}");
  CHECK(room.take(ana).empty());
  CHECK(room.text(bob) == kReconnect);
  pass(room, 50);
  CHECK(room.closed.count(ana) == 1);
  CHECK(room.closed.count(bob) == 0);
  pass(room, kDrainMs - 51);
  CHECK(room.closed.count(bob) == 0);
  pass(room, 1);
  CHECK(room.closed[bob] == 1012);
  // And a third, when all is over.
  const auto cem = room.join(",\"user\":\"cem\"");
  room.turn();
  drain(room);
  pass(room, kDrainMs);
  CHECK(room.closed[cem] == 1012);
}

TEST_CASE("whoever was asked and not closed before a trap is asked by the next drain") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  drain(room);
  room.wake();
  room.take(ana);
  pass(room, 10 * kDrainMs);
  CHECK(room.closed.empty());  // as connection.h says: it is not kept
  drain(room);
  CHECK(room.text(ana) == kReconnect);
  pass(room, kDrainMs);
  CHECK(room.closed[ana] == 1012);
}

TEST_CASE("of three drains each has its time, and none is forgotten for another") {
  RoomHarness room;
  const double first_ms = room.now_ms;
  std::vector<uint32_t> handles;
  for (int i = 0; i < 3; i++) {
    handles.push_back(room.join());
    drain(room);
    room.now_ms += 100;
  }
  for (size_t i = 0; i < handles.size(); i++) {
    room.now_ms = first_ms + edgeroom::kDrainMs + 100.0 * static_cast<double>(i);
    REQUIRE_FALSE(room.event(edgeroom::EventType::kTimer));
    CHECK(room.closed.size() == i + 1);
    CHECK(room.closed.count(handles[i]) == 1);
  }
}

TEST_CASE("handles have no order: the next to be closed is who was asked first") {
  RoomHarness room;
  const double first_ms = room.now_ms;
  constexpr const char* kConnect = R"({"op":"connect","room":"lobby"})";
  const std::vector<uint32_t> handles = {50, 40, 45, 30};
  for (const uint32_t handle : handles) {
    REQUIRE_FALSE(room.event(edgeroom::EventType::kConnect, handle, 0, kConnect));
    drain(room);
    room.now_ms += 100;
  }
  room.now_ms = first_ms;
  for (size_t i = 0; i < handles.size(); i++) {
    room.now_ms = first_ms + edgeroom::kDrainMs + 100.0 * static_cast<double>(i);
    REQUIRE_FALSE(room.event(edgeroom::EventType::kTimer));
    CHECK(room.closed.size() == i + 1);
    CHECK(room.closed.count(handles[i]) == 1);
  }
}
