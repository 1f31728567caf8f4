// The ids of messages that were stored not long ago, so that a retry is not a second message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "base/siphash.h"

namespace edgeroom {

// What stands in a segment's head for a record that has no hash.
inline constexpr uint64_t kNoIdHash = 0;       // a message without an id
inline constexpr uint64_t kNoMessageHash = 1;  // no message

// Remembers an id while its message is among the newest `history_size` messages or younger than
// kDedupMs, but never more than `entries_max` ids (contract, section 3).
//
// It holds a 64-bit keyed hash of (user, id). With 100,000 ids the chance that any two of them
// share one is below 3e-10, and nobody without the room's key can bring it about.
class DedupWindow {
 public:
  DedupWindow(SipHashKey key, size_t history_size, size_t entries_max)
      : key_(key), history_size_(history_size), entries_max_(entries_max) {}

  [[nodiscard]] uint64_t hash(std::string_view user, std::string_view id) const;
  // The seq under which this was stored, or is about to be.
  [[nodiscard]] std::optional<uint64_t> find(uint64_t hash) const;

  // Counts a message. `hash` is kNoIdHash when it has no id. Messages come in the order of their
  // seq.
  void add(uint64_t hash, uint64_t seq, double ts_ms);
  // Forgets what need not be remembered at `now_ms`.
  void expire(double now_ms);

  // The hash under which `seq` is remembered, or kNoIdHash.
  [[nodiscard]] uint64_t hash_at(uint64_t seq) const;
  // The oldest seq that is still remembered; UINT64_MAX when none is.
  [[nodiscard]] uint64_t oldest_seq() const;
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t hash;
    uint64_t seq;
    uint64_t ordinal;  // which message of this window's life it was
    double ts_ms;
  };

  void drop_oldest();

  SipHashKey key_;
  size_t history_size_;
  size_t entries_max_;
  uint64_t messages_ = 0;
  std::deque<Entry> entries_;
  std::unordered_map<uint64_t, uint64_t> seq_by_hash_;
};

}  // namespace edgeroom
