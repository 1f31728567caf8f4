// Whole lives of a room: the bytes decide who joins, publishes, deletes and leaves, what the
// central API answers, when time passes and when the room sleeps. The model of the unit tests
// checks along the way.
#include "tests/fuzz/input.h"
#include "tests/unit/room_world.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kStepsMax = 100;
  using edgeroom::test::Dice;
  live_room(Dice::of_bytes(edgeroom::fuzz::text_of(data, size)), kStepsMax);
  return 0;
}
