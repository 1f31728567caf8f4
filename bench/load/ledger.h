// What was to be delivered, and what was: each delivery is told apart from all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/load/histogram.h"

namespace edgeroom::load {

class Ledger {
 public:
  // `receivers` of each room, and how many connections there are at all.
  Ledger(std::vector<uint32_t> receivers, size_t connections);

  // Forgets all messages so far: what still comes of them is stale. Numbers go on.
  void begin();

  // The next message, of that room, is to be sent at that time. Returns its number.
  uint64_t intend(uint32_t room, uint64_t at_ns);

  void arrive(uint64_t number, size_t connection, uint64_t at_ns);

  [[nodiscard]] bool complete() const { return arrived_ == expected_ && duplicated_ == 0; }
  // Deliveries, each once for each connection and message.
  [[nodiscard]] uint64_t expected() const { return expected_; }
  [[nodiscard]] uint64_t arrived() const { return arrived_; }
  [[nodiscard]] uint64_t lost() const { return expected_ - arrived_; }
  [[nodiscard]] uint64_t duplicated() const { return duplicated_; }
  [[nodiscard]] uint64_t stale() const { return stale_; }
  // From the time intended to each arrival.
  [[nodiscard]] const Histogram& latency() const { return latency_; }
  // When the oldest message that is not everywhere was to be sent; 0 when all are.
  [[nodiscard]] uint64_t oldest_open_ns();
  [[nodiscard]] uint64_t intended_ns(uint64_t number) const;

 private:
  struct Entry {
    uint64_t intended_ns;
    uint32_t room;
    uint32_t missing;
  };

  std::vector<uint32_t> receivers_;
  size_t words_;                // of a message's row in seen_
  std::vector<Entry> entries_;  // from base_ on
  std::vector<uint64_t> seen_;  // a bit for each message and connection
  uint64_t base_ = 0;
  size_t open_ = 0;  // entries before it are everywhere
  uint64_t expected_ = 0;
  uint64_t arrived_ = 0;
  uint64_t duplicated_ = 0;
  uint64_t stale_ = 0;
  Histogram latency_;
};

}  // namespace edgeroom::load
