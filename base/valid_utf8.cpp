#include "base/valid_utf8.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace edgeroom {

namespace {

// A sequence is at most one byte longer.
constexpr size_t kBytesBefore = 3;

// Compilers make of these what the processor has: SIMD128, SSE2, NEON.
constexpr size_t kBlockBytes = 16;
using Block = uint8_t __attribute__((vector_size(kBlockBytes)));
// All bits of a byte are set where the answer is yes.
using Answers = decltype(std::declval<Block>() == std::declval<Block>());

Block load(const char* at) {
  Block block;
  std::memcpy(&block, at, sizeof block);
  return block;
}

// A byte continues a sequence exactly where one of the three before it asks for that; some bytes
// are never allowed, and behind four leads the second one has bounds of its own. The three bytes
// before are read, too.
Answers faults(const char* at) {
  const Block block = load(at);
  const Block one = load(at - 1);
  const Block two = load(at - 2);
  const Block three = load(at - 3);
  const Answers continues = (block & 0xc0) == 0x80;
  const Answers has_to = (one >= 0xc0) | (two >= 0xe0) | (three >= 0xf0);
  const Answers never = ((block & 0xfe) == 0xc0) | (block >= 0xf5);
  const Answers overlong = ((one == 0xe0) & (block < 0xa0)) | ((one == 0xf0) & (block < 0x90));
  const Answers surrogate = (one == 0xed) & (block >= 0xa0);
  const Answers beyond = (one == 0xf4) & (block >= 0x90);
  return (continues ^ has_to) | never | overlong | surrogate | beyond;
}

bool has_any(Answers answers) {
  std::array<uint64_t, 2> words{};
  static_assert(sizeof words == sizeof answers);
  std::memcpy(words.data(), &answers, sizeof words);
  return (words[0] | words[1]) != 0;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  std::array<char, kBytesBefore + kBlockBytes> apart{};
  char* const block = apart.data() + kBytesBefore;
  const size_t first = std::min(text.size(), kBlockBytes);
  std::copy_n(text.data(), first, block);
  Answers found = faults(block);
  if (text.size() < kBlockBytes) return !has_any(found);
  size_t at = first;
  for (; text.size() - at >= kBlockBytes; at += kBlockBytes) found |= faults(text.data() + at);
  // The rest, and at least one NUL behind it: where a sequence is not complete, that is the fault.
  apart = {};
  std::memcpy(apart.data(), text.data() + at - kBytesBefore, kBytesBefore + text.size() - at);
  found |= faults(block);
  return !has_any(found);
}

}  // namespace edgeroom
