// What stands in for a room that cannot be restored: an instance that traps on what is stored, or
// cannot read it, would do so again at every join.
//
// A held room has no connections and takes no messages. It says what failed (GET
// /api/rooms/{room}), refuses all else with 503, and asks for another try at the first event after
// kHeldRetryMs. If a record is to blame a moderator can have it skipped: it stays a record of the
// log, and the room's state is made without it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/settings.h"
#include "rooms/abi.h"
#include "rooms/effects.h"
#include "rooms/log.h"
#include "rooms/operation.h"
#include "rooms/room.h"
#include "rooms/room_clock.h"
#include "rooms/room_summary.h"

namespace edgeroom {

// What kHeld says of the instance before.
struct RestoreFailure {
  EventType during = EventType::kRestored;
  uint32_t target = 0;  // of that event
  int32_t status = 0;   // a RoomStatus; 0: a trap
  uint64_t seq = 0;     // the record that was at work; 0: none
  uint64_t tries = 1;   // instances in a row
};

// Nothing when the payload is not what rooms/abi.h says.
std::optional<RestoreFailure> parse_restore_failure(const Event& event);

class HeldRoom {
 public:
  HeldRoom(std::string name, const RoomSettings& settings, const RestoreFailure& failure,
           double now_ms);
  HeldRoom(const HeldRoom&) = delete;
  HeldRoom& operator=(const HeldRoom&) = delete;

  // As Room::handle.
  std::optional<RoomStatus> handle(const Event& event, EffectList& effects);

 private:
  using Refusal = std::optional<RoomStatus>;

  void handle_restore(const Event& event, EffectList& effects);
  Refusal handle_work(const Event& event, EffectList& effects);
  void restored(EffectList& effects);
  void set_alarm(EffectList& effects) const;
  Refusal request(const Event& event, EffectList& effects);
  void skip_request(const Event& event, EffectList& effects);
  // A problem document; with Retry-After for 503.
  void refuse(uint32_t request, uint32_t status, std::string_view title, std::string_view detail,
              EffectList& effects) const;
  [[nodiscard]] bool retry_due() const;
  [[nodiscard]] bool may_skip() const { return failure_.status == 0 && failure_.seq > 0; }
  [[nodiscard]] std::string reason() const;
  [[nodiscard]] RoomSummary summary() const;
  [[nodiscard]] std::string state_json() const;
  // {"seq"?,"reason","tries"}
  [[nodiscard]] std::string failure_json() const;

  RoomSettings settings_;
  RestoreFailure failure_;
  RoomClock clock_;
  double now_ms_;
  double held_at_ms_;
  bool restored_ = false;
  bool log_known_ = false;  // the log's state row could be read
  bool log_whole_ = false;  // and so could the segments
  bool waits_ = false;      // something in it has to be forwarded
  size_t dead_letters_ = 0;
  Log log_;
  std::vector<uint32_t> sockets_;
};

// The body of a request to skip a record: {"seq":N}.
Result<uint64_t> parse_skip(std::string_view body);

}  // namespace edgeroom
