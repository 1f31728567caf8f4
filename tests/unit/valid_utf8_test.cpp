#include "base/valid_utf8.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom {
namespace {

// The size of the sequence at the start of `text` by Unicode 15, table 3-7, row by row; 0: none.
size_t sequence(std::string_view text) {
  const auto in = [&](size_t i, unsigned low, unsigned high) {
    return i < text.size() && static_cast<uint8_t>(text[i]) >= low &&
           static_cast<uint8_t>(text[i]) <= high;
  };
  const auto more = [&](size_t i) { return in(i, 0x80, 0xbf); };
  if (in(0, 0x00, 0x7f)) return 1;
  if (in(0, 0xc2, 0xdf) && more(1)) return 2;
  if (in(0, 0xe0, 0xe0) && in(1, 0xa0, 0xbf) && more(2)) return 3;
  if (in(0, 0xe1, 0xec) && more(1) && more(2)) return 3;
  if (in(0, 0xed, 0xed) && in(1, 0x80, 0x9f) && more(2)) return 3;
  if (in(0, 0xee, 0xef) && more(1) && more(2)) return 3;
  if (in(0, 0xf0, 0xf0) && in(1, 0x90, 0xbf) && more(2) && more(3)) return 4;
  if (in(0, 0xf1, 0xf3) && more(1) && more(2) && more(3)) return 4;
  if (in(0, 0xf4, 0xf4) && in(1, 0x80, 0x8f) && more(2) && more(3)) return 4;
  return 0;
}

bool is_valid_by_table(std::string_view text) {
  while (!text.empty()) {
    const size_t size = sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// The first and the last byte of each range of the table, and those next to them.
constexpr std::array<uint8_t, 26> kBytes = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                            0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                            0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};

TEST_CASE("UTF-8 is told from what is not, wherever it stands in a block") {
  size_t wrong = 0;
  for (const size_t before : {0U, 12U, 13U, 14U, 15U, 16U}) {
    for (const size_t after : {0U, 1U, 20U}) {
      std::string text = std::string(before, '.') + "1234" + std::string(after, '.');
      for (const uint8_t a : kBytes) {
        for (const uint8_t b : kBytes) {
          for (const uint8_t c : kBytes) {
            for (const uint8_t d : kBytes) {
              text[before] = static_cast<char>(a);
              text[before + 1] = static_cast<char>(b);
              text[before + 2] = static_cast<char>(c);
              text[before + 3] = static_cast<char>(d);
              const std::string_view four = std::string_view(text).substr(before, 4);
              if (is_valid_utf8(text) != is_valid_by_table(four)) wrong++;
            }
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("UTF-8 that ends within a sequence is none") {
  const std::string letters = "aé€😀";
  for (size_t before = 0; before < 40; before++) {
    for (size_t size = 0; size <= letters.size(); size++) {
      const std::string text = std::string(before, '.') + letters.substr(0, size);
      CAPTURE(before);
      CAPTURE(size);
      CHECK(is_valid_utf8(text) == is_valid_by_table(text));
    }
  }
}

TEST_CASE("examples of UTF-8 and of what is none") {
  for (const char* text : {"", "abc", "\xc3\xa9", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    CAPTURE(text);
    CHECK(is_valid_utf8(text));
  }
  for (const char* text : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80",
                           "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                           "\xff", "a\xc3", "\xc3(", "\xe2\x28\xa1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_valid_utf8(text));
  }
}

}  // namespace
}  // namespace edgeroom
