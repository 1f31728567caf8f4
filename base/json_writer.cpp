#include "base/json_writer.h"

#include <array>
#include <charconv>

#include "base/plain_run.h"

namespace edgeroom {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_escaped(std::string& out, char character) {
  switch (character) {
    case '"': out.append("\\\""); return;
    case '\\': out.append("\\\\"); return;
    case '\b': out.append("\\b"); return;
    case '\f': out.append("\\f"); return;
    case '\n': out.append("\\n"); return;
    case '\r': out.append("\\r"); return;
    case '\t': out.append("\\t"); return;
    default: break;
  }
  const auto byte = static_cast<uint8_t>(character);
  out.append("\\u00");
  out.push_back(kHexDigits[byte >> 4U]);
  out.push_back(kHexDigits[byte & 15U]);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (;;) {
    const size_t clean = unescaped_run(text);
    out.append(text.data(), clean);
    if (clean == text.size()) break;
    append_escaped(out, text[clean]);
    text.remove_prefix(clean + 1);
  }
  out.push_back('"');
}

void append_json_integer(std::string& out, uint64_t value) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), static_cast<size_t>(end - digits.data()));
}

void JsonObjectWriter::key(std::string_view name) {
  if (!first_) out_.push_back(',');
  first_ = false;
  out_.push_back('"');
  out_.append(name);
  out_.append("\":");
}

void JsonObjectWriter::string(std::string_view name, std::string_view value) {
  key(name);
  append_json_string(out_, value);
}

void JsonObjectWriter::integer(std::string_view name, uint64_t value) {
  key(name);
  append_json_integer(out_, value);
}

void JsonObjectWriter::boolean(std::string_view name, bool value) {
  key(name);
  out_.append(value ? "true" : "false");
}

void JsonObjectWriter::null(std::string_view name) {
  key(name);
  out_.append("null");
}

void JsonObjectWriter::raw(std::string_view name, std::string_view json) {
  key(name);
  out_.append(json);
}

}  // namespace edgeroom
