// Connections: the sockets that have joined the room, and what each one is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/claims.h"

namespace edgeroom {

// Tokens that come back at `rate` a second, up to `burst`. Starts full.
class TokenBucket {
 public:
  TokenBucket(double rate_per_s, double burst)
      : rate_per_ms_(rate_per_s / 1000), burst_(burst), tokens_(burst) {}

  // Takes one token. When there is none, false, and `retry_after_ms` is the time until there is.
  bool take(double now_ms, double& retry_after_ms);
  // Whether all tokens have come back.
  [[nodiscard]] bool full(double now_ms) const { return tokens_at(now_ms) >= burst_; }

 private:
  [[nodiscard]] double tokens_at(double now_ms) const;

  double rate_per_ms_;
  double burst_;
  double tokens_;
  double last_ms_ = 0;
};

struct Connection {
  Connection(double message_rate, double message_burst) : bucket(message_rate, message_burst) {}

  std::string id;  // what the others see as `conn`
  std::string user;
  Access access = Access::kPublish;
  double expires_ms = 0;     // of its token; 0: never
  bool is_renewing = false;  // a token is being verified; not kept over sleep
  std::string renewal_ref;   // of the frame that brought it
  // When it is closed, because it was told to reconnect; 0: it was not. Not kept over sleep.
  double drained_at_ms = 0;
  TokenBucket bucket;
  uint32_t flood_warnings = 0;
  // Since when much waits for it; 0: does not. Not kept over sleep.
  double slow_since_ms = 0;
  // Of the bytes that the room has broadcast, those before its last sign of life.
  uint64_t heard_at_bytes = 0;

  [[nodiscard]] bool is_moderator() const { return access == Access::kModerate; }
};

// What a socket carries over the room's sleep:
//
//   attachment := version:u8 access:u8 expires_ms:varint id:sized user:sized
void encode_attachment(std::string& out, const Connection& connection);
bool decode_attachment(std::string_view bytes, Connection& connection);

// The connections by the host's handle, in ascending order, so that every build lists them alike.
class ConnectionTable {
 public:
  // The handle must be new.
  Connection& add(uint32_t handle, Connection connection);
  void remove(uint32_t handle);
  // Null when there is none.
  Connection* find(uint32_t handle);

  [[nodiscard]] const std::map<uint32_t, Connection>& all() const { return by_handle_; }
  [[nodiscard]] size_t size() const { return by_handle_.size(); }
  // Distinct users.
  [[nodiscard]] size_t users() const { return connections_by_user_.size(); }

 private:
  std::map<uint32_t, Connection> by_handle_;
  std::map<std::string, uint32_t, std::less<>> connections_by_user_;
};

}  // namespace edgeroom
