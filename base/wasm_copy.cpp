// memcpy and memmove for WebAssembly. The C libraries of both toolchains copy word by word in a
// loop, as the first engines wanted it, or byte by byte in what Emscripten links for size; most of
// what a room copies is either a few bytes long or kilobytes.
//
// The two belong together: Emscripten's memmove for size calls memcpy where the pieces overlap, and
// counts on its going forward byte by byte.
#ifdef __wasm__

#include <wasm_simd128.h>

#include <cstddef>
#include <cstdint>

namespace {

// From so many bytes on the engine's own copying is worth its call.
constexpr size_t kBulkBytesMin = 256;
constexpr size_t kBlockBytes = 16;

template <typename T>
void copy_one(char* to, const char* from) {
  T value;
  __builtin_memcpy_inline(&value, from, sizeof value);
  __builtin_memcpy_inline(to, &value, sizeof value);
}

// From sizeof(T) to twice as many. Both are read before one is written: the pieces may overlap.
template <typename T>
void copy_ends(char* to, const char* from, size_t size) {
  T first;
  T last;
  __builtin_memcpy_inline(&first, from, sizeof first);
  __builtin_memcpy_inline(&last, from + size - sizeof last, sizeof last);
  __builtin_memcpy_inline(to, &first, sizeof first);
  __builtin_memcpy_inline(to + size - sizeof last, &last, sizeof last);
}

void copy_few(char* to, const char* from, size_t size) {
  if (size >= 8) {
    copy_ends<uint64_t>(to, from, size);
  } else if (size >= 4) {
    copy_ends<uint32_t>(to, from, size);
  } else if (size >= 2) {
    copy_ends<uint16_t>(to, from, size);
  } else if (size == 1) {
    *to = *from;
  }
}

}  // namespace

extern "C" {

void* memcpy(void* __restrict to_bytes, const void* __restrict from_bytes, size_t size) {
  char* to = static_cast<char*>(to_bytes);
  const char* from = static_cast<const char*>(from_bytes);
  if (size <= kBlockBytes) {
    copy_few(to, from, size);
  } else if (size < kBulkBytesMin) {
    size_t at = 0;
    for (; at + kBlockBytes < size; at += kBlockBytes) copy_one<v128_t>(to + at, from + at);
    copy_one<v128_t>(to + size - kBlockBytes, from + size - kBlockBytes);
  } else {
    __builtin_memcpy(to, from, size);
  }
  return to_bytes;
}

void* memmove(void* to_bytes, const void* from_bytes, size_t size) {
  if (size <= kBlockBytes) {
    copy_few(static_cast<char*>(to_bytes), static_cast<const char*>(from_bytes), size);
  } else {
    __builtin_memmove(to_bytes, from_bytes, size);
  }
  return to_bytes;
}

}  // extern "C"

#endif  // __wasm__
