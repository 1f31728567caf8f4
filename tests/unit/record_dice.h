// Random records of every kind, with the strings that a record's views point into.
#pragma once

#include <string>

#include "rooms/record.h"
#include "tests/unit/dice.h"

namespace edgeroom::test {

struct OwnedRecord {
  Record fields;  // all but the strings
  std::string user;
  std::string conn;
  std::string id;
  std::string content;
  std::string by;
  std::string subject;
  std::string reason;

  // Valid as long as this.
  [[nodiscard]] Record view() const;
};

// A record as a room makes it: nothing is set that its kind does not have.
OwnedRecord random_record(Dice& dice, uint64_t seq, uint64_t ts);

// A name with whatever JSON has to escape, and characters of one to four bytes; at least one.
std::string random_name(Dice& dice);
// JSON text of any shape, at most a few hundred bytes.
std::string random_content(Dice& dice);

// Every field of a record, so that two can be compared, and told apart when a check fails.
std::string shown(const Record& record);

}  // namespace edgeroom::test
