// The rate-limit keys in memory: a bounded table that forgets the one unused for longest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "worker/shared_counts.h"
#include "worker/window.h"

namespace edgeroom {

// What a busy key tells and asks in KV.
struct KeySharing {
  KeySharing(const LimitShape& shape, uint32_t isolate) : counts(shape, isolate) {}

  SharedCounts counts;
  std::string text;  // the key's text until its hash is known, then empty
  std::string hash;  // 32 hexadecimal digits; empty until it is known
  double hash_asked_ms = 0;

  // Reports. Totals are of SharedCounts::own_total().
  uint64_t reported_total = 0;
  double last_put_ms = 0;
  uint32_t failed_puts = 0;
  uint32_t last_coarse_put = 0;  // the epoch of the last coarse report that was stored

  // Reads, and how many slots they look at.
  uint32_t slots = 4;
  uint32_t last_coarse_read = 0;  // epoch
  uint32_t empty_reads = 0;       // coarse ones in a row that told of no other isolate
  uint32_t last_burst_read = 0;   // burst index
  uint64_t total_at_burst_read = 0;

  // The read in flight.
  double read_until_ms = 0;        // when it is given up; 0: there is none
  uint32_t read_coarse_epoch = 0;  // 0: of a burst
  uint32_t read_open = 0;          // values still to come
  uint32_t read_names = 0;         // slots asked
  uint32_t read_taken = 0;         // of them taken
  uint32_t read_others = 0;        // by other isolates
  bool read_failed = false;
};

struct LimitKey {
  uint64_t id = 0;
  uint32_t policy = 0;
  UsageWindow window;
  double arrival_ms = 0;                // GCRA's theoretical arrival time
  std::unique_ptr<KeySharing> sharing;  // once the key is busy
};

class LimitKeys {
 public:
  // The key, new if need be, and from now on the one used last. It stays where it is until
  // trim() or clear().
  LimitKey& use(uint64_t id, uint32_t policy);
  // Null when it is not held (any more). Does not count as a use.
  LimitKey* find(uint64_t id);

  // Begins sharing a key. False when too many keys are shared already and none of them is idle.
  bool share(LimitKey& key, const LimitShape& shape, uint32_t isolate, double now_ms);

  // To be called after a key's window may have grown or shrunk by so many entries.
  void note_window_entries(size_t before, size_t after) { entries_ += after - before; }
  // Forgets keys until the bounds hold, but not the one used last.
  void trim();
  void clear();

  [[nodiscard]] size_t size() const { return by_id_.size(); }
  [[nodiscard]] size_t window_entries() const { return entries_; }

 private:
  using Keys = std::list<LimitKey>;

  void evict();
  bool make_room_to_share(double now_ms);

  Keys latest_first_;
  std::map<uint64_t, Keys::iterator> by_id_;
  size_t entries_ = 0;
  std::list<uint64_t> shared_;  // ids of keys that are shared, or were, the first shared first
};

}  // namespace edgeroom
