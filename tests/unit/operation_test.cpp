// Operations: what the Worker asks of a room.

#include "rooms/operation.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using edgeroom::Access;
using edgeroom::Operation;
using edgeroom::OperationKind;
using edgeroom::parse_operation;

TEST_CASE("a join is understood with all that the client gave") {
  const auto bare = parse_operation(R"({"op":"connect","room":"lobby"})");
  REQUIRE(bare);
  CHECK(bare->kind == OperationKind::kConnect);
  CHECK(bare->user.empty());
  CHECK(bare->epoch.empty());
  CHECK_FALSE(bare->after);
  const auto full = parse_operation(
      R"({"after":9007199254740991,"user":"an\u0061 \"é\"","epoch":"01ABC","op":"connect"})");
  REQUIRE(full);
  CHECK(full->kind == OperationKind::kConnect);
  CHECK(full->user == "ana \"é\"");
  CHECK(full->epoch == "01ABC");
  CHECK(full->after == 9007199254740991U);
}

TEST_CASE("a state and a page of messages are understood") {
  const auto state = parse_operation(R"({"op":"state","room":"lobby"})");
  REQUIRE(state);
  CHECK(state->kind == OperationKind::kState);
  const auto page = parse_operation(R"({"op":"messages","before":0,"limit":100,"epoch":"E"})");
  REQUIRE(page);
  CHECK(page->kind == OperationKind::kMessages);
  CHECK(page->before == 0U);
  CHECK_FALSE(page->after);
  CHECK(page->limit == 100U);
  CHECK(page->epoch == "E");
}

TEST_CASE("what moderators ask is understood") {
  for (const auto& [name, kind] :
       std::vector<std::pair<std::string, OperationKind>>{{"publish", OperationKind::kPublish},
                                                          {"moderate", OperationKind::kModerate},
                                                          {"drain", OperationKind::kDrain},
                                                          {"log", OperationKind::kLog}}) {
    const auto operation = parse_operation(R"({"op":")" + name + R"(","room":"lobby"})");
    REQUIRE(operation);
    CHECK(operation->kind == kind);
    CHECK(operation->access == Access::kPublish);  // the Worker has checked who it is
  }
  const auto removal = parse_operation(R"({"op":"delete","seq":7})");
  REQUIRE(removal);
  CHECK(removal->kind == OperationKind::kDelete);
  CHECK(removal->seq == 7U);
  const auto join = parse_operation(R"({"op":"connect","role":"moderator"})");
  REQUIRE(join);
  CHECK(join->access == Access::kModerate);
  CHECK_FALSE(join->expires);
  const auto reader =
      parse_operation(R"({"op":"connect","role":"reader","expires":1800000000000})");
  REQUIRE(reader);
  CHECK(reader->access == Access::kRead);
  CHECK(reader->expires == 1'800'000'000'000U);
}

TEST_CASE("a log is asked for from its beginning, from behind a record, or on from a part") {
  const auto whole = parse_operation(R"({"op":"log","room":"lobby"})");
  REQUIRE(whole);
  CHECK_FALSE(whole->after);
  CHECK_FALSE(whole->through);
  CHECK(whole->records == 0);
  const auto rest =
      parse_operation(R"({"op":"log","epoch":"E","after":3,"through":9,"records":2})");
  REQUIRE(rest);
  CHECK(rest->after == 3U);
  CHECK(rest->through == 9U);
  CHECK(rest->records == 2);
  CHECK(rest->epoch == "E");
}

TEST_CASE("what a newer Worker says beside is passed over") {
  const auto operation = parse_operation(R"({"later":{"x":[]},"op":"state","also":null})");
  REQUIRE(operation);
  CHECK(operation->kind == OperationKind::kState);
}

TEST_CASE("text that is no operation is none") {
  for (const std::string& text :
       std::vector<std::string>{"",
                                "{}",
                                "[]",
                                "null",
                                "{\"op\":\"state\"",
                                "{\"op\":\"state\"}x",
                                "{\"room\":\"lobby\"}",
                                "{\"op\":\"\"}",
                                "{\"op\":\"STATE\"}",
                                "{\"op\":\"nonsense\"}",
                                "{\"op\":1}",
                                "{\"op\":[\"state\"]}",
                                "{\"op\":\"connect\",\"user\":1}",
                                "{\"op\":\"connect\",\"user\":null}",
                                "{\"op\":\"connect\",\"epoch\":{}}",
                                "{\"op\":\"connect\",\"after\":-1}",
                                "{\"op\":\"connect\",\"after\":1.5}",
                                "{\"op\":\"connect\",\"after\":\"1\"}",
                                "{\"op\":\"connect\",\"after\":9007199254740992}",
                                "{\"op\":\"messages\",\"before\":null}",
                                "{\"op\":\"delete\"}",
                                "{\"op\":\"delete\",\"seq\":-1}",
                                "{\"op\":\"delete\",\"seq\":null}",
                                "{\"op\":\"connect\",\"role\":\"admin\"}",
                                "{\"op\":\"connect\",\"role\":\"\"}",
                                "{\"op\":\"connect\",\"expires\":-1}",
                                "{\"op\":\"connect\",\"expires\":\"1\"}",
                                "{\"op\":\"connect\",\"role\":\"\"}",
                                "{\"op\":\"connect\",\"role\":true}",
                                "{\"op\":\"log\",\"through\":\"9\"}",
                                "{\"op\":\"log\",\"records\":-1}",
                                "{\"op\":\"log\",\"records\":null}",
                                "{\"op\":\"messages\",\"limit\":1e1}",
                                "{\"op\":\"connect\",\"user\":\"\\ud800\"}",
                                "{\"op\":\"connect\",\"user\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_operation(text));
  }
}
