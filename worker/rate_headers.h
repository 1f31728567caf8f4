// Rate limiting as clients see it: draft-ietf-httpapi-ratelimit-headers-10.
#pragma once

#include "worker/answer.h"
#include "worker/limiter.h"

namespace edgeroom {

// Adds RateLimit-Policy and RateLimit, one item a policy. Nothing when no policy applied.
void add_rate_headers(Answer& answer, const LimitVerdict& verdict);

// 429: Retry-After, and a problem that names the policy to wait for, and all that deny.
Answer denied_answer(const LimitVerdict& verdict);

// {"event":"rate_limit_would_deny",…} for the policies that only report; empty when none was hit.
std::string report_only_log(const LimitVerdict& verdict);

}  // namespace edgeroom
