#include "rooms/room_summary.h"

#include <algorithm>
#include <initializer_list>

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
  if (summary.replaying > 0) outbox.integer("replaying", summary.replaying);
  outbox.boolean("blocked", summary.blocked);
  outbox.integer("attempts", summary.attempts);
  outbox.string("breaker", summary.breaker);
  outbox.close();
}

std::string room_metrics(const RoomSummary& summary, bool is_held) {
  struct Metric {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    uint64_t value;
    uint64_t thousandths = 0;
  };
  constexpr uint64_t kMsPerSecond = 1000;
  const Metric metrics[] = {
      {"room_seq", "counter", "Records of the room's log.", summary.seq},
      {"room_confirmed", "gauge", "All records up to here are stored centrally, or dead letters.",
       summary.confirmed},
      {"room_connections", "gauge", "Open connections.", summary.connections},
      {"room_users", "gauge", "Users who are there.", summary.users},
      {"room_held", "gauge", "1: the room cannot be restored.", is_held ? 1U : 0U},
      {"outbox_pending", "gauge", "Records that the central API has not confirmed.",
       summary.pending},
      {"outbox_oldest_seconds", "gauge", "For how long the oldest of them has waited.",
       summary.oldest_ms / kMsPerSecond, summary.oldest_ms % kMsPerSecond},
      {"outbox_dead", "gauge", "Dead letters.", summary.dead},
      {"outbox_blocked", "gauge", "1: the central API refuses, and an operator has to mend it.",
       summary.blocked ? 1U : 0U},
      {"outbox_failed_attempts", "gauge", "Attempts that have failed one after the other.",
       summary.attempts},
      {"outbox_breaker_open", "gauge", "1: nothing is sent before the end of a pause.",
       summary.breaker == "open" ? 1U : 0U},
  };
  std::string out;
  const auto add = [&out](std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) out.append(part);
  };
  for (const Metric& metric : metrics) {
    add({"# HELP edgeroom_", metric.name, " ", metric.help, "\n"});
    add({"# TYPE edgeroom_", metric.name, " ", metric.type, "\n"});
    // A room's name needs no escaping (worker/route.h).
    add({"edgeroom_", metric.name, "{room=\"", summary.room, "\"} "});
    out.append(std::to_string(metric.value));
    if (metric.thousandths > 0) {
      const std::string digits = std::to_string(kMsPerSecond + metric.thousandths);
      add({".", std::string_view(digits).substr(1)});
    }
    out.push_back('\n');
  }
  return out;
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
