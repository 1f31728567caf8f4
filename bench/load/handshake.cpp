#include "bench/load/handshake.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstddef>

namespace edgeroom::load {
namespace {

using Digest = std::array<unsigned char, 20>;

// SHA-1 (FIPS 180-4), which the handshake asks for. It protects nothing here.
class Sha1 {
 public:
  static Digest of(std::string_view text) {
    std::string padded(text);
    const uint64_t bits = uint64_t{text.size()} * 8;
    padded.push_back(static_cast<char>(0x80));
    while (padded.size() % kBlock != kBlock - 8) padded.push_back('\0');
    for (int shift = 56; shift >= 0; shift -= 8) {
      padded.push_back(static_cast<char>(bits >> static_cast<unsigned>(shift) & 0xFFU));
    }
    Sha1 hash;
    for (size_t at = 0; at < padded.size(); at += kBlock) hash.block(padded.data() + at);
    Digest digest{};
    for (size_t i = 0; i < digest.size(); i++) {
      digest[i] = static_cast<unsigned char>(hash.state_[i / 4] >> (24 - 8 * (i % 4)) & 0xFFU);
    }
    return digest;
  }

 private:
  static constexpr size_t kBlock = 64;
  static constexpr size_t kRounds = 80;

  void block(const char* bytes) {
    std::array<uint32_t, kRounds> w{};
    for (size_t i = 0; i < kBlock; i++) {
      w[i / 4] = w[i / 4] << 8U | static_cast<unsigned char>(bytes[i]);
    }
    for (size_t i = 16; i < kRounds; i++) {
      w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    auto [a, b, c, d, e] = state_;
    for (size_t i = 0; i < kRounds; i++) {
      const uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999U
                             : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1U
                             : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDCU
                                      : (b ^ c ^ d) + 0xCA62C1D6U;
      const uint32_t next = std::rotl(a, 5) + mixed + e + w[i];
      e = d;
      d = c;
      c = std::rotl(b, 30);
      b = a;
      a = next;
    }
    state_ = {state_[0] + a, state_[1] + b, state_[2] + c, state_[3] + d, state_[4] + e};
  }

  std::array<uint32_t, 5> state_{0x67452301U, 0xEFCDAB89U, 0x98BADCFEU, 0x10325476U, 0xC3D2E1F0U};
};

template <size_t kSize>
std::string base64(const std::array<unsigned char, kSize>& bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < kSize; at += 3) {
    const size_t count = std::min<size_t>(3, kSize - at);
    unsigned group = 0;
    for (size_t i = 0; i < 3; i++) group = group << 8U | (i < count ? bytes[at + i] : 0U);
    for (size_t i = 0; i < 4; i++) {
      text.push_back(i <= count ? kAlphabet[group >> (18 - 6 * i) & 0x3FU] : '=');
    }
  }
  return text;
}

bool same_letters(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

// The value of a header, empty when it is not there.
std::string_view header(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !same_letters(line.substr(0, colon), name)) continue;
    const size_t start = line.find_first_not_of(' ', colon + 1);
    return start == std::string_view::npos ? std::string_view{} : line.substr(start);
  }
  return {};
}

}  // namespace

std::string handshake_key(uint64_t seed) {
  std::array<unsigned char, 16> bytes{};
  for (auto& byte : bytes) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<unsigned char>(seed >> 56U);
  }
  return base64(bytes);
}

std::string handshake_accept(std::string_view key) {
  return base64(Sha1::of(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

std::string handshake_request(std::string_view host, std::string_view target, std::string_view key,
                              bool offers_deflate) {
  std::string text = "GET ";
  text.append(target).append(" HTTP/1.1\r\nHost: ").append(host);
  text.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13");
  text.append("\r\nSec-WebSocket-Key: ").append(key);
  if (offers_deflate) {
    text.append("\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits");
  }
  return text.append("\r\n\r\n");
}

HandshakeAnswer read_handshake(std::string_view head, std::string_view key) {
  HandshakeAnswer answer;
  if (!head.starts_with("HTTP/1.1 101 ")) {
    answer.fault = "not upgraded: " + std::string(head.substr(0, head.find("\r\n")));
  } else if (header(head, "Sec-WebSocket-Accept") != handshake_accept(key)) {
    answer.fault = "Sec-WebSocket-Accept is not that of the key";
  }
  const std::string_view extensions = header(head, "Sec-WebSocket-Extensions");
  answer.deflate = extensions.find("permessage-deflate") != std::string_view::npos;
  answer.fresh_context = extensions.find("server_no_context_takeover") != std::string_view::npos;
  return answer;
}

}  // namespace edgeroom::load
