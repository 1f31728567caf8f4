// What one key used in the last window: an exact sliding window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgeroom {

// How a policy's windows are kept.
struct WindowShape {
  double window_ms = 0;
  // Admissions of the same quantum share an entry, which leaves with the last of them: so never
  // too little is counted, and for at most one quantum too much. 0: every millisecond its own.
  double quantum_ms = 0;
};

// Units used, with the time of their use. Times are given in ms and must not go back.
class UsageWindow {
 public:
  void add(const WindowShape& shape, double now_ms, uint32_t units);
  // Forgets what is `window_ms` old or older, and returns what is left.
  uint64_t used(const WindowShape& shape, double now_ms);

  // How long after `now_ms` the first `units` of what is used will have left; call used() first.
  // What it lacks in units is taken as the whole window.
  [[nodiscard]] double wait_ms(const WindowShape& shape, double now_ms, uint64_t units) const;

  // Calls `visit(at_ms, units)` for each entry that is left, oldest first.
  template <typename Visit>
  void each(double now_ms, Visit visit) const {
    for (size_t i = head_; i < entries_.size(); i++) {
      visit(now_ms - static_cast<double>(age_ms(entries_[i], now_ms)), entries_[i].units);
    }
  }

  // The units used in the last `span_ms`, which is not above the window.
  [[nodiscard]] uint64_t used_since(double now_ms, double span_ms) const;

  // The time of the last use; 0 before the first.
  [[nodiscard]] double last_ms() const { return last_ms_; }

  // Entries in memory: what kWindowEntriesMax counts.
  [[nodiscard]] size_t held() const { return entries_.capacity(); }

 private:
  // `at` counts ms modulo 2^32, some 50 days, which no window comes near.
  struct Entry {
    uint32_t at;
    uint32_t units;
  };

  static uint32_t age_ms(const Entry& entry, double now_ms);
  void release();

  std::vector<Entry> entries_;  // those before head_ have left
  size_t head_ = 0;
  uint64_t used_ = 0;
  double last_ms_ = 0;
};

}  // namespace edgeroom
