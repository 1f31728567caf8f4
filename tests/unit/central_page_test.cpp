// Pages from the central API: what is one, byte for byte, and everything that is none.

#include "rooms/central_page.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::central_page_path;
using edgeroom::CentralPage;
using edgeroom::HistoryQuery;
using edgeroom::parse_central_page;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

// A page of the room "lobby", epoch "E1".
std::string page(const std::string& messages, const std::string& more = "false") {
  return R"({"v":1,"room":"lobby","epoch":"E1","messages":[)" + messages + R"(],"more":)" + more +
         "}";
}

std::string message(const std::string& seq, const std::string& rest = R"("content":1)") {
  return "{\"seq\":" + seq + R"(,"ts":1800000000000,"user":"ana",)" + rest + "}";
}

// A page of the newest, as many as they are.
std::optional<CentralPage> parsed(std::string_view body) {
  return parse_central_page(body, "lobby", "E1", {});
}

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("a page is read with each message's text as it came") {
  const std::vector<std::string> texts = {
      message("7", R"("id":"x","content":{"b":1e400,"a":[12345678901234567890,-0.0E-1]})"),
      R"({ "content" : "\u00e9é😀 \"]}" , "user":"an\u0061 \"é\"","ts":0,"seq":8 })",
      message("9", R"("deleted":true,"by":"mo")"),
      message("9007199254740991", R"("later":{"seq":1},"content":null)"),
  };
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : " ,\n ") + text;
  const std::string body = page(" " + all + " ", "true");
  const ExactText exact(body);
  const auto got = parsed(exact.view());
  REQUIRE(got);
  CHECK(got->more);
  REQUIRE(got->messages.size() == 4);
  for (size_t i = 0; i < texts.size(); i++) CHECK(got->messages[i].json == texts[i]);
  CHECK(got->messages[0].seq == 7);
  CHECK(got->messages[0].ts == 1'800'000'000'000);
  CHECK(got->messages[0].user == "ana");
  CHECK_FALSE(got->messages[0].deleted);
  CHECK(got->messages[1].user == "ana \"é\"");
  CHECK(got->messages[1].ts == 0);
  CHECK(got->messages[2].deleted);
  CHECK(got->messages[3].seq == 9007199254740991U);
}

TEST_CASE("an empty page is one") {
  const auto got = parsed(page(""));
  REQUIRE(got);
  CHECK(got->messages.empty());
  CHECK_FALSE(got->more);
  CHECK(parsed(page(" \n")));
  CHECK(parsed(R"({"more":false,"messages":[],"epoch":"E1","room":"lobby"})"));
}

TEST_CASE("a message that says it is not deleted is none that is") {
  const auto got = parsed(page(message("1", R"("deleted":false,"content":1)")));
  REQUIRE(got);
  CHECK_FALSE(got->messages[0].deleted);
}

TEST_CASE("content comes back though it is nested as deeply as a message may be") {
  // Page, list and message around it were counted too: a page with such a message could not be
  // read.
  for (const size_t depth : {62U, 63U, 64U}) {
    CAPTURE(depth);
    const std::string text = message("1", "\"content\":" + nested(depth));
    const std::string body = page(text);
    const auto got = parsed(body);
    REQUIRE(got);
    CHECK(got->messages[0].json == text);
  }
  CHECK_FALSE(parsed(page(message("1", "\"content\":" + nested(65)))));
  CHECK_FALSE(parsed(page(message("1", "\"later\":" + nested(100'000)))));
  CHECK_FALSE(parsed(page(std::string(100'000, '['))));
  CHECK_FALSE(parsed(std::string(100'000, '{')));
}

TEST_CASE("an answer that is no page of this room and epoch is none") {
  const std::string one = message("1");
  const std::vector<std::string> answers = {
      "",
      " ",
      "null",
      "[]",
      "[" + page(one) + "]",
      "<html><body>502 Bad Gateway</body></html>",
      R"({"message":"Forbidden"})",
      R"({"v":1,"error":"BAD_REQUEST","field":"limit"})",
      page(one) + "x",
      page(one) + page(one),
      R"({"room":"other","epoch":"E1","messages":[],"more":false})",
      R"({"room":"lobby","epoch":"E2","messages":[],"more":false})",
      R"({"room":"lobby","epoch":null,"messages":[],"more":false})",
      R"({"room":1,"epoch":"E1","messages":[],"more":false})",
      R"({"epoch":"E1","messages":[],"more":false})",
      R"({"room":"lobby","messages":[],"more":false})",
      R"({"room":"lobby","epoch":"E1","more":false})",
      R"({"room":"lobby","epoch":"E1","messages":[]})",
      R"({"room":"lobby","epoch":"E1","messages":{},"more":false})",
      R"({"room":"lobby","epoch":"E1","messages":null,"more":false})",
      R"({"room":"lobby","epoch":"E1","messages":"[]","more":false})",
      R"({"room":"lobby","epoch":"E1","messages":[],"more":"false"})",
      R"({"room":"lobby","epoch":"E1","messages":[],"more":null})",
      R"({"room":"lobby","epoch":"E1","messages":[],"more":0})",
      R"({"room":"lobby","epoch":"E1","messages":[],"more":false,})",
      R"({"room":"lobby","epoch":"E1","messages":[,],"more":false})",
      // Given twice: nobody can say which one is meant.
      R"({"room":"other","room":"lobby","epoch":"E1","messages":[],"more":false})",
      R"({"room":"lobby","epoch":"E2","epoch":"E1","messages":[],"more":false})",
      R"({"room":"lobby","room":"lobby","epoch":"E1","messages":[],"more":false})",
      R"({"room":"lobby","epoch":"E1","epoch":"E1","messages":[],"more":false})",
      R"({"room":"lobby","epoch":"E1","messages":[],"messages":[],"more":false})",
      R"({"room":"lobby","epoch":"E1","messages":[],"more":true,"more":false})",
      R"({"room":"lobby","epoch":"E1","messages":[],"more":true,"mor\u0065":false})",
      // Whoever pages while there is more would ask for the same page again and again.
      page("", "true"),
  };
  for (const std::string& answer : answers) {
    CAPTURE(answer);
    const ExactText exact(answer);
    CHECK_FALSE(parsed(exact.view()));
  }
}

TEST_CASE("one message that is wrong is a page that is wrong") {
  const std::vector<std::string> messages = {
      "1",
      "null",
      "[]",
      "\"text\"",
      "{}",
      message("0"),
      message("-1"),
      message("1.0"),
      message("1e0"),
      message("9007199254740992"),
      message("\"1\""),
      message("null"),
      R"({"ts":1,"user":"ana","content":1})",
      R"({"seq":1,"user":"ana","content":1})",
      R"({"seq":1,"ts":1,"content":1})",
      R"({"seq":1,"ts":1,"user":"ana"})",
      R"({"seq":1,"ts":-1,"user":"ana","content":1})",
      R"({"seq":1,"ts":"1","user":"ana","content":1})",
      R"({"seq":1,"ts":1,"user":null,"content":1})",
      R"({"seq":1,"ts":1,"user":7,"content":1})",
      message("1", R"("deleted":true,"content":1)"),
      message("1", R"("deleted":false)"),
      message("1", R"("deleted":1)"),
      message("1", R"("deleted":"true")"),
      message("1", R"("deleted":null,"content":1)"),
      message("1", R"("content":1,"seq":2)"),
      message("1", R"("content":1,"ts":2)"),
      message("1", R"("content":1,"user":"bob")"),
      message("1", R"("content":1,"content":2)"),
      message("1", R"("content":1,"c\u006fntent":2)"),
      message("1", R"("deleted":true,"deleted":true)"),
      message("1", R"("content":01)"),
      message("1", R"("content":"\ud800")"),
      message("1", "\"content\":\"\xff\""),
      message("1", "\"content\":\"\n\""),
      message("1", R"("content")"),
      message("1", R"("content":)"),
      message("1", R"("content":1,)"),
      message("1", R"(content:1)"),
      message("1") + message("2"),
      message("1") + ",",
      "," + message("1"),
      message("1") + " " + message("2"),
      message("1") + "]",
      // Not ascending.
      message("2") + "," + message("1"),
      message("2") + "," + message("2"),
      message("1") + "," + message("3") + "," + message("2"),
  };
  for (const std::string& text : messages) {
    CAPTURE(text);
    for (const std::string& body : {page(text), page(text, "true")}) {
      const ExactText exact(body);
      CHECK_FALSE(parsed(exact.view()));
    }
  }
}

TEST_CASE("a page with a message that was not asked for is none") {
  HistoryQuery query;
  const std::string body = page(message("5") + "," + message("7"));
  const auto taken = [&] { return parse_central_page(body, "lobby", "E1", query).has_value(); };
  query.after = 4;
  CHECK(taken());
  query.after = 5;
  CHECK_FALSE(taken());
  query.after.reset();
  query.before = 8;
  CHECK(taken());
  query.before = 7;
  CHECK_FALSE(taken());
}

TEST_CASE("a page cut anywhere is none") {
  const std::string whole = page(message("1", R"("id":"x","content":{"a":["é",1e400]})") + "," +
                                     message("2", R"("deleted":true,"by":"mo")"),
                                 "true");
  REQUIRE(parsed(whole));
  for (size_t size = 0; size < whole.size(); size++) {
    CAPTURE(size);
    const ExactText cut(std::string_view(whole).substr(0, size));
    CHECK_FALSE(parsed(cut.view()));
  }
}

TEST_CASE("a mutated page is none, or holds messages that are views of it, in order") {
  const std::string whole = page(message("1", R"("id":"x","content":{"a":["é",1e400]})") + "," +
                                     message("20", R"("deleted":true,"by":"mo")") + "," +
                                     message("300", R"("content":"\ud83d\ude00")"),
                                 "true");
  Dice dice(3);
  size_t taken = 0;
  for (int i = 0; i < 20'000; i++) {
    std::string text = whole;
    for (uint64_t n = dice.between(1, 2); n > 0; n--) {
      const size_t at = dice.index(text.size());
      if (dice.one_in(3)) {
        text.erase(at, 1 + dice.below(4));
      } else {
        text[at] = dice.one_in(2) ? "\"\\{}[],:0129-.eu \n"[dice.index(18)]
                                  : static_cast<char>(dice.below(256));
      }
    }
    const ExactText exact(text);
    const auto got = parsed(exact.view());
    if (!got) continue;
    taken++;
    uint64_t before = 0;
    for (const auto& each : got->messages) {
      const bool inside =
          each.json.data() >= exact.view().data() &&
          each.json.data() + each.json.size() <= exact.view().data() + exact.view().size();
      if (!inside || each.seq <= before) FAIL_CHECK("half understood: " << text);
      before = each.seq;
    }
  }
  CHECK(taken > 500);
  CHECK(taken < 15'000);
}

TEST_CASE("what is asked for is a path that the central API understands") {
  HistoryQuery query;
  query.limit = 50;
  CHECK(central_page_path("lobby", "E1", query) == "/v1/rooms/lobby/messages?epoch=E1&limit=50");
  query.after = 0;
  query.limit = 1;
  CHECK(central_page_path("a.b~c_d-e", "E1", query) ==
        "/v1/rooms/a.b~c_d-e/messages?epoch=E1&after=0&limit=1");
  query.after.reset();
  query.before = 9007199254740991U;
  query.limit = 100;
  CHECK(central_page_path("lobby", "E1", query) ==
        "/v1/rooms/lobby/messages?epoch=E1&before=9007199254740991&limit=100");
}
