// What the central API would have stored, and the pages that it would answer (contract, section 5).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/room_harness.h"

namespace edgeroom::test {

class CentralStore {
 public:
  // Stores the records of a batch.
  void take(const std::string& batch);
  // The answer to a page's path and query.
  [[nodiscard]] std::string page(const std::string& path) const;

  // Lets the room forward all that waits, and stores it.
  void confirm_all(RoomHarness& room);
  // Answers the oldest read under way; its path.
  std::string answer_read(RoomHarness& room);
  // Answers the read of this path, which must be under way.
  void answer_read(RoomHarness& room, const std::string& path);

  // Messages by seq, as they are given out. A test may change them.
  std::map<uint64_t, nlohmann::ordered_json> messages;
};

}  // namespace edgeroom::test
