// A room natively, with storage and a central API that are at hand: what fixed work is measured on.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/instance.h"

namespace edgeroom::guard {

// Every refusal ends the program: nothing is measured that did not happen.
class GuardRoom {
 public:
  GuardRoom();

  void join(uint32_t handle, std::string_view more_members = {});
  void frame(uint32_t handle, std::string_view text);
  void flush();
  // Throws the instance away and restores another one from what is stored and the connections.
  void wake();
  // Time passes, and what was due is done: no later event begins a batch.
  void pass(double ms);
  // Does what the room waits for: reads segments, and answers batches.
  void serve();

  [[nodiscard]] uint64_t confirmed() const { return confirmed_; }
  [[nodiscard]] uint64_t broadcast_bytes() const { return broadcast_bytes_; }
  [[nodiscard]] uint64_t sent_bytes() const { return sent_bytes_; }
  [[nodiscard]] const std::string& epoch() const { return epoch_; }

 private:
  struct Segment {
    std::string head;
    std::string data;
  };
  struct Batch {
    uint32_t attempt = 0;
    std::string body;
  };

  void start();
  void event(EventType type, uint32_t target, uint32_t number, std::string_view payload);
  void apply(const Effect& effect);
  void answer(const Batch& batch);

  RoomInstance room_;
  double now_ms_;
  std::map<uint32_t, std::string> state_;
  std::map<uint32_t, Segment> segments_;
  std::map<uint32_t, std::string> attachments_;
  std::vector<uint32_t> load_;
  std::deque<Batch> batches_;
  uint64_t confirmed_ = 0;
  uint64_t broadcast_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
  std::string epoch_;
};

}  // namespace edgeroom::guard
