// The scanner against nlohmann-json over many mutated documents.
//
// The two differ on purpose in four ways, which the comparison knows: nlohmann-json refuses
// numbers that no double holds (1e400), takes a byte order mark, takes NUL for the end of the
// text, and has no limit of depth. Lone surrogates both refuse.

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::json_unescape;
using edgeroom::JsonCursor;
using edgeroom::JsonKind;
using edgeroom::JsonMember;
using edgeroom::JsonObjectReader;
using edgeroom::kJsonDepthMax;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

using nlohmann::json;

// Follows a parse for its depth, and for the place of a number that no double holds.
class DepthSax {
 public:
  static constexpr int kNumberOverflow = 406;  // nlohmann-json's number for it

  unsigned depth_max = 0;
  bool overflow = false;
  size_t overflow_end = 0;
  std::string overflow_text;

  bool null() { return true; }
  bool boolean(bool /*value*/) { return true; }
  bool number_integer(json::number_integer_t /*value*/) { return true; }
  bool number_unsigned(json::number_unsigned_t /*value*/) { return true; }
  bool number_float(json::number_float_t /*value*/, const std::string& /*text*/) { return true; }
  bool string(std::string& /*value*/) { return true; }
  bool binary(json::binary_t& /*value*/) { return true; }
  bool key(std::string& /*value*/) { return true; }
  bool start_object(std::size_t /*elements*/) { return deeper(); }
  bool start_array(std::size_t /*elements*/) { return deeper(); }
  bool end_object() { return shallower(); }
  bool end_array() { return shallower(); }

  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) {
    overflow = error.id == kNumberOverflow;
    overflow_end = position;
    overflow_text = token;
    return false;
  }

 private:
  bool deeper() {
    depth_max = std::max(depth_max, ++depth_);
    return true;
  }
  bool shallower() {
    depth_--;
    return true;
  }

  unsigned depth_ = 0;
};

// What nlohmann-json says of a text, once its differences are taken away.
bool expected_valid(std::string text, unsigned depth_max = kJsonDepthMax) {
  if (text.find('\0') != std::string::npos) return false;
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) return false;
  for (;;) {
    DepthSax sax;
    if (json::sax_parse(text, &sax)) return sax.depth_max <= depth_max;
    if (!sax.overflow) return false;
    // The number is JSON all the same: another one in its place, and again. The space keeps what
    // follows from becoming a part of it.
    const size_t start = sax.overflow_end - sax.overflow_text.size();
    REQUIRE(text.compare(start, sax.overflow_text.size(), sax.overflow_text) == 0);
    text.replace(start, sax.overflow_text.size(), "0 ");
  }
}

bool scanner_valid(const std::string& text) {
  const ExactText exact(text);
  JsonCursor cursor(exact.view());
  JsonKind kind = JsonKind::kNull;
  if (!cursor.value(kind)) return false;
  cursor.skip_space();
  return cursor.at_end();
}

bool reader_valid(const std::string& text) {
  const ExactText exact(text);
  JsonObjectReader reader(exact.view());
  JsonMember member;
  while (reader.next(member)) {
  }
  return !reader.fault();
}

std::vector<std::string> seeds() {
  std::vector<std::string> list = {
      R"({"type":"message","content":{"text":"hello","n":[1,2.5,-3e10]},"id":"c-1","ref":"r"})",
      R"({"type":"history","before":9007199254740991,"limit":100})",
      R"([null,true,false,0,-0,0.5,1e5,1E-5,12345678901234567890])",
      R"([1e400,-1e400,1e-400,{"a":1e999}])",
      R"("\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t plain text that is longer than eight bytes")",
      R"(["\ud800","\udc00"])",
      R"({"a":{"b":{"c":{"d":[[[[[]]]]]}}}})",
      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 mixed \xc2\xa0 with ASCII \xf4\x8f\xbf\xbf\"",
      "\"aaaaaaa\xc3\xa9\" ",
      "\xef\xbb\xbf{\"bom\":1}",
      " \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n",
      "{ \"a\" : [ { } , [ ] , \"\" ] , \"\" : null }",
      R"({"a":1,"a":2})",
      "0",
      "\"\"",
      "{}",
      "[]",
      "-1.5e+300",
      "true",
  };
  list.push_back(std::string(64, '[') + std::string(64, ']'));
  list.push_back(std::string(65, '[') + std::string(65, ']'));
  std::string deep;
  for (int i = 0; i < 63; i++) deep += "{\"k\":";
  list.push_back(deep + "[1]" + std::string(63, '}'));
  return list;
}

const std::vector<std::string>& pieces() {
  static const std::vector<std::string> kList = {"\"",
                                                 "\\",
                                                 "{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 ",",
                                                 ":",
                                                 "0",
                                                 "1",
                                                 "-",
                                                 "+",
                                                 ".",
                                                 "e",
                                                 "E",
                                                 " ",
                                                 "\n",
                                                 "\\u",
                                                 "\\n",
                                                 "\\ud800",
                                                 "\\udc00",
                                                 "\\u0000",
                                                 "null",
                                                 "true",
                                                 "1e400",
                                                 "\xc3",
                                                 "\xa9",
                                                 "\xe2\x82\xac",
                                                 "\xed\xa0\x80",
                                                 "\xf0\x9f\x98\x80",
                                                 "\xf5",
                                                 "\x7f",
                                                 "\x1f",
                                                 "a"};
  return kList;
}

void mutate(Dice& dice, std::string& text) {
  const size_t at = dice.index(text.size() + 1);
  const bool inside = at < text.size();
  switch (dice.below(7)) {
    case 0:
      if (inside) text[at] = static_cast<char>(text[at] ^ static_cast<char>(1U << dice.below(8)));
      break;
    case 1:
      if (inside) text[at] = static_cast<char>(dice.below(256));
      break;
    case 2: text.insert(at, dice.pick(pieces())); break;
    case 3: text.erase(at, 1 + dice.below(3)); break;
    case 4: text.resize(at); break;
    case 5: text.insert(at, text.substr(dice.index(text.size() + 1), dice.below(12))); break;
    default:
      if (inside) text.replace(at, 1, dice.pick(pieces()));
      break;
  }
}

// A random JSON string, in any mixture of plain and escaped characters.
std::string random_string(Dice& dice) {
  constexpr const char* kHex = "0123456789abcdefABCDEF";
  static const std::vector<std::string> kParts = {"\\\"",
                                                  "\\\\",
                                                  "\\/",
                                                  "\\b",
                                                  "\\f",
                                                  "\\n",
                                                  "\\r",
                                                  "\\t",
                                                  "a",
                                                  "xyz",
                                                  " ",
                                                  "\xc3\xa9",
                                                  "\xe2\x82\xac",
                                                  "\xf0\x9f\x98\x80",
                                                  "\\u0000",
                                                  "\\u0001",
                                                  "\\u007f",
                                                  "\\u0080",
                                                  "\\uD83D\\uDe00"};
  std::string text = "\"";
  for (uint64_t n = dice.below(20); n > 0; n--) {
    if (!dice.one_in(3)) {
      text += dice.pick(kParts);
      continue;
    }
    text += "\\u";
    text += "0123456789abcefABCEF"[dice.index(20)];  // not d: no surrogate
    for (int i = 0; i < 3; i++) text += kHex[dice.index(22)];
  }
  return text + "\"";
}

}  // namespace

TEST_CASE("the comparison itself knows the four differences") {
  CHECK(expected_valid("[1e400,-1e999,2]"));
  CHECK_FALSE(expected_valid("[1e400,-1e999,2"));
  CHECK_FALSE(expected_valid("\xef\xbb\xbf[]"));
  CHECK_FALSE(expected_valid(std::string("1\0", 2)));
  CHECK(expected_valid(std::string(64, '[') + std::string(64, ']')));
  CHECK_FALSE(expected_valid(std::string(65, '[') + std::string(65, ']')));
  CHECK_FALSE(expected_valid("\"\\ud800\""));
}

TEST_CASE("scanner and nlohmann-json agree on thousands of mutated documents") {
  Dice dice(20);
  const std::vector<std::string> documents = seeds();
  size_t valid = 0;
  size_t tried = 0;
  for (const std::string& document : documents) {
    for (int i = 0; i < 1500; i++) {
      std::string text = document;
      for (uint64_t n = i == 0 ? 0 : dice.between(1, 4); n > 0; n--) mutate(dice, text);
      const bool expected = expected_valid(text);
      if (scanner_valid(text) != expected) {
        FAIL_CHECK("nlohmann-json says "
                   << expected
                   << " of: " << json(text).dump(-1, ' ', true, json::error_handler_t::replace));
      }
      valid += expected ? 1 : 0;
      tried++;
    }
  }
  // The comparison is worth something only when both answers are frequent.
  CHECK(tried == documents.size() * 1500);
  CHECK(valid > tried / 20);
  CHECK(valid < tried * 19 / 20);
}

TEST_CASE("the object reader takes just the objects that the scanner takes") {
  Dice dice(21);
  for (const std::string& document : seeds()) {
    for (int i = 0; i < 500; i++) {
      std::string text = document;
      for (uint64_t n = dice.below(4); n > 0; n--) mutate(dice, text);
      const size_t start = text.find_first_not_of(" \t\r\n");
      const bool is_object = start != std::string::npos && text[start] == '{';
      // Its members may each nest as deeply as a whole value.
      const bool expected = is_object && expected_valid(text, kJsonDepthMax + 1);
      if (reader_valid(text) != expected) FAIL_CHECK("differs: " << text);
    }
  }
}

TEST_CASE("strings are unescaped as nlohmann-json does it") {
  Dice dice(22);
  for (int i = 0; i < 20'000; i++) {
    const std::string text = random_string(dice);
    if (!scanner_valid(text)) {
      FAIL_CHECK("refused: " << text);
      continue;
    }
    const std::string expected = json::parse(text).get<std::string>();
    if (json_unescape(text) != expected) FAIL_CHECK("differs: " << text);
  }
}

TEST_CASE("a string that is written is read as the same one, by both") {
  Dice dice(23);
  for (int i = 0; i < 5'000; i++) {
    const std::string plain = json_unescape(random_string(dice));
    std::string written;
    edgeroom::append_json_string(written, plain);
    if (!scanner_valid(written) || json_unescape(written) != plain ||
        json::parse(written).get<std::string>() != plain) {
      FAIL_CHECK("differs: " << written);
    }
  }
}
