#include "base/bytes.h"

#include <array>

namespace edgeroom {

namespace {

template <typename T>
void append_little_endian(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes;
  for (unsigned i = 0; i < sizeof(T); i++) {
    bytes[i] = static_cast<char>(static_cast<uint8_t>(value >> (i * 8)));
  }
  out.append(bytes.data(), bytes.size());
}

template <typename T>
T read_little_endian(std::string_view bytes) {
  T value = 0;
  for (unsigned i = 0; i < sizeof(T); i++) {
    value = static_cast<T>(value | (static_cast<T>(static_cast<uint8_t>(bytes[i])) << (i * 8)));
  }
  return value;
}

}  // namespace

void ByteWriter::u32(uint32_t value) { append_little_endian(out_, value); }

void ByteWriter::u64(uint64_t value) { append_little_endian(out_, value); }

void ByteWriter::varint(uint64_t value) {
  std::array<char, kVarintBytesMax> bytes;
  out_.append(bytes.data(), write_varint(bytes.data(), value));
}

void ByteWriter::sized(std::string_view bytes) {
  varint(bytes.size());
  raw(bytes);
}

bool ByteReader::take(size_t size) {
  if (!ok_ || bytes_.size() - position_ < size) {
    ok_ = false;
    return false;
  }
  position_ += size;
  return true;
}

uint8_t ByteReader::u8() {
  return take(1) ? static_cast<uint8_t>(bytes_[position_ - 1]) : uint8_t{0};
}

uint32_t ByteReader::u32() {
  return take(4) ? read_little_endian<uint32_t>(bytes_.substr(position_ - 4)) : 0U;
}

uint64_t ByteReader::u64() {
  return take(8) ? read_little_endian<uint64_t>(bytes_.substr(position_ - 8)) : uint64_t{0};
}

uint64_t ByteReader::varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = u8();
    // The tenth byte carries one bit; more would not fit into 64.
    if (!ok_ || (shift == 63 && byte > 1)) break;
    value |= static_cast<uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  ok_ = false;
  return 0;
}

std::string_view ByteReader::sized() {
  const uint64_t size = varint();
  if (!ok_ || size > bytes_.size() - position_) {
    ok_ = false;
    return {};
  }
  const std::string_view view = bytes_.substr(position_, static_cast<size_t>(size));
  position_ += static_cast<size_t>(size);
  return view;
}

}  // namespace edgeroom
