// Drives a room natively the way the shim does: effects are carried out in order, segments and
// state rows live in maps, loads are answered at once, and the clock is the test's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/settings.h"
#include "rooms/room.h"

namespace edgeroom::test {

struct Attempt {
  uint32_t number = 0;
  std::string body;
  std::string key;
};

struct Answer {
  uint32_t status = 0;
  std::string body;
  std::string next;  // of an answer in parts: the operation that asks for the rest
};

// How a turn is to end (EffectType::kScheduleFlush).
struct ScheduledFlush {
  uint32_t looks = 0;
  double after_ms = 0;

  bool operator==(const ScheduledFlush&) const = default;
};

// What survives the room's sleep.
struct Storage {
  std::map<uint32_t, std::string> state;
  std::map<uint32_t, std::pair<std::string, std::string>> segments;  // head, data
  uint64_t rows_written = 0;
};

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// No limit to messages, and nobody is told who comes and goes. `history_size`: HISTORY_SIZE.
RoomSettings quiet_settings(uint32_t history_size = RoomSettings().history_size);

class RoomHarness {
 public:
  using MakeBehaviour = std::function<std::unique_ptr<Behaviour>()>;

  explicit RoomHarness(RoomSettings settings = {}, MakeBehaviour make_behaviour = chat,
                       uint64_t seed = 42)
      : settings_(std::move(settings)), make_behaviour_(std::move(make_behaviour)), seed_(seed) {
    wake();
  }
  static std::unique_ptr<Behaviour> chat();

  // Throws the instance away and restores another one from storage and attachments.
  void wake();
  // The same as another kind of room.
  void wake_as(MakeBehaviour make_behaviour);
  // The same, but what is stored may be refused: the status with which.
  std::optional<RoomStatus> try_wake();

  // A join; the new connection's handle. The operation's other members are given as JSON, such as
  // `,"user":"ana"`.
  uint32_t join(std::string_view members = "");
  void frame(uint32_t handle, std::string_view text);
  void leave(uint32_t handle);
  // A message and the end of its turn. `content` is JSON text.
  void publish(uint32_t handle, std::string_view content, std::string_view id = "");
  // The end of the turn: flushes if the room asked for it.
  void turn();
  void timer();
  void alarm();
  // Lets time pass, timers and alarms fire, until an attempt is under way.
  void until_attempt();
  Answer request(std::string_view operation);
  // The same for one that is answered at the end of the turn, if not at once.
  Answer request_and_turn(std::string_view operation);
  // A request whose answer may come in parts, asked for until it is whole.
  Answer whole(std::string_view operation);
  // A request that is answered later; its number, for answer_of().
  uint32_t begin_request(std::string_view operation);
  Answer answer_of(uint32_t request);
  // Answers the oldest read from the central API; its path and query.
  std::string fetched(uint32_t status, std::string_view body);
  // Answers the oldest attempt under way.
  void answer(uint32_t status, std::string_view body, std::string_view retry_after = "");
  // Answers it as the central API does when it stores every record.
  void store_all();
  // Lets the central API store all that waits for it.
  void confirm_all();

  std::optional<RoomStatus> event(EventType type, uint32_t target = 0, uint32_t number = 0,
                                  std::string_view payload = {});

  // The room's epoch; empty when it was never used.
  std::string epoch();

  // All frames a connection was sent, and forgets them.
  std::vector<std::string> take(uint32_t handle);
  // The same as one string.
  std::string text(uint32_t handle);

  double now_ms = 1'800'000'000'000.0;
  Storage storage;
  std::vector<Attempt> attempts;  // under way, oldest first
  std::vector<Attempt> fetches;   // reads under way, oldest first; `body` is the path
  std::vector<std::pair<uint32_t, std::string>> verifications;  // handle and token, oldest first
  std::map<uint32_t, uint32_t> closed;                          // handle -> code, by the room
  std::vector<std::string> order;       // "put", "broadcast", … of the last event, in order
  std::vector<std::string> logs;        // lines that the room wrote
  std::vector<std::string> forwarding;  // what it told of that
  size_t segments_loaded = 0;           // that the room has read back
  std::vector<uint32_t> measures;       // that the room asked for: from how many bytes on
  std::optional<double> timer_delay_ms;
  std::optional<double> alarm_at_ms;
  bool flush_scheduled = false;
  ScheduledFlush scheduled_flush;  // how, the last time

 private:
  void apply(const EffectList& effects);
  void load(const EffectList& effects, const Effect& effect);

  RoomSettings settings_;
  MakeBehaviour make_behaviour_;
  std::optional<Room> room_;
  std::map<uint32_t, std::string> attachments_;
  std::map<uint32_t, std::vector<std::string>> inbox_;
  std::map<uint32_t, Answer> answers_;
  uint32_t next_handle_ = 1;
  uint32_t next_request_ = 1;
  uint64_t seed_;
};

}  // namespace edgeroom::test
