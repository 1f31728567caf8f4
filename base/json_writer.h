// Appending JSON text. Output is compact and deterministic: the same input gives the same bytes
// in every build.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edgeroom {

// Appends `text`, which must be valid UTF-8, as a JSON string with its quotes. Escapes only what
// RFC 8259 section 7 demands: the quote, the backslash and the control characters.
void append_json_string(std::string& out, std::string_view text);

// Appends a whole number. Values above kSafeIntegerMax lose precision in JavaScript.
void append_json_integer(std::string& out, uint64_t value);

// Writes one JSON object member by member into a buffer that the caller owns:
//
//   JsonObjectWriter object(out);
//   object.string("type", "pong");
//   object.close();
//
// Keys are literals of the program and are not escaped.
class JsonObjectWriter {
 public:
  explicit JsonObjectWriter(std::string& out) : out_(out) { out_.push_back('{'); }

  void string(std::string_view key, std::string_view value);
  void integer(std::string_view key, uint64_t value);
  void boolean(std::string_view key, bool value);
  void null(std::string_view key);
  // `json` is a complete JSON value already.
  void raw(std::string_view key, std::string_view json);
  // Writes `"key":`; the caller appends exactly one JSON value.
  void key(std::string_view name);
  void close() { out_.push_back('}'); }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace edgeroom
