#include "rooms/frame_budget.h"

#include <algorithm>

namespace edgeroom {

double FrameBudget::wait_ms(double now_ms) const {
  return std::max(frames_.wait_ms(now_ms), bytes_.wait_ms(now_ms));
}

void FrameBudget::spend_frame(double now_ms, size_t bytes) {
  frames_.spend(now_ms, 1);
  bytes_.spend(now_ms, static_cast<double>(bytes));
}

void FrameBudget::spend_answer(double now_ms, size_t bytes) {
  bytes_.spend(now_ms, static_cast<double>(bytes));
}

void FrameBudget::refund_answer(double now_ms, size_t bytes) {
  bytes_.spend(now_ms, -static_cast<double>(bytes));
}

}  // namespace edgeroom
