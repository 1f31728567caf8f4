// room_pipe: one instance of the room's core behind a pipe, for programs that play its host.
//
// Events come on standard input, and the answer to each goes to standard output before the next
// one is read. Numbers are little-endian; rooms/abi.h says what they mean.
//
//   event  := size:u32 type:u32 target:u32 number:u32 now_ms:f64 payload
//   answer := size:u32 status:i32 effect *
//   effect := type:u32 target:u32 value:f64 data_size:u32 extra_size:u32 data extra
//
// `size` counts what follows it. `status` is the number of effects, or a negative RoomStatus. When
// input ends between two events the program ends with exit code 0; when it ends inside one, or is
// nothing of the above, with exit code 2 and one line that says what was wrong. A failed CHECK
// aborts, as it traps in WebAssembly.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "rooms/instance.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

constexpr size_t kSizeBytes = 4;
// type, target, number and now_ms.
constexpr size_t kEventHeadBytes = 20;

constexpr int kBadInput = 2;

double double_of(uint64_t bits) {
  static_assert(sizeof(double) == sizeof bits);
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint64_t bits_of(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Reads events one after the other and remembers what was wrong with the input.
class EventInput {
 public:
  // The next event without its size, valid until the next call; nothing at the end of the input
  // or when it is bad.
  std::optional<std::string_view> next() {
    count_++;
    const size_t size_bytes = read(kSizeBytes);
    if (size_bytes == 0) return std::nullopt;
    if (size_bytes < kSizeBytes) return fail("the input ends inside its size");
    const uint32_t size = ByteReader(bytes_).u32();
    if (size < kEventHeadBytes) {
      return fail("a size of " + std::to_string(size) + " bytes; the least is " +
                  std::to_string(kEventHeadBytes));
    }
    constexpr size_t kEventBytesMax = kEventHeadBytes + kInputBytesMax;
    if (size > kEventBytesMax) {
      return fail("a size of " + std::to_string(size) + " bytes; the most is " +
                  std::to_string(kEventBytesMax));
    }
    const size_t event_bytes = read(size);
    if (event_bytes < size) {
      return fail("the input ends after " + std::to_string(event_bytes) + " of its " +
                  std::to_string(size) + " bytes");
    }
    return bytes_;
  }

  // Empty when nothing was.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  // Reads into bytes_; fewer than `size` at the end of the input.
  size_t read(size_t size) {
    bytes_.resize(size);
    const size_t got = std::fread(bytes_.data(), 1, size, stdin);
    if (got < size && std::ferror(stdin) != 0) fail("standard input cannot be read");
    return got;
  }

  std::nullopt_t fail(const std::string& what) {
    if (fault_.empty()) fault_ = "event " + std::to_string(count_) + ": " + what;
    return std::nullopt;
  }

  std::string bytes_;
  std::string fault_;
  uint64_t count_ = 0;
};

// `event` holds at least kEventHeadBytes.
int32_t give(RoomInstance& room, std::string_view event) {
  ByteReader head(event);
  const uint32_t type = head.u32();
  const uint32_t target = head.u32();
  const uint32_t number = head.u32();
  const double now_ms = double_of(head.u64());
  return room.event(type, target, number, now_ms, event.substr(kEventHeadBytes));
}

std::string answer(int32_t status, const EffectList& effects) {
  std::string out;
  ByteWriter writer(out);
  writer.u32(static_cast<uint32_t>(status));
  if (status <= 0) return out;
  for (const Effect& effect : effects.records()) {
    writer.u32(effect.type);
    writer.u32(effect.target);
    writer.u64(bits_of(effect.value));
    writer.u32(effect.data_size);
    writer.u32(effect.extra_size);
    writer.raw(effects.data(effect));
    writer.raw(effects.extra(effect));
  }
  return out;
}

bool write(std::string_view answer) {
  std::string size;
  ByteWriter(size).u32(static_cast<uint32_t>(answer.size()));
  return std::fwrite(size.data(), 1, size.size(), stdout) == size.size() &&
         std::fwrite(answer.data(), 1, answer.size(), stdout) == answer.size() &&
         std::fflush(stdout) == 0;
}

int run() {
  RoomInstance room;
  EventInput input;
  while (const auto event = input.next()) {
    const int32_t status = give(room, *event);
    if (!write(answer(status, room.effects()))) {
      std::fputs("room_pipe: standard output cannot be written\n", stderr);
      return kBadInput;
    }
  }
  if (input.fault().empty()) return 0;
  std::fprintf(stderr, "room_pipe: %s\n", input.fault().c_str());
  return kBadInput;
}

}  // namespace

}  // namespace edgeroom

int main() { return edgeroom::run(); }
