#include "worker/window.h"

#include <cmath>

namespace edgeroom {

namespace {

uint32_t tick_of(double now_ms) {
  return static_cast<uint32_t>(static_cast<uint64_t>(now_ms) & 0xffffffffU);
}

}  // namespace

uint32_t UsageWindow::age_ms(const Entry& entry, double now_ms) {
  return tick_of(now_ms) - entry.at;
}

void UsageWindow::add(const WindowShape& shape, double now_ms, uint32_t units) {
  const bool has_last = head_ < entries_.size();
  const bool same_tick = has_last && entries_.back().at == tick_of(now_ms);
  const bool same_quantum =
      has_last && shape.quantum_ms > 0 &&
      std::floor(now_ms / shape.quantum_ms) == std::floor(last_ms_ / shape.quantum_ms);
  if (same_tick || same_quantum) {
    entries_.back().at = tick_of(now_ms);
    entries_.back().units += units;
  } else {
    if (head_ > 0 && entries_.size() == entries_.capacity()) release();
    entries_.push_back({tick_of(now_ms), units});
  }
  last_ms_ = now_ms;
  used_ += units;
}

uint64_t UsageWindow::used(const WindowShape& shape, double now_ms) {
  if (head_ == entries_.size()) return 0;
  if (now_ms - last_ms_ >= shape.window_ms) {
    entries_ = std::vector<Entry>();
    head_ = 0;
    used_ = 0;
    return 0;
  }
  while (head_ < entries_.size() && age_ms(entries_[head_], now_ms) >= shape.window_ms) {
    used_ -= entries_[head_++].units;
  }
  return used_;
}

double UsageWindow::wait_ms(const WindowShape& shape, double now_ms, uint64_t units) const {
  uint64_t left = 0;
  for (size_t i = head_; i < entries_.size(); i++) {
    left += entries_[i].units;
    if (left >= units) return shape.window_ms - age_ms(entries_[i], now_ms);
  }
  return shape.window_ms;
}

uint64_t UsageWindow::used_since(double now_ms, double span_ms) const {
  uint64_t units = 0;
  for (size_t i = entries_.size(); i > head_; i--) {
    if (age_ms(entries_[i - 1], now_ms) >= span_ms) break;
    units += entries_[i - 1].units;
  }
  return units;
}

// Moves the entries that are left to the front, so that the vector need not grow.
void UsageWindow::release() {
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

}  // namespace edgeroom
