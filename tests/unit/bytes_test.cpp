// The binary forms: what is written is read back, and cut or malformed bytes are noticed.

#include "base/bytes.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using edgeroom::ByteReader;
using edgeroom::ByteWriter;

namespace {

struct VarintCase {
  uint64_t value;
  std::string bytes;
};

const std::vector<VarintCase> kVarints = {
    {0, std::string(1, '\0')},
    {1, "\x01"},
    {127, "\x7f"},
    {128, "\x80\x01"},
    {300, "\xac\x02"},
    {16383, "\xff\x7f"},
    {16384, std::string("\x80\x80\x01")},
    {UINT32_MAX, "\xff\xff\xff\xff\x0f"},
    {edgeroom::kSafeIntegerMax, "\xff\xff\xff\xff\xff\xff\xff\x0f"},
    {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
};

std::string everything() {
  std::string out;
  ByteWriter writer(out);
  writer.u8(0xfe);
  writer.u32(0x01020304);
  writer.u64(0x05060708090a0b0cULL);
  writer.varint(123456789);
  writer.sized("hello");
  writer.sized("");
  writer.raw("tail");
  return out;
}

}  // namespace

TEST_CASE("integers are written little-endian, varints as LEB128") {
  std::string out;
  ByteWriter writer(out);
  writer.u8(0xab);
  writer.u32(0x01020304);
  writer.u64(0x1122334455667788ULL);
  CHECK(out == "\xab\x04\x03\x02\x01\x88\x77\x66\x55\x44\x33\x22\x11");
  for (const VarintCase& c : kVarints) {
    CAPTURE(c.value);
    std::string varint;
    ByteWriter(varint).varint(c.value);
    CHECK(varint == c.bytes);
    ByteReader reader(varint);
    CHECK(reader.varint() == c.value);
    CHECK(reader.ok());
    CHECK(reader.at_end());
  }
}

TEST_CASE("what was written is read back in the same order") {
  const std::string bytes = everything();
  ByteReader reader(bytes);
  CHECK(reader.u8() == 0xfe);
  CHECK(reader.u32() == 0x01020304U);
  CHECK(reader.u64() == 0x05060708090a0b0cULL);
  CHECK(reader.varint() == 123456789U);
  CHECK(reader.sized() == "hello");
  CHECK(reader.sized().empty());
  CHECK(reader.position() == bytes.size() - 4);
  CHECK_FALSE(reader.at_end());
  for (int i = 0; i < 4; i++) reader.u8();
  CHECK(reader.ok());
  CHECK(reader.at_end());
}

TEST_CASE("bytes cut anywhere are noticed, and every later read gives nothing") {
  const std::string whole = everything();
  const size_t needed = whole.size() - 4;  // without the raw tail
  for (size_t size = 0; size < needed; size++) {
    CAPTURE(size);
    const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    ByteReader reader(std::string_view(cut.data(), cut.size()));
    reader.u8();
    reader.u32();
    reader.u64();
    reader.varint();
    reader.sized();
    reader.sized();
    CHECK_FALSE(reader.ok());
    CHECK(reader.u8() == 0);
    CHECK(reader.u32() == 0);
    CHECK(reader.u64() == 0);
    CHECK(reader.varint() == 0);
    CHECK(reader.sized().empty());
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("a varint that does not fit into 64 bits, or does not end, is malformed") {
  const std::string nine = "\xff\xff\xff\xff\xff\xff\xff\xff\xff";
  for (const std::string& bytes : {nine + "\x02", nine + "\x7f", nine + "\x81", nine + "\xff\x01",
                                   nine, std::string("\x80"), std::string()}) {
    CAPTURE(bytes.size());
    ByteReader reader(bytes);
    CHECK(reader.varint() == 0);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("a size beyond the end is malformed, however large") {
  for (const uint64_t size : {uint64_t{4}, uint64_t{UINT32_MAX}, UINT64_MAX, UINT64_MAX - 1}) {
    CAPTURE(size);
    std::string bytes;
    ByteWriter writer(bytes);
    writer.varint(size);
    writer.raw("abc");
    ByteReader reader(bytes);
    CHECK(reader.sized().empty());
    CHECK_FALSE(reader.ok());
    CHECK(reader.u8() == 0);  // though a byte is there
  }
}
