#include "worker/edge.h"

#include <algorithm>

#include "base/json_writer.h"
#include "base/siphash.h"
#include "worker/address.h"
#include "worker/limits.h"
#include "worker/moderator.h"
#include "worker/rate_headers.h"
#include "worker/room_request.h"
#include "worker/subprotocol.h"
#include "worker/trace.h"
#include "worker/visitor.h"

namespace edgeroom {

namespace {

// The version of the project, given by CMake.
constexpr std::string_view kVersion = EDGEROOM_VERSION;
#if defined(__EMSCRIPTEN__)
constexpr std::string_view kToolchain = "emscripten";
#elif defined(__wasm__)
constexpr std::string_view kToolchain = "wasi";
#else
constexpr std::string_view kToolchain = "native";
#endif

// For the pages and the SDK: nothing from elsewhere runs in them, and nobody puts them in a frame.
// Time travel compiles replay.wasm.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' "
    "data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kExposedHeaders = "Retry-After, RateLimit, RateLimit-Policy";
constexpr std::string_view kPreflightMethods = "GET, HEAD, POST, PUT, PATCH, DELETE";
// What is passed on. TRACE would tell its sender what only the origin is told.
constexpr std::string_view kApiMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view kPreflightHeaders = "authorization, content-type";

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }

bool is_api(std::string_view path) { return path.substr(0, 5) == "/api/"; }

// Where AUTH=jwt asks for a token.
bool is_guarded(std::string_view path) {
  constexpr std::string_view kRooms = "/rooms/";
  return is_api(path) || path.substr(0, kRooms.size()) == kRooms;
}

bool is_preflight(const RequestLines& request, std::string_view path) {
  return request.method == "OPTIONS" && !request.origin.empty() && !request.cors_method.empty() &&
         is_api(path);
}

// Whether a list of header names can be given back as it came.
bool is_header_list(std::string_view list) {
  return !list.empty() && list.size() <= kCorsHeadersBytesMax &&
         std::all_of(list.begin(), list.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == ',' || c == ' ';
         });
}

Answer health_answer(std::string_view method) {
  if (!is_read(method)) return method_not_allowed("GET, HEAD");
  Answer answer;
  answer.status = 200;
  JsonObjectWriter object(answer.body);
  object.string("status", "ok");
  object.string("version", kVersion);
  object.string("toolchain", kToolchain);
  object.close();
  answer.add_header("content-type", "application/json");
  answer.add_header("cache-control", "no-store");
  return answer;
}

Answer dot_segment_answer() {
  return problem_answer(400, "the path holds a segment \".\" or \"..\"");
}

Answer page_answer(std::string_view method) {
  if (!is_read(method)) return method_not_allowed("GET, HEAD");
  // The body is for a file that is not there.
  Answer answer;
  answer.action = EdgeAction::kPage;
  answer.body = problem_answer(404, "there is no such file").body;
  answer.add_header("content-security-policy", kContentSecurityPolicy);
  answer.add_header("referrer-policy", "no-referrer");
  return answer;
}

Answer preflight_answer(const RequestLines& request) {
  Answer answer;
  answer.status = 204;
  answer.add_header("access-control-allow-methods", kPreflightMethods);
  answer.add_header("access-control-allow-headers", is_header_list(request.cors_headers)
                                                        ? request.cors_headers
                                                        : kPreflightHeaders);
  answer.add_header("access-control-max-age", std::to_string(kPreflightAgeSeconds));
  return answer;
}

// Gives an operation the names that its request has in logs. Neither holds anything to be escaped.
void add_names(std::string& operation, std::string_view request_id, std::string_view traceparent) {
  operation.pop_back();
  operation.append(",\"request\":\"").append(request_id);
  operation.append("\",\"trace\":\"").append(trace_id_of(traceparent)).append("\"}");
}

// What other origins may see, once the origin has been found allowed.
void add_cors_headers(Answer& answer, std::string_view origin) {
  answer.add_header("vary", "Origin");
  if (origin.empty()) return;
  answer.add_header("access-control-allow-origin", origin);
  answer.add_header("access-control-expose-headers", kExposedHeaders);
}

}  // namespace

Edge::Edge(std::string_view settings_json, uint64_t seed)
    : random_(siphash({seed, ~seed}, "names of requests")) {
  Result<EdgeSettings> settings = parse_edge_settings(settings_json);
  if (!settings.ok()) {
    settings_error_ = settings.error().detail;
    return;
  }
  settings_ = std::make_unique<EdgeSettings>(std::move(settings.value()));
  limiter_ =
      std::make_unique<RateLimiter>(settings_->policies, seed, !settings_->shared_secret.empty());
  limits_users_ =
      std::any_of(settings_->policies.begin(), settings_->policies.end(),
                  [](const Policy& policy) { return policy.counts_by(PolicyKey::kUser); });
}

Answer Edge::misconfigured(Route route) const {
  // /health answers 503: whoever balances load by it should stay away.
  return problem_answer(route == Route::kHealth ? 503 : 500,
                        "the Worker is not configured: " + settings_error_);
}

bool Edge::is_allowed_origin(std::string_view origin, const Url& url) const {
  const auto& allowed = settings_->allowed_origins;
  return origin.empty() || origin == url.origin || settings_->any_origin_allowed ||
         std::find(allowed.begin(), allowed.end(), origin) != allowed.end();
}

Answer Edge::handle(const RequestLines& request, double now_ms) {
  Target target;
  const auto url = parse_url(request.url);
  if (url) {
    target.url = *url;
    target.path = normalize_path(url->path);
    target.match = match_route(target.path);
  }
  target.traceparent = is_traceparent(request.traceparent) ? std::string(request.traceparent)
                                                           : make_traceparent(random_);
  target.request_id = request_id(request.ray, random_);
  Answer answer = answer_to(request, target, url.has_value(), now_ms);
  answer.add_header("x-content-type-options", "nosniff");
  answer.add_header("x-request-id", target.request_id);
  answer.route = route_name(target.match.route);
  answer.request_id = std::move(target.request_id);
  answer.traceparent = std::move(target.traceparent);
  return answer;
}

Answer Edge::answer_to(const RequestLines& request, const Target& target, bool is_url,
                       double now_ms) {
  Answer answer;
  if (settings_ == nullptr) {
    answer = misconfigured(target.match.route);
  } else if (!is_url) {
    answer = problem_answer(400, "the URL is not an absolute http or https URL");
  } else if (!is_allowed_origin(request.origin, target.url)) {
    answer = problem_answer(403, "Origin: not one of ALLOWED_ORIGINS");
  } else {
    if (is_preflight(request, target.path)) {
      answer = preflight_answer(request);
    } else if (target.match.route == Route::kHealth) {
      answer = health_answer(request.method);
    } else {
      answer = limited(request, target, now_ms);
    }
    if (is_api(target.path) || target.match.route == Route::kAssets ||
        (!request.origin.empty() && request.origin != target.url.origin)) {
      add_cors_headers(answer, request.origin);
    }
  }
  return answer;
}

Answer Edge::limited(const RequestLines& request, const Target& target, double now_ms) {
  const std::string address = address_key(request.client_address);
  PolicySubject subject;
  subject.method = request.method;
  subject.path = target.path;
  subject.address = address;
  subject.room = is_room_name(target.match.room) ? target.match.room : std::string_view();
  subject.route = route_name(target.match.route);
  const auto go_on = [&] { return route(request, target, subject, now_ms); };
  // The second look at a request, with what its token says: what needs no user has counted it.
  return request.verified.empty() ? within_limits(subject, now_ms, go_on) : go_on();
}

// The answer to one who is denied, or else that of `admitted`; with the headers of either.
template <typename Admitted>
Answer Edge::within_limits(const PolicySubject& subject, double now_ms, Admitted admitted) {
  const LimitVerdict verdict = limiter_->check(subject, now_ms);
  Answer answer = verdict.violated != nullptr ? denied_answer(verdict) : admitted();
  if (verdict.violated != nullptr) answer.policy = verdict.violated->name;
  add_rate_headers(answer, verdict);
  answer.kv_due = limiter_->kv_due();
  if (settings_->log_level <= LogThreshold::kInfo) {
    answer.log = report_only_log(verdict);
    if (!answer.log.empty()) answer.log_level = EdgeLogLevel::kInfo;
  }
  return answer;
}

Answer Edge::route(const RequestLines& request, const Target& target, const PolicySubject& subject,
                   double now_ms) {
  if (!is_guarded(target.path)) return unguarded(request, target);
  Credentials credentials;
  credentials.is_join = target.match.route == Route::kJoin;
  credentials.room = target.match.room;
  credentials.query = target.url.query;
  credentials.address = subject.address;
  const RoomMethod* method = find_room_method(target.match.route, request.method);
  credentials.is_for_moderators = method != nullptr && method->is_for_moderators;
  Visitor visitor;
  if (auto answer =
          find_visitor(*settings_, request, credentials, now_ms, failed_tokens_, visitor)) {
    return std::move(*answer);
  }
  const auto go_on = [&] { return serve(request, target, visitor); };
  if (request.verified.empty() || !limits_users_) return go_on();
  PolicySubject known = subject;
  known.user = visitor.user;
  return within_limits(known, now_ms, go_on);
}

Answer Edge::serve(const RequestLines& request, const Target& target,
                   const Visitor& visitor) const {
  switch (target.match.route) {
    case Route::kJoin:
    case Route::kRoom:
    case Route::kMessages:
    case Route::kMessage:
    case Route::kModeration:
    case Route::kDrain:
    case Route::kLog:
    case Route::kSkip:
    case Route::kDeadLetters:
    case Route::kReplay:
    case Route::kMetrics: return ask_room(request, target, visitor);
    case Route::kRooms: return problem_answer(404, "rooms have no such resource");
    case Route::kApi: return ask_api(request, target, visitor);
    default: return unguarded(request, target);
  }
}

// What needs no token.
Answer Edge::unguarded(const RequestLines& request, const Target& target) const {
  if (target.match.route == Route::kPage) return page_answer(request.method);
  if (target.match.route == Route::kAssets) return ask_store(request, target);
  if (has_dot_segment(target.path)) return dot_segment_answer();
  return problem_answer(404, "nothing is here");
}

// The path goes on as it was sent, and behind the origin's own: whatever stands in it, it is the
// origin that is asked.
Answer Edge::ask_api(const RequestLines& request, const Target& target,
                     const Visitor& visitor) const {
  if (has_hidden_dot_segment(target.path)) return dot_segment_answer();
  if (settings_->api_origins.empty()) {
    return problem_answer(404, "nothing is here: API_URL is not set");
  }
  if (!list_holds(kApiMethods, request.method)) return method_not_allowed(kApiMethods);
  const auto base = settings_->api_origins.base_of(target.path);
  if (!base) return problem_answer(404, "nothing is here: no prefix in API_URL covers the path");
  Answer answer;
  answer.action = EdgeAction::kApi;
  answer.timeout_ms = settings_->origin_timeout_ms;
  answer.url = std::string(*base) + std::string(target.url.path);
  const auto& moderators = settings_->moderator_tokens;
  const std::string query = without_moderator_tokens(target.url.query, moderators);
  if (!query.empty()) answer.url += "?" + query;
  const auto send = [&answer](std::string_view name, std::string_view value) {
    answer.onward.append(name).append(": ").append(value).append("\n");
  };
  if (holds_moderator_token(request.authorization, moderators)) {
    send("authorization", "");
  }
  // Of a token that was verified; a moderator's token names nobody.
  if (!request.verified.empty()) send("x-user", percent_encode_text(visitor.user));
  const bool is_address = address_key(request.client_address) != kUnknownAddress;
  send("x-forwarded-for", is_address ? request.client_address : "");
  send("x-forwarded-host", target.url.host);
  send("x-forwarded-proto", target.url.origin.substr(0, target.url.origin.find(':')));
  send("traceparent", target.traceparent);
  send("x-request-id", target.request_id);
  return answer;
}

// The query is not sent on: to a store it may mean something else than the file (its access list,
// its versions), and it must not make many copies of one.
Answer Edge::ask_store(const RequestLines& request, const Target& target) const {
  if (has_hidden_dot_segment(target.path)) return dot_segment_answer();
  if (settings_->s3_url.empty()) {
    return problem_answer(404, "nothing is here: S3_URL is not set");
  }
  if (!is_read(request.method)) return method_not_allowed("GET, HEAD");
  Answer answer;
  answer.action = EdgeAction::kAssets;
  answer.timeout_ms = settings_->origin_timeout_ms;
  answer.url = settings_->s3_url + std::string(target.url.path);
  answer.cache_key = std::string(target.url.origin) + target.path;
  // A range means something for GET alone (RFC 9110, section 14.2).
  if (request.method == "HEAD") answer.onward = "range: \nif-range: \n";
  return answer;
}

Answer Edge::ask_room(const RequestLines& request, const Target& target,
                      const Visitor& visitor) const {
  const RoomMethod* method = find_room_method(target.match.route, request.method);
  if (method == nullptr) return method_not_allowed(allowed_room_methods(target.match.route));
  if (!is_room_name(target.match.room)) {
    return problem_answer(400,
                          "the room's name must be 1 to 128 of A-Z, a-z, 0-9, '.', '_', '~' and "
                          "'-', and neither \".\" nor \"..\"");
  }
  if (visitor.access == Access::kNone) {
    return problem_answer(403, "the token is not good for this room");
  }
  const bool is_join = method->operation == RoomOperation::kConnect;
  if (is_join && !list_holds(request.upgrade, "websocket")) {
    Answer answer = problem_answer(426, "a room is joined with a WebSocket: Upgrade: websocket");
    answer.add_header("upgrade", "websocket");
    return answer;
  }
  if (method->is_for_moderators && visitor.access != Access::kModerate) {
    return settings_->needs_token ? problem_answer(403, "this is for moderators of the room")
                                  : unauthorized_answer("the token of a moderator");
  }
  auto operation = room_operation(method->operation, target.match, target.url.query, visitor);
  if (!operation.ok()) return problem_answer(400, operation.error().detail);
  Answer answer;
  if (is_join) {
    const auto protocol = agree_on_protocol(request.protocols);
    if (!protocol.ok()) return problem_answer(400, protocol.error().detail);
    answer.protocol = protocol.value();
  }
  answer.action = is_join ? EdgeAction::kJoinRoom : EdgeAction::kAskRoom;
  // Also for the room's own refusals.
  answer.add_header("cache-control", "no-store");
  answer.room = target.match.room;
  answer.body = std::move(operation.value());
  add_names(answer.body, target.request_id, target.traceparent);
  return answer;
}

}  // namespace edgeroom
