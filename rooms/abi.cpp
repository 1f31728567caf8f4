// The exports of room.wasm. One module instance is one room.

#include "rooms/abi.h"

#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/settings.h"
#include "rooms/effects.h"
#include "rooms/limits.h"
#include "rooms/room.h"

namespace edgeroom {

namespace {

// The state of the module: one of each, made on first use and never destroyed.
struct Module {
  std::string input;
  std::unique_ptr<Room> room;
  EffectList effects;
  Output output{};
#ifdef EDGEROOM_TEST_HOOKS
  bool trap_at_flush = false;
#endif
};

Module& module() {
  static auto& instance = *new Module;
  return instance;
}

// The address of an object in linear memory. Native builds have wider ones and never ask.
uint32_t address_of(const void* pointer) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pointer));
}

int32_t refused(RoomStatus status) { return static_cast<int32_t>(status); }

#ifdef EDGEROOM_TEST_HOOKS
// Builds for tests trap on demand, as a program error would: on a frame, or at the turn's end.
void trap_if_asked(const Event& event, Module& m) {
  if (event.type == EventType::kFrame) {
    CHECK(event.payload != "test: trap");
    if (event.payload == "test: trap at the flush") m.trap_at_flush = true;
  }
  CHECK(event.type != EventType::kFlush || !m.trap_at_flush);
}
#endif

int32_t start(const Event& event, Module& m) {
  if (m.room != nullptr) return refused(RoomStatus::kNotStarted);
  const size_t line_end = event.payload.find('\n');
  if (line_end == std::string_view::npos) return refused(RoomStatus::kBadPayload);
  const auto settings = parse_room_settings(event.payload.substr(line_end + 1));
  if (!settings.ok()) return refused(RoomStatus::kBadPayload);
  const uint64_t seed = event.target | (static_cast<uint64_t>(event.number) << 32U);
  m.room = std::make_unique<Room>(std::string(event.payload.substr(0, line_end)), settings.value(),
                                  seed);
  return 0;
}

}  // namespace

}  // namespace edgeroom

extern "C" {

// kRoomAbiVersion.
uint32_t room_abi_version() { return edgeroom::kRoomAbiVersion; }

// The address of a buffer of at least `size` bytes for the next event's payload, valid until the
// next call of any export but room_event, which reads it; 0 when `size` is beyond kInputBytesMax.
uint32_t room_input(uint32_t size) {
  if (size > edgeroom::kInputBytesMax) return 0;
  std::string& input = edgeroom::module().input;
  if (input.size() < size) input.resize(size);
  return edgeroom::address_of(input.data());
}

// Handles one event (edgeroom::EventType). `size` bytes of the input buffer are its payload.
// Returns the number of effects, or a negative edgeroom::RoomStatus.
int32_t room_event(uint32_t type, uint32_t target, uint32_t number, double now_ms, uint32_t size) {
  edgeroom::Module& m = edgeroom::module();
  CHECK(size <= m.input.size());
  constexpr auto kLast = static_cast<uint32_t>(edgeroom::EventType::kTrapped);
  if (type == 0 || type > kLast) return edgeroom::refused(edgeroom::RoomStatus::kUnknownEvent);
  const edgeroom::Event event{static_cast<edgeroom::EventType>(type), target, number, now_ms,
                              std::string_view(m.input).substr(0, size)};
#ifdef EDGEROOM_TEST_HOOKS
  edgeroom::trap_if_asked(event, m);
#endif
  m.effects.clear();
  if (event.type == edgeroom::EventType::kStart) return edgeroom::start(event, m);
  if (m.room == nullptr) return edgeroom::refused(edgeroom::RoomStatus::kNotStarted);
  if (const auto status = m.room->handle(event, m.effects)) return edgeroom::refused(*status);
  return static_cast<int32_t>(m.effects.records().size());
}

// The address of an edgeroom::Output that tells where the last event's effects stand.
uint32_t room_output() {
  edgeroom::Module& m = edgeroom::module();
  m.output.effects = edgeroom::address_of(m.effects.records().data());
  m.output.data = edgeroom::address_of(m.effects.buffer().data());
  m.output.count = static_cast<uint32_t>(m.effects.records().size());
  return edgeroom::address_of(&m.output);
}

}  // extern "C"
