// Who may use the moderator routes.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "worker/moderator.h"

using edgeroom::is_moderator;

TEST_CASE("a moderator brings one of the tokens, as a bearer") {
  const std::vector<std::string> tokens = {"old-token", "new-token"};
  CHECK(is_moderator("Bearer old-token", tokens));
  CHECK(is_moderator("bearer new-token", tokens));
  for (const char* header :
       {"", "Bearer", "Bearer ", "Bearer old-tokeN", "Bearer old-token ", "Bearer  old-token",
        "Bearer old-toke", "Bearer old-token,new-token", "Basic old-token", "old-token"}) {
    CAPTURE(header);
    CHECK_FALSE(is_moderator(header, tokens));
  }
  CHECK_FALSE(is_moderator("Bearer ", {}));
  CHECK_FALSE(is_moderator("Bearer anything", {}));
}
