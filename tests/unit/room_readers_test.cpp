// Readers that do not take what they are sent.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::ByteWriter;
using edgeroom::EventType;
using edgeroom::kBacklogBytesMax;
using edgeroom::kBacklogCheckMs;
using edgeroom::kBacklogSlowBytes;
using edgeroom::kBacklogSlowMs;
using edgeroom::kBacklogTotalBytesMax;
using edgeroom::kMeasureBytes;
using edgeroom::kUnheardBytesMax;
using edgeroom::RoomStatus;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;

namespace {

constexpr uint32_t kNever = UINT32_MAX;
constexpr uint32_t kSlow = 4008;

struct Backlog {
  uint32_t handle = 0;
  uint32_t bytes = 0;
  uint32_t silent_ms = kNever;
};

std::string payload(const std::vector<Backlog>& backlogs) {
  std::string out;
  ByteWriter writer(out);
  for (const Backlog& each : backlogs) {
    writer.u32(each.handle);
    writer.u32(each.bytes);
    writer.u32(each.silent_ms);
  }
  return out;
}

struct World {
  RoomHarness room{quiet_settings()};
  uint32_t ana = room.join(",\"user\":\"ana\"");
  uint32_t bob = room.join(",\"user\":\"bob\"");

  World() { room.turn(); }

  // What the platform answers: for whom how much waits.
  void measured(const std::vector<Backlog>& backlogs) {
    room.measures.clear();
    REQUIRE_FALSE(room.event(EventType::kMeasured, 0, 1, payload(backlogs)));
  }
  // The same of one that does not tell.
  void measured_blindly(const std::vector<Backlog>& backlogs) {
    room.measures.clear();
    REQUIRE_FALSE(room.event(EventType::kMeasured, 0, 0, payload(backlogs)));
  }
  bool is_closed(uint32_t handle) const {
    const auto found = room.closed.find(handle);
    if (found != room.closed.end()) CHECK(found->second == kSlow);
    return found != room.closed.end();
  }
  // About so many bytes to everybody.
  void broadcast(size_t bytes) {
    const std::string content = '"' + std::string(60'000, 'x') + '"';
    for (size_t sent = 0; sent < bytes; sent += content.size()) room.publish(ana, content);
  }
};

}  // namespace

TEST_CASE("it is looked what waits after so many bytes, and not before") {
  World world;
  world.broadcast(kMeasureBytes / 2);
  CHECK(world.room.measures.empty());
  world.broadcast(kMeasureBytes / 2);
  CHECK(world.room.measures == std::vector<uint32_t>{kBacklogSlowBytes});
  world.measured({});
  CHECK_FALSE(world.is_closed(world.ana));
  world.broadcast(kMeasureBytes / 2);
  CHECK(world.room.measures.empty());
}

TEST_CASE("what one alone is sent counts as well") {
  World world;
  world.broadcast(200'000);
  world.room.measures.clear();
  for (int i = 0; i < 2; i++) world.room.frame(world.bob, R"({"type":"history"})");
  CHECK(world.room.measures.size() == 1);
}

TEST_CASE("whoever is slow is looked at again, and closed when he stays so") {
  World world;
  const Backlog slow{world.bob, kBacklogSlowBytes};
  world.measured({slow});
  double waited_ms = 0;
  while (!world.is_closed(world.bob)) {
    REQUIRE(waited_ms <= kBacklogSlowMs);
    REQUIRE(world.room.timer_delay_ms);
    CHECK(*world.room.timer_delay_ms <= kBacklogCheckMs);
    waited_ms += *world.room.timer_delay_ms;
    world.room.timer();
    if (world.room.measures.empty()) continue;
    world.measured({slow});
  }
  CHECK(waited_ms >= kBacklogSlowMs);
  CHECK_FALSE(world.is_closed(world.ana));
  CHECK(world.room.logs.back().find("slow_readers") != std::string::npos);
  // Nobody is waited for any more.
  world.room.measures.clear();
  for (int i = 0; i < 10 && world.room.timer_delay_ms; i++) world.room.timer();
  CHECK(world.room.measures.empty());
}

TEST_CASE("where all who were slow have gone nobody is looked at") {
  World world;
  world.measured({{world.bob, kBacklogSlowBytes}});
  world.room.leave(world.bob);
  world.room.leave(world.ana);
  world.room.now_ms += kBacklogCheckMs;
  world.room.timer();
  CHECK(world.room.measures.empty());
  // Nor is there a reason left to stay awake for.
  world.room.confirm_all();
  for (int i = 0; i < 10 && world.room.timer_delay_ms; i++) {
    world.room.now_ms += *world.room.timer_delay_ms;
    world.room.timer();
  }
  CHECK_FALSE(world.room.timer_delay_ms);
  CHECK(world.room.measures.empty());
}

TEST_CASE("whoever catches up is slow anew, when he is") {
  World world;
  const Backlog slow{world.bob, kBacklogSlowBytes};
  world.measured({slow});
  world.room.now_ms += kBacklogSlowMs - 1;
  world.measured({});
  world.room.now_ms += 1;
  world.measured({slow});
  CHECK_FALSE(world.is_closed(world.bob));
  world.room.now_ms += kBacklogSlowMs;
  world.measured({slow});
  CHECK(world.is_closed(world.bob));
}

TEST_CASE("whoever has too much waiting is closed at once") {
  World world;
  world.measured({{world.ana, kBacklogBytesMax}, {world.bob, kBacklogBytesMax + 1}});
  CHECK_FALSE(world.is_closed(world.ana));
  CHECK(world.is_closed(world.bob));
  const std::string state = world.room.request(R"({"op":"state","room":"lobby"})").body;
  CHECK(state.find(R"("connections":1,)") != std::string::npos);
}

TEST_CASE("when too much waits for all together, those with the most go") {
  World world;
  std::vector<Backlog> backlogs = {{world.ana, kBacklogBytesMax - 2},
                                   {world.bob, kBacklogSlowBytes}};
  const uint64_t fits = kBacklogTotalBytesMax / kBacklogBytesMax - 1;
  for (uint64_t i = 0; i < fits; i++) backlogs.push_back({world.room.join(), kBacklogBytesMax - 1});
  world.measured(backlogs);
  CHECK(world.room.closed.size() == 1);
  CHECK(world.is_closed(backlogs.back().handle));
  CHECK_FALSE(world.is_closed(world.ana));
  CHECK_FALSE(world.is_closed(world.bob));
}

TEST_CASE("a connection that has gone in the meantime is nobody's") {
  World world;
  world.room.leave(world.bob);
  world.measured({{world.bob, kBacklogBytesMax + 1}, {77, kBacklogBytesMax + 1}});
  CHECK(world.room.closed.empty());
}

TEST_CASE("where the platform does not tell, much and no sign of life is too much") {
  World world;
  const auto silent = [&](uint32_t handle, uint32_t silent_ms) {
    return Backlog{handle, 0, silent_ms};
  };
  world.measured_blindly({silent(world.ana, kNever), silent(world.bob, kNever)});
  SUBCASE("nothing ever comes from him") {
    world.broadcast(kUnheardBytesMax + (1U << 20U));
    world.measured_blindly({silent(world.ana, kNever), silent(world.bob, kNever)});
    CHECK(world.is_closed(world.bob));
    CHECK_FALSE(world.is_closed(world.ana));  // it is she who talks
  }
  SUBCASE("he pings") {
    for (int i = 0; i < 3; i++) {
      world.broadcast(kUnheardBytesMax / 2);
      world.room.now_ms += 1000;
      world.measured_blindly({silent(world.ana, kNever), silent(world.bob, 500)});
      CHECK_FALSE(world.is_closed(world.bob));
    }
  }
  SUBCASE("he pinged, but that is long ago") {
    for (int i = 0; i < 3; i++) {
      world.broadcast(kUnheardBytesMax / 2);
      world.room.now_ms += 1000;
      const auto silent_ms = static_cast<uint32_t>(500 + 1000 * i);
      world.measured_blindly({silent(world.ana, kNever), silent(world.bob, silent_ms)});
    }
    CHECK(world.is_closed(world.bob));
  }
  SUBCASE("a frame is a sign of life") {
    for (int i = 0; i < 3; i++) {
      world.broadcast(kUnheardBytesMax / 2);
      world.room.frame(world.bob, "?");
      world.measured_blindly({silent(world.ana, kNever), silent(world.bob, kNever)});
      CHECK_FALSE(world.is_closed(world.bob));
    }
  }
  SUBCASE("what was said before he came is not his") {
    world.broadcast(kUnheardBytesMax + (1U << 20U));
    const uint32_t eve = world.room.join();
    world.measured_blindly({silent(eve, kNever)});
    CHECK_FALSE(world.is_closed(eve));
  }
}

TEST_CASE("an answer that is cut is refused") {
  World world;
  const std::string cut = payload({{world.ana, kBacklogBytesMax + 1}}).substr(0, 11);
  CHECK(world.room.event(EventType::kMeasured, 0, 1, cut) == RoomStatus::kBadPayload);
  CHECK(world.room.closed.empty());
}
