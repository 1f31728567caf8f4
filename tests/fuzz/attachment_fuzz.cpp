// What a socket carries over the room's sleep: refused, or it says the same when it is written
// again, and the room that has taken it goes on with that connection.
#include <string>

#include "rooms/connection.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/stored_room.h"

namespace edgeroom::fuzz {
namespace {

bool check_encoding(std::string_view bytes) {
  Connection connection{FrameLimit{}};
  if (!decode_attachment(bytes, connection)) return false;
  CHECK(connection.access >= Access::kRead && connection.access <= Access::kModerate);
  Connection longer{FrameLimit{}};
  CHECK(!decode_attachment(std::string(bytes) + '\0', longer));
  std::string once;
  encode_attachment(once, connection);
  // A number may have been written in more bytes than it needs.
  CHECK(once.size() <= bytes.size());
  CHECK(once.size() < bytes.size() || once == bytes);
  Connection again{FrameLimit{}};
  CHECK(decode_attachment(once, again));
  CHECK(again.id == connection.id && again.user == connection.user);
  CHECK(again.access == connection.access && again.expires_ms == connection.expires_ms);
  return true;
}

void check_room(std::string_view bytes, bool is_attachment) {
  constexpr uint32_t kHandle = 1;
  StoredRoom room = StoredRoom::lived_in();
  room.attachments[kHandle] = bytes;
  Host host(std::move(room));
  const bool is_taken = host.wake();
  CHECK(is_attachment || !is_taken);
  if (!is_taken) return;
  // Its token may have expired: then it was closed.
  if (host.stored().attachments.count(kHandle) == 1) {
    for (const char* const frame :
         {R"({"type":"message","content":1})", R"({"type":"presence"})",
          R"({"type":"event","name":"typing"})", R"({"type":"delete","seq":1})"}) {
      CHECK(host.event(EventType::kFrame, kHandle, 0, frame));
      CHECK(host.flush());
    }
    CHECK(host.event(EventType::kClosed, kHandle, 1000, ""));
  }
  CHECK(host.flush());
}

}  // namespace
}  // namespace edgeroom::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = edgeroom::fuzz::text_of(data, size);
  edgeroom::fuzz::check_room(bytes, edgeroom::fuzz::check_encoding(bytes));
  return 0;
}
