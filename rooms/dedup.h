// The ids of messages that were stored not long ago, so that a retry is not a second message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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
//
// Once it has as many ids as it is to have, it allocates nothing any more.
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
  [[nodiscard]] size_t size() const { return size_; }

 private:
  struct Entry {
    uint64_t hash;
    uint64_t seq;
    uint64_t ordinal;  // which message of this window's life it was
    double ts_ms;
  };
  // Of the table by hash. The cells alone tell nearly all: entries are far apart in memory.
  struct Cell {
    uint32_t tag = 0;      // the lower half of the hash, which says where its cell is sought
    uint32_t place_1 = 0;  // 1 more than the entry's place in ring_; 0: the cell is empty
  };

  [[nodiscard]] size_t place(size_t index) const { return (first_ + index) & (ring_.size() - 1); }
  [[nodiscard]] const Entry& oldest() const { return ring_[first_]; }
  [[nodiscard]] size_t cell_of(uint64_t hash) const;
  void put(uint64_t hash, size_t place);
  void erase(size_t cell);
  void grow();
  void fetch_oldest() const;
  void drop_oldest();

  SipHashKey key_;
  size_t history_size_;
  size_t entries_max_;
  uint64_t messages_ = 0;
  // The entries in the order of their seq, from first_ on and round the end. A power of two.
  std::vector<Entry> ring_;
  size_t first_ = 0;
  size_t size_ = 0;
  // Open addressing, twice as many cells as ring_ has places: at most half of them are taken.
  std::vector<Cell> cells_;
};

}  // namespace edgeroom
