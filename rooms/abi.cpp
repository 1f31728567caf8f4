// The exports of room.wasm. One module instance is one room.

#include "rooms/abi.h"

#include <string>
#include <string_view>

#include "base/check.h"
#include "rooms/instance.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

// The state of the module: one of each, made on first use and never destroyed.
struct Module {
  std::string input;
  RoomInstance instance;
  Output output{};
};

Module& module() {
  static auto& instance = *new Module;
  return instance;
}

// The address of an object in linear memory.
uint32_t address_of(const volatile void* pointer) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pointer));
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
  return m.instance.event(type, target, number, now_ms, std::string_view(m.input).substr(0, size));
}

// The address of an edgeroom::Output that tells where the last event's effects stand.
uint32_t room_output() {
  edgeroom::Module& m = edgeroom::module();
  const edgeroom::EffectList& effects = m.instance.effects();
  m.output.effects = edgeroom::address_of(effects.records().data());
  m.output.data = edgeroom::address_of(effects.buffer().data());
  m.output.count = static_cast<uint32_t>(effects.records().size());
  m.output.working_seq = edgeroom::address_of(m.instance.working_seq());
  return edgeroom::address_of(&m.output);
}

}  // extern "C"
