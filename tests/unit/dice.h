// Seeded choices for tests that try many cases. The same seed gives the same choices on every
// machine, so a failure names all that is needed to repeat it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace edgeroom::test {

class Dice {
 public:
  explicit Dice(uint64_t seed) : generator_(seed) {}

  // 64 random bits.
  uint64_t bits() { return generator_(); }
  // From 0 to n - 1.
  uint64_t below(uint64_t n) { return generator_() % n; }
  // From `low` to `high`, both included.
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool one_in(uint64_t n) { return below(n) == 0; }
  size_t index(size_t size) { return static_cast<size_t>(below(size)); }

  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[index(from.size())];
  }

 private:
  std::mt19937_64 generator_;  // its sequence is fixed by the standard
};

}  // namespace edgeroom::test
