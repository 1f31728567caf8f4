// The Worker's core: what is decided about a request before a room is touched.
//
// A request is answered in this order: a configuration error, /health, the origin rule, preflights,
// rate limiting, who it is, rate limiting by user, and then what the route says.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "worker/answer.h"
#include "worker/failed_tokens.h"
#include "worker/limiter.h"
#include "worker/request.h"
#include "worker/route.h"
#include "worker/settings.h"
#include "worker/url.h"
#include "worker/visitor.h"

namespace edgeroom {

class Edge {
 public:
  // Takes over the settings: all variables as one JSON object. When they are not good, every
  // request is answered with what is wrong. `seed` must differ from isolate to isolate.
  Edge(std::string_view settings_json, uint64_t seed);

  // Null when a setting is missing or malformed.
  [[nodiscard]] const EdgeSettings* settings() const { return settings_.get(); }
  // What is wrong with the settings; empty when nothing is.
  [[nodiscard]] const std::string& settings_error() const { return settings_error_; }

  Answer handle(const RequestLines& request, double now_ms);

  // The rate limiter; null when the settings are not good.
  [[nodiscard]] RateLimiter* limiter() { return limiter_.get(); }

 private:
  struct Target {
    Url url;
    std::string path;
    RouteMatch match;
    std::string traceparent;
    std::string request_id;
  };

  [[nodiscard]] Answer misconfigured(Route route) const;
  [[nodiscard]] bool is_allowed_origin(std::string_view origin, const Url& url) const;
  [[nodiscard]] Answer answer_to(const RequestLines& request, const Target& target, bool is_url,
                                 double now_ms);
  [[nodiscard]] Answer limited(const RequestLines& request, const Target& target, double now_ms);
  // `subject` holds no user.
  [[nodiscard]] Answer route(const RequestLines& request, const Target& target,
                             const PolicySubject& subject, double now_ms);
  [[nodiscard]] Answer serve(const RequestLines& request, const Target& target,
                             const Visitor& visitor) const;
  template <typename Admitted>
  [[nodiscard]] Answer within_limits(const PolicySubject& subject, double now_ms,
                                     Admitted admitted);
  [[nodiscard]] Answer unguarded(const RequestLines& request, const Target& target) const;
  [[nodiscard]] Answer ask_api(const RequestLines& request, const Target& target,
                               const Visitor& visitor) const;
  [[nodiscard]] Answer ask_store(const RequestLines& request, const Target& target) const;
  [[nodiscard]] Answer ask_room(const RequestLines& request, const Target& target,
                                const Visitor& visitor) const;

  std::unique_ptr<EdgeSettings> settings_;
  std::string settings_error_;
  std::unique_ptr<RateLimiter> limiter_;
  bool limits_users_ = false;  // by one policy at least
  FailedTokens failed_tokens_;
  Random random_;
};

}  // namespace edgeroom
