// After a trap: what the room makes of an instance before this one having trapped.

#include <algorithm>

#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/room.h"
#include "rooms/room_held.h"

namespace edgeroom {

namespace {

constexpr uint32_t kCloseInternalError = 1011;

constexpr uint32_t kStatusOk = 200;
constexpr uint32_t kStatusBadRequest = 400;
constexpr uint32_t kStatusConflict = 409;

// Tests over real timers do not wait for half a minute.
#if defined(EDGEROOM_TEST_HOOKS) && defined(__wasm__)
constexpr double kHaste = 6;
#else
constexpr double kHaste = 1;
#endif
constexpr double kPauseMs = kTrapPauseMs / kHaste;

// How many of the times (a line each) are at most kTrapWindowMs ago.
uint32_t recent_traps(std::string_view times, double now_ms) {
  uint32_t count = 0;
  while (!times.empty()) {
    const size_t line_end = std::min(times.find('\n'), times.size());
    const auto time = json_integer(times.substr(0, line_end));
    if (time && static_cast<double>(*time) >= now_ms - kTrapWindowMs) count++;
    times.remove_prefix(std::min(line_end + 1, times.size()));
  }
  return count;
}

}  // namespace

void Room::trapped(const Event& event, EffectList& effects) {
  // Who came and went in that turn was not told.
  room_count_dirty_ = true;
  want_flush(effects);
  if (connections_.find(event.target) == nullptr) return;
  send_error(event.target, {},
             {ErrorCode::kInternal, "the frame could not be handled; it was not kept"}, 0, effects);
  if (recent_traps(event.payload, now_ms_) >= kTrapsMax) {
    close(event.target, kCloseInternalError, "its frames fail again and again", effects);
  }
}

// A join or a request is somebody's, who hears of it. All else comes again by itself.
void Room::pause_after_trap(const Event& event) {
  // Nobody may have been told who came and went since the last count.
  room_count_dirty_ = true;
  const auto during = static_cast<EventType>(event.number);
  if (during == EventType::kConnect || during == EventType::kRequest) return;
  trap_pause_until_ms_ = now_ms_ + kPauseMs;
  forwarder_.pause(trap_pause_until_ms_);
}

// A room that is held is answered by rooms/room_held.cpp: here there is nothing to be skipped, but
// for what has just been.
void Room::skip_request(uint32_t request, std::string_view body, EffectList& effects) {
  const auto seq = parse_skip(body);
  if (!seq.ok()) {
    refuse(request, kStatusBadRequest, "Bad Request", seq.error().detail, effects);
    return;
  }
  if (!log_.is_skipped(seq.value())) {
    refuse(request, kStatusConflict, "Conflict", "the room works: no record is to be skipped",
           effects);
    return;
  }
  log_line(LogThreshold::kWarn, "skipped", "record " + std::to_string(seq.value()), effects);
  std::string answer;
  JsonObjectWriter object(answer);
  object.integer("seq", seq.value());
  object.boolean("restored", true);
  object.close();
  effects.respond(request, kStatusOk, answer);
}

}  // namespace edgeroom
