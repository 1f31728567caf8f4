#include "bench/load/ws_frame.h"

#include <array>

namespace edgeroom::load {
namespace {

constexpr unsigned kFin = 0x80;
constexpr unsigned kCompressed = 0x40;  // RSV1, RFC 7692
constexpr unsigned kReserved = 0x30;
constexpr unsigned kOpcode = 0x0F;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kControl = 0x08;
constexpr uint64_t kShortMax = 125;
constexpr uint64_t kTwoBytes = 126;
constexpr uint64_t kEightBytes = 127;

void append_number(std::string& out, uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) {
    out.push_back(static_cast<char>((number >> (8U * static_cast<unsigned>(i))) & 0xFFU));
  }
}

uint64_t number_at(std::string_view bytes, size_t at, size_t count) {
  uint64_t number = 0;
  for (size_t i = 0; i < count; i++) {
    number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  }
  return number;
}

}  // namespace

void append_frame(std::string& out, Opcode opcode, std::string_view payload, uint32_t mask,
                  bool compressed) {
  const unsigned first = kFin | (compressed ? kCompressed : 0U) | static_cast<unsigned>(opcode);
  out.push_back(static_cast<char>(first));
  if (payload.size() <= kShortMax) {
    out.push_back(static_cast<char>(kMasked | payload.size()));
  } else if (payload.size() <= UINT16_MAX) {
    out.push_back(static_cast<char>(kMasked | kTwoBytes));
    append_number(out, payload.size(), 2);
  } else {
    out.push_back(static_cast<char>(kMasked | kEightBytes));
    append_number(out, payload.size(), 8);
  }
  append_number(out, mask, 4);
  const std::array<unsigned, 4> key{mask >> 24U, mask >> 16U & 0xFFU, mask >> 8U & 0xFFU,
                                    mask & 0xFFU};
  for (size_t i = 0; i < payload.size(); i++) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ key[i % 4]));
  }
}

void Decoder::feed(std::string_view bytes) {
  if (fragments_over_) {
    fragments_.clear();
    fragments_over_ = false;
  }
  if (kept_.empty()) {
    input_ = bytes;
  } else {
    kept_.append(bytes);
    input_ = kept_;
  }
}

bool Decoder::fail(std::string_view what) {
  fault_ = what;
  input_ = {};
  return false;
}

void Decoder::keep_rest() {
  // input_ may be a part of kept_.
  std::string rest(input_);
  kept_.swap(rest);
  input_ = {};
}

bool Decoder::next(Message& message) {
  if (fragments_over_) {
    fragments_.clear();
    fragments_over_ = false;
  }
  while (fault_.empty()) {
    if (input_.size() < 2) {
      keep_rest();
      return false;
    }
    const unsigned first = static_cast<unsigned char>(input_[0]);
    const unsigned second = static_cast<unsigned char>(input_[1]);
    if ((first & kReserved) != 0) return fail("reserved bits are set");
    if ((second & kMasked) != 0) return fail("a server must not mask");
    uint64_t length = second;
    size_t head = 2;
    if (length == kTwoBytes || length == kEightBytes) {
      const size_t bytes = length == kTwoBytes ? 2 : 8;
      if (input_.size() < 2 + bytes) {
        keep_rest();
        return false;
      }
      length = number_at(input_, 2, bytes);
      head += bytes;
    }
    if (length > kFrameBytesMax) return fail("a frame is too long");
    if (input_.size() - head < length) {
      keep_rest();
      return false;
    }
    const std::string_view payload = input_.substr(head, static_cast<size_t>(length));
    input_.remove_prefix(head + static_cast<size_t>(length));
    const auto opcode = static_cast<Opcode>(first & kOpcode);
    const bool fin = (first & kFin) != 0;
    const bool control = (first & kControl) != 0;
    if (control && !fin) return fail("a control frame in parts");
    if (!control && (opcode == Opcode::kContinuation) != in_fragments_) {
      return fail("parts out of order");
    }
    if (control || (fin && opcode != Opcode::kContinuation)) {
      message = {opcode, (first & kCompressed) != 0, payload};
      return true;
    }
    if (opcode != Opcode::kContinuation) {
      fragments_opcode_ = opcode;
      fragments_compressed_ = (first & kCompressed) != 0;
    }
    in_fragments_ = !fin;
    fragments_.append(payload);
    if (!fin) continue;
    fragments_over_ = true;
    message = {fragments_opcode_, fragments_compressed_, fragments_};
    return true;
  }
  return false;
}

}  // namespace edgeroom::load
