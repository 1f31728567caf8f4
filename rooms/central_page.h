// A page of messages as the central API answers it (contract, section 5): GET
// /v1/rooms/{room}/messages. Text in, and each message's own text is kept as it came.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rooms/history.h"

namespace edgeroom {

struct CentralMessage {
  uint64_t seq = 0;
  uint64_t ts = 0;
  std::string user;
  bool deleted = false;
  std::string_view json;  // a view of the answer
};

struct CentralPage {
  std::vector<CentralMessage> messages;  // ascending
  bool more = false;                     // in the direction that was asked
};

// Nothing when the text is no page, or one of another room or epoch, of seqs that `query` does not
// ask for, or not in order: what such an answer holds must not reach a client.
std::optional<CentralPage> parse_central_page(std::string_view body, std::string_view room,
                                              std::string_view epoch, const HistoryQuery& query);

// What to ask for: the path and query behind PERSIST_URL.
std::string central_page_path(std::string_view room, std::string_view epoch,
                              const HistoryQuery& query);

}  // namespace edgeroom
