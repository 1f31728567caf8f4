// The settings of a simulated room, and what goes on in it.
#pragma once

#include <cstdint>
#include <string>

#include "tests/unit/dice.h"

namespace edgeroom::roomsim {

struct Rules {
  uint32_t history = 100;
  uint32_t dedup = 100;
  uint32_t presence = 100;
  uint32_t connections = 10;
  uint32_t message_bytes = 2000;
  // Of a connection, and of a user over all of his; a rate of 0: no limit.
  uint32_t rate = 1000;
  uint32_t burst = 1000;
  uint32_t user_rate = 0;
  uint32_t user_burst = 0;
  // The same of a connection in bytes, both ways; 0: no limit.
  uint32_t bytes = 0;
  uint32_t bytes_burst = 0;
  uint64_t outbox = 1'000'000;
  uint64_t outbox_bytes = 1ULL << 30U;
  bool has_ledger = true;
  bool has_tokens = false;  // they name the users, and end

  static Rules some(test::Dice& dice);
  // As a room reads them.
  [[nodiscard]] std::string text() const;
};

}  // namespace edgeroom::roomsim
