// The JSON scanner: what is JSON and what is not, to the byte.

#include "base/json_scanner.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/exact_text.h"

using edgeroom::JsonCursor;
using edgeroom::JsonFault;
using edgeroom::JsonKind;
using edgeroom::test::ExactText;

namespace {

using namespace std::string_literals;

struct Scan {
  bool valid = false;
  JsonKind kind = JsonKind::kNull;
  JsonFault fault;
};

// Scans a text that must be one value with white space around it.
Scan scan(std::string_view text) {
  const ExactText exact(text);
  JsonCursor cursor(exact.view());
  Scan result;
  result.valid = cursor.value(result.kind);
  if (result.valid) {
    cursor.skip_space();
    result.valid = cursor.at_end() || cursor.fail("trailing bytes");
  }
  result.fault = cursor.fault();
  CHECK(result.valid == result.fault.what.empty());
  CHECK(result.fault.offset <= text.size());
  return result;
}

std::string nested(const std::string& open, const std::string& close, unsigned depth) {
  std::string text;
  for (unsigned i = 0; i < depth; i++) text += open;
  text += "1";
  for (unsigned i = 0; i < depth; i++) text += close;
  return text;
}

std::string utf8_of(uint32_t code) {
  std::string out;
  const auto push = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    push(code);
  } else if (code < 0x800) {
    push(0xc0 + code / 64);
    push(0x80 + code % 64);
  } else if (code < 0x10000) {
    push(0xe0 + code / 4096);
    push(0x80 + code / 64 % 64);
    push(0x80 + code % 64);
  } else {
    push(0xf0 + code / 262144);
    push(0x80 + code / 4096 % 64);
    push(0x80 + code / 64 % 64);
    push(0x80 + code % 64);
  }
  return out;
}

struct KindCase {
  std::string text;
  JsonKind kind;
};

const std::vector<KindCase> kValid = {
    {"{}", JsonKind::kObject},
    {"[]", JsonKind::kArray},
    {"\"\"", JsonKind::kString},
    {"0", JsonKind::kNumber},
    {"true", JsonKind::kTrue},
    {"false", JsonKind::kFalse},
    {"null", JsonKind::kNull},
    {" \t\r\n{ \t\r\n} \t\r\n", JsonKind::kObject},
    {"[ 1 , 2 ]", JsonKind::kArray},
    {"{ \"a\" : 1 , \"b\" : [ ] }", JsonKind::kObject},
    {"{\"\":0}", JsonKind::kObject},
    {"{\"a\":1,\"a\":2}", JsonKind::kObject},
    {"[[[]],{},{\"a\":{}},[{}]]", JsonKind::kArray},
    {"[null,true,false,\"x\",1]", JsonKind::kArray},
    // numbers
    {"-0", JsonKind::kNumber},
    {"-1", JsonKind::kNumber},
    {"10", JsonKind::kNumber},
    {"0.0", JsonKind::kNumber},
    {"-0.00e-00", JsonKind::kNumber},
    {"1.5", JsonKind::kNumber},
    {"1e0", JsonKind::kNumber},
    {"1E+05", JsonKind::kNumber},
    {"0e1", JsonKind::kNumber},
    {"1e400", JsonKind::kNumber},
    {"-1e-400", JsonKind::kNumber},
    {"123456789012345678901234567890.123456789", JsonKind::kNumber},
    // strings
    {R"("\"\\\/\b\f\n\r\t")", JsonKind::kString},
    {R"("\u0000\u001f\u007F\uFFFF\uabCD")", JsonKind::kString},
    {R"("\ud800\udc00\uDBFF\uDFFF")", JsonKind::kString},
    {R"("\ud7ff\ue000")", JsonKind::kString},
    {"\"\x7f\"", JsonKind::kString},
    {"\"/\"", JsonKind::kString},
    {"\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\"", JsonKind::kString},  // U+2028, U+2029, BOM
    {"\"\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"", JsonKind::kString},
};

// Refused, where, and in which words.
struct FaultCase {
  std::string text;
  size_t offset;
  std::string what;
};

const std::vector<FaultCase> kInvalid = {
    {"", 0, "unexpected end"},
    {" \n", 2, "unexpected end"},
    {"\0"s, 0, "expected a value"},
    {"1\0"s, 1, "trailing bytes"},
    {"\xef\xbb\xbf[]", 0, "expected a value"},
    {"\v1", 0, "expected a value"},
    {"\xc2\xa0"s + "1", 0, "expected a value"},
    {"1 2", 2, "trailing bytes"},
    {"{}}", 2, "trailing bytes"},
    {"[],", 2, "trailing bytes"},
    {"// x", 0, "expected a value"},
    {"[1/*x*/]", 2, "expected ',' or ']'"},
    // literals
    {"nul", 0, "expected a value"},
    {"t", 0, "expected a value"},
    {"True", 0, "expected a value"},
    {"truee", 4, "trailing bytes"},
    {"undefined", 0, "expected a value"},
    {"NaN", 0, "expected a value"},
    {"Infinity", 0, "expected a value"},
    {"-Infinity", 1, "expected a digit"},
    // numbers
    {"-", 1, "expected a digit"},
    {"+1", 0, "expected a value"},
    {".5", 0, "expected a value"},
    {"00", 1, "a number may not start with 0"},
    {"-01", 2, "a number may not start with 0"},
    {"1.", 2, "expected a digit"},
    {"1.e1", 2, "expected a digit"},
    {"1e", 2, "expected a digit"},
    {"1e+", 3, "expected a digit"},
    {"1E-x", 3, "expected a digit"},
    {"1e1.5", 3, "trailing bytes"},
    {"0x10", 1, "trailing bytes"},
    {"1_000", 1, "trailing bytes"},
    {"--1", 1, "expected a digit"},
    // containers
    {"[", 1, "unexpected end"},
    {"{", 1, "expected a member name in quotes"},
    {"]", 0, "expected a value"},
    {"[1", 2, "expected ',' or ']'"},
    {"[1,", 3, "unexpected end"},
    {"[1,]", 3, "expected a value"},
    {"[,1]", 1, "expected a value"},
    {"[1,,2]", 3, "expected a value"},
    {"[1 2]", 3, "expected ',' or ']'"},
    {"[1}", 2, "expected ',' or ']'"},
    {"[1:2]", 2, "expected ',' or ']'"},
    {"{\"a\"", 4, "expected ':'"},
    {"{\"a\":", 5, "unexpected end"},
    {"{\"a\":1", 6, "expected ',' or '}'"},
    {"{\"a\":1,", 7, "expected a member name in quotes"},
    {"{\"a\":1,}", 7, "expected a member name in quotes"},
    {"{\"a\" 1}", 5, "expected ':'"},
    {"{\"a\",1}", 4, "expected ':'"},
    {"{a:1}", 1, "expected a member name in quotes"},
    {"{'a':1}", 1, "expected a member name in quotes"},
    {"{1:1}", 1, "expected a member name in quotes"},
    {"{,}", 1, "expected a member name in quotes"},
    {"{\"a\":1]", 6, "expected ',' or '}'"},
    {"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"},
    {"[{\"a\":[}]", 7, "expected a value"},
    // strings
    {"\"", 1, "unterminated string"},
    {"\"abc", 4, "unterminated string"},
    {"\"abcdefgh", 9, "unterminated string"},
    {"\"\\", 2, "unknown escape"},
    {"\"\\\"", 3, "unterminated string"},
    {"\"\\a\"", 2, "unknown escape"},
    {"\"\\'\"", 2, "unknown escape"},
    {"\"\\U0041\"", 2, "unknown escape"},
    {"\"\\\0\""s, 2, "unknown escape"},
    {"\"\\x41\"", 2, "unknown escape"},
    {"\"\\u", 3, "unterminated \\u escape"},
    {"\"\\u004", 3, "unterminated \\u escape"},
    {"\"\\u004\"x", 3, "malformed \\u escape"},
    {"\"\\u00g1\"", 3, "malformed \\u escape"},
    {"\"\\u+041\"", 3, "malformed \\u escape"},
    {"\"\n\"", 1, "control character in a string"},
    {"\"a\0b\""s, 2, "control character in a string"},
    {"\"abcdefg\x1f\"", 8, "control character in a string"},
    {"'a'", 0, "expected a value"},
    // surrogates: alone, reversed, followed by something else
    {R"("\ud800")", 7, "lone surrogate"},
    {R"("\udc00")", 7, "lone surrogate"},
    {R"("\udbffx")", 7, "lone surrogate"},
    {R"("\ud800\u0041")", 13, "lone surrogate"},
    {R"("\ud800\ue000")", 13, "lone surrogate"},
    {R"("\udc00\ud800")", 7, "lone surrogate"},
    {R"("\ud800\n")", 7, "lone surrogate"},
    {R"("\ud800\u0041")", 13, "lone surrogate"},
    {R"("\ud800\ud800")", 13, "lone surrogate"},
    {R"("\ud800\udbff\udc00")", 13, "lone surrogate"},
    {R"("\ud800\ue000")", 13, "lone surrogate"},
    {R"("\ud800\u)", 9, "unterminated \\u escape"},
    {R"("\ud800\udcxx")", 9, "malformed \\u escape"},
    {R"("\ud800\)", 7, "lone surrogate"},
};

// Byte sequences that are not UTF-8.
const std::vector<std::string> kInvalidUtf8 = {
    "\x80",  // a continuation alone
    "\xbf",
    "\xc0\x80",  // overlong NUL
    "\xc1\xbf",  // overlong
    "\xe0\x80\x80",
    "\xe0\x9f\xbf",
    "\xf0\x80\x80\x80",
    "\xf0\x8f\xbf\xbf",
    "\xed\xa0\x80",  // surrogates
    "\xed\xbf\xbf",
    "\xed\xa0\x80\xed\xb0\x80",  // a pair of them (CESU-8)
    "\xf4\x90\x80\x80",          // above U+10FFFF
    "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80\x80",  // five and six bytes
    "\xfc\x84\x80\x80\x80\x80",
    "\xfe",
    "\xff",
    "\xc2",  // cut
    "\xe2\x82",
    "\xe2",
    "\xf0\x9f\x98",
    "\xf0\x9f",
    "\xf0",
    "\xc2\xc2",  // followed by another lead
    "\xe2\x82\xe2",
    "\xe2\x28\xa1",
    "\xf0\x9f\x98\x28",
    "\xf0\x28\x8c\xbc",
};

const std::vector<std::string> kValidUtf8 = {
    "\xc2\x80",         "\xdf\xbf",         "\xe0\xa0\x80",     "\xec\xbf\xbf",
    "\xed\x80\x80",     "\xed\x9f\xbf",     "\xee\x80\x80",     "\xef\xbf\xbf",
    "\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x80\x80\x80", "\xf4\x8f\xbf\xbf",
};

}  // namespace

TEST_CASE("valid JSON is taken, and its kind told") {
  for (const KindCase& c : kValid) {
    CAPTURE(c.text);
    const Scan result = scan(c.text);
    CHECK(result.valid);
    CHECK(result.fault.what == "");
    CHECK(result.kind == c.kind);
  }
}

TEST_CASE("invalid JSON is refused, with the place and the reason") {
  for (const FaultCase& c : kInvalid) {
    CAPTURE(c.text);
    const Scan result = scan(c.text);
    CHECK_FALSE(result.valid);
    CHECK(result.fault.offset == c.offset);
    CHECK(result.fault.what == c.what);
  }
}

TEST_CASE("a valid text is invalid when it is cut anywhere") {
  const std::string text =
      "{\"a\":[1.5e+3,true,null,\"\\u00e9\\ud83d\\ude00\\\\\xc3\xa9\xf0\x9f\x98\x80 long enough\"],"
      "\"bcdefghijk\":{\"c\":[[],{}]}}";
  CHECK(scan(text).valid);
  for (size_t size = 0; size < text.size(); size++) {
    CAPTURE(size);
    CHECK_FALSE(scan(text.substr(0, size)).valid);
  }
}

TEST_CASE("64 levels of nesting are taken, 65 are not") {
  struct Case {
    std::string open;
    std::string close;
    unsigned levels;
  };
  const std::vector<Case> cases = {
      {"[", "]", 1}, {"{\"a\":", "}", 1}, {"[{\"a\":", "}]", 2}, {" [ ", " ] ", 1}};
  for (const Case& c : cases) {
    CAPTURE(c.open);
    const std::string whole = nested(c.open, c.close, 64 / c.levels);
    CHECK(scan(whole).valid);
    const Scan deeper = scan("[" + whole + "]");
    CHECK_FALSE(deeper.valid);
    CHECK(deeper.fault.what == "nested too deeply");
  }
  CHECK(scan(nested("[", "]", 65)).fault.offset == 64);
  // The depth is of what is open at once, not of what was.
  std::string wide = "[";
  for (int i = 0; i < 200; i++) wide += nested("[", "]", 63) + ",";
  CHECK(scan(wide + "0]").valid);
}

TEST_CASE("which container is open is known at every depth") {
  // 64 containers, object or array by the bits of a number: each wrong closing is noticed.
  for (const uint64_t bits : {uint64_t{0x5555555555555555}, uint64_t{0x8000000000000001},
                              uint64_t{0x0123456789abcdef}, uint64_t{0xfffffffffffffffe}}) {
    CAPTURE(bits);
    std::string open;
    std::string close;
    for (unsigned i = 0; i < 64; i++) {
      const bool object = ((bits >> i) & 1U) != 0;
      open += object ? "{\"\":" : "[";
      close.insert(0, 1, object ? '}' : ']');
    }
    CHECK(scan(open + "0" + close).valid);
    for (size_t i = 0; i < close.size(); i++) {
      std::string wrong = close;
      wrong[i] = wrong[i] == '}' ? ']' : '}';
      CHECK_FALSE(scan(open + "0" + wrong).valid);
    }
  }
}

TEST_CASE("a very long text nested too deeply is refused at once") {
  const std::string text(1'000'000, '[');
  const Scan result = scan(text);
  CHECK(result.fault.what == "nested too deeply");
  CHECK(result.fault.offset == 64);
}

TEST_CASE("a caller may allow less nesting, none at all too") {
  JsonKind kind = JsonKind::kNull;
  CHECK(JsonCursor("1").value(kind, 0));
  CHECK_FALSE(JsonCursor("[]").value(kind, 0));
  CHECK_FALSE(JsonCursor("{}").value(kind, 0));
  CHECK(JsonCursor("[[1]]").value(kind, 2));
  CHECK_FALSE(JsonCursor("[[1]]").value(kind, 1));
}

TEST_CASE("UTF-8 is checked at every place of the blocks, and at the end") {
  for (size_t before = 0; before < 34; before++) {
    for (size_t after = 0; after < 34; after++) {
      for (const std::string& bytes : kValidUtf8) {
        const std::string text =
            "\"" + std::string(before, 'a') + bytes + std::string(after, 'b') + "\"";
        if (!scan(text).valid) FAIL_CHECK("refused: " << text);
      }
      for (const std::string& bytes : kInvalidUtf8) {
        const std::string open = "\"" + std::string(before, 'a') + bytes + std::string(after, 'b');
        for (const std::string& text : {open + "\"", open}) {
          const Scan result = scan(text);
          if (result.valid) FAIL_CHECK("taken: " << text);
          if (result.fault.what == "invalid UTF-8") {
            CHECK(result.fault.offset >= 1 + before);
            CHECK(result.fault.offset < 1 + before + bytes.size());
          }
        }
      }
    }
  }
}

TEST_CASE("specials are found at every place of the blocks") {
  for (size_t before = 0; before < 34; before++) {
    CAPTURE(before);
    const std::string plain(before, '~');
    for (const char* tail : {"\"", "zzzzzzzzzzzz\""}) {
      CHECK(scan("\"" + plain + "\\n" + tail).valid);
      CHECK(scan("\"" + plain + "\x7f" + tail).valid);
      for (int byte = 0; byte < 0x20; byte++) {
        const Scan result = scan("\"" + plain + static_cast<char>(byte) + tail);
        CHECK(result.fault.what == "control character in a string");
        CHECK(result.fault.offset == 1 + before);
      }
      const Scan early = scan("\"" + plain + "\"" + tail);
      CHECK_FALSE(early.valid);
      CHECK(early.fault.offset == 2 + before);
    }
  }
}

TEST_CASE("every code point but the surrogates is taken") {
  size_t wrong = 0;
  for (uint32_t code = 0x20; code <= 0x110fff; code++) {
    if (code == '"' || code == '\\') continue;
    const bool expected = (code < 0xd800 || code > 0xdfff) && code <= 0x10ffff;
    // At the end of the text, and with more behind it.
    for (const char* tail : {"\"", "....\""}) {
      const std::string text = "\"" + utf8_of(code) + tail;
      JsonCursor cursor(text);
      if (cursor.string() != expected || cursor.at_end() != expected) wrong++;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("two bytes are UTF-8 just as the standard's table says") {
  size_t valid = 0;
  for (unsigned first = 0x80; first < 0x100; first++) {
    for (unsigned second = 0; second < 0x100; second++) {
      for (const char* tail : {"\"", "....\""}) {
        const std::string text =
            std::string{'"', static_cast<char>(first), static_cast<char>(second)} + tail;
        JsonCursor cursor(text);
        JsonKind kind = JsonKind::kNull;
        if (cursor.value(kind) && cursor.at_end()) valid++;
      }
    }
  }
  CHECK(valid == 2 * (0x800 - 0x80));
}

TEST_CASE("a cursor moves from element to element") {
  JsonCursor cursor(" [1, 2] , \"x\" : tail");
  JsonKind kind = JsonKind::kNull;
  CHECK(cursor.value(kind));
  CHECK(kind == JsonKind::kArray);
  CHECK(cursor.since(1) == "[1, 2]");
  CHECK(cursor.position() == 7);
  cursor.skip_space();
  CHECK(cursor.peek() == ',');
  CHECK(cursor.expect(',', "no comma"));
  cursor.skip_space();
  CHECK(cursor.string());
  cursor.skip_space();
  CHECK_FALSE(cursor.expect(';', "no semicolon"));
  CHECK(cursor.fault().what == "no semicolon");
  CHECK(cursor.fault().offset == 14);
}

TEST_CASE("the end is not the character NUL") {
  JsonCursor at_end("");
  CHECK(at_end.peek() == '\0');
  CHECK_FALSE(at_end.expect('\0', "the end"));
  JsonCursor at_nul(std::string_view("\0", 1));
  CHECK(at_nul.peek() == '\0');
  CHECK_FALSE(at_nul.at_end());
}

TEST_CASE("after a fault every call fails, and the first fault stays") {
  JsonCursor cursor("[1 2, \"x\" : 3]");
  JsonKind kind = JsonKind::kNull;
  CHECK_FALSE(cursor.value(kind));
  CHECK(cursor.peek() == '2');
  CHECK_FALSE(cursor.value(kind));  // though a value stands there
  CHECK_FALSE(cursor.string());
  CHECK_FALSE(cursor.expect('2', "other words"));
  CHECK_FALSE(cursor.fail("other words"));
  CHECK(cursor.fault().what == "expected ',' or ']'");
  CHECK(cursor.fault().offset == 3);
}
