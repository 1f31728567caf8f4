// Workers KV as the rate limiter may meet it: late, forgetful, and strict about its rules.
//
//   - A write shows after a delay: 85 % within 1 s, 12 % within 10 s, 3 % within 60 s.
//   - A read is repeated for 60 s to everybody in its location, also one that found nothing. Only
//     a write from the same location puts an end to that.
//   - A name takes one write a second; a second one is refused.
//   - What a caller must never do is noted as a violation: an expirationTtl below 60 s, a cacheTtl
//     below 30 s, a name above 512 bytes, more than 100 names in one read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"

namespace edgeroom::sim {

// What may go wrong with it. Every fault holds from the beginning to the end.
struct KvFaults {
  bool fails = false;           // every operation ends with an error
  bool hangs = false;           // no operation ever ends
  bool refuses_writes = false;  // as when the day's writes are used up
  bool drops = false;           // half of the writes are confirmed and lost, half of the reads miss
  bool reorders = false;        // results come up to 8 s late, and reads go back to older values
  bool duplicates = false;      // results come twice, and a lost answer's write is there twice
  bool delays = false;          // every write takes a minute to show
  std::string garbage;          // what every read gives, if it is not empty
};

inline constexpr uint32_t kExpirationTtlMinS = 60;
inline constexpr uint32_t kCacheTtlMinS = 30;
inline constexpr uint32_t kCacheTtlS = 60;
inline constexpr size_t kNameBytesMax = 512;
inline constexpr size_t kBulkNamesMax = 100;

class Kv {
 public:
  struct Counts {
    uint64_t reads = 0;    // names
    uint64_t writes = 0;   // accepted or refused
    uint64_t refused = 0;  // for being the second within a second
    uint64_t failed = 0;   // by a fault
    uint64_t awaited = 0;  // operations that a decision waited for
  };

  explicit Kv(uint64_t seed) : random_(seed) {}

  // False: refused.
  bool put(const std::string& name, std::string_view value, uint32_t ttl_s, uint32_t location,
           double at_ms);
  // Nothing when there is none.
  std::optional<std::string> get(const std::string& name, uint32_t cache_ttl_s, uint32_t location,
                                 double at_ms);
  // To be told of each bulk read.
  void note_bulk(size_t names);

  // Everything that was ever written, the newest value of each name.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> contents() const;
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

  // The shortest time between two writes, whatever their names.
  [[nodiscard]] double shortest_put_interval_ms() const { return shortest_put_interval_ms_; }

  KvFaults faults;
  Counts counts;

 private:
  struct Version {
    double shown_ms;
    double expires_ms;
    std::string value;
  };
  struct Entry {
    double last_put_ms = -1e300;
    std::vector<Version> versions;
  };
  struct Cached {
    double until_ms = 0;
    std::optional<std::string> value;
  };

  double delay_ms();
  [[nodiscard]] std::optional<std::string> current(const std::string& name, double at_ms);
  static std::string cache_name(const std::string& name, uint32_t location);
  void violated(const std::string& rule) { violations_.push_back(rule); }

  Random random_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, Cached> cache_;  // by name and location
  std::vector<std::string> violations_;
  double last_put_ms_ = -1e300;
  double shortest_put_interval_ms_ = 1e300;
};

}  // namespace edgeroom::sim
