// One WebSocket client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/load/deflate.h"
#include "bench/load/dialect.h"
#include "bench/load/network.h"
#include "bench/load/ws_frame.h"

namespace edgeroom::load {

class Connection;

// Who wants to know what connections are told.
class Listener {
 public:
  virtual ~Listener() = default;
  // A text, from the welcome on; `text` is valid during the call.
  virtual void on_text(Connection& connection, std::string_view text, uint64_t at_ns) = 0;
};

enum class ConnectionState : uint8_t { kClosed, kConnecting, kUpgrading, kGreeting, kJoined };

// What all connections of a process share; it outlives them.
struct ConnectionContext {
  Poller& poller;
  Dialect dialect;
  bool offers_deflate;
  uint16_t port;
  Deflater deflater;
  Listener* listener = nullptr;
  uint64_t bytes_read = 0;
  uint64_t frames_read = 0;
};

class Connection {
 public:
  // `index` is its number among all, and its key at the poller.
  Connection(ConnectionContext& context, uint32_t index, uint32_t room);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void open(std::string_view target);
  void send_text(std::string_view text);

  // The poller has seen something.
  void on_event(uint32_t events);

  // Gone at once, without a word to the server.
  void abandon();

  [[nodiscard]] ConnectionState state() const { return state_; }
  [[nodiscard]] uint32_t index() const { return index_; }
  [[nodiscard]] uint32_t room() const { return room_; }
  // Why it is closed, empty when nobody knows better.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  // permessage-deflate is in use.
  [[nodiscard]] bool compressed() const { return inflater_ != nullptr; }

 private:
  void close_for(std::string_view fault);
  void write_frame(Opcode opcode, std::string_view payload);
  void flush();
  void read();
  void upgrade(std::string_view bytes, uint64_t at_ns);
  void read_frames(std::string_view bytes, uint64_t at_ns);
  void on_message(const Message& message, uint64_t at_ns);
  void on_text(std::string_view text, uint64_t at_ns);

  ConnectionContext* context_;
  uint32_t index_;
  uint32_t room_;
  int socket_ = -1;
  ConnectionState state_ = ConnectionState::kClosed;
  bool waits_to_write_ = false;
  uint32_t mask_;
  std::string key_;
  std::string head_;  // the answer to the handshake, as far as it came
  std::string out_;   // not yet written
  size_t written_ = 0;
  Decoder decoder_;
  std::unique_ptr<Inflater> inflater_;
  std::string fault_;
};

}  // namespace edgeroom::load
