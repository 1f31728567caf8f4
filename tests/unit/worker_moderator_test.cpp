// Who moderates, and how tokens come.

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "worker/moderator.h"
#include "worker/subprotocol.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

TEST_CASE("a moderator brings one of the tokens, whole") {
  const std::vector<std::string> tokens = {"old-token", "new-token"};
  CHECK(is_moderator_token("old-token", tokens));
  CHECK(is_moderator_token("new-token", tokens));
  for (const char* token : {"", "old-tokeN", "Old-token", "old-token ", " old-token", "old-toke",
                            "ld-token", "old-token,new-token", "old-tokenold-token"}) {
    CAPTURE(token);
    CHECK_FALSE(is_moderator_token(token, tokens));
  }
  CHECK_FALSE(is_moderator_token(std::string_view("old-token\0", 10), tokens));
  CHECK_FALSE(is_moderator_token("", {}));
  CHECK_FALSE(is_moderator_token("anything", {}));
}

TEST_CASE("Authorization: the scheme in any case, one space, the rest is the token") {
  CHECK(bearer_token("Bearer a-token") == "a-token");
  CHECK(bearer_token("bEARER a-token") == "a-token");
  // Not trimmed: no token begins or ends with a space, so none of these is one.
  CHECK(bearer_token("Bearer  a-token") == " a-token");
  CHECK(bearer_token("Bearer a-token ") == "a-token ");
  for (const char* header : {"", "Bearer", "Bearer ", "Basic a-token", "a-token", "Bearera-token",
                             "Bearer\ta-token", "Token Bearer a-token"}) {
    CAPTURE(header);
    CHECK(bearer_token(header).empty());
  }
}

TEST_CASE("subprotocols: tokens beside edgeroom.v1") {
  using Tokens = std::vector<std::string_view>;
  CHECK(offered_tokens("bearer.a-token, edgeroom.v1") == Tokens{"a-token"});
  CHECK(offered_tokens("edgeroom.v1,bearer.a.b.c ,\tbearer.d") == Tokens{"a.b.c", "d"});
  CHECK(offered_tokens("bearer.bearer.x") == Tokens{"bearer.x"});
  CHECK(offered_tokens("bearer.") == Tokens{""});
  for (const char* offered :
       {"", "edgeroom.v1", "Bearer.x", "bearer", "bearerx", "xbearer.x", ", ,"}) {
    CAPTURE(offered);
    CHECK(offered_tokens(offered).empty());
  }
}
