#include "rooms/dead_letters.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rooms/abi.h"
#include "rooms/effects.h"
#include "rooms/limits.h"

using edgeroom::DeadLetter;
using edgeroom::DeadLetters;
using edgeroom::Effect;
using edgeroom::EffectList;
using edgeroom::EffectType;
using edgeroom::kDeadLetterSlotFirst;
using edgeroom::kDeadLettersMax;

namespace {

using Rows = std::map<uint32_t, std::pair<std::string, std::string>>;

void carry_out(const EffectList& effects, Rows& rows) {
  for (const Effect& effect : effects.records()) {
    if (effect.type == static_cast<uint32_t>(EffectType::kDropSegment)) {
      REQUIRE(rows.erase(effect.target) == 1);
    } else {
      REQUIRE(effect.type == static_cast<uint32_t>(EffectType::kPutSegment));
      rows[effect.target] = {std::string(effects.data(effect)), std::string(effects.extra(effect))};
    }
  }
}

DeadLetters restored(const Rows& rows) {
  DeadLetters letters;
  for (const auto& [slot, row] : rows) REQUIRE(letters.restore(slot, row.first));
  return letters;
}

}  // namespace

TEST_CASE("dead letters: what is stored of them is what is restored") {
  DeadLetters letters;
  EffectList effects;
  Rows rows;
  letters.add(7, "TOO_LARGE");
  letters.add(3, "INVALID");
  CHECK(letters.unstored() == std::vector<uint64_t>{3, 7});
  letters.store(7, {1000, true, "seven"}, effects);
  letters.store(3, {900, false, "three"}, effects);
  CHECK(letters.unstored().empty());
  carry_out(effects, rows);
  CHECK(rows.size() == 2);
  CHECK(rows.begin()->first == kDeadLetterSlotFirst);
  const DeadLetters again = restored(rows);
  REQUIRE(again.size() == 2);
  CHECK(again.unstored().empty());
  const DeadLetter& three = again.all()[0];
  CHECK(three.seq == 3);
  CHECK(three.ts == 900);
  CHECK(three.code == "INVALID");
  CHECK_FALSE(three.is_message);
  CHECK(three.row().slot == three.slot);
  CHECK(three.row().data_size == 5);
  CHECK(rows.at(three.slot).second == "three");
  CHECK(again.find(7) != nullptr);
  CHECK(again.find(5) == nullptr);
}

TEST_CASE("dead letters: a slot is free again once its row is dropped, and not before") {
  DeadLetters letters;
  EffectList effects;
  Rows rows;
  letters.add(1, "A");
  letters.store(1, {1, true, "one"}, effects);
  CHECK(letters.remove(1));
  CHECK_FALSE(letters.remove(1));
  letters.add(2, "B");
  letters.store(2, {2, true, "two"}, effects);
  letters.drop_removed(effects);
  letters.drop_removed(effects);
  carry_out(effects, rows);
  REQUIRE(rows.size() == 1);
  CHECK(rows.begin()->second.second == "two");
  letters.add(3, "C");
  CHECK(letters.find(3)->slot == kDeadLetterSlotFirst);
}

TEST_CASE("dead letters: another reason is stored, the same is not") {
  DeadLetters letters;
  EffectList effects;
  letters.add(1, "A");
  letters.store(1, {1, true, "one"}, effects);
  letters.refused_again(1, "A");
  CHECK(letters.unstored().empty());
  letters.refused_again(1, std::string(1000, 'B'));
  CHECK(letters.unstored() == std::vector<uint64_t>{1});
  CHECK(letters.find(1)->code == std::string(edgeroom::kDeadLetterCodeBytesMax, 'B'));
}

TEST_CASE("dead letters: those without a row are forgotten, where they will be sent again") {
  DeadLetters letters;
  EffectList effects;
  letters.add(1, "A");
  letters.store(1, {1, true, "one"}, effects);
  letters.add(2, "B");
  letters.forget_rowless();
  CHECK(letters.size() == 1);
  CHECK(letters.find(1) != nullptr);
}

TEST_CASE("dead letters: there are so many and no more") {
  DeadLetters letters;
  for (uint64_t seq = 1; seq <= kDeadLettersMax; seq++) {
    CHECK_FALSE(letters.is_full());
    letters.add(seq, "X");
  }
  CHECK(letters.is_full());
}

TEST_CASE("dead letters: what is no head is refused") {
  DeadLetters letters;
  EffectList effects;
  Rows rows;
  letters.add(9, "CODE");
  letters.store(9, {1, true, "nine"}, effects);
  carry_out(effects, rows);
  const std::string head = rows.begin()->second.first;
  for (size_t size = 0; size < head.size(); size++) {
    DeadLetters other;
    CHECK_FALSE(other.restore(kDeadLetterSlotFirst, head.substr(0, size)));
  }
  DeadLetters other;
  CHECK_FALSE(other.restore(kDeadLetterSlotFirst, head + "x"));
  CHECK(other.restore(kDeadLetterSlotFirst, head));
  CHECK_FALSE(other.restore(kDeadLetterSlotFirst + 1, head));  // the same record twice
}
