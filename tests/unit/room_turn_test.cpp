// When a turn ends: at once after a quiet while, and in a busy room as late as makes the flush,
// which costs so much for each connection, worth it.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::kFlushIntervalMaxMs;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;
using edgeroom::test::ScheduledFlush;

namespace {

constexpr double kQuietMs = 60'000;

struct Crowd {
  explicit Crowd(size_t size) : room(quiet_settings()) {
    for (size_t i = 0; i < size; i++) handles.push_back(room.join());
    room.turn();
    room.now_ms += kQuietMs;
  }

  // A message so long after the last event. How its turn is to end.
  ScheduledFlush message_after(double ms) {
    room.now_ms += ms;
    room.frame(handles[0], R"({"type":"message","content":1})");
    REQUIRE(room.flush_scheduled);
    return room.scheduled_flush;
  }

  // The same, so long after the end of the turn.
  ScheduledFlush next_turn_after(double ms) {
    room.turn();
    return message_after(ms);
  }

  RoomHarness room;
  std::vector<uint32_t> handles;
};

}  // namespace

TEST_CASE("after a quiet while a turn ends when what has arrived is in it") {
  for (const size_t size : {1, 10, 100, 1000}) {
    CAPTURE(size);
    Crowd crowd(size);
    CHECK(crowd.message_after(0) == ScheduledFlush{.looks = 0, .after_ms = 0});
  }
}

TEST_CASE("a turn that follows closely is as long as the last flush was dear") {
  Crowd crowd(50);
  crowd.message_after(0);
  CHECK(crowd.next_turn_after(1) == ScheduledFlush{.looks = 1, .after_ms = 9});
  CHECK(crowd.next_turn_after(9) == ScheduledFlush{.looks = 1, .after_ms = 1});
  // The flush is paid for, but what came with it may still be on its way to the room.
  CHECK(crowd.next_turn_after(30) == ScheduledFlush{.looks = 1, .after_ms = 0});
  CHECK(crowd.next_turn_after(50) == ScheduledFlush{.looks = 0, .after_ms = 0});
}

TEST_CASE("no turn is made longer than the maximum") {
  Crowd crowd(2000);
  crowd.message_after(0);
  CHECK(crowd.next_turn_after(0) == ScheduledFlush{.looks = 1, .after_ms = kFlushIntervalMaxMs});
}

TEST_CASE("two who talk at once wait for nothing but a second look") {
  Crowd crowd(2);
  crowd.message_after(0);
  CHECK(crowd.next_turn_after(1) == ScheduledFlush{.looks = 1, .after_ms = 0});
  CHECK(crowd.next_turn_after(10) == ScheduledFlush{.looks = 0, .after_ms = 0});
}

TEST_CASE("a clock that goes back makes no turn longer") {
  Crowd crowd(100);
  crowd.message_after(0);
  CHECK(crowd.next_turn_after(-3'600'000) == ScheduledFlush{.looks = 1, .after_ms = 20});
}
