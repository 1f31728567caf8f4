#include "rooms/room_summary.h"

#include <algorithm>

namespace edgeroom {

void append_room_summary(JsonObjectWriter& object, std::string& out, const RoomSummary& summary) {
  object.string("room", summary.room);
  if (summary.epoch.empty()) {
    object.null("epoch");
  } else {
    object.string("epoch", summary.epoch);
  }
  object.integer("seq", summary.seq);
  object.integer("confirmed", summary.confirmed);
  object.integer("connections", summary.connections);
  object.integer("users", summary.users);
  object.key("outbox");
  JsonObjectWriter outbox(out);
  outbox.integer("pending", summary.pending);
  outbox.integer("oldest_ms", summary.oldest_ms);
  outbox.integer("dead", summary.dead);
  outbox.boolean("blocked", summary.blocked);
  outbox.integer("attempts", summary.attempts);
  outbox.string("breaker", summary.breaker);
  outbox.close();
}

uint64_t oldest_pending_ms(const SegmentIndex& segments, uint64_t confirmed, double now_ms) {
  const auto& entries = segments.entries();
  const auto oldest = std::partition_point(
      entries.begin(), entries.end(),
      [confirmed](const SegmentEntry& entry) { return entry.last_seq() <= confirmed; });
  if (oldest == entries.end()) return 0;
  const double age_ms = now_ms - static_cast<double>(oldest->first_ts);
  return age_ms > 0 ? static_cast<uint64_t>(age_ms) : 0;
}

}  // namespace edgeroom
