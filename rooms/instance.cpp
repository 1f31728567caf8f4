#include "rooms/instance.h"

#include <string>
#include <utility>

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
  constexpr auto kLast = static_cast<uint32_t>(EventType::kVerified);
  if (type == 0 || type > kLast) return refused(RoomStatus::kUnknownEvent);
  const Event event{static_cast<EventType>(type), target, number, now_ms, payload};
#ifdef EDGEROOM_TEST_HOOKS
  trap_if_asked(event);
#endif
  if (event.type == EventType::kStart) return start(event);
  if (room_ == nullptr) return refused(RoomStatus::kNotStarted);
  if (const auto status = room_->handle(event, effects_)) return refused(*status);
  return static_cast<int32_t>(effects_.records().size());
}

int32_t RoomInstance::start(const Event& event) {
  if (room_ != nullptr) return refused(RoomStatus::kNotStarted);
  const size_t line_end = event.payload.find('\n');
  if (line_end == std::string_view::npos) return refused(RoomStatus::kBadPayload);
  const auto variables = SettingMap::parse(event.payload.substr(line_end + 1));
  if (!variables.ok()) return refused(RoomStatus::kBadPayload);
  const auto settings = parse_room_settings(variables.value());
  auto behaviour = make_behaviour(variables.value());
  if (!settings.ok() || !behaviour.ok()) return refused(RoomStatus::kBadPayload);
  const uint64_t seed = event.target | (static_cast<uint64_t>(event.number) << 32U);
  room_ = std::make_unique<Room>(std::string(event.payload.substr(0, line_end)), settings.value(),
                                 std::move(behaviour.value()), seed);
  return 0;
}

#ifdef EDGEROOM_TEST_HOOKS
// Builds for tests trap on demand, as a program error would: on a frame, or at the turn's end.
void RoomInstance::trap_if_asked(const Event& event) {
  if (event.type == EventType::kFrame) {
    CHECK(event.payload != "test: trap");
    if (event.payload == "test: trap at the flush") trap_at_flush_ = true;
  }
  CHECK(event.type != EventType::kFlush || !trap_at_flush_);
}
#endif

}  // namespace edgeroom
