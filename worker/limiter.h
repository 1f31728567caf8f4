// The rate limiter: decides by what is in memory, and shares what it admitted through KV in the
// background: worker/shared_counts.h has what is made of the counts, worker/mailboxes.h when they
// are written and read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/siphash.h"
#include "worker/limit_keys.h"
#include "worker/mailboxes.h"
#include "worker/policy.h"

namespace edgeroom {

// One policy's state towards the client, as the RateLimit headers tell it.
struct LimitItem {
  const Policy* policy = nullptr;
  // The policy as RateLimit-Policy tells it, `"name";q=limit;w=window_s`. It lives as long as the
  // limiter.
  std::string_view quota;
  uint64_t remaining = 0;  // units
  uint32_t reset_s = 0;    // until there is more; of a denied request: until it would be admitted
};

struct LimitVerdict {
  const Policy* violated = nullptr;       // the one to wait for longest; null: admitted
  std::vector<const Policy*> violations;  // all that deny
  uint32_t retry_after_s = 0;
  std::vector<LimitItem> items;                 // of the policies that apply and are enforced
  std::vector<const Policy*> report_only_hits;  // policies that would have denied
};

class RateLimiter {
 public:
  // `shared`: whether clients can be named in KV. `seed` must differ from isolate to isolate.
  RateLimiter(std::vector<Policy> policies, uint64_t seed, bool shared);
  // Not copyable: verdicts point at the policies.
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Decides, and counts the request if it is admitted by all policies that apply; one that is
  // denied is never counted. With a user it is the second look at a request: only policies by user
  // decide and count, but the verdict tells how all stand, and when none would deny any more.
  LimitVerdict check(const PolicySubject& subject, double now_ms);

  // Whether kv_plan has something to do.
  [[nodiscard]] bool kv_due() const { return mailboxes_.due(); }
  // What is to be done in KV now; valid until the next call.
  const std::vector<KvOperation>& kv_plan(double now_ms);
  // The result of one of these. False when nobody waits for it (any more).
  bool kv_result(uint32_t operation, KvOutcome outcome, std::string_view payload, double now_ms);

  [[nodiscard]] const LimitKeys& keys() const { return keys_; }
  [[nodiscard]] const std::vector<Policy>& policies() const { return policies_; }

 private:
  struct Shape {
    WindowShape window;
    LimitShape limit;
    std::string quota;
  };
  // A policy that may count the request under check().
  struct Candidate {
    LimitKey* key = nullptr;
    uint32_t policy = 0;
    std::string text;
    bool is_counted = false;  // at the first look
  };
  struct Assessment {
    bool admitted;
    uint64_t remaining;  // without the request's own units
    double wait_ms;      // until the request would be admitted
  };

  double advance_clock(double now_ms);
  [[nodiscard]] uint64_t id_of(std::string_view text) const { return siphash(hash_key_, text); }
  uint64_t used(LimitKey& key, double now_ms);
  Assessment assess(LimitKey& key, double now_ms);
  void admit(LimitKey& key, std::string_view text, double now_ms);
  void start_sharing(LimitKey& key, std::string_view text, double now_ms);
  LimitItem item_of(LimitKey& key, double now_ms);

  std::vector<Policy> policies_;
  std::vector<Shape> shapes_;
  SipHashKey hash_key_;
  uint32_t isolate_;
  bool shared_;
  double now_ms_ = 0;
  LimitKeys keys_;
  std::vector<Candidate> candidates_;
  Mailboxes mailboxes_;
};

}  // namespace edgeroom
