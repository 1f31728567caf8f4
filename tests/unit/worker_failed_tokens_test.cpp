// Guesses at a moderator's token: counted by address, and not answered for a while when they are
// many.

#include <doctest/doctest.h>

#include <string>

#include "base/json_writer.h"
#include "worker/edge.h"
#include "worker/failed_tokens.h"
#include "worker/limits.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;
constexpr const char* kGuesser = "203.0.113.7";

// `moderators`: MODERATOR_TOKENS; none when it is empty.
std::string settings(bool needs_token, const std::string& moderators) {
  std::string out;
  JsonObjectWriter object(out);
  object.string("AUTH", needs_token ? "jwt" : "off");
  if (needs_token) {
    object.string("JWT_ALGORITHMS", "HS256");
    object.string("JWT_SECRET", "a secret of at least 32 bytes, as it must");
  }
  object.string("PERSIST_URL", "https://api.example");
  object.string("PERSIST_AUTH", "bearer");
  object.string("PERSIST_SECRET", "s");
  if (!moderators.empty()) object.string("MODERATOR_TOKENS", moderators);
  object.string("RATE_LIMITS", "[]");
  object.close();
  return out;
}

struct World {
  explicit World(bool needs_token, const std::string& moderators = "right")
      : edge(settings(needs_token, moderators), 1) {}

  // With `token` as a moderator of the room, or as one who joins it.
  Answer ask(const std::string& token, const char* address = kGuesser, bool joins = false) {
    RequestLines lines;
    const std::string authorization = token.empty() ? "" : "Bearer " + token;
    lines.method = joins ? "GET" : "POST";
    lines.url =
        joins ? "https://rooms.example/rooms/lobby" : "https://rooms.example/api/rooms/lobby/drain";
    lines.client_address = address;
    lines.upgrade = joins ? "websocket" : "";
    lines.authorization = authorization;
    return edge.handle(lines, now_ms);
  }

  double now_ms = kNowMs;
  Edge edge;
};

}  // namespace

TEST_CASE("whoever guesses at a moderator's token too often is not listened to for a while") {
  for (const bool needs_token : {false, true}) {
    CAPTURE(needs_token);
    World world(needs_token);
    for (uint32_t i = 0; i < kFailedTokensPerMinute; i++) {
      const Answer answer = world.ask("guess-" + std::to_string(i));
      // What may be a token of another kind is somebody else's to judge.
      const bool is_asked = answer.action == EdgeAction::kVerifyToken;
      CHECK((is_asked ? needs_token : answer.status == 401));
    }
    const Answer denied = world.ask("right");
    CHECK(denied.status == 429);
    CHECK(denied.headers.find("retry-after: 2\n") != std::string::npos);
    CHECK(denied.body.find("no moderator's") != std::string::npos);
    CHECK(world.ask("right", "203.0.113.8").action == EdgeAction::kAskRoom);
    world.now_ms += 2000;
    CHECK(world.ask("right").action == EdgeAction::kAskRoom);
  }
}

TEST_CASE("guesses are counted where they are not refused too: at the joining of a room") {
  World world(false);
  for (uint32_t i = 0; i < kFailedTokensPerMinute; i++) {
    CHECK(world.ask("guess", kGuesser, true).action == EdgeAction::kJoinRoom);
  }
  // A moderator who was let in as somebody else would not know why.
  CHECK(world.ask("right", kGuesser, true).status == 429);
  CHECK(world.ask("right").status == 429);
  // Without a token he may join as before.
  CHECK(world.ask("", kGuesser, true).action == EdgeAction::kJoinRoom);
}

TEST_CASE("tokens that are somebody else's are no guesses") {
  // Where no token was asked for, an application's own locked the moderators of its address out.
  World world(false);
  RequestLines lines;
  lines.method = "GET";
  lines.client_address = kGuesser;
  lines.authorization = "Bearer an-application-s";
  for (const char* url :
       {"https://rooms.example/api/shop/cart", "https://rooms.example/api/rooms/a",
        "https://rooms.example/api/rooms/a/messages"}) {
    lines.url = url;
    for (uint32_t i = 0; i < 2 * kFailedTokensPerMinute; i++) {
      CHECK(world.edge.handle(lines, kNowMs).status != 429);
    }
  }
  for (uint32_t i = 0; i < 2 * kFailedTokensPerMinute; i++) {
    CHECK(world.ask("a.proxy.s", kGuesser, true).action == EdgeAction::kJoinRoom);
  }
  CHECK(world.ask("right").action == EdgeAction::kAskRoom);
}

TEST_CASE("tokens that are right, or none at all, are counted for nothing") {
  World world(false);
  for (uint32_t i = 0; i < 3 * kFailedTokensPerMinute; i++) {
    CHECK(world.ask("right").action == EdgeAction::kAskRoom);
    CHECK(world.ask("").status == 401);
  }
}

TEST_CASE("what is a token of another kind by its looks is no guess") {
  World world(true);
  for (uint32_t i = 0; i < 3 * kFailedTokensPerMinute; i++) {
    CHECK(world.ask("a.b.c").action == EdgeAction::kVerifyToken);
  }
  CHECK(world.ask("right").action == EdgeAction::kAskRoom);
}

TEST_CASE("where there is no moderator's token nobody guesses at one") {
  // A 429 would say that there is something to guess.
  for (const bool needs_token : {false, true}) {
    CAPTURE(needs_token);
    World world(needs_token, "");
    const Answer first = world.ask("guess");
    for (uint32_t i = 0; i < 3 * kFailedTokensPerMinute; i++) {
      const Answer answer = world.ask("guess-" + std::to_string(i));
      CHECK(answer.action == first.action);
      CHECK(answer.status == first.status);
    }
    CHECK(first.action != EdgeAction::kAskRoom);
  }
}

TEST_CASE("of addresses that guessed no more is kept than is bounded, the latest") {
  FailedTokens failed;
  for (uint32_t i = 0; i < kFailedTokensPerMinute; i++) failed.count("first", kNowMs);
  CHECK(failed.wait_ms("first", kNowMs) == 2000);
  for (size_t i = 1; i < kFailedTokenAddressesMax; i++) {
    failed.count("address-" + std::to_string(i), kNowMs);
  }
  CHECK(failed.size() == kFailedTokenAddressesMax);
  CHECK(failed.wait_ms("first", kNowMs) == 2000);
  failed.count("first", kNowMs);  // the latest again
  CHECK(failed.wait_ms("first", kNowMs) == 4000);
  for (size_t i = 0; i + 1 < kFailedTokenAddressesMax; i++) {
    failed.count("other-" + std::to_string(i), kNowMs);
  }
  CHECK(failed.size() == kFailedTokenAddressesMax);
  CHECK(failed.wait_ms("first", kNowMs) == 4000);
  failed.count("one more", kNowMs);
  CHECK(failed.size() == kFailedTokenAddressesMax);
  CHECK(failed.wait_ms("first", kNowMs) == 0);
}
