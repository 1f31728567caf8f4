// How much one connection, or one user over all of his, may ask of a room: frames, and bytes.
#pragma once

#include <cstddef>

#include "base/settings.h"
#include "base/token_bucket.h"

namespace edgeroom {

// A limit of MESSAGE_LIMITS, used up and coming back. A frame costs one, and its bytes; what is
// said to one connection alone (a page of history, say) costs its bytes, after it was said: the
// largest answers are asked for by the smallest frames.
class FrameBudget {
 public:
  explicit FrameBudget(const FrameLimit& limit)
      : frames_(limit.rate, limit.burst), bytes_(limit.bytes, limit.bytes_burst) {}

  [[nodiscard]] double wait_ms(double now_ms) const;
  void spend_frame(double now_ms, size_t bytes);
  void spend_answer(double now_ms, size_t bytes);
  // For an answer that is not to cost anything, and is spent as all are.
  void refund_answer(double now_ms, size_t bytes);
  [[nodiscard]] bool full(double now_ms) const {
    return frames_.full(now_ms) && bytes_.full(now_ms);
  }

 private:
  TokenBucket frames_;
  TokenBucket bytes_;
};

}  // namespace edgeroom
