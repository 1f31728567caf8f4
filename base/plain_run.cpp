#include "base/plain_run.h"

#include <cstdint>
#include <cstring>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace edgeroom {

namespace {

constexpr bool is_unescaped(char c) {
  return static_cast<uint8_t>(c) >= 0x20 && c != '"' && c != '\\';
}
constexpr bool is_plain(char c) { return is_unescaped(c) && static_cast<uint8_t>(c) < 0x80; }

template <bool (*goes_on)(char)>
size_t run_by_bytes(std::string_view text, size_t from = 0) {
  while (from < text.size() && goes_on(text[from])) from++;
  return from;
}

constexpr uint64_t kEveryByte = 0x0101010101010101ULL;
constexpr uint64_t kHighBits = 0x8080808080808080ULL;

// The high bit of each byte that ends the run, and maybe of bytes behind the first such: Bit
// Twiddling Hacks, "Determine if a word has a zero byte" and "… a byte less than n". The first byte
// is the lowest one: all that this is built for is little-endian.
template <bool kAscii>
constexpr uint64_t ends_in_word(uint64_t word) {
  const uint64_t quote = word ^ (kEveryByte * '"');
  const uint64_t backslash = word ^ (kEveryByte * '\\');
  const uint64_t zero = ((quote - kEveryByte) & ~quote) | ((backslash - kEveryByte) & ~backslash);
  const uint64_t control = (word - kEveryByte * 0x20) & ~word;
  return (zero | control | (kAscii ? word : 0)) & kHighBits;
}

constexpr size_t kBlockBytes = 16;

// One bit for each of the 16 bytes at `at` that ends the run, the first one lowest.
#if defined(__wasm_simd128__)
template <bool kAscii>
uint32_t ends_in_block(const char* at) {
  const v128_t bytes = wasm_v128_load(at);
  const v128_t quote = wasm_i8x16_eq(bytes, wasm_i8x16_splat('"'));
  const v128_t backslash = wasm_i8x16_eq(bytes, wasm_i8x16_splat('\\'));
  // Signed, bytes beyond ASCII are below 0.
  const v128_t low = kAscii ? wasm_i8x16_lt(bytes, wasm_i8x16_splat(0x20))
                            : wasm_u8x16_lt(bytes, wasm_u8x16_splat(0x20));
  const v128_t ends = wasm_v128_or(wasm_v128_or(quote, backslash), low);
  return wasm_v128_any_true(ends) ? wasm_i8x16_bitmask(ends) : 0;
}
#elif defined(__SSE2__)
template <bool kAscii>
uint32_t ends_in_block(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i low = kAscii ? _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20))
                             : _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i ends = _mm_or_si128(_mm_or_si128(quote, backslash), low);
  return static_cast<uint32_t>(_mm_movemask_epi8(ends));
}
#endif

template <bool kAscii>
size_t run(std::string_view text) {
  size_t at = 0;
#if defined(__wasm_simd128__) || defined(__SSE2__)
  for (; text.size() - at >= kBlockBytes; at += kBlockBytes) {
    const uint32_t ends = ends_in_block<kAscii>(text.data() + at);
    if (ends != 0) return at + static_cast<size_t>(__builtin_ctz(ends));
  }
#endif
  for (; text.size() - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    const uint64_t ends = ends_in_word<kAscii>(word);
    if (ends != 0) return at + static_cast<size_t>(__builtin_ctzll(ends)) / 8;
  }
  return run_by_bytes<kAscii ? is_plain : is_unescaped>(text, at);
}

}  // namespace

size_t plain_run(std::string_view text) { return run<true>(text); }

size_t unescaped_run(std::string_view text) { return run<false>(text); }

size_t plain_run_by_bytes(std::string_view text) { return run_by_bytes<is_plain>(text); }

size_t unescaped_run_by_bytes(std::string_view text) { return run_by_bytes<is_unescaped>(text); }

}  // namespace edgeroom
