#include "base/siphash.h"

#include <cstring>

namespace edgeroom {

namespace {

constexpr uint64_t rotate_left(uint64_t value, unsigned bits) {
  return (value << bits) | (value >> (64 - bits));
}

struct SipState {
  uint64_t v0;
  uint64_t v1;
  uint64_t v2;
  uint64_t v3;

  void round() {
    v0 += v1;
    v1 = rotate_left(v1, 13) ^ v0;
    v0 = rotate_left(v0, 32);
    v2 += v3;
    v3 = rotate_left(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotate_left(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotate_left(v1, 17) ^ v2;
    v2 = rotate_left(v2, 32);
  }

  void compress(uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

// Little-endian, as all that this is built for is.
uint64_t load_word(const char* bytes, size_t size) {
  uint64_t word = 0;
  if (size > 0) std::memcpy(&word, bytes, size);  // of an empty text there may be no bytes at all
  return word;
}

}  // namespace

uint64_t siphash(const SipHashKey& key, std::string_view bytes) {
  SipState state{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL,
                 key.k0 ^ 0x6c7967656e657261ULL, key.k1 ^ 0x7465646279746573ULL};
  const uint64_t size = bytes.size();
  while (bytes.size() >= sizeof(uint64_t)) {
    state.compress(load_word(bytes.data(), sizeof(uint64_t)));
    bytes.remove_prefix(sizeof(uint64_t));
  }
  state.compress(load_word(bytes.data(), bytes.size()) | (size << 56U));
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; i++) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace edgeroom
