// A room under the joins, messages, deletions, answers and sleeps that dice choose.
//
// Whatever happens, each connection sees the records once, in order, without a gap and alike;
// nothing is told that is not stored; nothing that was told is lost; the room that wakes is the one
// that went to sleep; and once the endpoint answers again, the central store has all of it.
#pragma once

#include <cstddef>

#include "tests/unit/dice.h"

namespace edgeroom::test {

struct RoomLife {
  size_t records = 0;       // that the room has taken
  size_t dead_letters = 0;  // that were seen, each time anew
};

// Checks all that along the way, and at the end. It ends early when the dice are spent.
RoomLife live_room(const Dice& dice, int steps);

}  // namespace edgeroom::test
