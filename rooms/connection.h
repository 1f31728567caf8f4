// Connections: the sockets that have joined the room, and what each one is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/claims.h"
#include "rooms/frame_budget.h"

namespace edgeroom {

struct Connection {
  explicit Connection(const FrameLimit& limit) : budget(limit) {}

  std::string id;  // what the others see as `conn`
  std::string user;
  Access access = Access::kPublish;
  double expires_ms = 0;     // of its token, by the host's clock; 0: never
  bool is_renewing = false;  // a token is being verified; not kept over sleep
  std::string renewal_ref;   // of the frame that brought it
  // When it is closed, because it was told to reconnect; 0: it was not. Not kept over sleep.
  double drained_at_ms = 0;
  FrameBudget budget;
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

// The connections by the host's handle, in ascending order, so that every build lists them alike,
// and their users.
class ConnectionTable {
 public:
  explicit ConnectionTable(const FrameLimit& user_limit) : user_limit_(user_limit) {}

  // The handle must be new.
  Connection& add(uint32_t handle, Connection connection, double now_ms);
  void remove(uint32_t handle, double now_ms);
  // Null when there is none.
  Connection* find(uint32_t handle);
  // What the user of a connection in the table has left, over all of his. Null where users have no
  // limit.
  FrameBudget* user_budget(const Connection& connection);

  [[nodiscard]] const std::map<uint32_t, Connection>& all() const { return by_handle_; }
  [[nodiscard]] size_t size() const { return by_handle_.size(); }
  // Distinct users.
  [[nodiscard]] size_t users() const { return users_.size() - gone_users_; }
  // Users without a connection who are remembered for what they have used up.
  [[nodiscard]] size_t gone_users() const { return gone_users_; }

 private:
  struct User {
    uint32_t connections = 0;
    FrameBudget budget;
  };

  void forget_rested(double now_ms);

  FrameLimit user_limit_;
  std::map<uint32_t, Connection> by_handle_;
  // With those who are gone and whose budget has not come back: who leaves and returns would have a
  // new one.
  std::map<std::string, User, std::less<>> users_;
  size_t gone_users_ = 0;
  double rested_at_ms_ = 0;  // forget_rested, last
};

}  // namespace edgeroom
