// Who is there, and what the room therefore has to say of it: join and leave while the room is
// small, and how many there are.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "tests/sim/rooms/told.h"

namespace edgeroom::roomsim {

class Presence {
 public:
  // `small_max`: so many connections there may be for join and leave to be told.
  explicit Presence(uint32_t small_max) : small_max_(small_max) {}

  // A connection was accepted, has outlived an instance, or is gone.
  void entered(uint32_t handle, std::string_view attachment);
  void restored(uint32_t handle, std::string_view attachment);
  void left(uint32_t handle);
  // An event has ended: what is to be told to nobody need not be told.
  void event_ended();
  // The instance is gone, and with it what it had still to tell.
  void instance_lost();
  // It slept: nobody promises that what it had still to tell is ever told.
  void slept() { is_unsure_ = is_unsure_ || is_changed_; }

  // A frame of the instance `generation` leaves the room, when the room's clock shows at most
  // `passed_ms`: it has to say of who is there what is so now.
  void telling(Told& frame, double passed_ms, uint64_t generation);

  [[nodiscard]] size_t size() const { return by_handle_.size(); }
  [[nodiscard]] size_t users() const { return users_.size(); }
  // Whether everybody must know by now how many there are.
  [[nodiscard]] bool is_known() const { return !is_unsure_; }
  // A join or a leave that was not told.
  [[nodiscard]] std::string untold() const;

 private:
  struct Member {
    std::string user;
    std::string conn;
  };
  struct Change {
    std::string type;
    std::string conn;
    bool may_be_dropped = false;
  };

  void changed(std::string_view type, const std::string& conn);
  void check_change(const Object& object, std::string_view type);
  void check_count(const Object& object) const;
  void check_members(const Object& object) const;

  uint32_t small_max_;
  std::map<uint32_t, Member> by_handle_;
  std::map<std::string, size_t> users_;  // connections
  std::deque<Change> to_tell_;
  bool is_changed_ = false;  // since the last room_count
  bool is_unsure_ = false;
  double counted_passed_ms_ = 0;
  uint64_t counted_generation_ = 0;
};

}  // namespace edgeroom::roomsim
