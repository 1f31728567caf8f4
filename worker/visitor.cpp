#include "worker/visitor.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/token_limits.h"
#include "worker/moderator.h"
#include "worker/subprotocol.h"
#include "worker/url.h"

namespace edgeroom {

namespace {

// The name that a holder of MODERATOR_TOKENS acts under where tokens name the users.
constexpr std::string_view kModerator = "moderator";

std::optional<std::string> token_in_query(std::string_view query) {
  auto token = query_parameter(query, "token");
  return token.ok() ? std::move(token.value()) : std::nullopt;
}

// In the order in which they count. A token among the subprotocols is for us and nobody else, while
// the Authorization of a join may be a proxy's.
std::vector<std::string> tokens_of(const EdgeSettings& settings, const RequestLines& request,
                                   const Credentials& credentials) {
  std::vector<std::string> tokens;
  if (credentials.is_join) {
    for (const std::string_view token : offered_tokens(request.protocols)) {
      tokens.emplace_back(token);
    }
  }
  const std::string_view bearer = bearer_token(request.authorization);
  if (!bearer.empty()) tokens.emplace_back(bearer);
  if (settings.token_in_query) {
    if (auto token = token_in_query(credentials.query)) tokens.push_back(std::move(*token));
  }
  return tokens;
}

Answer no_token(const EdgeSettings& settings, const Credentials& credentials) {
  if (settings.token_in_query || !token_in_query(credentials.query))
    return unauthorized_answer("a token");
  Answer answer =
      problem_answer(401,
                     "token: a token in the URL is not taken here (AUTH_QUERY is off); bring it as "
                     "Authorization: Bearer, or as the subprotocol bearer.<token>");
  answer.add_header("www-authenticate", "Bearer");
  return answer;
}

Answer refused_token(std::string_view why) {
  Answer answer = problem_answer(401, "the token was refused: " + std::string(why));
  answer.add_header("www-authenticate", "Bearer error=\"invalid_token\"");
  return answer;
}

// A join that can't be answered whatever its token is.
std::optional<Answer> refused_protocols(std::string_view offered) {
  const auto tokens = offered_tokens(offered);
  if (tokens.empty()) return std::nullopt;
  const auto protocol = agree_on_protocol(offered);
  if (!protocol.ok()) return problem_answer(400, protocol.error().detail);
  if (std::any_of(tokens.begin(), tokens.end(),
                  [&tokens](std::string_view token) { return token != tokens.front(); })) {
    return problem_answer(400, "Sec-WebSocket-Protocol: more than one bearer token is offered");
  }
  return std::nullopt;
}

// Takes over what the host has found out about the token.
std::optional<Answer> read_verdict(std::string_view text, std::string_view room, double now_ms,
                                   Visitor& visitor) {
  TokenVerdict verdict = parse_token_verdict(text);
  if (verdict.is_unknown) {
    Answer answer = problem_answer(503, "tokens cannot be verified now: " + verdict.refusal);
    answer.add_header("retry-after", "5");
    return answer;
  }
  if (!verdict.claims) return refused_token(verdict.refusal);
  visitor.access = room.empty() ? Access::kNone : verdict.claims->access(room);
  visitor.user = std::move(verdict.claims->user);
  visitor.expires_ms = verdict.claims->good_until_ms(now_ms);
  return std::nullopt;
}

// How many of them may be guesses at a moderator's token. Where no token is needed, a request may
// bring one for somebody else: a proxy, or the origin behind /api/.
size_t guesses_among(const EdgeSettings& settings, const Credentials& credentials,
                     const std::vector<std::string>& tokens) {
  if (settings.moderator_tokens.empty()) return 0;
  if (!settings.needs_token && credentials.is_for_moderators) return tokens.size();
  if (!settings.needs_token && !credentials.is_join) return 0;
  const auto opaque = std::count_if(tokens.begin(), tokens.end(), [](const std::string& token) {
    return !looks_like_jwt(token);
  });
  return static_cast<size_t>(opaque);
}

// 429: too many tokens of the address were no moderator's.
Answer too_many_tokens_answer(double wait_ms) {
  const auto seconds = static_cast<uint64_t>(std::ceil(wait_ms / 1000));
  Answer answer = problem_answer(429,
                                 "too many tokens from this address were no moderator's; "
                                 "try again in " +
                                     std::to_string(seconds) + " s");
  answer.add_header("retry-after", std::to_string(seconds));
  return answer;
}

}  // namespace

std::optional<Answer> find_visitor(const EdgeSettings& settings, const RequestLines& request,
                                   const Credentials& credentials, double now_ms,
                                   FailedTokens& failed, Visitor& visitor) {
  const std::vector<std::string> tokens = tokens_of(settings, request, credentials);
  const size_t guesses = guesses_among(settings, credentials, tokens);
  if (guesses > 0) {
    // Whoever has brought too many that were wrong finds out no more about them for a while.
    const double wait_ms = failed.wait_ms(credentials.address, now_ms);
    if (wait_ms > 0) return too_many_tokens_answer(wait_ms);
  }
  bool is_moderator = false;
  for (const std::string& token : tokens) {
    is_moderator = is_moderator_token(token, settings.moderator_tokens) || is_moderator;
  }
  for (size_t i = 0; i < guesses && !is_moderator; i++) failed.count(credentials.address, now_ms);
  if (!settings.needs_token) {
    visitor.access = is_moderator ? Access::kModerate : Access::kPublish;
    return std::nullopt;
  }
  if (tokens.empty()) return no_token(settings, credentials);
  if (credentials.is_join) {
    if (auto refusal = refused_protocols(request.protocols)) return refusal;
  }
  if (is_moderator) {
    visitor.access = Access::kModerate;
    visitor.user = kModerator;
    return std::nullopt;
  }
  if (tokens.front().size() > kTokenBytesMax) {
    return refused_token("it is longer than " + std::to_string(kTokenBytesMax) + " bytes");
  }
  if (!request.verified.empty()) {
    return read_verdict(request.verified, credentials.room, now_ms, visitor);
  }
  Answer answer;
  answer.action = EdgeAction::kVerifyToken;
  answer.body = tokens.front();
  return answer;
}

}  // namespace edgeroom
