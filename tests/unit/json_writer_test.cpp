// Writing JSON: compact, and escaped where it must be.

#include "base/json_writer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

using edgeroom::append_json_integer;
using edgeroom::append_json_string;
using edgeroom::JsonObjectWriter;

namespace {

std::string written(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace

TEST_CASE("strings are escaped as little as the grammar allows") {
  CHECK(written("") == "\"\"");
  CHECK(written("plain / text") == "\"plain / text\"");
  CHECK(written("\"\\") == R"("\"\\")");
  CHECK(written("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(written(std::string("\0\x01\x1f\x7f", 4)) == "\"\\u0000\\u0001\\u001f\x7f\"");
  CHECK(written("\xc3\xa9\xf0\x9f\x98\x80") == "\"\xc3\xa9\xf0\x9f\x98\x80\"");
  CHECK(written("a\"b\"c") == R"("a\"b\"c")");
}

TEST_CASE("every byte below 128 is written so that it reads back") {
  for (int byte = 0; byte < 0x80; byte++) {
    CAPTURE(byte);
    const std::string text = {'<', static_cast<char>(byte), '>'};
    CHECK(nlohmann::json::parse(written(text)).get<std::string>() == text);
  }
}

TEST_CASE("integers are written in full") {
  std::string out;
  append_json_integer(out, 0);
  out += ' ';
  append_json_integer(out, 9007199254740991);
  out += ' ';
  append_json_integer(out, UINT64_MAX);
  CHECK(out == "0 9007199254740991 18446744073709551615");
}

TEST_CASE("an object is written member by member, behind what is there already") {
  std::string out = "[";
  JsonObjectWriter object(out);
  object.string("s", "a\"b");
  object.integer("i", 7);
  object.boolean("t", true);
  object.boolean("f", false);
  object.null("n");
  object.raw("r", "[1e400]");
  object.key("o");
  {
    JsonObjectWriter inner(out);
    inner.close();
  }
  object.integer("z", 1);
  object.close();
  CHECK(out ==
        "[{\"s\":\"a\\\"b\",\"i\":7,\"t\":true,\"f\":false,\"n\":null,\"r\":[1e400],\"o\":{},\"z\":"
        "1}");
}
