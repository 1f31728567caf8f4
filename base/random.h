// A deterministic generator for the core, which has no randomness of its own: the host gives the
// seed as an argument, so a recorded room replays to the same numbers.
#pragma once

#include <cstdint>

namespace edgeroom {

// xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded through splitmix64. Not for secrets beyond
// what its seed holds.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next();
  // A number in [0, 1), of 53 bits.
  double fraction();

 private:
  uint64_t state_[4];
};

}  // namespace edgeroom
