#include "tests/sim/rooms/faults.h"

#include <algorithm>

namespace edgeroom::roomsim {

namespace {

constexpr std::array<std::string_view, kFaults> kNames = {
    "commit failed",
    "turn lost",
    "object crashed",
    "object evicted",
    "trap in a frame",
    "trap in a flush",
    "trap in a load",
    "trap in a request",
    "trap in background",
    "trap in a restore",
    "room held",
    "storage set back",
    "timer late",
    "alarm late",
    "alarm doubled",
    "alarm lost",
    "clock stands still",
    "clock jumps ahead",
    "clock jumps back",
    "request lost",
    "answer lost",
    "request late",
    "request doubled",
    "answer partial",
    "records to be retried",
    "record rejected",
    "server error",
    "throttled",
    "bad batch",
    "foreign refusal",
    "forbidden",
    "signature too old",
    "too large",
    "answer malformed",
    "answer of another epoch",
    "conflict",
    "false conflict",
    "read failed",
    "read lost",
    "page malformed",
    "client vanished",
    "slow reader",
    "flood",
    "malformed frame",
    "binary frame",
    "oversize frame",
    "message too large",
    "event too large",
    "lying resume",
    "foreign deletion",
    "foreign moderation",
    "id used again",
    "token ended",
    "token refused",
    "token not verified",
};

}  // namespace

std::string_view name_of(Fault fault) { return kNames[static_cast<size_t>(fault)]; }

void Tally::add(const Tally& other) {
  seeds += other.seeds;
  events += other.events;
  records += other.records;
  dead_letters += other.dead_letters;
  drain_ms_max = std::max(drain_ms_max, other.drain_ms_max);
  room_bytes_max = std::max(room_bytes_max, other.room_bytes_max);
  for (size_t i = 0; i < kFaults; i++) faults[i] += other.faults[i];
}

std::string Tally::text() const {
  std::string out = std::to_string(seeds) + " seeds, " + std::to_string(events) + " events, " +
                    std::to_string(records) + " records, " + std::to_string(dead_letters) +
                    " dead letters, at most " + std::to_string(room_bytes_max >> 10U) +
                    " KiB in a room\n";
  for (size_t i = 0; i < kFaults; i++) {
    std::string count = std::to_string(faults[i]);
    count.insert(0, 10 - std::min<size_t>(10, count.size()), ' ');
    out += count + "  " + std::string(kNames[i]) + "\n";
  }
  return out;
}

std::string Tally::json(double seconds) const {
  std::string out = "{\"seeds\":" + std::to_string(seeds);
  const auto add = [&out](std::string_view name, uint64_t value) {
    out += ",\"" + std::string(name) + "\":" + std::to_string(value);
  };
  add("events", events);
  add("records", records);
  add("dead_letters", dead_letters);
  add("room_bytes_max", room_bytes_max);
  add("drain_ms_max", static_cast<uint64_t>(drain_ms_max));
  out += ",\"seconds\":" + std::to_string(seconds) + ",\"faults\":{";
  for (size_t i = 0; i < kFaults; i++) {
    if (i > 0) out += ',';
    out += "\"" + std::string(kNames[i]) + "\":" + std::to_string(faults[i]);
  }
  return out + "}}\n";
}

std::string Tally::missing() const {
  std::string out;
  for (size_t i = 0; i < kFaults; i++) {
    if (faults[i] > 0) continue;
    if (!out.empty()) out += ", ";
    out += kNames[i];
  }
  return out;
}

}  // namespace edgeroom::roomsim
