// Rooms that random dice make live.

#include <doctest/doctest.h>

#include "tests/unit/dice.h"
#include "tests/unit/room_world.h"

using edgeroom::test::Dice;
using edgeroom::test::live_room;
using edgeroom::test::RoomLife;

TEST_CASE("whatever happens, everybody sees one unbroken sequence and all of it is stored") {
  size_t records = 0;
  size_t dead_letters = 0;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    CAPTURE(seed);
    const RoomLife life = live_room(Dice(seed), 500);
    records += life.records;
    dead_letters += life.dead_letters;
  }
  CHECK(records > 2000);
  CHECK(dead_letters > 200);
}
