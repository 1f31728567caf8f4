// What is to happen later in the simulated world. Time moves only when it is told to.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <utility>

namespace edgeroom::roomsim {

class Schedule {
 public:
  [[nodiscard]] double now_ms() const { return now_ms_; }
  void pass(double ms) { now_ms_ += ms; }
  // Things of the same time happen in the order in which they were added.
  void add(double delay_ms, std::function<void()> thing) {
    things_.emplace(now_ms_ + delay_ms, std::move(thing));
  }
  [[nodiscard]] double next_ms() const {
    return things_.empty() ? std::numeric_limits<double>::infinity() : things_.begin()->first;
  }
  void do_next() {
    const auto next = things_.begin();
    const std::function<void()> thing = std::move(next->second);
    things_.erase(next);
    thing();
  }
  [[nodiscard]] bool empty() const { return things_.empty(); }

 private:
  double now_ms_ = 0;
  std::multimap<double, std::function<void()>> things_;
};

}  // namespace edgeroom::roomsim
