// Epochs: the name of one unbroken sequence of records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom {

class Random;

// A new epoch: 26 characters of Crockford's base 32, 50 bits of time (ms) and then 80 random bits
// (the layout of a ULID), so that epochs sort by time as text.
std::string make_epoch(uint64_t now_ms, Random& random);

// The time in an epoch's name; 0 when it is none of ours.
uint64_t epoch_time_ms(std::string_view epoch);

// `characters` (<= 12) of the same alphabet in lower case, at random: names for connections and
// for people who have none.
std::string make_token(unsigned characters, Random& random);

}  // namespace edgeroom
