#include "tests/sim/variants.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/check.h"
#include "base/random.h"
#include "base/siphash.h"
#include "worker/limiter.h"
#include "worker/limits.h"

namespace edgeroom::sim {

namespace {

// As in worker/limiter.cpp.
constexpr double kRoundingUnits = 1e-6;
constexpr double kQuantaPerWindow = 128;

class Changed : public Limiter {
 public:
  Changed(const Site& site, Change change)
      : change_(change),
        policy_(site.policy),
        shape_(limit_shape(policy_.limit, policy_.window_s)),
        isolate_(static_cast<uint32_t>(Random(site.seed).next() >> 32U)),
        mailboxes_(isolate_, {{policy_.name, shape_}}) {
    window_.window_ms = policy_.window_ms();
    window_.quantum_ms = policy_.limit <= kExactLimitMax ? 0 : window_.window_ms / kQuantaPerWindow;
    Random random(~site.seed);
    hash_key_ = {random.next(), random.next()};
  }

  bool check(const std::string& client, const Moment& moment) override {
    const double now_ms = advance_clock(moment.now_ms);
    std::string text;
    put_policy_key(text, policy_, subject_of(client));
    LimitKey& key = keys_.use(siphash(hash_key_, text), 0);
    const bool admitted = admits(key, now_ms);
    if (admitted) {
      admit(key, text, now_ms);
    } else if (key.sharing) {
      key.sharing->counts.note_denial();
    }
    if (key.sharing) mailboxes_.look_at(key, key.window.used(window_, now_ms), now_ms);
    return admitted;
  }

  [[nodiscard]] bool kv_due() const override { return mailboxes_.due(); }

  std::vector<KvOperation> kv_plan(double now_ms) override {
    std::vector<KvOperation> plan = mailboxes_.plan(keys_, advance_clock(now_ms));
    if (change_ == Change::kDebitedOnArrival) {
      for (const KvOperation& operation : plan) note_asked(operation);
    }
    return plan;
  }

  bool kv_result(uint32_t operation, KvOutcome outcome, std::string_view payload,
                 double now_ms) override {
    now_ms = advance_clock(now_ms);
    const bool awaited = mailboxes_.result(keys_, operation, outcome, payload, now_ms);
    const auto asked = asked_.find(operation);
    if (asked == asked_.end()) return awaited;
    if (awaited && outcome == KvOutcome::kDone) take(asked->second, payload, now_ms);
    asked_.erase(asked);
    return awaited;
  }

 private:
  double advance_clock(double now_ms) {
    now_ms_ = std::max(now_ms_, std::floor(now_ms));
    return now_ms_;
  }

  uint64_t remote(LimitKey& key, double now_ms) const {
    if (!key.sharing) return 0;
    SharedCounts& counts = key.sharing->counts;
    const uint64_t in_window = counts.remote_in_window(now_ms);
    if (change_ != Change::kWholeEpochs) return in_window;
    // An epoch later the same ones would be wholly in the window.
    return counts.remote_in_window(now_ms - shape_.epoch_ms - kClockGuardMs);
  }

  [[nodiscard]] double weight(const LimitKey& key, double now_ms) const {
    return key.sharing ? key.sharing->counts.weight(now_ms, policy_.cost) : 1;
  }

  // What of the limit is this isolate's.
  [[nodiscard]] double share_of_limit(const LimitKey& key) const {
    const bool divided = change_ == Change::kAlwaysDivided && key.sharing;
    return policy_.limit / (divided ? key.sharing->counts.isolates_seen() : 1);
  }

  // kDebitedOnArrival has its own: what SharedCounts finds is overwritten.
  double& arrival_ms(LimitKey& key) {
    return change_ == Change::kDebitedOnArrival ? debits_[key.id].arrival_ms : key.arrival_ms;
  }

  bool admits(LimitKey& key, double now_ms) {
    const uint64_t own = key.window.used(window_, now_ms);
    if (own + remote(key, now_ms) + policy_.cost > policy_.limit) return false;
    if (static_cast<double>(own + policy_.cost) > share_of_limit(key)) return false;
    if (change_ == Change::kWindowsOnly) return true;
    if (key.sharing && !key.sharing->counts.has_turn(now_ms, policy_.cost)) return false;
    const double unit_ms = shape_.interval_ms * weight(key, now_ms);
    const double left_ms = now_ms + window_.window_ms - std::max(arrival_ms(key), now_ms);
    return std::floor(left_ms / unit_ms + kRoundingUnits) >= policy_.cost;
  }

  void admit(LimitKey& key, const std::string& text, double now_ms) {
    key.window.add(window_, now_ms, policy_.cost);
    double& arrival = arrival_ms(key);
    arrival = std::max(arrival, now_ms) + shape_.interval_ms * policy_.cost * weight(key, now_ms);
    if (key.sharing) {
      key.sharing->counts.add_own(now_ms, now_ms, policy_.cost);
    } else if (key.window.used(window_, now_ms) >= shape_.report_min) {
      EDGEROOM_CHECK(keys_.share(key, shape_, isolate_, now_ms));
      key.sharing->text = text;
      key.window.each(now_ms, [&key, now_ms](double at_ms, uint32_t units) {
        key.sharing->counts.add_own(at_ms, now_ms, units);
      });
    }
  }

  // What was asked of KV, and of which key.
  struct Asked {
    KvOperationType type;
    uint64_t key_id;
  };
  // What others are known to have admitted, and what was debited for it.
  struct Debit {
    double arrival_ms = 0;
    std::unordered_map<uint64_t, uint32_t> known;  // by isolate and epoch
  };

  void note_asked(const KvOperation& operation) {
    if (operation.type == KvOperationType::kHash) {
      asked_[operation.id] = {operation.type, siphash(hash_key_, operation.name)};
    } else if (operation.type == KvOperationType::kGet) {
      for (const auto& [hash, key_id] : key_of_hash_) {
        if (operation.name.find(hash) == std::string::npos) continue;
        asked_[operation.id] = {operation.type, key_id};
      }
    }
  }

  void take(const Asked& asked, std::string_view payload, double now_ms) {
    if (asked.type == KvOperationType::kHash) {
      const LimitKey* key = keys_.find(asked.key_id);
      if (key != nullptr && key->sharing) key_of_hash_[key->sharing->hash] = key->id;
      return;
    }
    const auto report = decode_report(payload);
    if (!report || report->isolate == isolate_) return;
    Debit& debit = debits_[asked.key_id];
    for (uint32_t i = 0; i < kEpochsReported; i++) {
      const uint64_t name = (uint64_t{report->isolate} << 32U) | (report->first_epoch + i);
      uint32_t& known = debit.known[name];
      if (report->units[i] <= known) continue;
      debit.arrival_ms =
          std::max(debit.arrival_ms, now_ms) + (report->units[i] - known) * shape_.interval_ms;
      known = report->units[i];
    }
  }

  Change change_;
  Policy policy_;
  LimitShape shape_;
  WindowShape window_;
  SipHashKey hash_key_;
  uint32_t isolate_;
  double now_ms_ = 0;
  LimitKeys keys_;
  Mailboxes mailboxes_;
  // kDebitedOnArrival:
  std::unordered_map<uint32_t, Asked> asked_;  // by operation
  std::unordered_map<std::string, uint64_t> key_of_hash_;
  std::unordered_map<uint64_t, Debit> debits_;  // by key
};

const char* name_of(Change change) {
  switch (change) {
    case Change::kNone: return "edgeroom, assembled again";
    case Change::kWindowsOnly: return "KV shared, windows only";
    case Change::kWholeEpochs: return "cut epochs counted whole";
    case Change::kAlwaysDivided: return "limit always divided";
    case Change::kDebitedOnArrival: return "debited on arrival";
  }
  return "";
}

}  // namespace

Algorithm changed_algorithm(Change change) {
  return {name_of(change), [change] {
            return [change](const Site& site) { return std::make_unique<Changed>(site, change); };
          }};
}

}  // namespace edgeroom::sim
