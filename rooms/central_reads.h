// Reads from the central API that are under way or wait for their turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "rooms/history.h"
#include "rooms/load.h"
#include "rooms/operation.h"

namespace edgeroom {

struct CentralRead {
  // What the answer is for: a page of history, or a message that somebody wants to delete.
  using Purpose = std::variant<HistoryAsk, DeletionReader>;

  std::string epoch;      // what is asked for: messages of this one…
  HistoryQuery query;     // … and of these seqs
  uint64_t boundary = 0;  // of what is older than this record, it has all that is asked for
  double asked_ms = 0;    // since when somebody waits for it
  RequestNames names;     // of the request that asked; empty: a frame did
  Purpose purpose;
};

class CentralReads {
 public:
  // False when too many wait already (kCentralReadsMax); the read is then not taken.
  bool add(CentralRead& read);
  // A read that may begin now, and its number; valid until the next call.
  struct Begun {
    uint32_t number = 0;
    const CentralRead* read = nullptr;
  };
  std::optional<Begun> begin();
  // Hands over the read with this number; nothing when there is none under way.
  std::optional<CentralRead> end(uint32_t number);

  [[nodiscard]] bool any_under_way() const { return under_way_ > 0; }

 private:
  struct Entry {
    uint32_t number = 0;  // 0: waits
    CentralRead read;
  };
  std::deque<Entry> entries_;
  size_t under_way_ = 0;
  uint32_t last_number_ = 0;
};

}  // namespace edgeroom
