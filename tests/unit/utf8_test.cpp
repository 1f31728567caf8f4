// Questions about valid UTF-8.

#include "base/utf8.h"

#include <doctest/doctest.h>

#include <string>

using edgeroom::has_control_character;
using edgeroom::utf8_characters;

TEST_CASE("characters are code points, not bytes and not UTF-16 units") {
  CHECK(utf8_characters("") == 0);
  CHECK(utf8_characters("abc") == 3);
  CHECK(utf8_characters("\xc3\xa9") == 1);                  // é
  CHECK(utf8_characters("e\xcc\x81") == 2);                 // e with a combining accent
  CHECK(utf8_characters("\xe2\x82\xac\xe2\x82\xac") == 2);  // €€
  CHECK(utf8_characters("\xf0\x9f\x98\x80") == 1);          // an emoji, two units of UTF-16
  CHECK(utf8_characters(std::string(1, '\0')) == 1);
}

TEST_CASE("control characters are those of C0 and DEL") {
  CHECK_FALSE(has_control_character(""));
  CHECK_FALSE(has_control_character(" ~\xc3\xa9\xf0\x9f\x98\x80"));
  CHECK_FALSE(has_control_character("\xc2\x85"));  // a C1 control: U+0085
  for (int byte = 0; byte < 256; byte++) {
    CAPTURE(byte);
    const std::string text = {'a', static_cast<char>(byte)};
    CHECK(has_control_character(text) == (byte < 0x20 || byte == 0x7f));
  }
}
