// Records as text.
#pragma once

#include <cstddef>
#include <string>

#include "rooms/record.h"

namespace edgeroom::replay {

// message, delete, or what a moderator did: ban.
std::string record_kind(const Record& record);
// Content, or what was done to whom.
std::string record_text(const Record& record);

// How a record is listed: its row, and what stands in it.
struct Columns {
  size_t seq = 1;
  size_t user = 4;
  size_t width = 0;
};
std::string record_row(const Record& record, const Columns& columns);

// What is left of `width` columns beside so many, and always enough to be read. 0: any width.
size_t rest_of(size_t width, size_t used);

}  // namespace edgeroom::replay
