#include "rooms/connection.h"

#include <iterator>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

constexpr uint8_t kAttachmentVersion = 3;

}  // namespace

void encode_attachment(std::string& out, const Connection& connection) {
  ByteWriter writer(out);
  writer.u8(kAttachmentVersion);
  writer.u8(static_cast<uint8_t>(connection.access));
  writer.varint(static_cast<uint64_t>(connection.expires_ms));
  writer.sized(connection.id);
  writer.sized(connection.user);
}

bool decode_attachment(std::string_view bytes, Connection& connection) {
  ByteReader reader(bytes);
  if (reader.u8() != kAttachmentVersion) return false;
  connection.access = static_cast<Access>(reader.u8());
  if (connection.access < Access::kRead || connection.access > Access::kModerate) return false;
  const uint64_t expires_ms = reader.varint();
  if (expires_ms > kSafeIntegerMax) return false;
  connection.expires_ms = static_cast<double>(expires_ms);
  connection.id = reader.sized();
  connection.user = reader.sized();
  return reader.ok() && reader.at_end();
}

Connection& ConnectionTable::add(uint32_t handle, Connection connection, double now_ms) {
  forget_rested(now_ms);
  const auto [user, is_new] =
      users_.try_emplace(connection.user, User{0, FrameBudget(user_limit_)});
  if (!is_new && user->second.connections == 0) gone_users_--;
  user->second.connections++;
  const auto [place, added] = by_handle_.emplace(handle, std::move(connection));
  CHECK(added);
  return place->second;
}

void ConnectionTable::remove(uint32_t handle, double now_ms) {
  const auto found = by_handle_.find(handle);
  CHECK(found != by_handle_.end());
  const auto user = users_.find(found->second.user);
  CHECK(user != users_.end());
  by_handle_.erase(found);
  if (--user->second.connections > 0) return;
  if (user->second.budget.full(now_ms) || gone_users_ >= kGoneUsersMax) {
    users_.erase(user);
  } else {
    gone_users_++;
  }
}

Connection* ConnectionTable::find(uint32_t handle) {
  const auto found = by_handle_.find(handle);
  return found == by_handle_.end() ? nullptr : &found->second;
}

FrameBudget* ConnectionTable::user_budget(const Connection& connection) {
  if (!user_limit_.is_any()) return nullptr;
  const auto user = users_.find(connection.user);
  CHECK(user != users_.end());
  return &user->second.budget;
}

void ConnectionTable::forget_rested(double now_ms) {
  if (gone_users_ == 0 || now_ms - rested_at_ms_ < kRestedUsersMs) return;
  rested_at_ms_ = now_ms;
  for (auto user = users_.begin(); user != users_.end();) {
    const bool is_rested = user->second.connections == 0 && user->second.budget.full(now_ms);
    if (is_rested) gone_users_--;
    user = is_rested ? users_.erase(user) : std::next(user);
  }
}

}  // namespace edgeroom
