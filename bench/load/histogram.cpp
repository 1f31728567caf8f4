#include "bench/load/histogram.h"

#include <algorithm>
#include <cmath>

namespace edgeroom::load {

uint64_t Histogram::highest(size_t bucket) {
  if (bucket < kDetail) return bucket;
  const size_t shift = bucket / kDetail - 1;
  const uint64_t lowest = (kDetail + bucket % kDetail) << shift;
  return lowest + (uint64_t{1} << shift) - 1;
}

uint64_t Histogram::quantile(double part) const {
  if (total_ == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::ceil(part * static_cast<double>(total_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); i++) {
    seen += counts_[i];
    if (seen >= std::max<uint64_t>(wanted, 1)) return std::min(highest(i), max_);
  }
  return max_;
}

}  // namespace edgeroom::load
