// Who is banned and who is muted, against a plain list of what was done; and the state's bytes.

#include "rooms/moderation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::ByteReader;
using edgeroom::ByteWriter;
using edgeroom::kForGood;
using edgeroom::Moderation;
using edgeroom::ModerationAction;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

constexpr uint64_t kTs = 1'800'000'000'000;

Record moderation(ModerationAction action, std::string_view subject, uint64_t ts = kTs,
                  uint64_t until = 0) {
  Record record;
  record.kind = RecordKind::kModeration;
  record.ts = ts;
  record.user = "mo";
  record.action = action;
  record.subject = subject;
  record.until = until;
  return record;
}

std::string encoded(const Moderation& state) {
  std::string out;
  ByteWriter writer(out);
  state.encode(writer);
  return out;
}

bool decodes(std::string_view bytes, Moderation& state) {
  const ExactText exact(bytes);
  ByteReader reader(exact.view());
  return state.decode(reader) && reader.at_end();
}

// The two ends of one user, as the records have set them; 0 for none.
struct Ends {
  uint64_t ban = 0;
  uint64_t mute = 0;
};

uint64_t at(uint64_t end, uint64_t now_ms) { return end > now_ms ? end : 0; }

// The state's bytes as the header states them.
std::string expected_bytes(const std::map<std::string, Ends>& model, uint64_t ts) {
  std::string entries;
  ByteWriter writer(entries);
  uint64_t count = 0;
  for (const auto& [user, ends] : model) {
    const uint64_t ban = at(ends.ban, ts);
    const uint64_t mute = at(ends.mute, ts);
    if (ban == 0 && mute == 0) continue;
    count++;
    writer.sized(user);
    writer.varint(ban);
    writer.varint(mute);
  }
  std::string out;
  ByteWriter head(out);
  head.varint(count);
  return out + entries;
}

}  // namespace

TEST_CASE("nobody is banned or muted before somebody does it") {
  const Moderation state;
  CHECK(state.banned_until("eve", 0) == 0);
  CHECK(state.muted_until("eve", 0) == 0);
  CHECK_FALSE(state.full(0));
  CHECK(encoded(state) == std::string(1, '\0'));
}

TEST_CASE("a ban and a mute hold apart from each other, and end apart") {
  Moderation state;
  state.apply(moderation(ModerationAction::kBan, "eve", kTs, kTs + 1000));
  state.apply(moderation(ModerationAction::kMute, "eve", kTs));
  CHECK(state.banned_until("eve", kTs) == kTs + 1000);
  CHECK(state.muted_until("eve", kTs) == kForGood);
  CHECK(state.banned_until("eve", static_cast<double>(kTs) + 999.5) == kTs + 1000);
  CHECK(state.banned_until("eve", kTs + 1000) == 0);  // the end is the first ms without it
  CHECK(state.muted_until("eve", 9e15) == kForGood);
  CHECK(state.banned_until("Eve", kTs) == 0);
  CHECK(state.banned_until("ev", kTs) == 0);
  CHECK(state.banned_until("", kTs) == 0);
  state.apply(moderation(ModerationAction::kUnmute, "eve"));
  CHECK(state.muted_until("eve", kTs) == 0);
  CHECK(state.banned_until("eve", kTs) == kTs + 1000);
  state.apply(moderation(ModerationAction::kUnban, "eve"));
  CHECK(state.banned_until("eve", kTs) == 0);
  CHECK(encoded(state) == encoded(Moderation()));
}

TEST_CASE("the newer of two bans is the one that holds, longer or shorter") {
  Moderation state;
  state.apply(moderation(ModerationAction::kBan, "eve"));
  state.apply(moderation(ModerationAction::kBan, "eve", kTs, kTs + 5));
  CHECK(state.banned_until("eve", kTs) == kTs + 5);
  state.apply(moderation(ModerationAction::kBan, "eve"));
  CHECK(state.banned_until("eve", kTs) == kForGood);
}

TEST_CASE("a kick, an unban of nobody, and records of other kinds leave nothing") {
  Moderation state;
  state.apply(moderation(ModerationAction::kKick, "eve"));
  state.apply(moderation(ModerationAction::kUnban, "eve"));
  state.apply(moderation(ModerationAction::kUnmute, "bob"));
  Record message = moderation(ModerationAction::kBan, "eve");
  message.kind = RecordKind::kMessage;
  state.apply(message);
  message.kind = RecordKind::kDeletion;
  state.apply(message);
  CHECK(encoded(state) == encoded(Moderation()));
}

TEST_CASE("what has ended is forgotten by the next record's time, not before") {
  Moderation state;
  state.apply(moderation(ModerationAction::kBan, "eve", kTs, kTs + 10));
  state.apply(moderation(ModerationAction::kMute, "bob", kTs, kTs + 20));
  state.apply(moderation(ModerationAction::kKick, "ana", kTs + 9));
  CHECK(state.banned_until("eve", kTs + 9) == kTs + 10);
  state.apply(moderation(ModerationAction::kKick, "ana", kTs + 10));
  Moderation only_bob;
  only_bob.apply(moderation(ModerationAction::kMute, "bob", kTs, kTs + 20));
  CHECK(encoded(state) == encoded(only_bob));
  // A message does not make the state forget: one room may see it, and another read a snapshot.
  Record message;
  message.ts = kTs + 100;
  state.apply(message);
  CHECK(encoded(state) == encoded(only_bob));
}

TEST_CASE("over random records the state is the one of the plain list, and its bytes say so") {
  static const std::vector<ModerationAction> kActions = {
      ModerationAction::kKick, ModerationAction::kBan, ModerationAction::kUnban,
      ModerationAction::kMute, ModerationAction::kUnmute};
  Dice dice(11);
  for (int round = 0; round < 100; round++) {
    std::map<std::string, Ends> model;
    Moderation state;
    uint64_t ts = kTs;
    for (int i = 0; i < 60; i++) {
      ts += dice.below(50);
      const std::string user = "user \"\xc3\xa9\"" + std::to_string(dice.below(6));
      const ModerationAction action = dice.pick(kActions);
      const uint64_t until = dice.one_in(2) ? ts + dice.below(200) : 0;
      state.apply(moderation(action, user, ts, until));
      const uint64_t end = until == 0 ? kForGood : until;
      for (auto& [name, ends] : model) ends = {at(ends.ban, ts), at(ends.mute, ts)};
      if (action == ModerationAction::kBan) model[user].ban = end;
      if (action == ModerationAction::kUnban) model[user].ban = 0;
      if (action == ModerationAction::kMute) model[user].mute = end;
      if (action == ModerationAction::kUnmute) model[user].mute = 0;
      const uint64_t later = ts + dice.below(100);
      for (const auto& [name, ends] : model) {
        CHECK(state.banned_until(name, static_cast<double>(later)) == at(ends.ban, later));
        CHECK(state.muted_until(name, static_cast<double>(later)) == at(ends.mute, later));
      }
      // A ban that ends with the record's own ms stands in the state until the next record.
      if (until != ts) CHECK(encoded(state) == expected_bytes(model, ts));
      Moderation copy;
      REQUIRE(decodes(encoded(state), copy));
      CHECK(encoded(copy) == encoded(state));
      // The copy goes on as the original would.
      copy.apply(moderation(ModerationAction::kKick, "x", ts + 70));
      Moderation original;
      REQUIRE(decodes(encoded(state), original));
      original.apply(moderation(ModerationAction::kKick, "x", ts + 70));
      CHECK(encoded(copy) == encoded(original));
    }
  }
}

TEST_CASE("the state is full before a snapshot is too large, and never for good by what ends") {
  Moderation state;
  std::vector<std::string> names;
  while (!state.full(0)) {
    std::string name = std::to_string(names.size());
    name.resize(edgeroom::kUserCharactersMax * 4, 'x');  // the most bytes a name can have
    names.push_back(name);
    state.apply(moderation(ModerationAction::kBan, names.back(), kTs, kTs + names.size()));
  }
  CHECK(names.size() > 1000);
  CHECK(encoded(state).size() <= edgeroom::kModerationBytesMax + 1000);
  CHECK(encoded(state).size() > edgeroom::kModerationBytesMax / 2);
  Moderation copy;
  REQUIRE(decodes(encoded(state), copy));
  CHECK(copy.full(kTs));  // a full room is full after a sleep
  // And no longer when the first of them has ended, though nobody has moderated since.
  CHECK_FALSE(copy.full(kTs + 1));
  // Whoever is banned already does not count twice.
  state.apply(moderation(ModerationAction::kMute, names.back()));
  state.apply(moderation(ModerationAction::kUnmute, names.back()));
  CHECK(encoded(state) == encoded(copy));
  state.apply(moderation(ModerationAction::kUnban, names.back()));
  CHECK_FALSE(state.full(0));
  copy.apply(moderation(ModerationAction::kKick, "x", kTs + 1));
  CHECK_FALSE(copy.full(0));
  // Emptied, it takes as many as before: nothing that is gone still counts.
  state.apply(moderation(ModerationAction::kKick, "x", kTs + names.size()));
  CHECK(encoded(state) == encoded(Moderation()));
  size_t again = 0;
  for (; !state.full(0); again++) state.apply(moderation(ModerationAction::kMute, names[again]));
  CHECK(again == names.size());
}

TEST_CASE("short names fill it too, within the bytes of a snapshot") {
  Moderation state;
  size_t users = 0;
  for (; !state.full(0); users++) {
    state.apply(moderation(ModerationAction::kBan, std::to_string(users)));
  }
  CHECK(encoded(state).size() <= edgeroom::kModerationBytesMax);
  CHECK(users > 20'000);
}

TEST_CASE("one more ban does not look at all the others, but when one of them may have ended") {
  // With a scan for each this takes minutes; the states must be the same all the same.
  Moderation state;
  for (size_t user = 0; user < 20'000; user++) {
    state.apply(moderation(ModerationAction::kBan, std::to_string(user), kTs));
  }
  for (int i = 0; i < 20'000; i++) {
    state.apply(moderation(ModerationAction::kKick, "x", kTs));
  }
  state.apply(moderation(ModerationAction::kMute, "eve", kTs, kTs + 10));
  state.apply(moderation(ModerationAction::kBan, "eve", kTs, kTs + 20));
  Moderation copy;
  REQUIRE(decodes(encoded(state), copy));
  for (Moderation* each : {&state, &copy}) {
    each->apply(moderation(ModerationAction::kKick, "x", kTs + 9));
    const std::string before = encoded(*each);
    each->apply(moderation(ModerationAction::kKick, "x", kTs + 10));
    CHECK(encoded(*each).size() < before.size());  // the mute's end is gone
    each->apply(moderation(ModerationAction::kKick, "x", kTs + 20));
    Moderation others;
    REQUIRE(decodes(encoded(*each), others));
    CHECK(others.banned_until("eve", kTs) == 0);
    CHECK(others.banned_until("19999", kTs) == kForGood);
  }
}

TEST_CASE("bytes that are cut, go on or have a flipped bit are no state, or a sound one") {
  Moderation state;
  state.apply(moderation(ModerationAction::kBan, "eve"));
  state.apply(moderation(ModerationAction::kMute, "bob", kTs, kTs + 1));
  const std::string whole = encoded(state);
  for (size_t size = 0; size < whole.size(); size++) {
    CAPTURE(size);
    Moderation copy;
    CHECK_FALSE(decodes(std::string_view(whole).substr(0, size), copy));
  }
  Moderation extended;
  CHECK_FALSE(decodes(whole + '\0', extended));
  for (size_t bit = 0; bit < whole.size() * 8; bit++) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
    Moderation copy;
    if (!decodes(flipped, copy)) continue;
    CHECK(encoded(copy).size() <= whole.size() + 20);
  }
  // A count that nobody shall count up to.
  Moderation huge;
  CHECK_FALSE(decodes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", huge));
  // What was there before is gone.
  Moderation reused;
  reused.apply(moderation(ModerationAction::kBan, "mallory"));
  REQUIRE(decodes(whole, reused));
  CHECK(reused.banned_until("mallory", kTs) == 0);
  CHECK(encoded(reused) == whole);
}
