// What an instance refuses: events that no host of ours gives, and rows that cannot be read. A
// refused event leaves the instance as it was.

#include "rooms/instance.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "rooms/limits.h"

using edgeroom::ByteWriter;
using edgeroom::EventType;
using edgeroom::kDeadLetterSlotFirst;
using edgeroom::RoomInstance;
using edgeroom::RoomStatus;

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;

int32_t give(RoomInstance& room, EventType type, uint32_t target = 0, std::string_view payload = {},
             uint32_t number = 0) {
  return room.event(static_cast<uint32_t>(type), target, number, kNowMs, payload);
}

bool refused(int32_t answer, RoomStatus status) { return answer == static_cast<int32_t>(status); }

void start(RoomInstance& room) { REQUIRE(give(room, EventType::kStart, 1, "lobby\n{}") == 0); }

}  // namespace

TEST_CASE("events that are none, and any before the first, are refused") {
  RoomInstance room;
  CHECK((room.working_seq() == nullptr));
  CHECK(refused(room.event(0, 0, 0, kNowMs, {}), RoomStatus::kUnknownEvent));
  const auto beyond = static_cast<uint32_t>(EventType::kMeasured) + 1;
  CHECK(refused(room.event(beyond, 0, 0, kNowMs, {}), RoomStatus::kUnknownEvent));
  for (const EventType type : {EventType::kRestored, EventType::kFrame, EventType::kHeld}) {
    CHECK(refused(give(room, type), RoomStatus::kNotStarted));
  }
  CHECK(room.effects().records().empty());
  CHECK(room.effects().buffer().empty());
}

TEST_CASE("a room starts once, with a name and settings that make sense") {
  RoomInstance room;
  for (const char* payload : {"lobby", "lobby\n[]", "lobby\n{\"HISTORY_SIZE\":0}"}) {
    CAPTURE(payload);
    CHECK(refused(give(room, EventType::kStart, 1, payload), RoomStatus::kBadPayload));
    CHECK(room.room() == nullptr);
  }
  start(room);
  CHECK((room.working_seq() != nullptr));
  CHECK(refused(give(room, EventType::kStart, 1, "lobby\n{}"), RoomStatus::kNotStarted));
  CHECK(refused(give(room, EventType::kHeld, 1, "no number"), RoomStatus::kBadPayload));
  CHECK(room.room() != nullptr);
  // Held, it is no room that could be started or held once more.
  CHECK(give(room, EventType::kHeld, static_cast<uint32_t>(EventType::kLoaded), "0\n7\n1") == 0);
  CHECK(room.room() == nullptr);
  CHECK((room.working_seq() == nullptr));
  CHECK(refused(give(room, EventType::kStart, 1, "lobby\n{}"), RoomStatus::kNotStarted));
  CHECK(refused(give(room, EventType::kHeld, 1, "0\n7\n1"), RoomStatus::kNotStarted));
  CHECK(give(room, EventType::kRestored) >= 0);
}

TEST_CASE("rows and attachments that cannot be read are refused, whichever they are") {
  RoomInstance room;
  start(room);
  CHECK(refused(give(room, EventType::kRestoreState, 0, "x"), RoomStatus::kCorrupt));
  CHECK(refused(give(room, EventType::kRestoreState, 9, "x"), RoomStatus::kCorrupt));
  CHECK(refused(give(room, EventType::kRestoreSegment, 0, "x"), RoomStatus::kCorrupt));
  CHECK(refused(give(room, EventType::kRestoreSegment, kDeadLetterSlotFirst, "x"),
                RoomStatus::kCorrupt));
  CHECK(refused(give(room, EventType::kRestoreConnection, 1, "x"), RoomStatus::kCorrupt));
  CHECK(refused(give(room, EventType::kFrame, 1, "{}"), RoomStatus::kOutOfOrder));
}

TEST_CASE("a dead letter's row has a seq of its own, and a size that a row can have") {
  const auto head = [](uint64_t seq, uint64_t size) {
    std::string bytes;
    ByteWriter writer(bytes);
    writer.u8(1);
    writer.varint(seq);
    writer.varint(1'800'000'000'000);
    writer.u8(1);
    writer.varint(size);
    writer.sized("TOO_LARGE");
    return bytes;
  };
  const auto restore = [](RoomInstance& room, uint32_t slot, const std::string& bytes) {
    return give(room, EventType::kRestoreSegment, kDeadLetterSlotFirst + slot, bytes);
  };
  RoomInstance room;
  start(room);
  CHECK(refused(restore(room, 0, head(7, 0)), RoomStatus::kCorrupt));
  CHECK(refused(restore(room, 0, head(7, uint64_t{1} << 32U)), RoomStatus::kCorrupt));
  CHECK(refused(restore(room, 0, head(0, 20)), RoomStatus::kCorrupt));
  CHECK(restore(room, 0, head(7, 20)) == 0);
  CHECK(refused(restore(room, 1, head(7, 20)), RoomStatus::kCorrupt));
  CHECK(restore(room, 1, head(8, 20)) == 0);
}

TEST_CASE("requests that no Worker makes are refused") {
  RoomInstance room;
  start(room);
  REQUIRE(give(room, EventType::kRestored) >= 0);
  for (const char* payload :
       {R"({"op":"messages","room":"lobby","limit":0})",
        R"({"op":"messages","room":"lobby","limit":101})", R"({"op":"publish","room":"lobby"})",
        R"({"op":"moderate","room":"lobby"})", R"({"op":"skip","room":"lobby"})",
        R"({"op":"connect","room":"lobby","user":"ana","conn":"c1"})"}) {
    CAPTURE(payload);
    CHECK(refused(give(room, EventType::kRequest, 1, payload), RoomStatus::kBadPayload));
  }
}
