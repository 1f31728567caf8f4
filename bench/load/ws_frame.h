// The frames of RFC 6455, as a client writes and reads them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom::load {

enum class Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// Appends one whole frame, masked with `mask` as clients must.
void append_frame(std::string& out, Opcode opcode, std::string_view payload, uint32_t mask,
                  bool compressed = false);

// One message, or one control frame. `payload` is valid until the decoder is called again.
struct Message {
  Opcode opcode = Opcode::kText;
  bool compressed = false;
  std::string_view payload;
};

// Takes a server's bytes as they come and gives whole messages. After a fault nothing more comes.
class Decoder {
 public:
  // `bytes` must stay as they are until next() has returned false.
  void feed(std::string_view bytes);

  // The next message of what was fed; false when more bytes are needed, or after a fault.
  bool next(Message& message);

  // What was wrong with the frames, empty while nothing was.
  [[nodiscard]] std::string_view fault() const { return fault_; }

 private:
  bool fail(std::string_view what);
  void keep_rest();

  // More than any server here has a reason to send at once.
  static constexpr uint64_t kFrameBytesMax = uint64_t{64} << 20;

  std::string_view input_;  // not yet read, in the caller's buffer or in kept_
  std::string kept_;        // a frame that has not come whole
  std::string fragments_;   // the parts of a message that came so far
  bool in_fragments_ = false;
  bool fragments_over_ = false;
  Opcode fragments_opcode_ = Opcode::kText;
  bool fragments_compressed_ = false;
  std::string_view fault_;
};

}  // namespace edgeroom::load
