// Snapshot + records = state: when a snapshot is written, what is read on waking, and that the
// state is the same in every life of the room.

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "rooms/limits.h"
#include "rooms/room.h"
#include "rooms/segment.h"
#include "tests/unit/dice.h"
#include "tests/unit/room_harness.h"
#include "tests/unit/test_behaviours.h"

using edgeroom::ByteReader;
using edgeroom::ByteWriter;
using edgeroom::EventType;
using edgeroom::kReplayBytesMax;
using edgeroom::kReplaySegmentsMax;
using edgeroom::RoomStatus;
using edgeroom::SegmentHead;
using edgeroom::test::Dice;
using edgeroom::test::make_clerk;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;
using nlohmann::json;

namespace {

constexpr uint32_t kSnapshotRow = 1;

std::unique_ptr<edgeroom::Behaviour> clerk() { return make_clerk(); }
std::unique_ptr<edgeroom::Behaviour> other_clerk() { return make_clerk("other"); }

// The record up to which the stored snapshot goes; nothing when there is none.
std::optional<uint64_t> snapshot_through(const RoomHarness& room) {
  const auto row = room.storage.state.find(kSnapshotRow);
  if (row == room.storage.state.end()) return std::nullopt;
  ByteReader reader(row->second);
  reader.u8();
  reader.varint();
  const uint64_t through = reader.varint();
  REQUIRE(reader.ok());
  return through;
}

SegmentHead head_of(const std::string& bytes) {
  SegmentHead head;
  REQUIRE(decode_segment_head(bytes, head));
  return head;
}

// The digest of the room's state, which the log's header tells.
std::string digest(RoomHarness& room) {
  const std::string log = room.whole("{\"op\":\"log\"}").body;
  return json::parse(log.substr(0, log.find('\n')))["state"];
}

std::string moderate(RoomHarness& room, const std::string& action, const std::string& user) {
  return room
      .request("{\"op\":\"moderate\"}\n{\"action\":\"" + action + "\",\"user\":\"" + user + "\"}")
      .body;
}

}  // namespace

TEST_CASE("a chat of plain messages writes no snapshot, and reads nothing on waking") {
  RoomHarness room(quiet_settings(5));
  const auto ana = room.join();
  for (int i = 0; i < 200; i++) {
    room.publish(ana, "\"" + std::string(3000, 'x') + "\"");
    if (i % 3 == 0) room.confirm_all();
  }
  room.confirm_all();
  CHECK_FALSE(snapshot_through(room));
  room.publish(ana, "1");
  room.segments_loaded = 0;
  room.wake();
  CHECK(room.segments_loaded == 0);
}

TEST_CASE("a chat with deletions stores before the ring turns that they were seen") {
  RoomHarness room(quiet_settings(2));
  const auto ana = room.join();
  room.publish(ana, "1");
  room.frame(ana, "{\"type\":\"delete\",\"seq\":1}");
  room.confirm_all();
  CHECK_FALSE(snapshot_through(room));
  for (int i = 0; i < 5; i++) {
    room.publish(ana, "1");
    room.confirm_all();
  }
  CHECK(snapshot_through(room));
}

TEST_CASE("thirty-two segments are read on waking, and no more: then there is a snapshot") {
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.turn();
  for (uint32_t i = 1; i <= kReplaySegmentsMax; i++) {
    room.publish(ana, "1");
    CHECK_FALSE(snapshot_through(room));
  }
  room.segments_loaded = 0;
  room.wake();
  CHECK(room.segments_loaded == kReplaySegmentsMax);
  const std::string before = digest(room);
  room.publish(ana, "1");
  CHECK(room.order == std::vector<std::string>{"state", "put", "broadcast"});
  CHECK(snapshot_through(room) == kReplaySegmentsMax + 1);
  CHECK(digest(room) != before);
  const std::string after = digest(room);
  room.segments_loaded = 0;
  room.wake();
  CHECK(room.segments_loaded == 0);
  CHECK(digest(room) == after);
  // And so on: the next after as many.
  for (uint32_t i = 1; i <= kReplaySegmentsMax; i++) room.publish(ana, "1");
  CHECK(snapshot_through(room) == kReplaySegmentsMax + 1);
  room.publish(ana, "1");
  CHECK(snapshot_through(room) == 2 * (kReplaySegmentsMax + 1));
}

TEST_CASE("a quarter of a mebibyte is read on waking, and not much more") {
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.turn();
  const std::string large = "\"" + std::string(60'000, 'x') + "\"";
  int segments = 0;
  while (!snapshot_through(room)) {
    room.publish(ana, large);
    segments++;
    REQUIRE(segments < 10);
  }
  // The one that passes it is not looked at before it is written.
  CHECK(segments == static_cast<int>(kReplayBytesMax / 60'000) + 2);
  CHECK(snapshot_through(room) == static_cast<uint64_t>(segments));
}

TEST_CASE("in a chat only segments with moderation count") {
  RoomHarness room(quiet_settings(1000));
  const auto ana = room.join();
  room.turn();
  for (int i = 0; i < 50; i++) room.publish(ana, "1");
  for (uint32_t i = 0; i < kReplaySegmentsMax; i++) moderate(room, "ban", std::to_string(i));
  CHECK_FALSE(snapshot_through(room));
  room.publish(ana, "1");  // of a flush it is asked before, whatever it holds
  CHECK(snapshot_through(room) == 50 + kReplaySegmentsMax + 1);
  room.segments_loaded = 0;
  room.wake();
  // Nothing for the state; but the central API has confirmed none of them, and there might be
  // deletions among them.
  CHECK(room.segments_loaded == kReplaySegmentsMax);
  room.confirm_all();
  for (int i = 0; i < 5 && room.timer_delay_ms; i++) room.timer();
  room.segments_loaded = 0;
  room.wake();
  CHECK(room.segments_loaded == 0);
}

TEST_CASE("a deletion in a room with a state comes with its snapshot, in one commit") {
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.turn();
  room.publish(ana, "\"secret\"");
  room.publish(ana, "\"other\"");
  room.frame(ana, "{\"type\":\"delete\",\"seq\":1}");
  // The segment without the content, the state that has seen it, the deletion; then it is told.
  CHECK(room.order == std::vector<std::string>{"put", "state", "put", "broadcast"});
  CHECK(snapshot_through(room) == 3U);
  const std::string before = digest(room);
  room.wake();
  CHECK(digest(room) == before);
  // A chat's state has not seen it.
  RoomHarness chat(quiet_settings(1000));
  const auto bob = chat.join();
  chat.publish(bob, "1");
  chat.frame(bob, "{\"type\":\"delete\",\"seq\":1}");
  CHECK_FALSE(snapshot_through(chat));
}

TEST_CASE("no segment is written over before a snapshot holds it") {
  for (const bool has_state : {true, false}) {
    CAPTURE(has_state);
    RoomHarness room(quiet_settings(3), has_state ? clerk : RoomHarness::chat);
    Dice dice(3);
    const auto ana = room.join();
    room.turn();
    int written_over = 0;
    for (int i = 0; i < 300; i++) {
      const auto before = room.storage.segments;
      if (dice.one_in(4)) {
        moderate(room, "mute", "u" + std::to_string(dice.below(5)));
      } else {
        room.publish(ana, std::to_string(i));
      }
      for (const auto& [slot, segment] : room.storage.segments) {
        const auto old = before.find(slot);
        if (old == before.end() || old->second == segment) continue;
        const SegmentHead head = head_of(old->second.first);
        written_over++;
        const bool matters = has_state || head.count > head.messages;
        if (matters) CHECK(snapshot_through(room).value_or(0) >= head.last_seq());
      }
      if (dice.one_in(2)) room.confirm_all();
      if (!dice.one_in(5)) continue;
      const std::string state = digest(room);
      room.wake();
      CHECK(digest(room) == state);
    }
    CHECK(written_over > 200);
    CHECK(room.storage.segments.size() < 40);
  }
}

TEST_CASE("at any point the state after waking is the one before") {
  for (uint64_t seed = 1; seed <= 30; seed++) {
    CAPTURE(seed);
    Dice dice(seed);
    RoomHarness room(quiet_settings(static_cast<uint32_t>(dice.between(1, 30))), clerk);
    const auto ana = room.join(",\"user\":\"ana\"");
    room.turn();
    uint64_t last = 0;
    for (int i = 0; i < 150; i++) {
      switch (dice.below(6)) {
        case 0: moderate(room, dice.one_in(2) ? "mute" : "unmute", "eve"); break;
        case 1:
          if (last > 0) {
            const uint64_t target = dice.between(1, last);
            room.begin_request("{\"op\":\"delete\",\"seq\":" + std::to_string(target) + "}");
          }
          break;
        case 2: room.frame(ana, "{\"type\":\"event\",\"name\":\"say\"}"); break;
        case 3:
          room.frame(ana, "{\"type\":\"message\",\"content\":{\"wake_in\":" +
                              std::to_string(dice.below(100'000)) + "}}");
          break;
        default:
          room.frame(ana, "{\"type\":\"message\",\"content\":\"" +
                              std::string(dice.index(dice.one_in(10) ? 50'000 : 50), 'x') + "\"}");
      }
      if (!dice.one_in(3)) room.turn();
      if (dice.one_in(5)) room.confirm_all();
      if (dice.one_in(10)) room.now_ms += static_cast<double>(dice.below(30'000));
      if (dice.one_in(10) && room.timer_delay_ms) room.timer();
      last = json::parse(room.request("{\"op\":\"state\"}").body)["seq"];
      if (!dice.one_in(4)) continue;
      room.turn();
      const std::string before = digest(room);
      room.wake();
      CHECK(digest(room) == before);
    }
  }
}

TEST_CASE("a snapshot of another kind of room is left, but for who is banned; a warning says so") {
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.turn();
  moderate(room, "ban", "eve");
  for (uint32_t i = 0; i <= kReplaySegmentsMax; i++) room.publish(ana, "1");
  REQUIRE(snapshot_through(room));
  const std::string clerks = digest(room);
  room.logs.clear();
  room.wake_as(other_clerk);
  REQUIRE(room.logs.size() == 1);
  CHECK(room.logs[0].find("\"event\":\"other_kind\"") != std::string::npos);
  CHECK(digest(room) != clerks);
  REQUIRE_FALSE(
      room.event(edgeroom::EventType::kConnect, 900, 0, "{\"op\":\"connect\",\"user\":\"eve\"}"));
  CHECK(room.answer_of(900).status == 403);
  // It goes on as that kind: its own state over sleep, its own snapshot.
  room.publish(ana, "1");
  const std::string others = digest(room);
  room.wake();
  CHECK(digest(room) == others);
  for (uint32_t i = 0; i <= kReplaySegmentsMax; i++) room.publish(ana, "1");
  room.logs.clear();
  room.wake();
  CHECK(room.logs.empty());
}

TEST_CASE("a load that ends before its last segment is none") {
  RoomHarness host(quiet_settings(1000), clerk);
  const auto ana = host.join();
  for (int i = 0; i < 3; i++) host.publish(ana, "1");
  REQUIRE(host.storage.segments.size() == 3);
  for (size_t loaded = 0; loaded <= 3; loaded++) {
    CAPTURE(loaded);
    edgeroom::Room room("lobby", quiet_settings(1000), make_clerk(), 1);
    edgeroom::EffectList effects;
    const auto give = [&](EventType type, uint32_t target = 0, std::string_view payload = {}) {
      effects.clear();
      return room.handle({type, target, 0, host.now_ms, payload}, effects);
    };
    for (const auto& [id, data] : host.storage.state) {
      REQUIRE_FALSE(give(EventType::kRestoreState, id, data));
    }
    for (const auto& [slot, rows] : host.storage.segments) {
      REQUIRE_FALSE(give(EventType::kRestoreSegment, slot, rows.first));
    }
    REQUIRE_FALSE(give(EventType::kRestored));
    auto next = host.storage.segments.begin();
    for (size_t i = 0; i < loaded; i++, ++next) {
      REQUIRE_FALSE(give(EventType::kLoaded, next->first, next->second.second));
    }
    CHECK(give(EventType::kLoadEnd) ==
          (loaded < 3 ? std::optional(RoomStatus::kCorrupt) : std::nullopt));
  }
}

TEST_CASE("stored snapshots that are cut, of another epoch, or ahead of the log") {
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.turn();
  for (uint32_t i = 0; i <= kReplaySegmentsMax; i++) room.publish(ana, "1");
  const auto stored = room.storage;
  const std::string row = stored.state.at(kSnapshotRow);
  const std::string before = digest(room);
  const auto wake_with = [&](const std::string& snapshot) {
    room.storage = stored;
    room.storage.state[kSnapshotRow] = snapshot;
    return room.try_wake();
  };
  CHECK_FALSE(wake_with(row));
  CHECK(digest(room) == before);
  for (size_t size = 0; size < row.size(); size++) {
    CAPTURE(size);
    CHECK(wake_with(row.substr(0, size)) == RoomStatus::kCorrupt);
  }
  CHECK(wake_with(row + '\0') == RoomStatus::kCorrupt);
  CHECK(wake_with('\2' + row.substr(1)) == RoomStatus::kCorrupt);  // of a later version
  // A sound row around what is no state.
  CHECK(wake_with(std::string("\1\1\x21\3abc")) == RoomStatus::kCorrupt);
  CHECK(wake_with(std::string("\1\1\x21\2\0\0", 6)) == RoomStatus::kCorrupt);
  // version 1, generation 1, through 33
  REQUIRE(row.substr(0, 3) == std::string("\1\1\x21"));
  CHECK(wake_with(std::string("\1\1\x22") + row.substr(3)) == RoomStatus::kCorrupt);
  // One of an earlier epoch is no state of this one; all segments are read instead.
  room.segments_loaded = 0;
  CHECK_FALSE(wake_with(std::string("\1\2\x21") + row.substr(3)));
  CHECK(digest(room) == before);
  // The newest segment is lost, and with it a record that somebody was told.
  room.storage = stored;
  for (auto place = room.storage.segments.begin(); place != room.storage.segments.end(); ++place) {
    if (head_of(place->second.first).last_seq() != kReplaySegmentsMax + 1) continue;
    room.storage.segments.erase(place);
    break;
  }
  CHECK(room.try_wake() == RoomStatus::kCorrupt);
  room.storage = stored;
  CHECK(room.event(edgeroom::EventType::kRestoreState, 2, 0, row) == RoomStatus::kCorrupt);
}
