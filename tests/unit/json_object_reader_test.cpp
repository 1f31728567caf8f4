// The reader of one JSON object, member by member.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "tests/unit/exact_text.h"

using edgeroom::json_integer;
using edgeroom::json_unescape;
using edgeroom::JsonKind;
using edgeroom::JsonMember;
using edgeroom::JsonObjectReader;
using edgeroom::test::ExactText;

namespace {

struct Member {
  std::string key;
  std::string value;
  JsonKind kind;
};

struct Members {
  std::vector<Member> list;
  bool valid = false;
  bool wrong_root = false;
  size_t offset = 0;
  std::string what;
};

Members read(const std::string& text) {
  const ExactText exact(text);
  JsonObjectReader reader(exact.view());
  JsonMember member;
  Members out;
  while (reader.next(member)) {
    out.list.push_back({std::string(member.key), std::string(member.value), member.kind});
  }
  CHECK_FALSE(reader.next(member));  // it stays at its end
  out.valid = !reader.fault();
  out.wrong_root = reader.wrong_root();
  if (const auto fault = reader.fault()) {
    out.offset = fault->offset;
    out.what = fault->what;
  }
  return out;
}

}  // namespace

TEST_CASE("an object's members come in order, with their text and kind") {
  const Members members = read(
      " { \"a\" : 1 , \"b\":[ 1, 2 ],\t\"c\":{\"d\": {}},\"e\" : \"\\n\" ,\"f\":true,\"g\":false,"
      "\"h\":null, \"i\":-1.50e+3 } ");
  CHECK(members.valid);
  const std::vector<Member> expected = {
      {"a", "1", JsonKind::kNumber},           {"b", "[ 1, 2 ]", JsonKind::kArray},
      {"c", "{\"d\": {}}", JsonKind::kObject}, {"e", "\"\\n\"", JsonKind::kString},
      {"f", "true", JsonKind::kTrue},          {"g", "false", JsonKind::kFalse},
      {"h", "null", JsonKind::kNull},          {"i", "-1.50e+3", JsonKind::kNumber}};
  REQUIRE(members.list.size() == expected.size());
  for (size_t i = 0; i < expected.size(); i++) {
    CHECK(members.list[i].key == expected[i].key);
    CHECK(members.list[i].value == expected[i].value);
    CHECK(members.list[i].kind == expected[i].kind);
  }
}

TEST_CASE("an empty object has no member and no fault") {
  for (const std::string& text : std::vector<std::string>{"{}", " { } ", "{\n}"}) {
    CAPTURE(text);
    const Members members = read(text);
    CHECK(members.valid);
    CHECK(members.list.empty());
    CHECK_FALSE(members.wrong_root);
  }
}

TEST_CASE("a member that is given twice is told twice") {
  const Members members = read("{\"a\":1,\"\\u0061\":2,\"a\":3}");
  CHECK(members.valid);
  REQUIRE(members.list.size() == 3);
  for (const Member& member : members.list) CHECK(member.key == "a");
}

TEST_CASE("escaped keys are told unescaped") {
  const Members members =
      read("{\"\\u0074ype\":1,\"\\ud83d\\ude00\\n\\\"\":2,\"\":3,\"\\u0000\":4,\"\xc3\xa9\":5}");
  CHECK(members.valid);
  REQUIRE(members.list.size() == 5);
  CHECK(members.list[0].key == "type");
  CHECK(members.list[1].key == "\xf0\x9f\x98\x80\n\"");
  CHECK(members.list[2].key == "");
  CHECK(members.list[3].key == std::string(1, '\0'));
  CHECK(members.list[4].key == "\xc3\xa9");
}

TEST_CASE("another root is told apart from text that is no JSON") {
  for (const std::string& text :
       std::vector<std::string>{"[]", "[{}]", "\"x\"", "1", "null", " true ", "[1,[2]]"}) {
    CAPTURE(text);
    const Members members = read(text);
    CHECK_FALSE(members.valid);
    CHECK(members.wrong_root);
    CHECK(members.list.empty());
  }
  for (const std::string& text :
       std::vector<std::string>{"", "x", "[", "[1", "\"x", "1 2", "[] {}", "nul", "{} {}", "{}x"}) {
    CAPTURE(text);
    const Members members = read(text);
    CHECK_FALSE(members.valid);
    CHECK_FALSE(members.wrong_root);
  }
}

TEST_CASE("faults of an object are told with their place") {
  struct Case {
    std::string text;
    size_t offset;
    std::string what;
  };
  const std::vector<Case> cases = {
      {"{", 1, "expected a member name in quotes"},
      {"{a:1}", 1, "expected a member name in quotes"},
      {"{\"a\"}", 4, "expected ':'"},
      {"{\"a\":}", 5, "expected a value"},
      {"{\"a\":1", 6, "expected ',' or '}'"},
      {"{\"a\":1,}", 7, "expected a member name in quotes"},
      {"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"},
      {"{\"a\":1}]", 7, "trailing bytes after the value"},
      {"{\"a\":01}", 6, "a number may not start with 0"},
      {"{\"a\":\"\\ud800\"}", 12, "lone surrogate"},
      {"{,\"a\":1}", 1, "expected a member name in quotes"},
      {"[1] 2", 4, "trailing bytes after the value"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const Members members = read(c.text);
    CHECK_FALSE(members.valid);
    CHECK(members.offset == c.offset);
    CHECK(members.what == c.what);
  }
}

TEST_CASE("an object cut anywhere is at fault") {
  const std::string text = "{\"a\":[1,{\"b\":\"\\u00e9\"}],\"c\\n\":-1.5e3 ,\"d\":{}}";
  CHECK(read(text).valid);
  for (size_t size = 0; size < text.size(); size++) {
    CAPTURE(size);
    const Members members = read(text.substr(0, size));
    CHECK_FALSE(members.valid);
    CHECK_FALSE(members.wrong_root);
  }
}

TEST_CASE("a member's value may nest 64 deep, the object around it not counted") {
  const auto value = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(read("{\"content\":" + value(64) + "}").valid);
  const Members deeper = read("{\"content\":" + value(65) + "}");
  CHECK_FALSE(deeper.valid);
  CHECK(deeper.what == "nested too deeply");
  CHECK(deeper.offset == 11 + 64);
}

TEST_CASE("strings are unescaped") {
  CHECK(json_unescape("\"\"").empty());
  CHECK(json_unescape("\"plain\"") == "plain");
  CHECK(json_unescape(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(json_unescape(R"("\u0041\u00e9\u20AC\uffff")") == "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf");
  CHECK(json_unescape(R"("\ud800\udc00\udbff\udfff")") == "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  CHECK(json_unescape(R"("\u007f\u0080\u07ff\u0800")") == "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80");
  CHECK(json_unescape(R"("a\u0000b")") == std::string("a\0b", 3));
  CHECK(json_unescape(R"("\\u0041")") == "\\u0041");
  CHECK(json_unescape("\"\xc3\xa9\\n\"") == "\xc3\xa9\n");
}

TEST_CASE("whole numbers are read up to the safe integer") {
  CHECK(json_integer("0") == 0U);
  CHECK(json_integer("1") == 1U);
  CHECK(json_integer("9007199254740991") == edgeroom::kSafeIntegerMax);
  for (const std::string& text : std::vector<std::string>{
           "", "-0", "-1", "+1", "1.0", "1.5", "1e2", "1E2", "9007199254740992", "9999999999999999",
           "10000000000000000", "99999999999999999999999", "0x1", " 1", "1 ", "\"1\"", "null", "a",
           "١"}) {
    CAPTURE(text);
    CHECK_FALSE(json_integer(text));
  }
}
