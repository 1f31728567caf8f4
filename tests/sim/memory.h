// How much memory the program has allocated and not given back.
#pragma once

#include <cstddef>

namespace edgeroom::sim {

size_t live_bytes();

}  // namespace edgeroom::sim
