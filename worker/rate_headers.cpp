#include "worker/rate_headers.h"

#include "base/check.h"
#include "base/json_writer.h"

namespace edgeroom {

namespace {

// The type that the draft registers for an exceeded quota.
constexpr std::string_view kQuotaExceeded =
    "https://iana.org/assignments/http-problem-types#quota-exceeded";

// Room for what most clients are told who are denied.
constexpr size_t kProblemBytesExpected = 384;

void append_parameter(std::string& out, std::string_view name, uint64_t value) {
  out += name;
  append_json_integer(out, value);
}

// A JSON array.
std::string names_of(const std::vector<const Policy*>& policies) {
  std::string out = "[";
  for (const Policy* policy : policies) {
    out += (out.size() > 1 ? ",\"" : "\"") + policy->name + '"';
  }
  return out + ']';
}

}  // namespace

void add_rate_headers(Answer& answer, const LimitVerdict& verdict) {
  if (verdict.items.empty()) return;
  std::string& out = answer.headers;
  std::string_view before = "ratelimit-policy: ";
  for (const LimitItem& item : verdict.items) {
    out += before;
    out += item.quota;
    before = ", ";
  }
  before = "\nratelimit: ";
  for (const LimitItem& item : verdict.items) {
    out += before;
    out += item.quota.substr(0, item.policy->name.size() + 2);
    append_parameter(out, ";r=", item.remaining);
    append_parameter(out, ";t=", item.reset_s);
    before = ", ";
  }
  out.push_back('\n');
}

Answer denied_answer(const LimitVerdict& verdict) {
  CHECK(verdict.violated != nullptr);
  const Policy& policy = *verdict.violated;
  Answer answer;
  answer.status = 429;
  answer.body.reserve(kProblemBytesExpected);
  JsonObjectWriter object(answer.body);
  object.string("type", kQuotaExceeded);
  object.string("title", "Too Many Requests");
  object.integer("status", answer.status);
  object.string("detail", "the policy \"" + policy.name + "\" allows " +
                              std::to_string(policy.limit) + " in " +
                              std::to_string(policy.window_s) + " s; try again in " +
                              std::to_string(verdict.retry_after_s) + " s");
  object.string("policy", policy.name);
  object.raw("violated-policies", names_of(verdict.violations));
  object.close();
  answer.add_header("content-type", "application/problem+json");
  answer.add_header("cache-control", "no-store");
  answer.add_header("retry-after", std::to_string(verdict.retry_after_s));
  return answer;
}

std::string report_only_log(const LimitVerdict& verdict) {
  if (verdict.report_only_hits.empty()) return {};
  std::string out;
  JsonObjectWriter object(out);
  object.string("event", "rate_limit_would_deny");
  object.raw("policies", names_of(verdict.report_only_hits));
  object.close();
  return out;
}

}  // namespace edgeroom
