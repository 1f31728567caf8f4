// What libFuzzer calls, and how an input is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace edgeroom::fuzz {

// The input lies in a block of memory of just its size: reading behind it is noticed.
inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace edgeroom::fuzz
