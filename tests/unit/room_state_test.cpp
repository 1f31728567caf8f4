// What the records amount to, and the deletions that the central API has not heard of.

#include "rooms/room_state.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"
#include "tests/unit/record_dice.h"
#include "tests/unit/room_harness.h"
#include "tests/unit/test_behaviours.h"

using edgeroom::ByteWriter;
using edgeroom::DeadLetter;
using edgeroom::kForGood;
using edgeroom::ModerationAction;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::RoomState;
using edgeroom::UnconfirmedDeletions;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;
using edgeroom::test::make_clerk;
using edgeroom::test::random_record;
using edgeroom::test::RoomHarness;

namespace {

Record ban(std::string_view subject, uint64_t seq = 1) {
  Record record;
  record.kind = RecordKind::kModeration;
  record.seq = seq;
  record.ts = 1000;
  record.user = "mo";
  record.action = ModerationAction::kBan;
  record.subject = subject;
  return record;
}

Record deletion(uint64_t seq, uint64_t target, std::string_view by) {
  Record record;
  record.kind = RecordKind::kDeletion;
  record.seq = seq;
  record.target = target;
  record.user = by;
  return record;
}

bool decodes(std::string_view bytes, RoomState& state) {
  const ExactText exact(bytes);
  bool other_kind = false;
  const bool ok = state.decode(exact.view(), other_kind);
  return ok && !other_kind;
}

}  // namespace

TEST_CASE("the state's bytes are the ones that the header states") {
  RoomState state(RoomHarness::chat());
  std::string expected;
  ByteWriter writer(expected);
  writer.varint(0);
  writer.sized("chat");
  writer.sized("");
  CHECK(state.encode() == expected);
  state.apply(ban("eve"));
  expected.clear();
  writer.varint(1);
  writer.sized("eve");
  writer.varint(kForGood);
  writer.varint(0);
  writer.sized("chat");
  writer.sized("");
  CHECK(state.encode() == expected);
}

TEST_CASE(
    "a state read back at any record goes on as the original, and is told apart by its digest") {
  Dice dice(1);
  for (int round = 0; round < 30; round++) {
    RoomState live(make_clerk());
    RoomState restored(make_clerk());
    std::map<std::string, int> digests;
    uint64_t ts = 1'000'000;
    for (uint64_t seq = 1; seq <= 40; seq++) {
      ts += dice.below(100);
      const auto record = random_record(dice, seq, ts);
      live.apply(record.view());
      restored.apply(record.view());
      CHECK(restored.digest() == live.digest());
      CHECK(live.digest().size() == 16);
      CHECK(++digests[live.digest()] == 1);
      if (!dice.one_in(3)) continue;
      RoomState next(make_clerk());
      REQUIRE(decodes(restored.encode(), next));
      CHECK(next.encode() == live.encode());
      bool other_kind = false;
      REQUIRE(restored.decode(next.encode(), other_kind));
    }
  }
}

TEST_CASE("a behaviour without a state is not asked to take records") {
  // The digest of a room of messages is the one of an empty room.
  Dice dice(2);
  RoomState state(RoomHarness::chat());
  const std::string empty = state.digest();
  for (uint64_t seq = 1; seq < 100; seq++) {
    const auto record = random_record(dice, seq, 5);
    if (record.fields.kind != RecordKind::kModeration) state.apply(record.view());
  }
  CHECK(state.digest() == empty);
}

TEST_CASE("a state of another kind of room leaves who is banned, and begins the rest anew") {
  RoomState clerk(make_clerk());
  clerk.apply(ban("eve"));
  RoomState other(make_clerk("other"));
  bool other_kind = false;
  REQUIRE(other.decode(clerk.encode(), other_kind));
  CHECK(other_kind);
  CHECK(other.moderation().banned_until("eve", 0) == kForGood);
  RoomState fresh(make_clerk("other"));
  CHECK(other.encode() != fresh.encode());  // but for the ban
  Record unban = ban("eve");
  unban.action = ModerationAction::kUnban;
  RoomState chat(RoomHarness::chat());
  REQUIRE(chat.decode(clerk.encode(), other_kind));
  CHECK(other_kind);
  chat.apply(unban);
  CHECK(chat.encode() == RoomState(RoomHarness::chat()).encode());
}

TEST_CASE("bytes that are cut, go on or have a flipped bit are no state, or a sound one") {
  RoomState state(make_clerk());
  state.apply(ban("eve"));
  state.apply(deletion(2, 1, "ana"));
  const std::string whole = state.encode();
  for (size_t size = 0; size < whole.size(); size++) {
    CAPTURE(size);
    RoomState cut(make_clerk());
    const ExactText exact(std::string_view(whole).substr(0, size));
    bool other_kind = false;
    CHECK_FALSE(cut.decode(exact.view(), other_kind));
  }
  RoomState extended(make_clerk());
  CHECK_FALSE(decodes(whole + '\0', extended));
  for (size_t bit = 0; bit < whole.size() * 8; bit++) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
    RoomState copy(make_clerk());
    if (decodes(flipped, copy)) CHECK(copy.encode() != whole);
  }
  // The behaviour's part must be just what the behaviour reads.
  std::string bytes;
  ByteWriter writer(bytes);
  writer.varint(0);
  writer.sized("chat");
  writer.sized("more than nothing");
  RoomState chat(RoomHarness::chat());
  CHECK_FALSE(decodes(bytes, chat));
}

TEST_CASE("a user who stands in a stored state twice counts once, as he stood there first") {
  const std::string eve = std::string("\3eve\0\x05", 6);
  const std::string twice = std::string("\2") + eve + std::string("\3eve\0\x09", 6);
  edgeroom::Moderation once;
  edgeroom::Moderation moderation;
  const std::string single = std::string("\1") + eve;
  edgeroom::ByteReader expected(single);
  edgeroom::ByteReader reader(twice);
  REQUIRE(once.decode(expected));
  REQUIRE(moderation.decode(reader));
  CHECK(reader.at_end());
  std::string out;
  ByteWriter writer(out);
  moderation.encode(writer);
  CHECK(out == single);
  CHECK(moderation.muted_until("eve", 1) == once.muted_until("eve", 1));
}

TEST_CASE("a deletion is remembered until the central API has stored it") {
  UnconfirmedDeletions deletions;
  CHECK(deletions.find(7) == nullptr);
  deletions.record(deletion(10, 7, "ana"));
  deletions.record(deletion(11, 8, "mo"));
  deletions.record(ban("eve", 12));
  Record message;
  message.seq = 13;
  message.target = 9;
  deletions.record(message);
  CHECK(deletions.size() == 2);
  REQUIRE(deletions.find(7) != nullptr);
  CHECK(*deletions.find(7) == "ana");
  CHECK(*deletions.find(8) == "mo");
  CHECK(deletions.find(9) == nullptr);
  CHECK(deletions.find(10) == nullptr);  // it is asked for by what it deletes
  deletions.confirmed(9, {});
  CHECK(deletions.size() == 2);
  deletions.confirmed(10, {});
  CHECK(deletions.find(7) == nullptr);
  CHECK(deletions.find(8) != nullptr);
  deletions.confirmed(100, {});
  CHECK(deletions.size() == 0);
}

TEST_CASE("a deletion that the central API has refused is never forgotten for being confirmed") {
  UnconfirmedDeletions deletions;
  deletions.record(deletion(10, 7, "ana"));
  deletions.record(deletion(11, 8, "mo"));
  edgeroom::DeadLetters dead;
  dead.add(9, "X");
  dead.add(11, "BAD");
  deletions.confirmed(20, dead);
  CHECK(deletions.find(7) == nullptr);
  REQUIRE(deletions.find(8) != nullptr);
  deletions.confirmed(20, {});  // it was tried again, and is stored now
  CHECK(deletions.find(8) == nullptr);
}

TEST_CASE("of two deletions of a message the later counts") {
  // A moderator may delete again what only the central API still holds, before it has heard of the
  // first.
  UnconfirmedDeletions deletions;
  deletions.record(deletion(10, 7, "ana"));
  deletions.record(deletion(12, 7, "mo"));
  CHECK(deletions.size() == 1);
  deletions.confirmed(10, {});
  REQUIRE(deletions.find(7) != nullptr);
  CHECK(*deletions.find(7) == "mo");
  deletions.confirmed(12, {});
  CHECK(deletions.size() == 0);
}
