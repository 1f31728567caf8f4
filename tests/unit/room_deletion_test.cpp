// Deleting what the room no longer holds: only the central API can say whether there is such a
// message.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "rooms/limits.h"
#include "rooms/room.h"
#include "tests/unit/central_store.h"
#include "tests/unit/room_harness.h"

using edgeroom::RoomSettings;
using edgeroom::test::Answer;
using edgeroom::test::CentralStore;
using edgeroom::test::contains;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;
using nlohmann::json;

namespace {

// A room that has had ten messages, holds three, and has forwarded all.
struct World {
  RoomHarness room{quiet_settings(2)};
  CentralStore central;
  uint32_t ana = room.join(",\"user\":\"ana\"");
  uint32_t mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");

  World() {
    for (int i = 1; i <= 10; i++) {
      room.publish(ana, std::to_string(i));
      central.confirm_all(room);
    }
    room.take(ana);
    room.take(mo);
  }

  uint32_t remove(uint64_t seq) {
    return room.begin_request("{\"op\":\"delete\",\"seq\":" + std::to_string(seq) + "}");
  }

  void remove_by_frame(uint32_t handle, uint64_t seq) {
    room.frame(handle, "{\"type\":\"delete\",\"seq\":" + std::to_string(seq) + ",\"ref\":\"r\"}");
  }

  uint64_t seq() { return json::parse(room.request("{\"op\":\"state\"}").body)["seq"]; }
};

}  // namespace

TEST_CASE("a moderator deletes what only the central API still has") {
  World world;
  const uint32_t request = world.remove(4);
  CHECK(world.room.answer_of(request).status == 0);
  CHECK(world.central.answer_read(world.room) ==
        "/v1/rooms/lobby/messages?epoch=" + world.room.epoch() + "&after=3&limit=1");
  CHECK(world.room.answer_of(request).status == 200);
  CHECK(world.room.answer_of(request).body ==
        "{\"epoch\":\"" + world.room.epoch() + "\",\"seq\":11,\"target\":4}");
  // It is stored when it is answered, and told to everybody.
  CHECK(contains(world.room.text(world.ana),
                 "[{\"type\":\"message_deleted\",\"seq\":11,\"target\":4,\"by\":\"moderator\""));
  world.room.until_attempt();
  CHECK(contains(world.room.attempts[0].body, "{\"seq\":11,\"type\":\"delete\",\"ts\":"));
  world.central.confirm_all(world.room);
  CHECK(world.central.messages[4].contains("deleted"));
  CHECK_FALSE(world.central.messages[3].contains("deleted"));
}

TEST_CASE("by frame it is the same, and whoever is no moderator is told that the room has it not") {
  World world;
  world.remove_by_frame(world.mo, 4);
  CHECK(world.room.take(world.mo).empty());
  world.central.answer_read(world.room);
  CHECK(contains(world.room.text(world.mo),
                 "[{\"type\":\"message_deleted\",\"seq\":11,\"target\":4,\"by\":\"mo\""));
  world.room.take(world.ana);
  world.remove_by_frame(world.ana, 5);  // her own
  CHECK(world.room.fetches.empty());
  CHECK(world.room.text(world.ana) ==
        "[{\"type\":\"error\",\"code\":\"not_found\",\"detail\":\"the room holds no such message\","
        "\"ref\":\"r\"}]");
}

TEST_CASE("what is not there, or deleted already, is not deleted again") {
  World world;
  const std::string missing = "no message has this seq, or it is deleted already";
  const auto check_refused = [&](uint64_t seq) {
    CAPTURE(seq);
    const uint64_t before = world.seq();
    const uint32_t request = world.remove(seq);
    world.central.answer_read(world.room);
    CHECK(world.room.answer_of(request).status == 404);
    CHECK(contains(world.room.answer_of(request).body, missing));
    world.remove_by_frame(world.mo, seq);
    world.central.answer_read(world.room);
    CHECK(world.room.text(world.mo) == "[{\"type\":\"error\",\"code\":\"not_found\",\"detail\":\"" +
                                           missing + "\",\"ref\":\"r\"}]");
    CHECK(world.seq() == before);
  };
  world.central.messages.erase(4);  // a record that is no message, or was never stored
  check_refused(4);                 // the page holds the next one
  world.central.messages.erase(5);
  for (uint64_t seq = 6; seq <= 10; seq++) world.central.messages.erase(seq);
  check_refused(5);  // the page is empty
  world.central.messages[3]["deleted"] = true;
  world.central.messages[3].erase("content");
  check_refused(3);
}

TEST_CASE("a deletion that the central API has not heard of is not made again") {
  World world;
  world.remove(4);
  world.central.answer_read(world.room);
  const uint64_t seq = world.seq();
  const auto check_refused = [&] {
    const uint32_t request = world.remove(4);
    world.central.answer_read(world.room);  // it still has the content
    CHECK(world.room.answer_of(request).status == 404);
    CHECK(world.seq() == seq);
  };
  check_refused();
  world.room.wake();
  check_refused();
  // Two that ask at once: the first answer deletes.
  const uint32_t first = world.remove(5);
  const uint32_t second = world.remove(5);
  world.central.answer_read(world.room);
  world.central.answer_read(world.room);
  CHECK(world.room.answer_of(first).status == 200);
  CHECK(world.room.answer_of(second).status == 404);
}

TEST_CASE("while the central API can't be reached a moderator is told so, and nothing is deleted") {
  World world;
  for (const auto& [status, body] : std::vector<std::pair<uint32_t, std::string>>{
           {0, ""}, {503, ""}, {403, "Forbidden"}, {200, "<html>"}}) {
    CAPTURE(status);
    const uint32_t request = world.remove(4);
    world.room.fetched(status, body);
    CHECK(world.room.answer_of(request).status == 503);
    CHECK(contains(world.room.answer_of(request).body, "the central API can't be reached"));
    world.remove_by_frame(world.mo, 4);
    world.room.fetched(status, body);
    CHECK(contains(world.room.text(world.mo), "\"code\":\"internal\""));
  }
  CHECK(world.seq() == 10);
}

TEST_CASE("the moderator may be gone when the answer comes: what he asked for is done") {
  World world;
  world.remove_by_frame(world.mo, 4);
  world.room.leave(world.mo);
  world.central.answer_read(world.room);
  CHECK(contains(world.room.text(world.ana), "\"target\":4,\"by\":\"mo\""));
  world.remove_by_frame(world.ana, 99);
  world.room.take(world.ana);
  const auto gone = world.room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  world.remove_by_frame(gone, 5);
  world.room.leave(gone);
  world.room.take(gone);
  world.room.fetched(0, "");
  CHECK(world.room.take(gone).empty());
}

TEST_CASE("a seq that no message can have asks nobody") {
  World world;
  for (const uint64_t seq : {uint64_t{0}, uint64_t{11}, uint64_t{9007199254740991}}) {
    CAPTURE(seq);
    CHECK(world.room.answer_of(world.remove(seq)).status == 404);
    world.remove_by_frame(world.mo, seq);
    CHECK(contains(world.room.text(world.mo), "\"code\":\"not_found\""));
  }
  CHECK(world.room.fetches.empty());
  RoomHarness unused;
  CHECK(unused.request("{\"op\":\"delete\",\"seq\":1}").status == 404);
  CHECK(unused.storage.rows_written == 0);
}

TEST_CASE("with sixty-four reads before it a deletion is refused, and may be tried again") {
  World world;
  for (size_t i = 0; i < edgeroom::kCentralReadsMax; i++) world.remove(4);
  const Answer refused = world.room.answer_of(world.remove(5));
  CHECK(refused.status == 503);
  while (!world.room.fetches.empty()) world.central.answer_read(world.room);
  CHECK(world.seq() == 11);  // of the sixty-four one has deleted
  const uint32_t request = world.remove(5);
  world.central.answer_read(world.room);
  CHECK(world.room.answer_of(request).status == 200);
}

TEST_CASE("a message that leaves the room while its deletion is asked for is deleted as it was") {
  World world;
  // Asked for while the room holds it: no read. Asked for a moment later: a read, and in between
  // the room goes on.
  const uint32_t request = world.remove(7);
  for (int i = 0; i < 3; i++) {
    world.room.publish(world.ana, "1");
    world.central.confirm_all(world.room);
  }
  world.central.answer_read(world.room);
  CHECK(world.room.answer_of(request).status == 200);
  CHECK(world.room.answer_of(world.remove(12)).status == 200);  // held
  CHECK(world.room.fetches.empty());
}

TEST_CASE("what waits for its turn's end is stored before a deletion of something else") {
  World world;
  world.room.frame(world.ana, "{\"type\":\"message\",\"content\":\"new\"}");
  const uint32_t request = world.remove(4);
  CHECK(world.seq() == 11);
  world.room.frame(world.ana, "{\"type\":\"message\",\"content\":\"newer\"}");
  world.central.answer_read(world.room);  // in the middle of a turn
  CHECK(json::parse(world.room.answer_of(request).body)["seq"] == 13);
  CHECK(world.seq() == 13);
  const std::string told = world.room.text(world.ana);
  CHECK(told.find("\"newer\"") < told.find("message_deleted"));
}

TEST_CASE(
    "a deletion that the central API refuses hides its message for as long as the room has it") {
  World world;
  world.remove(4);
  world.central.answer_read(world.room);
  world.room.until_attempt();
  world.room.answer(200, R"({"v":1,"room":"lobby","epoch":")" + world.room.epoch() +
                             R"(","results":[{"seq":11,"status":"rejected","code":"INVALID"}]})");
  world.room.turn();
  const auto check_hidden = [&] {
    const uint32_t request = world.room.begin_request("{\"op\":\"messages\",\"before\":5}");
    world.central.answer_read(world.room);
    const json page = json::parse(world.room.answer_of(request).body);
    CHECK(page["messages"][3]["deleted"] == true);
    CHECK_FALSE(page["messages"][3].contains("content"));
  };
  check_hidden();
  world.room.wake();
  check_hidden();
}

TEST_CASE("so many deletions may wait for the central API, and no more") {
  RoomSettings settings = quiet_settings(2);
  RoomHarness room(settings);
  const auto ana = room.join();
  room.turn();
  constexpr size_t kMessages = edgeroom::kUnconfirmedDeletionsMax + 1;
  for (size_t i = 1; i <= kMessages; i++) {
    room.frame(ana, "{\"type\":\"message\",\"content\":1}");
    if (i % 10 == 0) room.turn();
  }
  room.turn();
  room.take(ana);
  for (size_t i = 1; i < kMessages; i++) {
    const auto answer = room.request("{\"op\":\"delete\",\"seq\":" + std::to_string(i) + "}");
    REQUIRE(answer.status == 200);
  }
  room.take(ana);
  const std::string last = "{\"op\":\"delete\",\"seq\":" + std::to_string(kMessages) + "}";
  const auto refused = room.request(last);
  CHECK(refused.status == 503);
  CHECK(contains(refused.body, "too many deletions"));
  room.frame(ana, "{\"type\":\"delete\",\"seq\":" + std::to_string(kMessages) + "}");
  CHECK(contains(room.text(ana), "\"code\":\"outbox_full\""));
  // Messages are still taken.
  room.publish(ana, "2");
  CHECK(contains(room.text(ana), "\"type\":\"new_message\""));
  room.wake();
  CHECK(room.request(last).status == 503);
  room.confirm_all();
  CHECK(room.request(last).status == 200);
}
