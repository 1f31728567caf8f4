// The body of a message that is published over HTTP.

#include "rooms/publication.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/exact_text.h"

using edgeroom::parse_publication;
using edgeroom::test::ExactText;

namespace {

std::string times(size_t count, const std::string& text) {
  std::string out;
  for (size_t i = 0; i < count; i++) out += text;
  return out;
}

}  // namespace

TEST_CASE("a publication carries its content as it came") {
  const std::string bare = R"( {"content" : {"n":1e400, "s":"\u00e9"} } )";
  const auto publication = parse_publication(bare);
  REQUIRE(publication.ok());
  CHECK(publication.value().content == R"({"n":1e400, "s":"\u00e9"})");
  CHECK(publication.value().id.empty());
  CHECK(publication.value().user.empty());
  const std::string full =
      R"({"later":[],"us\u0065r":"b\"ot","id":"p\n1","content":null,"type":"event","later":2})";
  const auto named = parse_publication(full);
  REQUIRE(named.ok());
  CHECK(named.value().content == "null");
  CHECK(named.value().id == "p\n1");
  CHECK(named.value().user == "b\"ot");
}

TEST_CASE("id and user are limited in characters") {
  for (const std::string& character : std::vector<std::string>{"a", "é", "😀", "\\ud83d\\ude00"}) {
    CAPTURE(character);
    const auto body = [&character](const std::string& name, size_t count) {
      return "{\"content\":1,\"" + name + "\":\"" + times(count, character) + "\"}";
    };
    CHECK(parse_publication(body("id", 64)).ok());
    CHECK(parse_publication(body("user", 128)).ok());
    const auto long_id = parse_publication(body("id", 65));
    REQUIRE_FALSE(long_id.ok());
    CHECK(long_id.error().detail == "id: must have 1 to 64 characters");
    const auto long_user = parse_publication(body("user", 129));
    REQUIRE_FALSE(long_user.ok());
    CHECK(long_user.error().detail == "user: must have 1 to 128 characters");
  }
}

TEST_CASE("a body that is no publication is refused with what is wrong and where") {
  struct Case {
    std::string body;
    std::string detail;
  };
  const std::vector<Case> cases = {
      {"", "the body is not JSON: unexpected end at byte 0"},
      {"content=1", "the body is not JSON: expected a value at byte 0"},
      {"{\"content\":1", "the body is not JSON: expected ',' or '}' at byte 12"},
      {"{\"content\":1} 2", "the body is not JSON: trailing bytes after the value at byte 14"},
      {"{\"content\":\"\\udc00\"}", "the body is not JSON: lone surrogate at byte 18"},
      {"{\"content\":\"\xff\"}", "the body is not JSON: invalid UTF-8 at byte 12"},
      {"{\"content\":" + std::string(65, '[') + std::string(65, ']') + "}",
       "the body is not JSON: nested too deeply at byte 75"},
      {"[]", "the body must be one JSON object"},
      {"\"content\"", "the body must be one JSON object"},
      {"{}", "content: is missing"},
      {"{\"id\":\"a\"}", "content: is missing"},
      {"{\"content\":1,\"content\":1}", "content: is given twice"},
      {"{\"content\":1,\"id\":\"a\",\"\\u0069d\":\"a\"}", "id: is given twice"},
      {"{\"content\":1,\"id\":\"\"}", "id: must have 1 to 64 characters"},
      {"{\"content\":1,\"id\":1}", "id: must be a string"},
      {"{\"content\":1,\"user\":null}", "user: must be a string"},
      {"{\"user\":1,\"id\":2}", "user: must be a string"},
      {"{\"id\":1,]", "the body is not JSON: expected a member name in quotes at byte 8"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    const ExactText exact(c.body);
    const auto publication = parse_publication(exact.view());
    REQUIRE_FALSE(publication.ok());
    CHECK(publication.error().detail == c.detail);
  }
}
