#include "worker/rate_headers.h"

#include "base/check.h"
#include "base/json_writer.h"

namespace edgeroom {

namespace {

// The type that the draft registers for an exceeded quota.
constexpr std::string_view kQuotaExceeded =
    "https://iana.org/assignments/http-problem-types#quota-exceeded";

void append_item(std::string& out, const Policy& policy) {
  if (!out.empty()) out += ", ";
  // Names hold nothing that a structured field's string would have to escape.
  out += '"' + policy.name + '"';
}

void append_parameter(std::string& out, std::string_view name, uint64_t value) {
  out.push_back(';');
  out += name;
  out.push_back('=');
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
  std::string policies;
  std::string limits;
  for (const LimitItem& item : verdict.items) {
    append_item(policies, *item.policy);
    append_parameter(policies, "q", item.policy->limit);
    append_parameter(policies, "w", item.policy->window_s);
    append_item(limits, *item.policy);
    append_parameter(limits, "r", item.remaining);
    append_parameter(limits, "t", item.reset_s);
  }
  answer.add_header("ratelimit-policy", policies);
  answer.add_header("ratelimit", limits);
}

Answer denied_answer(const LimitVerdict& verdict) {
  CHECK(verdict.violated != nullptr);
  const Policy& policy = *verdict.violated;
  Answer answer;
  answer.status = 429;
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
