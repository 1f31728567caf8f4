// What a connection and a user may ask of a room: frames and bytes, and when there is more again.

#include "rooms/frame_budget.h"

#include <doctest/doctest.h>

#include <string>

#include "base/settings.h"
#include "rooms/connection.h"
#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::FrameBudget;
using edgeroom::RoomSettings;
using edgeroom::test::contains;
using edgeroom::test::RoomHarness;

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;

}  // namespace

TEST_CASE("what was overdrawn is paid back before there is more") {
  FrameBudget budget({1000, 1000, 100, 500});
  budget.spend_frame(kNowMs, 499);
  CHECK(budget.wait_ms(kNowMs) == 0);  // one byte is left: the frame's size is not known before
  budget.spend_frame(kNowMs, 1000);
  CHECK(budget.wait_ms(kNowMs) == 10'000);
  budget.spend_answer(kNowMs, 100);
  CHECK(budget.wait_ms(kNowMs) == 11'000);
  CHECK(budget.wait_ms(kNowMs + 11'000) == 0);
  CHECK_FALSE(budget.full(kNowMs + 15'989));
  CHECK(budget.full(kNowMs + 15'990));
}

TEST_CASE("a connection's bytes are limited, those that it sends and those that it asks for") {
  RoomSettings settings;
  settings.presence_max = 0;
  settings.connection_limit = {1000, 1000, 1000, 10'000};
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.turn();
  for (int i = 0; i < 5; i++) room.publish(ana, "\"" + std::string(1000, 'x') + "\"");
  room.take(ana);
  room.take(bob);
  // Two pages of five thousand bytes each; the second overdraws.
  for (int i = 0; i < 2; i++) {
    room.frame(bob, R"({"type":"history"})");
    CHECK(contains(room.text(bob), "\"type\":\"history\""));
  }
  room.frame(bob, R"({"type":"history","ref":"r"})");
  const std::string refused = room.text(bob);
  CHECK(contains(refused, R"("code":"rate_limited")"));
  CHECK(contains(refused, "too many frames or bytes on this connection"));
  CHECK(contains(refused, R"("ref":"r","retry_after_ms":)"));
  room.frame(ana, R"({"type":"presence"})");
  CHECK(contains(room.text(ana), "\"type\":\"presence\""));  // others are not concerned
  room.now_ms += 10'000;
  room.frame(bob, R"({"type":"history"})");
  CHECK(contains(room.text(bob), "\"type\":\"history\""));
}

// Every answer costs bytes. That one did, too, after the time to wait was told: whoever kept to it
// was refused again, and closed for flooding in the end.
TEST_CASE("whoever waits as he was told is heard, however few bytes a second he has") {
  RoomSettings settings;
  settings.presence_max = 0;
  settings.connection_limit = {1000, 1000, 100, 2000};
  settings.user_limit = {1000, 1000, 100, 2000};
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.publish(ana, "\"" + std::string(3000, 'x') + "\"");
  for (int i = 0; i < 10; i++) {
    room.take(ana);
    room.frame(ana, R"({"type":"ping","ref":"r"})");
    const std::string refused = room.text(ana);
    REQUIRE(contains(refused, R"("code":"rate_limited")"));
    const std::string key = "\"retry_after_ms\":";
    room.now_ms += std::stod(refused.substr(refused.find(key) + key.size()));
    room.take(ana);
    room.frame(ana, R"({"type":"history"})");
    CHECK(contains(room.text(ana), "\"type\":\"history\""));
  }
}

TEST_CASE(
    "a flood beyond a user's limit is closed though the connection's own limit is never reached") {
  RoomSettings settings;
  settings.user_limit = {1, 4, 0, 0};
  RoomHarness room(settings);
  const auto eve = room.join(",\"user\":\"eve\"");
  room.turn();
  for (uint32_t i = 0; i < 4 + edgeroom::kFloodWarningsMax; i++) room.frame(eve, "x");
  CHECK(room.closed.count(eve) == 0);
  room.frame(eve, "x");
  CHECK(room.closed[eve] == 4029);
}

TEST_CASE("a user's limit holds over all of his connections, also those that come anew") {
  RoomSettings settings;
  settings.presence_max = 0;
  settings.user_limit = {1, 4, 0, 0};
  RoomHarness room(settings);
  const auto one = room.join(",\"user\":\"ana\"");
  const auto two = room.join(",\"user\":\"ana\"");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.turn();
  const auto is_refused = [&room](uint32_t handle) {
    room.take(handle);
    room.frame(handle, R"({"type":"ping"})");
    const std::string told = room.text(handle);
    if (contains(told, "\"pong\"")) return false;
    CHECK(contains(told, "too many frames or bytes of this user"));
    CHECK(contains(told, "\"retry_after_ms\":1000}"));
    return true;
  };
  CHECK(contains(room.text(bob), R"("user":{"messages_per_s":1,"message_burst":4})"));
  for (int i = 0; i < 2; i++) CHECK_FALSE(is_refused(one));
  for (int i = 0; i < 2; i++) CHECK_FALSE(is_refused(two));
  CHECK(is_refused(one));
  CHECK(is_refused(two));
  CHECK_FALSE(is_refused(bob));
  // Who left and came back had a new limit.
  room.leave(one);
  room.leave(two);
  const auto again = room.join(",\"user\":\"ana\"");
  room.turn();
  CHECK(contains(room.text(again), R"("users":2)"));
  CHECK(is_refused(again));
  room.leave(again);
  room.now_ms += 4000;
  const auto rested = room.join(",\"user\":\"ana\"");
  room.turn();
  for (int i = 0; i < 4; i++) CHECK_FALSE(is_refused(rested));
  CHECK(is_refused(rested));
}

TEST_CASE("of users who are gone no more is kept than is bounded") {
  edgeroom::ConnectionTable table({0.001, 10, 0, 0});
  for (uint32_t handle = 1; handle <= 3 * edgeroom::kGoneUsersMax; handle++) {
    edgeroom::Connection connection({200, 400, 0, 0});
    connection.user = "user-" + std::to_string(handle);
    const edgeroom::Connection& added = table.add(handle, connection, kNowMs);
    table.user_budget(added)->spend_frame(kNowMs, 1);
    table.remove(handle, kNowMs);
  }
  CHECK(table.users() == 0);
  CHECK(table.gone_users() == edgeroom::kGoneUsersMax);
  // A token comes back within a thousand seconds; then nothing has to be known of them.
  edgeroom::Connection connection({200, 400, 0, 0});
  table.add(1, connection, kNowMs + 1'000'000);
  CHECK(table.gone_users() == 0);
  CHECK(table.users() == 1);
}
