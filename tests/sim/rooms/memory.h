// How much memory the room holds: what is allocated while it is at work is counted as its.
#pragma once

#include <cstddef>

namespace edgeroom::roomsim {

// While one is alive, allocations are the room's.
class RoomAtWork {
 public:
  RoomAtWork();
  ~RoomAtWork();
  RoomAtWork(const RoomAtWork&) = delete;
  RoomAtWork& operator=(const RoomAtWork&) = delete;
};

size_t room_bytes();

}  // namespace edgeroom::roomsim
