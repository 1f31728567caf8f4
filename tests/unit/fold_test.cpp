// How text is folded, character by character: what Unicode's CaseFolding.txt says of the alphabets
// that base/fold.h names.

#include "base/fold.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"

using edgeroom::fold;

namespace {

std::string utf8(uint32_t code_point) {
  std::string text;
  edgeroom::append_utf8(text, code_point);
  return text;
}

bool is_word(uint32_t code_point) { return fold(utf8(code_point)).is_word.front() == '\1'; }

}  // namespace

TEST_CASE("capitals become the small letters of their alphabet") {
  const std::vector<std::pair<uint32_t, uint32_t>> pairs = {
      {'A', 'a'},      {'Z', 'z'},     {0xb5, 0x3bc},  {0xc0, 0xe0},   {0xde, 0xfe},
      {0x100, 0x101},  {0x136, 0x137}, {0x139, 0x13a}, {0x147, 0x148}, {0x14a, 0x14b},
      {0x176, 0x177},  {0x178, 0xff},  {0x179, 0x17a}, {0x17d, 0x17e}, {0x17f, 's'},
      {0x386, 0x3ac},  {0x388, 0x3ad}, {0x38a, 0x3af}, {0x38c, 0x3cc}, {0x38e, 0x3cd},
      {0x38f, 0x3ce},  {0x391, 0x3b1}, {0x3ab, 0x3cb}, {0x3c2, 0x3c3}, {0x400, 0x450},
      {0x40f, 0x45f},  {0x410, 0x430}, {0x42f, 0x44f}, {0x1e9e, 0xdf}, {0xff21, 0xff41},
      {0xff3a, 0xff5a}};
  for (const auto& [capital, small] : pairs) {
    CAPTURE(capital);
    CHECK(fold(utf8(capital)).text == utf8(small));
    CHECK(fold(utf8(small)).text == utf8(small));
  }
}

TEST_CASE("what has no small letter, or is one, stays as it is") {
  for (const uint32_t code_point :
       {0x40U,  0x5bU,  0xaaU,  0xd7U,  0xdfU,  0xf7U,  0x130U,  0x138U,  0x149U,  0x180U,  0x385U,
        0x387U, 0x38bU, 0x390U, 0x3a2U, 0x3acU, 0x450U, 0xff20U, 0xff3bU, 0x4e2dU, 0x1f600U}) {
    CAPTURE(code_point);
    CHECK(fold(utf8(code_point)).text == utf8(code_point));
  }
}

TEST_CASE("characters that nobody sees are left out") {
  for (const uint32_t code_point : {0xadU, 0x200bU, 0x200cU, 0x200dU, 0x2060U, 0xfeffU}) {
    CAPTURE(code_point);
    CHECK(fold("a" + utf8(code_point) + "b").text == "ab");
  }
  CHECK(fold("a" + utf8(0x200e) + "b").text == "a" + utf8(0x200e) + "b");
}

TEST_CASE("letters and digits of any script make words, signs and punctuation do not") {
  for (const uint32_t code_point :
       {uint32_t{'a'}, uint32_t{'Z'}, uint32_t{'0'}, uint32_t{'_'}, 0xaaU, 0xb5U, 0xbaU, 0xc0U,
        0x2070U, 0x3005U, 0x3007U, 0x3021U, 0x3041U, 0x4e2dU, 0xff10U, 0xff21U, 0xff41U, 0xff66U}) {
    CAPTURE(code_point);
    CHECK(is_word(code_point));
  }
  for (const uint32_t code_point :
       {uint32_t{' '}, uint32_t{'-'}, uint32_t{'@'}, 0x80U, 0xa7U, 0xbfU, 0xd7U, 0xf7U, 0x2014U,
        0x3001U, 0x300cU, 0x3030U, 0xff01U, 0xff1aU, 0xff3bU, 0xff5bU}) {
    CAPTURE(code_point);
    CHECK_FALSE(is_word(code_point));
  }
}
