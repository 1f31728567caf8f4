// Lines of the log that are about a request: they tell it by the names that the Worker gave it.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/room_harness.h"

using edgeroom::LogThreshold;
using edgeroom::RoomSettings;
using edgeroom::test::RoomHarness;
using nlohmann::json;

namespace {

constexpr const char* kNames =
    R"(,"request":"8f1a-FRA","trace":"4bf92f3577b34da6a3ce929d0e0e4736")";

RoomSettings talkative(LogThreshold level) {
  RoomSettings settings;
  settings.log_level = level;
  return settings;
}

// The lines of an event, of which each must be JSON.
std::vector<json> lines_of(RoomHarness& room, const std::string& event) {
  std::vector<json> out;
  for (const std::string& line : room.logs) {
    json parsed = json::parse(line);
    if (parsed["event"] == event) out.push_back(std::move(parsed));
  }
  room.logs.clear();
  return out;
}

void check_named(const json& line) {
  CHECK(line["room"] == "lobby");
  CHECK(line["request"] == "8f1a-FRA");
  CHECK(line["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736");
}

}  // namespace

TEST_CASE("who joins or asks is found again by the request's names") {
  RoomHarness room(talkative(LogThreshold::kDebug));
  room.join(std::string(R"(,"user":"ana")") + kNames);
  const auto joined = lines_of(room, "joined");
  REQUIRE(joined.size() == 1);
  check_named(joined[0]);
  CHECK(joined[0]["detail"].get<std::string>().substr(0, 11) == "connection ");
  room.request(std::string(R"({"op":"metrics")") + kNames + "}");
  const auto asked = lines_of(room, "asked");
  REQUIRE(asked.size() == 1);
  check_named(asked[0]);
  CHECK(asked[0]["detail"] == "metrics");
  // What comes after it is not because of it.
  room.wake();
  const auto restored = lines_of(room, "restored");
  REQUIRE(restored.size() == 1);
  CHECK_FALSE(restored[0].contains("request"));
}

TEST_CASE("nothing of this is written unless somebody debugs") {
  RoomHarness room(talkative(LogThreshold::kInfo));
  room.join(std::string(R"(,"user":"ana")") + kNames);
  room.request(std::string(R"({"op":"metrics")") + kNames + "}");
  CHECK(room.logs.empty());
}

TEST_CASE("a read that the central API fails is told by the request that waits for it") {
  RoomSettings settings = talkative(LogThreshold::kWarn);
  settings.history_size = 1;
  RoomHarness room(settings);
  const auto ana = room.join(R"(,"user":"ana")");
  for (int i = 0; i < 5; i++) room.publish(ana, "1");
  room.confirm_all();
  room.publish(ana, "2");
  room.begin_request(std::string(R"({"op":"messages","before":3)") + kNames + "}");
  REQUIRE(room.fetches.size() == 1);
  room.frame(ana, R"({"type":"ping"})");
  room.fetched(500, "");
  const auto lines = lines_of(room, "central_read");
  REQUIRE(lines.size() == 1);
  check_named(lines[0]);
  // A connection that asks by a frame has no such names.
  room.frame(ana, R"({"type":"history","before":3})");
  REQUIRE(room.fetches.size() == 1);
  room.fetched(500, "");
  const auto unnamed = lines_of(room, "central_read");
  REQUIRE(unnamed.size() == 1);
  CHECK_FALSE(unnamed[0].contains("request"));
}
