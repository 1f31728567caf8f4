// What a room says of itself: the members of GET /api/rooms/{room} (docs/PROTOCOL.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_writer.h"
#include "rooms/segment.h"

namespace edgeroom {

// The views must outlive the summary.
struct RoomSummary {
  std::string_view room;
  std::string_view epoch;  // empty: never used
  uint64_t seq = 0;
  uint64_t confirmed = 0;
  size_t connections = 0;
  size_t users = 0;
  uint64_t pending = 0;
  uint64_t oldest_ms = 0;
  size_t dead = 0;
  size_t replaying = 0;  // of these, those that are tried again
  bool blocked = false;
  uint32_t attempts = 0;  // in a row that have failed
  // "closed": batches are sent; "open": none is before the end of a pause; "half_open": one at a
  // time finds out whether the central API is back.
  std::string_view breaker = "closed";
};

// Its members. `out` is what `object` writes to.
void append_room_summary(JsonObjectWriter& object, std::string& out, const RoomSummary& summary);

// The same in Prometheus' text format; `is_held`: the room cannot be restored.
std::string room_metrics(const RoomSummary& summary, bool is_held);

// For how long the oldest record has waited that is not confirmed; 0 when there is none.
uint64_t oldest_pending_ms(const SegmentIndex& segments, uint64_t confirmed, double now_ms);

}  // namespace edgeroom
