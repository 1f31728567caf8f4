#include "rooms/moderation.h"

#include <algorithm>

#include "base/bytes.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

// Of an entry in the snapshot, beside the name: a size and two times.
constexpr size_t kEntryBytesMax = 30;

uint64_t running(uint64_t until, double now_ms) {
  return static_cast<double>(until) > now_ms ? until : 0;
}

}  // namespace

void Moderation::apply(const Record& record) {
  if (record.kind != RecordKind::kModeration) return;
  forget_ended(record.ts);
  const uint64_t until = record.until == 0 ? kForGood : record.until;
  if (record.action == ModerationAction::kKick) return;
  const std::string user(record.subject);
  const auto [place, is_new] = by_user_.try_emplace(user);
  if (is_new) bytes_ += user.size() + kEntryBytesMax;
  Entry& entry = place->second;
  switch (record.action) {
    case ModerationAction::kKick: break;
    case ModerationAction::kBan: entry.banned_until = until; break;
    case ModerationAction::kUnban: entry.banned_until = 0; break;
    case ModerationAction::kMute: entry.muted_until = until; break;
    case ModerationAction::kUnmute: entry.muted_until = 0; break;
  }
  next_end_ = std::min(next_end_, end_of(entry));
  forget_free(user);
}

uint64_t Moderation::banned_until(std::string_view user, double now_ms) const {
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? 0 : running(found->second.banned_until, now_ms);
}

uint64_t Moderation::muted_until(std::string_view user, double now_ms) const {
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? 0 : running(found->second.muted_until, now_ms);
}

bool Moderation::full(double now_ms) const {
  return bytes_ >= kModerationBytesMax && now_ms < static_cast<double>(next_end_);
}

void Moderation::forget_ended(uint64_t now_ms) {
  // Of many who are banned for good not all are looked at for each one more.
  if (now_ms < next_end_) return;
  next_end_ = kForGood;
  for (auto place = by_user_.begin(); place != by_user_.end();) {
    Entry& entry = place->second;
    if (entry.banned_until <= now_ms) entry.banned_until = 0;
    if (entry.muted_until <= now_ms) entry.muted_until = 0;
    const bool is_free = entry.banned_until == 0 && entry.muted_until == 0;
    if (is_free) bytes_ -= place->first.size() + kEntryBytesMax;
    next_end_ = std::min(next_end_, end_of(entry));
    place = is_free ? by_user_.erase(place) : std::next(place);
  }
}

uint64_t Moderation::end_of(const Entry& entry) {
  uint64_t end = kForGood;
  if (entry.banned_until != 0) end = std::min(end, entry.banned_until);
  if (entry.muted_until != 0) end = std::min(end, entry.muted_until);
  return end;
}

void Moderation::forget_free(const std::string& user) {
  const auto found = by_user_.find(user);
  if (found->second.banned_until != 0 || found->second.muted_until != 0) return;
  bytes_ -= user.size() + kEntryBytesMax;
  by_user_.erase(found);
}

void Moderation::encode(ByteWriter& out) const {
  out.varint(by_user_.size());
  for (const auto& [user, entry] : by_user_) {
    out.sized(user);
    out.varint(entry.banned_until);
    out.varint(entry.muted_until);
  }
}

bool Moderation::decode(ByteReader& in) {
  by_user_.clear();
  bytes_ = 0;
  next_end_ = kForGood;
  const uint64_t count = in.varint();
  for (uint64_t i = 0; in.ok() && i < count; i++) {
    const std::string user(in.sized());
    Entry entry;
    entry.banned_until = in.varint();
    entry.muted_until = in.varint();
    next_end_ = std::min(next_end_, end_of(entry));
    if (by_user_.emplace(user, entry).second) bytes_ += user.size() + kEntryBytesMax;
  }
  return in.ok();
}

}  // namespace edgeroom
