// What a room does for its behaviour: when it asks, and when it passes on what it is told.

#include "rooms/behaviour.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/unit/room_harness.h"

using edgeroom::Behaviour;
using edgeroom::Member;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::Reply;
using edgeroom::Verdict;
using edgeroom::test::RoomHarness;

namespace {

// Counts messages, and says how many there are to whoever joins or asks.
class Counter final : public Behaviour {
 public:
  [[nodiscard]] std::string_view name() const override { return "counter"; }

  void on_join(const Member& /*member*/, double now_ms, Reply& reply) const override {
    reply.tell("count", "[" + std::to_string(count_) + "," +
                            std::to_string(static_cast<uint64_t>(now_ms)) + "]");
  }

  [[nodiscard]] Verdict on_event(const Member& /*member*/, std::string_view name,
                                 std::string_view /*content*/, double /*now_ms*/,
                                 Reply& reply) const override {
    if (name == "refused") {
      reply.tell_all("never", "0");
      return Verdict::refuse("not here");
    }
    if (name == "all") reply.tell_all("count", std::to_string(count_));
    if (name == "note") reply.publish("\"noted\"");
    if (name == "ask" || name == "passed") reply.tell("count", std::to_string(count_));
    return name == "passed" ? Verdict::accept() : Verdict::handled();
  }

  [[nodiscard]] bool has_state() const override { return true; }
  void on_record(const Record& record) override {
    if (record.kind == RecordKind::kMessage) count_++;
  }
  void save(edgeroom::ByteWriter& out) const override { out.varint(count_); }
  bool restore(edgeroom::ByteReader& in) override {
    count_ = in.varint();
    return true;
  }

 private:
  uint64_t count_ = 0;
};

std::unique_ptr<Behaviour> counter() { return std::make_unique<Counter>(); }

// A room of two with nothing left to tell.
struct TwoPeople {
  TwoPeople() {
    room.turn();
    room.take(ana);
    room.take(bob);
  }

  RoomHarness room{{}, counter};
  uint32_t ana = room.join(",\"user\":\"ana\"");
  uint32_t bob = room.join(",\"user\":\"bob\"");
};

size_t times(const std::vector<std::string>& list, const std::string& what) {
  return static_cast<size_t>(std::count(list.begin(), list.end(), what));
}

constexpr auto kMessage = R"({"type":"message","content":1})";

}  // namespace

TEST_CASE("whoever joins is told at once, unless it rests on what is not stored yet") {
  TwoPeople people;
  RoomHarness& room = people.room;
  const uint32_t carl = room.join(",\"user\":\"carl\"");
  const auto told = room.take(carl);
  REQUIRE(told.size() == 2);
  CHECK(told[0].find("[{\"type\":\"welcome\"") == 0);
  CHECK(told[1] == "[{\"type\":\"event\",\"name\":\"count\",\"content\":[0,1800000000000]}]");
  room.turn();
  room.take(carl);

  room.frame(people.ana, kMessage);
  room.now_ms += 5;
  const uint32_t dora = room.join(",\"user\":\"dora\"");
  CHECK(room.take(dora).size() == 1);  // the welcome
  room.turn();
  // Stored, then said to one, then to all: what was said to one may be older.
  REQUIRE(room.order.size() >= 3);
  CHECK(room.order[0] == "put");
  CHECK(room.order[1] == "send");
  CHECK(room.order[2] == "broadcast");
  const auto late = room.take(dora);
  REQUIRE(late.size() == 2);
  CHECK(late[0] == "[{\"type\":\"event\",\"name\":\"count\",\"content\":[1,1800000000005]}]");
  CHECK(late[1].find("\"new_message\"") != std::string::npos);
  CHECK(room.text(carl).find("\"count\",\"content\"") == std::string::npos);
}

TEST_CASE("what waits for somebody who has left is nobody's") {
  TwoPeople people;
  people.room.frame(people.ana, kMessage);
  people.room.frame(people.bob, R"({"type":"event","name":"ask"})");
  people.room.leave(people.bob);
  people.room.turn();
  CHECK(times(people.room.order, "send") == 0);
  CHECK(people.room.text(people.ana).find("\"name\":\"count\"") == std::string::npos);
}

TEST_CASE("an event that is handled is answered, with its ref, and goes no further") {
  TwoPeople people;
  RoomHarness& room = people.room;
  room.frame(people.ana, R"({"type":"event","name":"ask","ref":"r\"1"})");
  // It waits for nothing: should the room trap afterwards, it must not be answered again.
  CHECK(times(room.order, "keep") == 0);
  CHECK_FALSE(room.flush_scheduled);
  CHECK(room.text(people.ana) == R"([{"type":"event","name":"count","content":0,"ref":"r\"1"}])");

  room.frame(people.bob, kMessage);
  room.frame(people.ana, R"({"type":"event","name":"ask"})");
  CHECK(times(room.order, "keep") == 1);
  CHECK(room.take(people.ana).empty());
  room.turn();
  const auto told = room.take(people.ana);
  REQUIRE(told.size() == 2);
  CHECK(told[0] == R"([{"type":"event","name":"count","content":1}])");
  CHECK(room.text(people.bob).find("\"event\"") == std::string::npos);
}

TEST_CASE("what a handled event says to all, or publishes, waits for the turn's end") {
  TwoPeople people;
  RoomHarness& room = people.room;
  for (const std::string name : {"all", "note"}) {
    room.frame(people.ana, "{\"type\":\"event\",\"name\":\"" + name + "\",\"ref\":\"r\"}");
    CHECK(times(room.order, "keep") == 1);
    CHECK(room.take(people.bob).empty());
    room.turn();
    const std::string told = room.text(people.bob);
    CHECK(told == room.text(people.ana));
    CHECK(told.find("\"ref\"") == std::string::npos);
    if (name == "all") CHECK(told == R"([{"type":"event","name":"count","content":0}])");
    if (name == "note") {
      CHECK(told.find(R"("seq":1,"user":"counter")") != std::string::npos);
      CHECK(told.find(R"("content":"noted")") != std::string::npos);
    }
  }
}

TEST_CASE("an event may be passed on and answered, and a refused one says nothing") {
  TwoPeople people;
  RoomHarness& room = people.room;
  room.frame(people.ana, R"({"type":"event","name":"passed","ref":"r"})");
  CHECK(room.text(people.ana) == R"([{"type":"event","name":"count","content":0,"ref":"r"}])");
  room.turn();
  CHECK(room.text(people.bob).find(R"("name":"passed","user":"ana")") != std::string::npos);

  room.take(people.ana);
  room.frame(people.ana, R"({"type":"event","name":"refused","ref":"r"})");
  CHECK(room.text(people.ana) ==
        R"([{"type":"error","code":"content_refused","detail":"not here","ref":"r"}])");
  CHECK_FALSE(room.flush_scheduled);
  CHECK(room.take(people.bob).empty());
}
