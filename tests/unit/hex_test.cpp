// Hexadecimal text: every byte there and back, and what is none.

#include "base/hex.h"

#include <doctest/doctest.h>

#include <string>

using edgeroom::hex_decode;
using edgeroom::hex_encode;
using edgeroom::hex_u64;

TEST_CASE("bytes are two lower-case digits each, and read back") {
  CHECK(hex_encode("") == "");
  CHECK(hex_encode(std::string("\0\x01\x0f\x10\x7f\x80\xff", 7)) == "00010f107f80ff");
  std::string every;
  for (int byte = 0; byte < 256; byte++) every.push_back(static_cast<char>(byte));
  CHECK(hex_decode(hex_encode(every)) == every);
  CHECK(hex_decode("") == "");
}

TEST_CASE("text that is not pairs of lower-case digits is no hexadecimal") {
  for (const char* text :
       {"0", "000", "0g", "g0", " 00", "00 ", "0x", "AB", "aB", "-1", "\xc3\xa9"}) {
    CAPTURE(text);
    CHECK_FALSE(hex_decode(text));
  }
  CHECK_FALSE(hex_decode(std::string("0\0", 2)));
}

TEST_CASE("a number is sixteen digits, the most significant first") {
  CHECK(hex_u64(0) == "0000000000000000");
  CHECK(hex_u64(0x0123456789abcdefULL) == "0123456789abcdef");
  CHECK(hex_u64(UINT64_MAX) == "ffffffffffffffff");
}
