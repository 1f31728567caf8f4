// Seeded choices for tests that try many cases. The same seed gives the same choices on every
// machine, so a failure names all that is needed to repeat it.
//
// Or choices that somebody else has made: a fuzzer's, from its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace edgeroom::test {

class Dice {
 public:
  explicit Dice(uint64_t seed) : generator_(seed) {}
  // Each choice takes as few bytes as it needs. `bytes` must outlive the dice; when they are spent
  // every choice is the first.
  static Dice of_bytes(std::string_view bytes) {
    Dice dice(0);
    dice.bytes_ = bytes;
    return dice;
  }

  // 64 random bits.
  uint64_t bits() { return bytes_ ? taken(UINT64_MAX) : generator_(); }
  // From 0 to n - 1.
  uint64_t below(uint64_t n) { return (bytes_ ? taken(n - 1) : generator_()) % n; }
  // There is nothing left to choose by; never so of a seed.
  [[nodiscard]] bool is_spent() const { return bytes_ && bytes_->empty(); }
  // From `low` to `high`, both included.
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool one_in(uint64_t n) { return below(n) == 0; }
  size_t index(size_t size) { return static_cast<size_t>(below(size)); }

  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[index(from.size())];
  }

 private:
  // A number of the bytes that `max` fills.
  uint64_t taken(uint64_t max) {
    uint64_t value = 0;
    for (; max > 0 && !bytes_->empty(); max >>= 8) {
      value = value << 8 | static_cast<unsigned char>(bytes_->front());
      bytes_->remove_prefix(1);
    }
    return value;
  }

  std::optional<std::string_view> bytes_;
  std::mt19937_64 generator_;  // its sequence is fixed by the standard
};

}  // namespace edgeroom::test
