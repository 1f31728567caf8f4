// Connections: their message limits, what they carry over the room's sleep, and the table of them.

#include "rooms/connection.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "base/settings.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"
#include "tests/unit/room_harness.h"

using edgeroom::Connection;
using edgeroom::ConnectionTable;
using edgeroom::decode_attachment;
using edgeroom::encode_attachment;
using edgeroom::RoomSettings;
using edgeroom::TokenBucket;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;
using edgeroom::test::RoomHarness;

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;

Connection connection(const std::string& user, const std::string& id = "c") {
  Connection out(200, 400);
  out.user = user;
  out.id = id;
  return out;
}

}  // namespace

TEST_CASE("a bucket starts full, empties, and fills at its rate") {
  TokenBucket bucket(10, 3);
  double retry_after_ms = -1;
  for (int i = 0; i < 3; i++) CHECK(bucket.take(kNowMs, retry_after_ms));
  CHECK(retry_after_ms == -1);
  CHECK_FALSE(bucket.take(kNowMs, retry_after_ms));
  CHECK(retry_after_ms == 100);
  CHECK_FALSE(bucket.take(kNowMs + 40, retry_after_ms));
  CHECK(retry_after_ms == 60);
  CHECK(bucket.take(kNowMs + 100, retry_after_ms));
  CHECK_FALSE(bucket.take(kNowMs + 100, retry_after_ms));
  // It never holds more than its burst.
  int taken = 0;
  while (bucket.take(kNowMs + 1e9, retry_after_ms)) taken++;
  CHECK(taken == 3);
}

TEST_CASE("a clock that goes back takes and gives nothing") {
  TokenBucket bucket(1000, 1);
  double retry_after_ms = 0;
  CHECK(bucket.take(kNowMs, retry_after_ms));
  CHECK_FALSE(bucket.take(kNowMs - 5000, retry_after_ms));
  CHECK_FALSE(bucket.take(kNowMs, retry_after_ms));
  CHECK(bucket.take(kNowMs + 1, retry_after_ms));
}

TEST_CASE("whoever waits as long as told is admitted, at any rate") {
  Dice dice(1);
  for (int round = 0; round < 200; round++) {
    const double rate = static_cast<double>(dice.between(1, 3000)) / 7;
    CAPTURE(rate);
    TokenBucket bucket(rate, static_cast<double>(dice.between(1, 5)));
    double now_ms = kNowMs;
    int refused = 0;
    for (int step = 0; step < 100; step++) {
      double retry_after_ms = 0;
      if (bucket.take(now_ms, retry_after_ms)) {
        now_ms += static_cast<double>(dice.below(3));
        continue;
      }
      refused++;
      REQUIRE(retry_after_ms >= 1);
      REQUIRE(retry_after_ms == std::ceil(retry_after_ms));
      REQUIRE(retry_after_ms <= std::ceil(1000 / rate));
      now_ms += retry_after_ms;
      REQUIRE(bucket.take(now_ms, retry_after_ms));
    }
    if (rate < 100) CHECK(refused > 0);
  }
}

TEST_CASE("a bucket admits no more than its burst and its rate") {
  Dice dice(2);
  for (int round = 0; round < 50; round++) {
    const double rate = static_cast<double>(dice.between(1, 2000));
    const double burst = static_cast<double>(dice.between(1, 500));
    CAPTURE(rate);
    CAPTURE(burst);
    TokenBucket bucket(rate, burst);
    double now_ms = kNowMs;
    double taken = 0;
    for (int step = 0; step < 3000; step++) {
      now_ms += static_cast<double>(dice.below(4));
      double unused = 0;
      if (bucket.take(now_ms, unused)) taken++;
    }
    CHECK(taken <= burst + rate * (now_ms - kNowMs) / 1000 + 1e-6);
  }
}

TEST_CASE("a bucket is full until something is taken, and again after a rest") {
  TokenBucket bucket(10, 2);
  double unused = 0;
  CHECK(bucket.full(kNowMs));
  bucket.take(kNowMs, unused);
  CHECK_FALSE(bucket.full(kNowMs));
  CHECK_FALSE(bucket.full(kNowMs + 99));
  CHECK(bucket.full(kNowMs + 100));
}

TEST_CASE("warnings of long ago do not close a connection that has rested since") {
  RoomSettings settings;
  settings.message_rate = 1;
  settings.message_burst = 2;
  RoomHarness room(settings);
  const auto ana = room.join();
  room.turn();
  // Two more frames than the limit allows, every minute, for hours.
  for (int minute = 0; minute < 200; minute++) {
    for (int i = 0; i < 4; i++) room.frame(ana, "{\"type\":\"presence\"}");
    room.now_ms += 60'000;
  }
  CHECK(room.closed.count(ana) == 0);
  // Without a rest they add up.
  for (uint32_t i = 0; i < edgeroom::kFloodWarningsMax + 3; i++) {
    room.frame(ana, "{\"type\":\"presence\"}");
  }
  CHECK(room.closed[ana] == 4029);
}

TEST_CASE("an attachment is read as it was written") {
  for (const std::string& user :
       {std::string("ana"), std::string(), std::string(512, '\xc3'), std::string("\0\n", 2)}) {
    std::string bytes;
    encode_attachment(bytes, connection(user, "0123456789"));
    Connection got(1, 1);
    REQUIRE(decode_attachment(bytes, got));
    CHECK(got.user == user);
    CHECK(got.id == "0123456789");
    CHECK(bytes.size() <= 1024);
  }
}

TEST_CASE("an attachment that is cut, goes on or is of another version is refused") {
  std::string whole;
  encode_attachment(whole, connection("ana", "0123456789"));
  Connection got(1, 1);
  for (size_t size = 0; size < whole.size(); size++) {
    const ExactText cut(std::string_view(whole).substr(0, size));
    CHECK_FALSE(decode_attachment(cut.view(), got));
  }
  CHECK_FALSE(decode_attachment(whole + "x", got));
  whole[0]++;
  CHECK_FALSE(decode_attachment(whole, got));
}

TEST_CASE("the table counts connections and distinct users") {
  ConnectionTable table;
  CHECK(table.size() == 0);
  CHECK(table.users() == 0);
  CHECK(table.find(1) == nullptr);
  table.add(7, connection("ana", "a1"));
  table.add(3, connection("ana", "a2"));
  table.add(5, connection("bob", "b1"));
  CHECK(table.size() == 3);
  CHECK(table.users() == 2);
  REQUIRE(table.find(3) != nullptr);
  CHECK(table.find(3)->id == "a2");
  std::string order;
  for (const auto& [handle, unused] : table.all()) order += std::to_string(handle);
  CHECK(order == "357");
  table.remove(7);
  CHECK(table.users() == 2);
  table.remove(3);
  CHECK(table.users() == 1);
  CHECK(table.find(3) == nullptr);
  table.remove(5);
  CHECK(table.size() == 0);
  CHECK(table.users() == 0);
}
