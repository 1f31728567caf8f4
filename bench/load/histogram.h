// How often each duration was, in buckets of equal relative width: small, of fixed size, and exact
// to 1.6 %, whatever the range.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace edgeroom::load {

class Histogram {
 public:
  void add(uint64_t us) {
    counts_[bucket(us)]++;
    total_++;
    if (us > max_) max_ = us;
  }

  void clear() { *this = Histogram(); }

  [[nodiscard]] uint64_t total() const { return total_; }
  [[nodiscard]] uint64_t max() const { return max_; }

  // The value that `part` (0 to 1) of all do not exceed, as the highest of its bucket and never
  // more than the greatest that came. 0 when there are none.
  [[nodiscard]] uint64_t quantile(double part) const;

 private:
  // Values below 2^kDetailBits have a bucket each; above, every power of two has so many.
  static constexpr unsigned kDetailBits = 6;
  static constexpr size_t kDetail = size_t{1} << kDetailBits;
  // Up to 2^40 us, which is twelve days.
  static constexpr unsigned kValueBits = 40;
  static constexpr size_t kBuckets = kDetail * (kValueBits - kDetailBits + 1);

  static size_t bucket(uint64_t us) {
    constexpr uint64_t kMost = (uint64_t{1} << kValueBits) - 1;
    if (us > kMost) us = kMost;
    if (us < kDetail) return static_cast<size_t>(us);
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - 1 - kDetailBits;
    return kDetail * (shift + 1) + static_cast<size_t>((us >> shift) - kDetail);
  }

  static uint64_t highest(size_t bucket);

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace edgeroom::load
