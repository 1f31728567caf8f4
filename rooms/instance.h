// One instance of room.wasm, but for the memory that it shares with its host: what its exports do.
// Native programs that play the host use it in place of the module.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rooms/abi.h"
#include "rooms/effects.h"
#include "rooms/room.h"
#include "rooms/room_held.h"

namespace edgeroom {

class RoomInstance {
 public:
  // Handles one event (an EventType), whose payload needs to live only for the call. Returns the
  // number of effects, or a negative RoomStatus.
  int32_t event(uint32_t type, uint32_t target, uint32_t number, double now_ms,
                std::string_view payload);

  // Those of the last event, valid until the next one.
  [[nodiscard]] const EffectList& effects() const { return effects_; }

  // For native programs that look inside; null before kStart.
  [[nodiscard]] const Room* room() const { return room_.get(); }

  // Where the record stands that the room's state is being made of (Output::working_seq); null
  // before kStart, and for a room that is held.
  [[nodiscard]] const volatile double* working_seq() const {
    return room_ == nullptr ? nullptr : room_->working_seq();
  }

 private:
  int32_t start(const Event& event);
  int32_t hold(const Event& event);
#ifdef EDGEROOM_TEST_HOOKS
  void trap_if_asked(const Event& event);
  uint32_t trap_at_ = 0;         // the EventType that is to trap; 0: none
  bool trapped_before_ = false;  // the instance before this one
#endif

  std::string name_;
  RoomSettings settings_;
  std::unique_ptr<Room> room_;
  std::unique_ptr<HeldRoom> held_;  // in place of room_
  EffectList effects_;
};

}  // namespace edgeroom
