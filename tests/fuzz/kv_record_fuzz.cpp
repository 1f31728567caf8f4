// What other isolates have left in KV for the rate limiter, between requests of one client.
//
// Whatever it is, nobody is let in beyond the limit, who waits is let in again, and as long as
// nobody has told of more than the limit leaves, nobody waits.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "tests/fuzz/input.h"
#include "worker/limiter.h"
#include "worker/shared_counts.h"

namespace edgeroom {
namespace {

constexpr uint32_t kLimit = 20;
constexpr uint32_t kWindowS = 60;
constexpr double kWindowMs = kWindowS * 1000.0;
constexpr double kStartMs = 1'800'000'000'000.0;
// The window, the longest debt and a penalty, each of at most one and a half windows.
constexpr double kPatienceMs = 4 * kWindowMs;

void check_report(std::string_view text) {
  const auto report = decode_report(text);
  if (!report) return;
  const std::string once = encode_report(*report);
  const auto again = decode_report(once);
  CHECK(again);
  CHECK(encode_report(*again) == once);
  CHECK(again->isolate == report->isolate && again->first_epoch == report->first_epoch);
  CHECK(again->units == report->units);
}

class Client {
 public:
  // Whether it was let in.
  bool ask(double wait_ms) {
    now_ms_ += wait_ms;
    const LimitVerdict verdict = limiter_.check(subject_, now_ms_);
    CHECK(verdict.items.size() == 1);
    const LimitItem& item = verdict.items.front();
    CHECK(item.remaining <= kLimit);
    CHECK(item.reset_s >= 1 && item.reset_s <= kPatienceMs / 1000);
    CHECK(verdict.retry_after_s <= kPatienceMs / 1000);
    while (!admitted_ms_.empty() && admitted_ms_.front() <= now_ms_ - kWindowMs) {
      admitted_ms_.pop_front();
    }
    if (verdict.violated != nullptr) {
      CHECK(admitted_ + told_units() >= kLimit);
      return false;
    }
    admitted_++;
    admitted_ms_.push_back(now_ms_);
    CHECK(admitted_ms_.size() <= kLimit);
    return true;
  }

  // Answers what the limiter wants of KV, every read by `value`.
  void answer_kv(KvOutcome outcome, std::string_view value) {
    if (!limiter_.kv_due()) return;
    for (const KvOperation& operation : std::vector(limiter_.kv_plan(now_ms_))) {
      CHECK(operation.name.size() <= 512 && operation.value.size() <= 1024);  // of KV: names
      switch (operation.type) {
        case KvOperationType::kHash:
          CHECK(limiter_.kv_result(operation.id, KvOutcome::kDone, std::string(32, 'h'), now_ms_));
          break;
        case KvOperationType::kGet:
          note(outcome, value);
          CHECK(limiter_.kv_result(operation.id, outcome, value, now_ms_));
          break;
        case KvOperationType::kPut:
          CHECK(decode_report(operation.value));
          CHECK(limiter_.kv_result(operation.id, KvOutcome::kDone, {}, now_ms_));
          break;
      }
    }
  }

  // Another isolate's report: what it has admitted so many epochs ago.
  [[nodiscard]] std::string report_of(uint32_t isolate, uint32_t ago, uint32_t units) const {
    UsageReport report;
    report.isolate = isolate;
    const double epoch_ms = limit_shape(kLimit, kWindowS).epoch_ms;
    report.first_epoch = static_cast<uint32_t>(now_ms_ / epoch_ms) - ago;
    report.units.front() = units;
    return encode_report(report);
  }

 private:
  static std::vector<Policy> policies() {
    Policy policy;
    policy.name = "ip";
    policy.key = {PolicyKey::kAddress};
    policy.limit = kLimit;
    policy.window_s = kWindowS;
    policy.paths = {"/api/*"};
    return {policy};
  }

  // The most that an isolate has told of an epoch is what it has admitted there.
  void note(KvOutcome outcome, std::string_view value) {
    const auto report = outcome == KvOutcome::kDone ? decode_report(value) : std::nullopt;
    if (!report) return;
    for (uint32_t i = 0; i < kEpochsReported; i++) {
      uint32_t& told = told_[{report->isolate, report->first_epoch + i}];
      told = std::max(told, report->units[i]);
    }
  }

  [[nodiscard]] uint64_t told_units() const {
    uint64_t sum = 0;
    for (const auto& [isolate_and_epoch, units] : told_) sum += units;
    return sum;
  }

  RateLimiter limiter_{policies(), 1, true};
  PolicySubject subject_ = {.method = "GET",
                            .path = "/api/rooms/lobby",
                            .address = "192.0.2.1",
                            .user = {},
                            .room = "lobby",
                            .route = "room"};
  double now_ms_ = kStartMs;
  std::deque<double> admitted_ms_;
  uint64_t admitted_ = 0;  // ever
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> told_;
};

// Steps: requests, then what KV has. Each is a wait, a number of requests, and a value or the
// numbers of a report.
void check_client(std::string_view input) {
  Client client;
  ByteReader in(input);
  while (!in.at_end()) {
    const uint8_t how = in.u8();
    for (int i = how % 16; i >= 0; i--) client.ask(in.u8() * 50.0);
    const std::string_view value = in.sized();
    if (!in.ok()) break;
    if (how < 64) {
      client.answer_kv(how % 2 == 0 ? KvOutcome::kMissing : KvOutcome::kFailed, {});
    } else if (how < 128) {
      client.answer_kv(KvOutcome::kDone, value);
    } else {
      const auto byte = static_cast<uint8_t>(value.empty() ? 0 : value.front());
      client.answer_kv(KvOutcome::kDone, client.report_of(byte % 8, how / 16 % 4, byte / 8));
    }
    check_report(value);
  }
  CHECK(client.ask(kPatienceMs));
}

}  // namespace
}  // namespace edgeroom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = edgeroom::fuzz::text_of(data, size);
  edgeroom::check_report(input);
  edgeroom::check_client(input);
  return 0;
}
