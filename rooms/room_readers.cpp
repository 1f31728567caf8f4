// Readers that do not take what they are sent: what waits for them is memory that all rooms of an
// isolate share. They are closed with 4008, come back when they can, and catch up by recovery.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/heap_sort.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

constexpr uint32_t kCloseSlowReader = 4008;

constexpr uint32_t kPlatformTells = 1;

}  // namespace

void Room::count_sent(const EffectList& effects) {
  for (const Effect& effect : effects.records()) {
    const bool is_broadcast = effect.type == static_cast<uint32_t>(EffectType::kBroadcast);
    if (!is_broadcast && effect.type != static_cast<uint32_t>(EffectType::kSend)) continue;
    unmeasured_bytes_ += effect.data_size;
    if (is_broadcast) {
      broadcast_bytes_ += effect.data_size;
    } else if (Connection* connection = connections_.find(effect.target)) {
      connection->budget.spend_answer(now_ms_, effect.data_size);
      FrameBudget* user_budget = connections_.user_budget(*connection);
      if (user_budget != nullptr) user_budget->spend_answer(now_ms_, effect.data_size);
    }
  }
}

void Room::measure_readers(EffectList& effects) {
  const bool is_due = measure_at_ms_ > 0 && now_ms_ >= measure_at_ms_;
  if (unmeasured_bytes_ < kMeasureBytes && !is_due) return;
  unmeasured_bytes_ = 0;
  measure_at_ms_ = 0;
  if (connections_.size() > 0) effects.measure(kBacklogSlowBytes);
}

std::optional<RoomStatus> Room::measured(const Event& event, EffectList& effects) {
  std::map<uint32_t, Backlog> backlogs;
  ByteReader reader(event.payload);
  while (reader.ok() && !reader.at_end()) {
    const uint32_t handle = reader.u32();
    const uint32_t bytes = reader.u32();
    backlogs[handle] = {bytes, reader.u32()};
  }
  if (!reader.ok()) return RoomStatus::kBadPayload;
  const bool tells = event.number == kPlatformTells;
  const std::vector<uint32_t> slow = tells ? slow_readers(backlogs) : silent_readers(backlogs);
  for (const uint32_t handle : slow) close(handle, kCloseSlowReader, "too slow a reader", effects);
  if (!slow.empty()) {
    log_line(LogThreshold::kWarn, "slow_readers",
             "connections closed with 4008: " + std::to_string(slow.size()), effects);
  }
  measured_at_ms_ = now_ms_;
  measured_broadcast_bytes_ = broadcast_bytes_;
  return std::nullopt;
}

std::vector<uint32_t> Room::slow_readers(const std::map<uint32_t, Backlog>& backlogs) {
  std::vector<uint32_t> slow;
  std::vector<std::pair<uint32_t, uint32_t>> waiting;  // bytes, handle
  uint64_t total_bytes = 0;
  for (const auto& [handle, unused] : connections_.all()) {
    Connection& connection = *connections_.find(handle);
    const auto found = backlogs.find(handle);
    if (found == backlogs.end()) {
      connection.slow_since_ms = 0;
      continue;
    }
    if (connection.slow_since_ms == 0) connection.slow_since_ms = now_ms_;
    const uint32_t bytes = found->second.bytes;
    if (bytes > kBacklogBytesMax || now_ms_ - connection.slow_since_ms >= kBacklogSlowMs) {
      slow.push_back(handle);
    } else {
      waiting.emplace_back(bytes, handle);
      total_bytes += bytes;
    }
  }
  // Of all that wait, those with the most.
  heap_sort(waiting.begin(), waiting.end());
  while (total_bytes > kBacklogTotalBytesMax) {
    total_bytes -= waiting.back().first;
    slow.push_back(waiting.back().second);
    waiting.pop_back();
  }
  if (!waiting.empty()) measure_at_ms_ = now_ms_ + kBacklogCheckMs;
  return slow;
}

// Where the platform does not tell what waits: whoever was sent much and gave no sign of life in
// all that time, neither a frame nor a ping, is taken for one who does not read.
std::vector<uint32_t> Room::silent_readers(const std::map<uint32_t, Backlog>& backlogs) {
  std::vector<uint32_t> silent;
  for (const auto& [handle, unused] : connections_.all()) {
    Connection& connection = *connections_.find(handle);
    const auto found = backlogs.find(handle);
    if (found != backlogs.end() && found->second.silent_ms <= now_ms_ - measured_at_ms_) {
      connection.heard_at_bytes = std::max(connection.heard_at_bytes, measured_broadcast_bytes_);
    }
    if (broadcast_bytes_ - connection.heard_at_bytes > kUnheardBytesMax) silent.push_back(handle);
  }
  return silent;
}

}  // namespace edgeroom
