#include "rooms/instance.h"

#include <string>
#include <utility>
#ifdef EDGEROOM_TEST_HOOKS
#include <vector>
#endif

#include "base/check.h"
#include "base/settings.h"
#include "rooms/behaviour.h"

namespace edgeroom {

namespace {

int32_t refused(RoomStatus status) { return static_cast<int32_t>(status); }

}  // namespace

int32_t RoomInstance::event(uint32_t type, uint32_t target, uint32_t number, double now_ms,
                            std::string_view payload) {
  effects_.clear();
  constexpr auto kLast = static_cast<uint32_t>(EventType::kMeasured);
  if (type == 0 || type > kLast) return refused(RoomStatus::kUnknownEvent);
  const Event event{static_cast<EventType>(type), target, number, now_ms, payload};
#ifdef EDGEROOM_TEST_HOOKS
  trap_if_asked(event);
#endif
  if (event.type == EventType::kStart) return start(event);
  if (event.type == EventType::kHeld) return hold(event);
  if (room_ == nullptr && held_ == nullptr) return refused(RoomStatus::kNotStarted);
  const auto status = held_ ? held_->handle(event, effects_) : room_->handle(event, effects_);
  if (status) return refused(*status);
  return static_cast<int32_t>(effects_.records().size());
}

int32_t RoomInstance::start(const Event& event) {
  if (room_ != nullptr || held_ != nullptr) return refused(RoomStatus::kNotStarted);
  const size_t line_end = event.payload.find('\n');
  if (line_end == std::string_view::npos) return refused(RoomStatus::kBadPayload);
  const auto variables = SettingMap::parse(event.payload.substr(line_end + 1));
  if (!variables.ok()) return refused(RoomStatus::kBadPayload);
  const auto settings = parse_room_settings(variables.value());
  auto behaviour = make_behaviour(variables.value());
  if (!settings.ok() || !behaviour.ok()) return refused(RoomStatus::kBadPayload);
  name_ = event.payload.substr(0, line_end);
  settings_ = settings.value();
  const uint64_t seed = event.target | (static_cast<uint64_t>(event.number) << 32U);
  room_ = std::make_unique<Room>(name_, settings_, std::move(behaviour.value()), seed);
  return 0;
}

int32_t RoomInstance::hold(const Event& event) {
  if (room_ == nullptr) return refused(RoomStatus::kNotStarted);
  auto failure = parse_restore_failure(event);
  if (!failure) return refused(RoomStatus::kBadPayload);
  room_.reset();
  held_ = std::make_unique<HeldRoom>(name_, settings_, *failure, event.now_ms);
  return 0;
}

#ifdef EDGEROOM_TEST_HOOKS
namespace {

// What a program error may do: use more memory than there is.
void exhaust_memory() {
  constexpr size_t kBlockBytes = 16U << 20U;
  std::vector<std::string> blocks;
  for (;;) blocks.emplace_back(kBlockBytes, 'x');
}

}  // namespace

// Builds for tests trap on demand, as a program error would: on a frame, on the first event of a
// type after it, when it is given again, in a join, in a request, or on what the central API
// answers.
void RoomInstance::trap_if_asked(const Event& event) {
  CHECK(static_cast<uint32_t>(event.type) != trap_at_);
  constexpr std::string_view kTrap = "test: trap";
  constexpr std::string_view kTrapAtEvent = "test: trap at event ";
  const bool has_words = event.payload.find(kTrap) != std::string_view::npos;
  switch (event.type) {
    case EventType::kFrame:
      CHECK(event.payload != kTrap);
      CHECK(!trapped_before_ || event.payload.find("test: trap again") == std::string_view::npos);
      if (event.payload == "test: exhaust memory") exhaust_memory();
      if (event.payload == "test: trap at the flush") {
        trap_at_ = static_cast<uint32_t>(EventType::kFlush);
      } else if (event.payload.substr(0, kTrapAtEvent.size()) == kTrapAtEvent) {
        trap_at_ = 0;
        for (const char digit : event.payload.substr(kTrapAtEvent.size())) {
          trap_at_ = trap_at_ * 10 + static_cast<uint32_t>(digit - '0');
        }
      }
      break;
    case EventType::kConnect:
    case EventType::kRequest:
    case EventType::kAttemptResult: CHECK(!has_words); break;
    case EventType::kTrapped: trapped_before_ = true; break;
    default: break;
  }
}
#endif

}  // namespace edgeroom
