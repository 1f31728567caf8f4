// The host of a replayed room: stores what it is asked to store, answers for the central API, and
// has the log's time for a clock.
//
// The central API of a replay stores whatever it is given, at once. Timers and alarms fire when
// the time that the records tell has come to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rooms/instance.h"
#include "rooms/log_text.h"
#include "tools/replay/segment_store.h"

namespace edgeroom::replay {

// One event that the room was given.
struct Step {
  EventType event = EventType::kFlush;
  double at_ms = 0;  // since 1970
  // The newest record that the room has: of kRecord the one that it is given.
  uint64_t seq = 0;
  // Of kRecord.
  const Record* record = nullptr;
  std::string_view line;
  // Of kAttemptResult: what the attempt held.
  uint64_t first = 0;
  uint64_t last = 0;
};

class Host;

// Is told of every step: after the room has had its event, and before the host carries out the
// effects, which are valid for the call.
class StepListener {
 public:
  virtual ~StepListener() = default;
  StepListener() = default;
  StepListener(const StepListener&) = delete;
  StepListener& operator=(const StepListener&) = delete;

  virtual void on_step(const Step& step, const EffectList& effects, const Host& host) = 0;
};

class Host {
 public:
  // `variables`: the room's settings. The listener must outlive the host.
  Host(StepListener& listener, std::string variables)
      : listener_(listener), variables_(std::move(variables)) {}

  // Makes the room the copy of a log, with one connection that watches it.
  bool begin(const LogHeader& header, std::string_view header_line, double now_ms);
  // Gives it the next record, at this record's time. Its turn goes on.
  bool record(const Record& record, std::string_view line);
  // Ends the turn, and all that comes of it at the same time.
  bool end_turn();
  // Time passes: timers and alarms fire. Every turn must have ended.
  bool pass_time(double until_ms);

  // The whole answer to an HTTP request, of which the listener hears nothing. A turn that has begun
  // goes on. Empty after a fault.
  struct Answer {
    uint32_t status = 0;
    std::string body;
  };
  Answer ask(std::string_view operation);

  // What went wrong, when something above was false: the room has refused an event, or asked for
  // what makes no sense. Nothing can be done with the host after it.
  [[nodiscard]] const std::string& fault() const { return fault_; }

  [[nodiscard]] const RoomState& state() const { return room_.room()->state(); }
  [[nodiscard]] const SegmentStore& segments() const { return segments_; }
  [[nodiscard]] double now_ms() const { return now_ms_; }
  // The newest record that the room was given.
  [[nodiscard]] uint64_t seq() const { return seq_; }

 private:
  struct Attempt {
    uint32_t number = 0;
    std::string room_and_epoch;  // the beginning of its body
    std::vector<uint64_t> seqs;
  };

  bool event(EventType type, uint32_t target, uint32_t number, std::string_view payload);
  bool event(EventType type) { return event(type, 0, 0, {}); }
  bool give(Step& step, uint32_t target, uint32_t number, std::string_view payload);
  bool give_one(Step& step, uint32_t target, uint32_t number, std::string_view payload);
  bool apply(const Effect& effect, std::string_view data, std::string_view extra);
  bool answer(const Attempt& attempt);
  bool answer_fetch();
  bool fail(const std::string& what);

  StepListener& listener_;
  std::string variables_;
  RoomInstance room_;
  SegmentStore segments_;
  double now_ms_ = 0;
  uint64_t seq_ = 0;
  bool flush_scheduled_ = false;
  std::optional<std::vector<uint32_t>> load_;  // slots that the room wants to read, before all else
  std::optional<double> timer_at_ms_;
  std::optional<double> alarm_at_ms_;
  std::vector<Attempt> attempts_;  // under way, oldest first
  std::vector<uint32_t> fetches_;  // reads from the central API, under way
  bool is_asking_ = false;
  Answer answer_;
  std::string rest_;  // the operation that asks for the rest of an answer
  std::string fault_;
};

// The events' and effects' names, as in rooms/abi.h: putSegment. Their number for one that has
// none.
std::string event_name(EventType type);
std::string effect_name(uint32_t type);
std::string status_name(int32_t status);

// The seqs of the records in a batch.
std::optional<std::vector<uint64_t>> batch_seqs(std::string_view body);

}  // namespace edgeroom::replay
