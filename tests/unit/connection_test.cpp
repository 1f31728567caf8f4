// Connections: their message limits, what they carry over the room's sleep, and the table of them.

#include "rooms/connection.h"

#include <doctest/doctest.h>

#include <string>

#include "base/bytes.h"
#include "base/settings.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"
#include "tests/unit/room_harness.h"

using edgeroom::Connection;
using edgeroom::ConnectionTable;
using edgeroom::decode_attachment;
using edgeroom::encode_attachment;
using edgeroom::FrameLimit;
using edgeroom::RoomSettings;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;
using edgeroom::test::RoomHarness;

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;
constexpr FrameLimit kLimit = {200, 400, 0, 0};

Connection connection(const std::string& user, const std::string& id = "c") {
  Connection out(kLimit);
  out.user = user;
  out.id = id;
  return out;
}

}  // namespace

TEST_CASE("warnings of long ago do not close a connection that has rested since") {
  RoomSettings settings;
  settings.connection_limit.rate = 1;
  settings.connection_limit.burst = 2;
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
    Connection got(kLimit);
    REQUIRE(decode_attachment(bytes, got));
    CHECK(got.user == user);
    CHECK(got.id == "0123456789");
    CHECK(bytes.size() <= 1024);
  }
}

TEST_CASE("an attachment that is cut, goes on or is of another version is refused") {
  std::string whole;
  encode_attachment(whole, connection("ana", "0123456789"));
  Connection got(kLimit);
  for (size_t size = 0; size < whole.size(); size++) {
    const ExactText cut(std::string_view(whole).substr(0, size));
    CHECK_FALSE(decode_attachment(cut.view(), got));
  }
  CHECK_FALSE(decode_attachment(whole + "x", got));
  // An access that nobody can have.
  for (int access = 0; access < 256; access++) {
    std::string other = whole;
    other[1] = static_cast<char>(access);
    const bool is_one = access >= static_cast<int>(edgeroom::Access::kRead) &&
                        access <= static_cast<int>(edgeroom::Access::kModerate);
    CHECK(decode_attachment(other, got) == is_one);
  }
  whole[0]++;
  CHECK_FALSE(decode_attachment(whole, got));
}

TEST_CASE("an attachment with a time beyond all numbers that a double holds is refused") {
  Connection forever = connection("ana");
  forever.expires_ms = 9007199254740991.0;
  std::string whole;
  encode_attachment(whole, forever);
  Connection got(kLimit);
  REQUIRE(decode_attachment(whole, got));
  CHECK(got.expires_ms == forever.expires_ms);
  // Version and access, and then the time. Written again, it was another; the last of them was none
  // that an integer holds.
  for (const uint64_t expires_ms : {9007199254740992ULL, 9007199254740993ULL, UINT64_MAX + 0ULL}) {
    std::string bytes = whole.substr(0, 2);
    edgeroom::ByteWriter writer(bytes);
    writer.varint(expires_ms);
    writer.sized("c");
    writer.sized("ana");
    CHECK_FALSE(decode_attachment(bytes, got));
  }
}

TEST_CASE("the table counts connections and distinct users") {
  ConnectionTable table(FrameLimit{});
  CHECK(table.size() == 0);
  CHECK(table.users() == 0);
  CHECK(table.find(1) == nullptr);
  table.add(7, connection("ana", "a1"), kNowMs);
  table.add(3, connection("ana", "a2"), kNowMs);
  table.add(5, connection("bob", "b1"), kNowMs);
  CHECK(table.size() == 3);
  CHECK(table.users() == 2);
  REQUIRE(table.find(3) != nullptr);
  CHECK(table.find(3)->id == "a2");
  std::string order;
  for (const auto& [handle, unused] : table.all()) order += std::to_string(handle);
  CHECK(order == "357");
  table.remove(7, kNowMs);
  CHECK(table.users() == 2);
  table.remove(3, kNowMs);
  CHECK(table.users() == 1);
  CHECK(table.find(3) == nullptr);
  table.remove(5, kNowMs);
  CHECK(table.size() == 0);
  CHECK(table.users() == 0);
}
