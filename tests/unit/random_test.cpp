// The generator against reference values.
//
// They come from a second implementation, in Python, of splitmix64 and xoshiro256** as published.
// That one was first compared with values of others: splitmix64 with seed 1234567 gives
// 6457827717110365317, 3203168211198807973, …; xoshiro256** from the state {1, 2, 3, 4} gives
// 11520, 0, 1509978240, 1215971899390074240, …; and seeded through splitmix64 with 1234, after
// 10,000 numbers, a jump and a long jump, the bytes 1f197e9ca7969123 that PHP's engine gives.

#include "base/random.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

using edgeroom::Random;

namespace {

struct Sequence {
  uint64_t seed;
  std::array<uint64_t, 5> numbers;
};

const std::vector<Sequence> kSequences = {
    {0,
     {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c,
      0xbba5ad4a1f842e59}},
    {1,
     {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7,
      0xb27a48e29a233673}},
    {42,
     {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1, 0xecb8ad4703b360a1,
      0xfde6dc7fe2ec5e64}},
    {UINT64_MAX,
     {0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f,
      0x913593fda1bca32a}},
};

}  // namespace

TEST_CASE("the generator gives the reference values of xoshiro256** seeded by splitmix64") {
  for (const Sequence& sequence : kSequences) {
    CAPTURE(sequence.seed);
    Random random(sequence.seed);
    for (const uint64_t number : sequence.numbers) CHECK(random.next() == number);
  }
  Random random(42);
  uint64_t last = 0;
  for (int i = 0; i < 1'000'000; i++) last = random.next();
  CHECK(last == 0x55cf61d654b8f555);
}

TEST_CASE("a fraction is the next number's upper 53 bits, in [0, 1)") {
  Random numbers(7);
  Random fractions(7);
  double sum = 0;
  double lowest = 1;
  double highest = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; i++) {
    const double fraction = fractions.fraction();
    REQUIRE(fraction == static_cast<double>(numbers.next() >> 11U) / 9007199254740992.0);
    lowest = fraction < lowest ? fraction : lowest;
    highest = fraction > highest ? fraction : highest;
    sum += fraction;
  }
  CHECK(lowest >= 0);
  CHECK(lowest < 0.001);
  CHECK(highest < 1);
  CHECK(highest > 0.999);
  CHECK(sum / kDraws == doctest::Approx(0.5).epsilon(0.01));
}
