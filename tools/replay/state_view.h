// A room's state, taken apart for people and machines to look at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rooms/room_state.h"

namespace edgeroom::replay {

struct StateView {
  struct Entry {
    std::string user;
    uint64_t banned_until = 0;  // ms since 1970; kForGood; 0: not banned
    uint64_t muted_until = 0;
  };

  std::string digest;
  std::vector<Entry> entries;  // by name: whoever is, or was until lately, banned or muted
  std::string kind;
  std::string own;  // what the behaviour has saved
};

StateView look_at(const RoomState& state);

// `for good` or `until 2027-…`.
std::string until_words(uint64_t until);

// One line for each thing there is to say, such as `banned  eve for good`.
std::vector<std::string> state_lines(const StateView& state);

// {"digest":…,"banned":{"eve":null},"muted":{"bob":1800000000000},"kind":"chat","own":"<hex>"},
// where null is for good.
std::string state_json(const StateView& state);

}  // namespace edgeroom::replay
