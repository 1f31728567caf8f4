// What the rate limiter writes to and reads from KV, and when.
//
// A report is written under a name that holds its epoch: nobody has read that name before, so no
// cache holds an old answer for it.
//
//   rl1:{policy}:{hash of the key, 128 bits}:{c|b}{epoch or burst index}:{slot}
//
// Slots spread the isolates of one epoch over several names; two that meet in one slot overwrite
// each other, which costs a report, until the next epoch brings another slot. `c` (coarse) is
// written once an epoch, `b` (burst) earlier, when a key is used much faster than its limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/abi.h"
#include "worker/limit_keys.h"
#include "worker/shared_counts.h"

namespace edgeroom {

// KV takes one write a second for a name; a key writes no faster under all its names.
inline constexpr double kPutIntervalMs = 1000;
// So many failures in a row, and KV is left alone for so long. Deciding goes on as before.
inline constexpr uint32_t kKvFailuresMax = 3;
inline constexpr double kKvPauseMs = 30'000;
// A bulk read takes so many names and counts as one operation.
inline constexpr size_t kBulkReadNamesMax = 100;
// The slots of an epoch: as many names are read at once.
inline constexpr uint32_t kSlotsMin = 4;
inline constexpr uint32_t kSlotsMax = 64;

using KvOperationType = EdgeKvOperationType;
using KvOutcome = EdgeKvOutcome;

struct KvOperation {
  KvOperationType type = KvOperationType::kHash;
  uint32_t id = 0;
  std::string name;
  std::string value;
  uint32_t ttl_s = 0;
};

// A policy as far as KV is concerned.
struct SharedPolicy {
  std::string name;
  LimitShape shape;
};

class Mailboxes {
 public:
  // A key's `policy` is an index into `policies`.
  Mailboxes(uint32_t isolate, std::vector<SharedPolicy> policies)
      : isolate_(isolate), policies_(std::move(policies)) {}

  // Looks whether the busy key has something to tell or to ask, and notes it for the next plan.
  // `used`: its units in the window, admitted here.
  void look_at(const LimitKey& key, uint64_t used, double now_ms);

  [[nodiscard]] bool due() const { return !waiting_.empty(); }

  // What is to be done now. The caller owes each operation a result(); one that never comes is
  // given up after kKvPatienceMs. Valid until the next call.
  const std::vector<KvOperation>& plan(LimitKeys& keys, double now_ms);

  // False when nobody waits for the operation (any more).
  bool result(LimitKeys& keys, uint32_t operation, KvOutcome outcome, std::string_view payload,
              double now_ms);

 private:
  // An operation whose result is awaited.
  struct Open {
    uint32_t id = 0;
    KvOperationType type = KvOperationType::kHash;
    uint32_t plan = 0;  // operations of one plan fail together, and that counts once
    uint64_t key_id = 0;
    uint64_t total = 0;         // kPut: own_total() as reported
    uint32_t coarse_epoch = 0;  // kPut of a coarse report; else 0
    double given_up_ms = 0;
  };

  // Reads and writes fail for different reasons: a refused write must not end reading.
  struct Health {
    uint32_t failures = 0;  // in a row
    uint32_t last_failed_plan = 0;
    double paused_until_ms = 0;
  };

  enum class Errand : uint8_t { kNone, kCoarse, kBurst };

  [[nodiscard]] const LimitShape& shape_of(const LimitKey& key) const {
    return policies_[key.policy].shape;
  }
  [[nodiscard]] Errand report_due(const LimitKey& key, double now_ms) const;
  [[nodiscard]] Errand read_due(const LimitKey& key, uint64_t used, double now_ms) const;
  void drop_expired(double now_ms);
  void plan_key(LimitKey& key, double now_ms);
  void plan_report(LimitKey& key, double now_ms);
  void plan_read(LimitKey& key, Errand errand, double now_ms);
  [[nodiscard]] std::string name(const LimitKey& key, Errand errand, uint32_t index,
                                 uint32_t slot) const;
  Open& open(KvOperationType type, const LimitKey& key, std::string name, double now_ms);
  void note_outcome(const Open& open, bool failed, double now_ms);
  void finish_read(LimitKey& key, KvOutcome outcome, std::string_view payload, double now_ms);
  [[nodiscard]] bool reading() const;
  [[nodiscard]] double jitter(uint32_t epoch) const;

  // A key with something to do, and what of it is a read.
  struct Waiting {
    uint64_t key_id;
    Errand read;
  };

  uint32_t isolate_;
  std::vector<SharedPolicy> policies_;
  uint32_t next_id_ = 1;
  uint32_t plans_ = 0;
  Health gets_;
  Health puts_;
  std::vector<Waiting> waiting_;  // no key twice
  std::vector<Open> open_;
  std::vector<KvOperation> planned_;
};

}  // namespace edgeroom
