// Settings in JSON. The first byte says which: all of them, or the value of one of those that are
// JSON themselves. Taken ones keep to the limits and work; an error names a setting and holds no
// secret.
#include <set>
#include <string>

#include "base/json_writer.h"
#include "base/settings.h"
#include "base/valid_utf8.h"
#include "tests/fuzz/input.h"
#include "worker/limiter.h"
#include "worker/limits.h"
#include "worker/policy.h"
#include "worker/settings.h"

namespace edgeroom {
namespace {

constexpr std::string_view kSecret = "s3cret-s3cret-s3cret-s3cret-s3cret";
constexpr std::string_view kNames[] = {"RATE_LIMITS", "MESSAGE_LIMITS", "CONTENT_RULES", "API_URL",
                                       "ALLOWED_ORIGINS"};

// Whoever reads an error may be anybody.
void check_error(const Error& error) {
  CHECK(!error.detail.empty());
  CHECK(is_valid_utf8(error.detail));
  CHECK(error.detail.find(kSecret) == std::string::npos);
}

void check_policy(const Policy& policy) {
  CHECK(!policy.name.empty() && policy.name.size() <= kPolicyNameBytesMax);
  CHECK(!policy.key.empty() && policy.key.size() <= 4);
  CHECK(policy.limit >= 1 && policy.limit <= kPolicyLimitMax);
  CHECK(policy.window_s >= 1 && policy.window_s <= kPolicyWindowSecondsMax);
  CHECK(policy.cost >= 1 && policy.cost <= policy.limit);
  CHECK(policy.paths.size() <= kPolicyPatternsMax);
  CHECK(policy.methods.size() <= kPolicyPatternsMax);
}

// Requests under policies that were taken: each is let in, or told when to come again.
void check_limiter(const std::vector<Policy>& policies) {
  RateLimiter limiter(policies, 1, true);
  PolicySubject subject = {.method = "GET",
                           .path = "/rooms/lobby",
                           .address = "192.0.2.1",
                           .user = {},
                           .room = "lobby",
                           .route = "join"};
  for (int i = 0; i < 3; i++) {
    const LimitVerdict verdict = limiter.check(subject, 1'800'000'000'000.0 + i);
    CHECK(verdict.items.size() <= policies.size());
    CHECK((verdict.violated != nullptr) == !verdict.violations.empty());
    CHECK((verdict.violated != nullptr) == (verdict.retry_after_s > 0));
    for (const LimitItem& item : verdict.items) CHECK(item.remaining <= item.policy->limit);
    subject.user = "ana";
  }
}

void check_policies(std::string_view json, bool has_users) {
  const auto policies = parse_policies(json, has_users);
  if (!policies.ok()) return check_error(policies.error());
  CHECK(policies.value().size() <= kPoliciesMax);
  std::set<std::string> names;
  for (const Policy& policy : policies.value()) {
    check_policy(policy);
    CHECK(has_users || !policy.counts_by(PolicyKey::kUser));
    CHECK(names.insert(policy.name).second);
  }
  check_limiter(policies.value());
}

void check_room_settings(const RoomSettings& settings) {
  CHECK(settings.history_size <= kHistorySizeMax);
  CHECK(settings.message_bytes_max <= kMessageBytesMax);
  CHECK(settings.outbox_records_max <= kOutboxRecordsMax);
  CHECK(settings.outbox_bytes_max <= kOutboxBytesMax);
  CHECK(settings.dedup_max <= kDedupMax);
  CHECK(settings.connections_max <= kConnectionsMax);
  for (const FrameLimit& limit : {settings.connection_limit, settings.user_limit}) {
    CHECK(limit.rate >= 0 && limit.rate <= kMessageRateMax);
    CHECK(limit.burst >= 0 && limit.burst <= kMessageBurstMax);
  }
}

void check_settings(std::string_view json) {
  const auto edge = parse_edge_settings(json);
  if (!edge.ok()) check_error(edge.error());
  if (edge.ok()) {
    for (const std::string& token : edge.value().moderator_tokens) CHECK(!token.empty());
    CHECK(edge.value().policies.size() <= kPoliciesMax);
  }
  const auto room = parse_room_settings(json);
  if (!room.ok()) return check_error(room.error());
  check_room_settings(room.value());
}

// A value among settings that are good and hold secrets. When it is no good, it alone is named.
void check_setting(std::string_view name, std::string_view value) {
  if (!is_valid_utf8(value)) return;
  std::string json;
  JsonObjectWriter object(json);
  object.string("AUTH", "off");
  object.string("PERSIST_URL", "https://api.example");
  object.string("PERSIST_AUTH", "bearer");
  object.string("PERSIST_SECRET", kSecret);
  object.string("MODERATOR_TOKENS", kSecret);
  object.string("RATE_LIMIT", "bound");
  object.string(name, value);
  object.close();
  check_settings(json);
  const auto edge = parse_edge_settings(json);
  if (!edge.ok()) CHECK(edge.error().detail.find(name) == 0);
}

}  // namespace
}  // namespace edgeroom

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgeroom;  // NOLINT(google-build-using-namespace)
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  if (text.find(kSecret) != std::string_view::npos) return 0;  // then nothing is kept back
  const size_t which = data[0] % (std::size(kNames) + 2);
  if (which == std::size(kNames) + 1) {
    check_settings(text);
  } else if (which == std::size(kNames)) {
    check_policies(text, true);
  } else {
    if (which == 0) check_policies(text, false);
    check_setting(kNames[which], text);
  }
  return 0;
}
