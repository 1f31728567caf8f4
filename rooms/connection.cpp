#include "rooms/connection.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace edgeroom {

namespace {

constexpr uint8_t kAttachmentVersion = 3;

}  // namespace

double TokenBucket::tokens_at(double now_ms) const {
  if (now_ms <= last_ms_) return tokens_;
  return std::min(burst_, tokens_ + (now_ms - last_ms_) * rate_per_ms_);
}

bool TokenBucket::take(double now_ms, double& retry_after_ms) {
  tokens_ = tokens_at(now_ms);
  last_ms_ = std::max(last_ms_, now_ms);
  if (tokens_ >= 1) {
    tokens_ -= 1;
    return true;
  }
  retry_after_ms = std::ceil((1 - tokens_) / rate_per_ms_);
  return false;
}

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
  connection.expires_ms = static_cast<double>(reader.varint());
  connection.id = reader.sized();
  connection.user = reader.sized();
  return reader.ok() && reader.at_end();
}

Connection& ConnectionTable::add(uint32_t handle, Connection connection) {
  connections_by_user_[connection.user]++;
  const auto [place, added] = by_handle_.emplace(handle, std::move(connection));
  CHECK(added);
  return place->second;
}

void ConnectionTable::remove(uint32_t handle) {
  const auto found = by_handle_.find(handle);
  CHECK(found != by_handle_.end());
  const auto user = connections_by_user_.find(found->second.user);
  CHECK(user != connections_by_user_.end());
  if (--user->second == 0) connections_by_user_.erase(user);
  by_handle_.erase(found);
}

Connection* ConnectionTable::find(uint32_t handle) {
  const auto found = by_handle_.find(handle);
  return found == by_handle_.end() ? nullptr : &found->second;
}

}  // namespace edgeroom
