// A keyed hash for tables whose keys strangers choose.
#pragma once

#include <cstdint>
#include <string_view>

namespace edgeroom {

struct SipHashKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
};

// SipHash-2-4 (Aumasson and Bernstein, 2012): without the key nobody can choose inputs that
// collide. 64 bits.
uint64_t siphash(const SipHashKey& key, std::string_view bytes);

}  // namespace edgeroom
