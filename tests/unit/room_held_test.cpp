// A room that could not be restored, and what a moderator can do: the rules of rooms/room_held.h,
// and the record that is left out from then on, over sleep, snapshots and in a copy of the log.

#include "rooms/room_held.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rooms/limits.h"
#include "rooms/log_text.h"
#include "tests/unit/log_sum.h"
#include "tests/unit/room_harness.h"

using edgeroom::Effect;
using edgeroom::EffectList;
using edgeroom::EffectType;
using edgeroom::EventType;
using edgeroom::HeldRoom;
using edgeroom::kHeldAlarmMs;
using edgeroom::kHeldRetryMs;
using edgeroom::kSkippedRecordsMax;
using edgeroom::parse_restore_failure;
using edgeroom::parse_skip;
using edgeroom::RestoreFailure;
using edgeroom::RoomSettings;
using edgeroom::RoomStatus;
using edgeroom::test::RoomHarness;
using edgeroom::test::summed;
using edgeroom::test::unsummed;
using nlohmann::json;

namespace {

constexpr const char* kState = "{\"op\":\"state\",\"room\":\"lobby\"}";
constexpr const char* kLog = "{\"op\":\"log\",\"room\":\"lobby\"}";
constexpr uint32_t kSocket = 7;

RestoreFailure trap_on(uint64_t seq) {
  RestoreFailure failure;
  failure.during = EventType::kLoaded;
  failure.seq = seq;
  return failure;
}

RestoreFailure corrupt(EventType during, uint32_t target) {
  RestoreFailure failure;
  failure.during = during;
  failure.target = target;
  failure.status = static_cast<int32_t>(RoomStatus::kCorrupt);
  return failure;
}

// A host with a held room over the storage of another one.
class Held {
 public:
  explicit Held(RoomHarness& room, const RestoreFailure& failure, bool with_rows = true)
      : room_(room), now_ms(room.now_ms), held_("lobby", {}, failure, room.now_ms) {
    if (with_rows) {
      for (const auto& [id, data] : room.storage.state) give(EventType::kRestoreState, id, 0, data);
      for (const auto& [slot, rows] : room.storage.segments) {
        give(EventType::kRestoreSegment, slot, 0, rows.first);
      }
    }
    give(EventType::kRestoreConnection, kSocket);
    give(EventType::kRestored);
  }

  // What comes of an event; rows are written to the storage.
  std::vector<Effect> give(EventType type, uint32_t target = 0, uint32_t number = 0,
                           std::string_view payload = {}) {
    effects_.clear();
    refusal = held_.handle({type, target, number, now_ms, payload}, effects_);
    for (const Effect& effect : effects_.records()) {
      if (effect.type == static_cast<uint32_t>(EffectType::kPutState)) {
        room_.storage.state[effect.target] = effects_.data(effect);
      }
    }
    return effects_.records();
  }

  // The one effect of a request: its status, and its body.
  uint32_t request(const std::string& operation) {
    const auto all = give(EventType::kRequest, 1, 0, operation);
    if (all.size() != 1 || !is(all[0], EffectType::kRespond)) return 0;
    body = json::parse(effects_.data(all[0]));
    headers = effects_.extra(all[0]);
    return static_cast<uint32_t>(all[0].value);
  }

  static bool is(const Effect& effect, EffectType type) {
    return effect.type == static_cast<uint32_t>(type);
  }
  [[nodiscard]] const EffectList& effects() const { return effects_; }

 private:
  RoomHarness& room_;

 public:
  double now_ms;
  std::optional<RoomStatus> refusal;
  json body;
  std::string headers;

 private:
  HeldRoom held_;
  EffectList effects_;
};

std::string skip(const std::string& body) { return "{\"op\":\"skip\"}\n" + body; }

// A room with a message, a mute of eve, and a message: seqs 1 to 3.
void live(RoomHarness& room) {
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "\"before\"");
  room.request("{\"op\":\"moderate\"}\n{\"action\":\"mute\",\"user\":\"eve\"}");
  room.publish(ana, "\"after\"");
  room.leave(ana);
  room.turn();
}

bool eve_is_muted(RoomHarness& room) {
  const auto eve = room.join(",\"user\":\"eve\"");
  room.take(eve);
  room.frame(eve, "{\"type\":\"event\",\"name\":\"typing\"}");
  room.turn();
  const bool muted = room.text(eve).find("\"muted\"") != std::string::npos;
  room.leave(eve);
  room.turn();
  return muted;
}

}  // namespace

TEST_CASE("a held room closes its sockets, says so once and waits for the alarm") {
  RoomHarness room;
  live(room);
  Held held(room, trap_on(2));
  const auto& all = held.effects().records();
  REQUIRE(all.size() == 3);
  CHECK(Held::is(all[0], EffectType::kClose));
  CHECK(all[0].target == kSocket);
  CHECK(all[0].value == 1011);
  CHECK(Held::is(all[1], EffectType::kLog));
  const json line = json::parse(held.effects().data(all[1]));
  CHECK(line["room"] == "lobby");
  CHECK(line["event"] == "held");
  CHECK(all[1].value == static_cast<double>(edgeroom::LogLevel::kError));
  CHECK(Held::is(all[2], EffectType::kAlarm));
  CHECK(all[2].value == held.now_ms + kHeldAlarmMs);

  RestoreFailure again = trap_on(2);
  again.tries = 2;
  Held still(room, again);
  for (const Effect& effect : still.effects().records())
    CHECK_FALSE(Held::is(effect, EffectType::kLog));
}

TEST_CASE("a held room for which nothing waits sets no alarm, and one that cannot tell does") {
  RoomHarness room;
  live(room);
  room.confirm_all();
  room.now_ms += 10'000;
  room.timer();
  const auto has_alarm = [](const Held& held) {
    for (const Effect& effect : held.effects().records()) {
      if (Held::is(effect, EffectType::kAlarm)) return true;
    }
    return false;
  };
  CHECK_FALSE(has_alarm(Held(room, trap_on(2))));
  CHECK(has_alarm(Held(room, trap_on(2), false)));
  CHECK(has_alarm(Held(room, corrupt(EventType::kRestoreState, 0))));
  CHECK(has_alarm(Held(room, corrupt(EventType::kRestoreSegment, 0))));
  CHECK(has_alarm(Held(room, corrupt(EventType::kRestored, 0))));
}

TEST_CASE(
    "a held room in which dead letters are to go again sets an alarm, though all is confirmed") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(200, R"({"v":1,"room":"lobby","epoch":")" + room.epoch() +
                       R"(","results":[{"seq":1,"status":"rejected","code":"INVALID"}]})");
  room.turn();
  const auto sets_alarm = [](const Held& held) {
    const auto& all = held.effects().records();
    return std::any_of(all.begin(), all.end(),
                       [](const Effect& each) { return Held::is(each, EffectType::kAlarm); });
  };
  room.confirm_all();
  REQUIRE(json::parse(room.request(kState).body)["confirmed"] == 1);
  CHECK_FALSE(sets_alarm(Held(room, trap_on(1))));
  room.request("{\"op\":\"replay\"}");
  room.answer(503, "");
  CHECK(sets_alarm(Held(room, trap_on(1))));
}

TEST_CASE("a held room tells an operator's collector that it is one, and what waits in it") {
  RoomHarness room;
  live(room);
  const std::string metrics = "{\"op\":\"metrics\",\"room\":\"lobby\"}";
  CHECK(room.request(metrics).body.find("edgeroom_room_held{room=\"lobby\"} 0\n") !=
        std::string::npos);
  Held held(room, trap_on(2));
  held.give(EventType::kRequest, 1, 0, metrics);
  const auto& all = held.effects().records();
  REQUIRE(all.size() == 1);
  REQUIRE(Held::is(all[0], EffectType::kRespond));
  CHECK(all[0].value == 200);
  CHECK(held.effects().extra(all[0]) == "text/plain; version=0.0.4; charset=utf-8");
  const std::string body(held.effects().data(all[0]));
  for (const char* line :
       {"room_held{room=\"lobby\"} 1\n", "room_seq{room=\"lobby\"} 3\n",
        "room_confirmed{room=\"lobby\"} 0\n", "outbox_pending{room=\"lobby\"} 3\n",
        "room_connections{room=\"lobby\"} 0\n"}) {
    CHECK_MESSAGE(body.find("\nedgeroom_" + std::string(line)) != std::string::npos, line);
  }
}

TEST_CASE("a held room tells its state and refuses all else") {
  RoomHarness room;
  live(room);
  Held held(room, trap_on(2));
  REQUIRE(held.request(kState) == 200);
  CHECK(held.body["seq"] == 3);
  CHECK(held.body["epoch"] == room.epoch());
  CHECK(held.body["connections"] == 0);
  CHECK(held.body["outbox"]["pending"] == 3);
  CHECK(held.body["failed"]["seq"] == 2);
  CHECK(held.body["failed"]["tries"] == 1);
  for (const char* operation :
       {"{\"op\":\"messages\"}", "{\"op\":\"log\"}", "{\"op\":\"drain\"}",
        "{\"op\":\"delete\",\"seq\":1}", "{\"op\":\"publish\"}\n{\"content\":1}",
        "{\"op\":\"moderate\"}\n{\"action\":\"kick\",\"user\":\"ana\"}"}) {
    CHECK(held.request(operation) == 503);
    CHECK(held.body["status"] == 503);
    CHECK(held.headers == "application/problem+json\nretry-after: 60");
  }
  held.now_ms += 59'500;
  const auto joined = held.give(EventType::kConnect, 9, 0, "{\"op\":\"connect\"}");
  REQUIRE(joined.size() == 1);
  CHECK(joined[0].value == 503);
  CHECK(held.effects().extra(joined[0]) == "application/problem+json\nretry-after: 1");
  held.give(EventType::kRequest, 1, 0, "{\"op\":\"dance\"}");
  CHECK(held.refusal == RoomStatus::kBadPayload);
  held.give(EventType::kImport, 0, 0, "{}");
  CHECK(held.refusal == RoomStatus::kOutOfOrder);
  // What belongs to the instance before.
  for (const EventType type : {EventType::kFrame, EventType::kClosed, EventType::kFlush,
                               EventType::kTimer, EventType::kAttemptResult, EventType::kFetched}) {
    CHECK(held.give(type, kSocket).empty());
    CHECK_FALSE(held.refusal);
  }
}

TEST_CASE("a held room tries again at the first event after a minute, and not before") {
  RoomHarness room;
  live(room);
  for (const EventType type : {EventType::kConnect, EventType::kRequest, EventType::kAlarm}) {
    Held held(room, trap_on(2));
    held.now_ms += kHeldRetryMs - 1;
    for (const Effect& effect : held.give(type, 1, 0, kState)) {
      CHECK_FALSE(Held::is(effect, EffectType::kRebuild));
    }
    held.now_ms += 1;
    const auto all = held.give(type, 1, 0, kState);
    REQUIRE(all.size() == 1);
    CHECK(Held::is(all[0], EffectType::kRebuild));
  }
}

TEST_CASE("an alarm that comes early is set anew") {
  RoomHarness room;
  live(room);
  Held held(room, trap_on(2));
  held.now_ms += 10;
  const auto all = held.give(EventType::kAlarm);
  REQUIRE(all.size() == 1);
  CHECK(Held::is(all[0], EffectType::kAlarm));
  CHECK(all[0].value == held.now_ms + kHeldAlarmMs);
}

TEST_CASE("a held room sets its alarm anew when the clock has gone back") {
  RoomHarness room;
  live(room);
  Held held(room, trap_on(2));
  held.now_ms -= 3'600'000;
  const auto all = held.give(EventType::kRequest, 1, 0, kState);
  REQUIRE(all.size() == 2);
  CHECK(Held::is(all[0], EffectType::kAlarm));
  CHECK(all[0].value == held.now_ms + kHeldAlarmMs);
  CHECK(held.give(EventType::kRequest, 1, 0, kState).size() == 1);
}

TEST_CASE("an alarm is not at a part of a millisecond, which no clock shows") {
  EffectList effects;
  effects.alarm(1000.25);
  REQUIRE(effects.records().size() == 1);
  CHECK(effects.records().front().value == 1001);
}

TEST_CASE("a held room for which nothing waits sets no alarm when the clock has gone back either") {
  RoomHarness room;
  live(room);
  room.confirm_all();
  room.now_ms += 10'000;
  room.timer();
  Held held(room, trap_on(2));
  held.now_ms -= 3'600'000;
  for (const Effect& effect : held.give(EventType::kRequest, 1, 0, kState)) {
    CHECK_FALSE(Held::is(effect, EffectType::kAlarm));
  }
}

TEST_CASE("only the record that failed can be skipped") {
  RoomHarness room;
  live(room);
  Held held(room, trap_on(2));
  CHECK(held.request(skip("{\"seq\":3}")) == 409);
  CHECK(held.body["detail"] == "record 3 is not the one that failed; that is 2");
  CHECK(held.request(skip("")) == 400);
  CHECK(held.request("{\"op\":\"skip\"}") == 400);
  CHECK(held.request(skip("{\"seq\":0}")) == 400);
  CHECK(held.request(skip("{\"seq\":2.5}")) == 400);
  CHECK(held.body["detail"] == "seq: must be a whole number from 1 to 2^53-1");
  CHECK(held.request(skip("{\"seq\":2,\"seq\":2}")) == 400);
  CHECK(held.body["detail"] == "seq: is given twice");
  CHECK(held.request(skip("{\"why\":\"it traps\",\"seq\":3}")) == 409);
  CHECK(room.storage.state.count(edgeroom::kSkippedRow) == 0);
  held.give(EventType::kRequest, 1, static_cast<uint32_t>(edgeroom::FrameKind::kOversize),
            "{\"op\":\"skip\"}");
  REQUIRE(held.effects().records().size() == 1);
  CHECK(held.effects().records()[0].value == 413);

  for (const auto& [failure, says] : std::vector<std::pair<RestoreFailure, std::string>>{
           {corrupt(EventType::kRestoreState, 1), "state row 1 cannot be read"},
           {corrupt(EventType::kRestoreSegment, 4),
            "the head of the segment in slot 4 cannot be read"},
           {corrupt(EventType::kLoaded, 4), "the segment in slot 4 cannot be read"},
           {corrupt(EventType::kRestoreConnection, 3),
            "what an open socket carries cannot be read"},
           {corrupt(EventType::kRestored, 0),
            "what is stored is not one whole log with a snapshot that can be read"},
           {trap_on(0), "the module trapped on the segment in slot 0"}}) {
    Held other(room, failure);
    CHECK(other.request(skip("{\"seq\":2}")) == 409);
    CHECK(other.body["detail"] == "no record is to blame, and so none can be skipped: " + says);
    REQUIRE(other.request(kState) == 200);
    CHECK(other.body["failed"]["reason"] == says);
    CHECK_FALSE(other.body["failed"].contains("seq"));
  }
}

TEST_CASE("a held room whose log cannot be read skips nothing, and takes no copy of another") {
  RoomHarness room;
  live(room);
  Held held(room, trap_on(2), false);
  CHECK(held.request(skip("{\"seq\":2}")) == 409);
  CHECK(held.body["detail"] == "the room's log cannot be read");
  CHECK(room.storage.state.count(edgeroom::kSkippedRow) == 0);
  for (const EventType type : {EventType::kImport, EventType::kRecord}) {
    held.give(type, 0, 0, "{}");
    CHECK(held.refusal == RoomStatus::kOutOfOrder);
  }
}

TEST_CASE("rows that a held room cannot read leave it with an alarm, and it goes on") {
  RoomHarness room;
  live(room);
  room.storage.segments[0].first = "x";
  Held held(room, corrupt(EventType::kLoadEnd, 0));
  CHECK(Held::is(held.effects().records().back(), EffectType::kAlarm));
  REQUIRE(held.request(kState) == 200);
  CHECK(held.body["failed"]["reason"] ==
        "what is stored is not one whole log with a snapshot that can be read");
}

TEST_CASE("a record that is skipped is left out of the state and of nothing else") {
  RoomHarness room;
  live(room);
  const std::string before = room.whole("{\"op\":\"messages\"}").body;
  {
    Held held(room, trap_on(2));
    const auto all = held.give(EventType::kRequest, 1, 0, skip("{\"seq\":2}"));
    REQUIRE(all.size() == 2);
    CHECK(Held::is(all[0], EffectType::kPutState));
    CHECK(Held::is(all[1], EffectType::kRebuild));
  }
  {
    // It failed once more, for another reason: the answer says so.
    Held held(room, trap_on(3));
    CHECK(held.request(skip("{\"seq\":2}")) == 200);
    CHECK(held.body["restored"] == false);
    CHECK(held.body["failed"]["seq"] == 3);
  }
  room.wake();
  CHECK(json::parse(room.request(skip("{\"seq\":2}")).body) ==
        json{{"seq", 2}, {"restored", true}});
  CHECK(room.request(skip("{\"seq\":3}")).status == 409);
  CHECK(room.request(skip("{}")).status == 400);
  CHECK_FALSE(eve_is_muted(room));
  CHECK(room.whole("{\"op\":\"messages\"}").body == before);

  // A copy comes to the same state, and keeps it.
  const std::string log = room.whole(kLog).body;
  const std::string header = log.substr(0, log.find('\n'));
  CHECK(json::parse(header)["skipped"] == json{2});
  RoomHarness copy;
  REQUIRE_FALSE(copy.event(EventType::kImport, 0, 0, header));
  size_t start = header.size() + 1;
  for (int i = 0; i < 3; i++) {
    const size_t end = log.find('\n', start);
    REQUIRE_FALSE(copy.event(EventType::kRecord, 0, 0, log.substr(start, end - start)));
    start = end + 1;
  }
  copy.turn();
  const auto state_of = [](RoomHarness& each) {
    const std::string text = each.whole(kLog).body;
    return json::parse(text.substr(0, text.find('\n')))["state"];
  };
  CHECK(state_of(copy) == json::parse(header)["state"]);
  copy.wake();
  CHECK(state_of(copy) == json::parse(header)["state"]);
  CHECK_FALSE(eve_is_muted(copy));
}

TEST_CASE("a snapshot does without the records that were skipped, and their list") {
  RoomHarness room;
  live(room);
  Held(room, trap_on(2)).give(EventType::kRequest, 1, 0, skip("{\"seq\":2}"));
  room.wake();
  const auto ana = room.join(",\"user\":\"ana\",\"role\":\"moderator\"");
  for (uint32_t i = 0; i <= edgeroom::kReplaySegmentsMax; i++) {
    room.frame(ana, "{\"type\":\"moderation\",\"action\":\"unmute\",\"user\":\"bob\"}");
    room.turn();
  }
  REQUIRE(room.storage.state.count(edgeroom::kSnapshotRow) == 1);
  CHECK(room.whole(kLog).body.find("\"skipped\"") == std::string::npos);
  room.wake();
  CHECK_FALSE(eve_is_muted(room));
  CHECK(room.request(skip("{\"seq\":2}")).status == 409);
}

TEST_CASE("no more than so many records are skipped") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  for (size_t i = 0; i <= kSkippedRecordsMax; i++) room.publish(ana, "1");
  for (uint64_t seq = 1; seq <= kSkippedRecordsMax; seq++) {
    Held held(room, trap_on(seq));
    held.request(skip("{\"seq\":" + std::to_string(seq) + "}"));
  }
  Held held(room, trap_on(kSkippedRecordsMax + 1));
  CHECK(held.request(skip("{\"seq\":" + std::to_string(kSkippedRecordsMax + 1) + "}")) == 409);
  CHECK(held.body["detail"] ==
        "100 records are skipped already, the most that a room may leave out");
}

TEST_CASE("a list of skipped records that cannot be read is not taken for an empty one") {
  RoomHarness room;
  live(room);
  room.storage.state[edgeroom::kSkippedRow] = std::string("\x01\x01\x02\x05", 4);
  CHECK(room.try_wake() == RoomStatus::kCorrupt);
  room.storage.state[edgeroom::kSkippedRow] = std::string("\x01\x01\x02\x05\x02", 5);
  CHECK(room.try_wake() == RoomStatus::kCorrupt);
  for (const std::string& bad : {std::string("\x02\x01\x01\x02", 4), std::string("\x01\x01\x01", 3),
                                 std::string("\x01\x01\x01\x02\x00", 5)}) {
    room.storage.state[edgeroom::kSkippedRow] = bad;
    CHECK(room.try_wake() == RoomStatus::kCorrupt);
  }
  room.storage.state[edgeroom::kSkippedRow] = std::string("\x01\x01\x01\x02", 4);
  CHECK_FALSE(room.try_wake());
  CHECK_FALSE(eve_is_muted(room));
  // Of another generation: it is not about this log.
  room.storage.state[edgeroom::kSkippedRow] = std::string("\x01\x02\x01\x02", 4);
  CHECK_FALSE(room.try_wake());
  CHECK(eve_is_muted(room));
}

TEST_CASE("what kHeld says is read to the letter") {
  const auto parse = [](std::string_view payload) {
    return parse_restore_failure({EventType::kHeld, 13, 4, 0, payload});
  };
  const auto failure = parse("-5\n0\n3");
  REQUIRE(failure);
  CHECK(failure->during == EventType::kLoaded);
  CHECK(failure->target == 4);
  CHECK(failure->status == -5);
  CHECK(failure->tries == 3);
  CHECK(parse("0\n9007199254740991\n1")->seq == 9007199254740991U);
  for (const char* bad : {"", "0", "0\n1", "x\n1\n1", "0\n-1\n1", "0\n1\n1\n", "0\n1\n1\nx"}) {
    CAPTURE(bad);
    CHECK(parse(bad).has_value() == (std::string(bad) == "0\n1\n1\n"));
  }
}

TEST_CASE("a log's header with skipped records that are none is refused") {
  RoomHarness room;
  live(room);
  const std::string log = room.whole(kLog).body;
  const std::string header = unsummed(log.substr(0, log.find('\n')));
  const auto refused = [&header](const std::string& skipped) {
    std::string changed = header;
    changed.insert(changed.size() - 1, ",\"skipped\":" + skipped);
    RoomHarness copy;
    return copy.event(EventType::kImport, 0, 0, summed(changed)).has_value();
  };
  CHECK_FALSE(refused("[]"));
  CHECK_FALSE(refused("[ 1 , 3 ]"));
  const auto fault = [&header](size_t count) {
    json skipped = json::array();
    for (size_t seq = 1; seq <= count; seq++) skipped.push_back(seq);
    std::string changed = header;
    changed.insert(changed.size() - 1, ",\"skipped\":" + skipped.dump());
    return edgeroom::parse_log_header(summed(changed)).error().detail;
  };
  CHECK(fault(kSkippedRecordsMax) ==
        "\"skipped\" must hold seqs after \"snapshot.through\" and up to \"last\"");
  CHECK(fault(kSkippedRecordsMax + 1) ==
        "\"skipped\" must be at most 100 ascending seqs of records after the snapshot");
  for (const char* bad : {"[0]", "[4]", "[2,2]", "[3,1]", "[1", "[1,]", "2", "{}", "[\"1\"]"}) {
    CAPTURE(bad);
    CHECK(refused(bad));
  }
}

TEST_CASE("a log's header skips records after its snapshot alone, and tells of all of them") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\",\"role\":\"moderator\"");
  for (uint32_t i = 0; i <= edgeroom::kReplaySegmentsMax + 3; i++) {
    room.frame(ana, "{\"type\":\"moderation\",\"action\":\"unmute\",\"user\":\"bob\"}");
    room.turn();
  }
  const std::string log = room.whole(kLog).body;
  const std::string header = unsummed(log.substr(0, log.find('\n')));
  const uint64_t through = json::parse(header)["snapshot"]["through"];
  REQUIRE(through > 0);
  const auto refused = [&header](const std::vector<uint64_t>& skipped) {
    std::string changed = header;
    changed.insert(changed.size() - 1, ",\"skipped\":" + json(skipped).dump());
    RoomHarness copy;
    return copy.event(EventType::kImport, 0, 0, summed(changed)).has_value();
  };
  CHECK(refused({through}));
  CHECK(refused({through, through + 1}));
  CHECK_FALSE(refused({through + 1}));
  for (const uint64_t seq : {through + 1, through + 3}) {
    Held(room, trap_on(seq))
        .give(EventType::kRequest, 1, 0, skip("{\"seq\":" + std::to_string(seq) + "}"));
  }
  REQUIRE_FALSE(room.try_wake());
  const std::string again = room.whole(kLog).body;
  const json told = json::parse(again.substr(0, again.find('\n')));
  CHECK(told["skipped"] == std::vector<uint64_t>{through + 1, through + 3});
  CHECK(edgeroom::parse_log_header(again.substr(0, again.find('\n'))).ok());
}

TEST_CASE("a connection whose frames trap again and again is closed, the others are not") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto eve = room.join(",\"user\":\"eve\"");
  room.turn();
  const auto ms = [&room](double ago) {
    return std::to_string(static_cast<uint64_t>(room.now_ms - ago)) + "\n";
  };
  // Long ago, or not often enough.
  room.event(EventType::kTrapped, eve, 0,
             ms(60'001) + ms(60'001) + ms(59'000) + ms(9) + ms(8) + ms(0));
  // What is no time is none.
  room.event(EventType::kTrapped, eve, 0, ms(9) + "soon\n\n-1\n1e15\n" + ms(8) + ms(0));
  CHECK(room.closed.empty());
  CHECK(room.text(eve).find("\"internal\"") != std::string::npos);
  // Several may be to blame.
  room.event(EventType::kTrapped, ana);
  CHECK(room.closed.empty());
  room.take(eve);
  room.event(EventType::kTrapped, eve, 0, ms(60'000) + ms(59'000) + ms(9) + ms(8) + ms(0));
  CHECK(room.text(eve).find("\"internal\"") != std::string::npos);
  CHECK(room.closed == std::map<uint32_t, uint32_t>{{eve, 1011}});
  room.turn();
  CHECK(room.text(ana).find("\"leave\"") != std::string::npos);
}

TEST_CASE("after a trap in what nobody asked for everybody is told how many are there") {
  RoomHarness stored;
  stored.join(",\"user\":\"ana\"");
  stored.turn();
  const RoomSettings settings;
  edgeroom::Room room("lobby", settings, RoomHarness::chat(), 1);
  EffectList effects;
  const auto told = [&](EventType type, uint32_t target, uint32_t number,
                        std::string_view payload = {}) {
    effects.clear();
    CHECK_FALSE(room.handle({type, target, number, stored.now_ms, payload}, effects));
    std::string out;
    for (const Effect& effect : effects.records()) {
      if (Held::is(effect, EffectType::kBroadcast)) out += effects.data(effect);
      if (Held::is(effect, EffectType::kTimer)) out += "timer";
    }
    return out;
  };
  told(EventType::kTrapped, 0, static_cast<uint32_t>(EventType::kAttemptResult));
  for (const auto& [id, data] : stored.storage.state) told(EventType::kRestoreState, id, 0, data);
  edgeroom::Connection connection(settings.connection_limit);
  connection.id = "c1";
  connection.user = "ana";
  std::string attachment;
  edgeroom::encode_attachment(attachment, connection);
  told(EventType::kRestoreConnection, 7, 0, attachment);
  CHECK(told(EventType::kRestored, 0, 0) == "timer");
  told(EventType::kTimer, 0, 0);
  CHECK(told(EventType::kFlush, 0, 0) == R"([{"type":"room_count","count":1,"users":1}])");
}

TEST_CASE("what nobody asked for is left alone for a while after a trap in it") {
  RoomHarness stored;
  const auto ana = stored.join(",\"user\":\"ana\"");
  // More than a batch: that would be sent at once.
  for (uint32_t i = 0; i <= edgeroom::kBatchRecordsMax; i++) {
    stored.frame(ana, "{\"type\":\"message\",\"content\":1}");
  }
  stored.turn();
  stored.wake();
  REQUIRE(stored.attempts.size() == 1);
  for (const EventType during : {EventType::kAttemptResult, EventType::kTimer, EventType::kAlarm,
                                 EventType::kFlush, EventType::kConnect, EventType::kRequest}) {
    const RoomSettings settings;
    edgeroom::Room room("lobby", settings, RoomHarness::chat(), 1);
    EffectList effects;
    const auto loads = [&](EventType type, uint32_t target, uint32_t number, double at_ms,
                           std::string_view payload = {}) {
      effects.clear();
      CHECK_FALSE(room.handle({type, target, number, at_ms, payload}, effects));
      for (const Effect& effect : effects.records()) {
        if (Held::is(effect, EffectType::kLoad)) return true;
      }
      return false;
    };
    const double now_ms = stored.now_ms;
    loads(EventType::kTrapped, 0, static_cast<uint32_t>(during), now_ms);
    for (const auto& [id, data] : stored.storage.state) {
      loads(EventType::kRestoreState, id, 0, now_ms, data);
    }
    for (const auto& [slot, rows] : stored.storage.segments) {
      loads(EventType::kRestoreSegment, slot, 0, now_ms, rows.first);
    }
    const bool is_asked = during == EventType::kConnect || during == EventType::kRequest;
    CHECK(loads(EventType::kRestored, 0, 0, now_ms) == is_asked);
    if (is_asked) continue;
    CHECK_FALSE(loads(EventType::kAlarm, 0, 0, now_ms + edgeroom::kTrapPauseMs - 1));
    CHECK(loads(EventType::kAlarm, 0, 0, now_ms + edgeroom::kTrapPauseMs));
  }
}
