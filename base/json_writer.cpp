#include "base/json_writer.h"

#include <array>
#include <charconv>

namespace edgeroom {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// Whether a byte stands in a JSON string as it is.
constexpr std::array<bool, 256> clean_bytes() {
  std::array<bool, 256> clean{};
  for (size_t byte = 0x20; byte < clean.size(); byte++) clean[byte] = byte != '"' && byte != '\\';
  return clean;
}
constexpr std::array<bool, 256> kIsClean = clean_bytes();

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
  size_t clean_from = 0;
  for (size_t i = 0; i < text.size(); i++) {
    if (kIsClean[static_cast<uint8_t>(text[i])]) continue;
    out.append(text.substr(clean_from, i - clean_from));
    append_escaped(out, text[i]);
    clean_from = i + 1;
  }
  out.append(text.substr(clean_from));
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
