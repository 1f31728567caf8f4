// The kind of room that is simulated: one that takes every message and tells whoever joins what its
// records amount to. Its state is a chain over all of them, which differs when a record is missed,
// comes twice, in another order or changed. With the setting LEDGER=off it has no state, as chat.
#pragma once

#include <cstdint>

#include "rooms/record.h"

namespace edgeroom::roomsim {

// The link after `before` for the next record.
uint64_t link_after(uint64_t before, const Record& record);

}  // namespace edgeroom::roomsim
