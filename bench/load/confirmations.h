// How long messages wait until edgeroom says that the central API holds them. One connection of
// each room is heard for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/histogram.h"

namespace edgeroom::load {

class Confirmations {
 public:
  explicit Confirmations(size_t rooms) : rooms_(rooms) {}

  // All that waits is forgotten.
  void begin();

  // A frame that a room has told; `intended_ns(number)` is 0 for a message that does not count.
  template <typename IntendedNs>
  void hear(size_t room, std::string_view text, uint64_t at_ns, IntendedNs intended_ns) {
    for (size_t at = text.find(kThrough); at != std::string_view::npos;
         at = text.find(kThrough, at + 1)) {
      confirm(rooms_[room], text.substr(at), at_ns);
    }
    size_t at = text.find(kTold);
    while (at != std::string_view::npos) {
      at += kTold.size();
      const size_t end = text.find(kTold, at);
      const uint64_t number = number_in(text.substr(at, end - at));
      add(rooms_[room], seq_at(text, at), intended_ns(number));
      at = end;
    }
  }

  [[nodiscard]] uint64_t confirmed() const { return waits_.total(); }
  // Told, and not yet confirmed.
  [[nodiscard]] uint64_t open() const { return open_; }
  // From the time intended to the confirmation.
  [[nodiscard]] const Histogram& waits() const { return waits_; }
  // Records that the central API has refused, or seqs that do not go on.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  static constexpr std::string_view kTold = R"("type":"new_message","seq":)";
  static constexpr std::string_view kThrough = R"("type":"message_confirmed")";

  struct Waiting {
    uint64_t seq;
    uint64_t intended_ns;
  };
  struct Room {
    std::vector<Waiting> waiting;  // by ascending seq
    size_t first = 0;              // those before it are confirmed
  };

  static uint64_t number_in(std::string_view text);
  static uint64_t seq_at(std::string_view text, size_t at);
  void add(Room& room, uint64_t seq, uint64_t intended_ns);
  // `told` begins with a confirmation.
  void confirm(Room& room, std::string_view told, uint64_t at_ns);

  std::vector<Room> rooms_;
  uint64_t open_ = 0;
  Histogram waits_;
  std::string fault_;
};

}  // namespace edgeroom::load
