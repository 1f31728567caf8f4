// Little-endian encoding of the binary forms that edgeroom stores: segments, snapshots,
// attachments and the rate limiter's reports.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom {

// The largest integer that a double, and so JavaScript, holds exactly (2^53 - 1).
inline constexpr uint64_t kSafeIntegerMax = 9007199254740991ULL;

inline constexpr size_t kVarintBytesMax = 10;

// Writes a varint (as ByteWriter's) of at most kVarintBytesMax bytes to `out`; how many they are.
inline size_t write_varint(char* out, uint64_t value) {
  size_t size = 0;
  while (value >= 0x80) {
    out[size++] = static_cast<char>(static_cast<uint8_t>(value | 0x80U));
    value >>= 7;
  }
  out[size++] = static_cast<char>(value);
  return size;
}

// Appends to a buffer that the caller owns and that must outlive the writer.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u32(uint32_t value);
  void u64(uint64_t value);
  // LEB128: 7 bits a byte, least significant first; 1 byte up to 127, 10 at the most.
  void varint(uint64_t value);
  // A varint of the size, then the bytes.
  void sized(std::string_view bytes);
  void raw(std::string_view bytes) { out_.append(bytes); }

 private:
  std::string& out_;
};

// Reads what ByteWriter wrote. After the first read beyond the end, or malformed varint, every
// read gives zero or an empty view and ok() is false: check it once, at the end.
class ByteReader {
 public:
  // `bytes` must outlive the reader and every view that it returns.
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  uint8_t u8();
  uint32_t u32();
  uint64_t u64();
  uint64_t varint();
  std::string_view sized();

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return position_ == bytes_.size(); }
  [[nodiscard]] size_t position() const { return position_; }

 private:
  bool take(size_t size);

  std::string_view bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace edgeroom
