// The room's time, made of the host's clock.
//
// It never goes back. After the host's clock has, it runs at half speed until that has caught up:
// what is waited for comes late, but at most by as much again, and does not stand still for as long
// as the clock was wrong.
#pragma once

#include <algorithm>

#include "rooms/limits.h"

namespace edgeroom {

class RoomClock {
 public:
  // What the host's clock says now, in ms since 1970. True when it has gone back by so much that
  // an alarm which was set by it is not to be relied on.
  bool tell(double host_ms) {
    // What is to come sooner than that has a timer, and timers do not look at clocks.
    const bool has_jumped = host_ms < host_ms_ - kTimerDelayMaxMs;
    const double passed_ms = std::max(host_ms - host_ms_, 0.0);
    host_ms_ = host_ms;
    now_ms_ = std::max(host_ms, now_ms_ + passed_ms / 2);
    return has_jumped;
  }

  [[nodiscard]] double now_ms() const { return now_ms_; }
  // What the host's clock says now, as it was told…
  [[nodiscard]] double host_now_ms() const { return host_ms_; }
  // … and at this time of the room's, if nothing happens to it.
  [[nodiscard]] double host_ms(double room_ms) const { return room_ms - (now_ms_ - host_ms_); }
  // The other way round.
  [[nodiscard]] double room_ms(double host_ms) const { return host_ms + (now_ms_ - host_ms_); }

 private:
  double host_ms_ = 0;
  double now_ms_ = 0;
};

}  // namespace edgeroom
