// The opening handshake of RFC 6455, section 4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom::load {

// A key for Sec-WebSocket-Key: 16 bytes made of `seed`, in Base64.
std::string handshake_key(uint64_t seed);

// What Sec-WebSocket-Accept must be for that key.
std::string handshake_accept(std::string_view key);

std::string handshake_request(std::string_view host, std::string_view target, std::string_view key,
                              bool offers_deflate);

struct HandshakeAnswer {
  // Empty: the connection is a WebSocket.
  std::string fault;
  bool deflate = false;
  // Each message of the server is compressed on its own (server_no_context_takeover).
  bool fresh_context = false;
};

// `head` is the answer with its empty line.
HandshakeAnswer read_handshake(std::string_view head, std::string_view key);

}  // namespace edgeroom::load
