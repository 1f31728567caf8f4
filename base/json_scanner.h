// Checking JSON text without building anything from it.
//
// A frame's `content` is carried through every station as the text that arrived, so all that is
// needed of it is the certainty that it is JSON: grammar of RFC 8259, valid UTF-8, no lone
// surrogate, bounded nesting. A parser that builds values would refuse numbers that the grammar
// allows (1e400), lose digits, and grow memory that WebAssembly never gives back. Nothing here
// recurses or allocates but for escaped keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgeroom {

// Nesting of arrays and objects inside one value. 64 fits the scanner's bit stack and is far
// beyond what people nest by hand; deeper text is refused so that no receiver's recursive parser
// is brought down by it.
inline constexpr unsigned kJsonDepthMax = 64;

enum class JsonKind : uint8_t { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull };

struct JsonFault {
  size_t offset = 0;      // byte offset in the scanned text
  std::string_view what;  // static text, in words; empty for no fault
};

// One member of an object. The views point into the scanned text, the key into the reader when
// it had escapes: both are valid until the next call of next().
struct JsonMember {
  std::string_view key;    // unescaped
  std::string_view value;  // the value's text, without surrounding white space
  JsonKind kind = JsonKind::kNull;
  bool has_escapes = false;  // of a string
};

// A position in JSON text that moves over one checked element at a time. After a fault every
// call returns false.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) : text_(text) {}

  // Moves over one value with at most `depth_max` (<= kJsonDepthMax) containers inside each
  // other. Sets `kind` to what it was.
  bool value(JsonKind& kind, unsigned depth_max = kJsonDepthMax);
  bool string();
  void skip_space();
  // Moves over `character` or faults with `what`.
  bool expect(char character, std::string_view what);
  bool fail(std::string_view what);

  [[nodiscard]] bool at_end() const { return position_ == text_.size(); }
  // The next character, or NUL at the end (which is no JSON character).
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[position_]; }
  [[nodiscard]] size_t position() const { return position_; }
  [[nodiscard]] std::string_view since(size_t start) const {
    return text_.substr(start, position_ - start);
  }
  [[nodiscard]] const JsonFault& fault() const { return fault_; }
  // Of all strings so far.
  [[nodiscard]] size_t escapes() const { return escapes_; }

 private:
  bool scalar(JsonKind& kind);
  bool number();
  bool digits();
  bool literal(std::string_view word);
  bool escape();
  bool hex4(uint32_t& unit);
  bool string_beyond_ascii();
  bool between_runs();
  bool utf8_sequence();
  bool member_name();

  std::string_view text_;
  size_t position_ = 0;
  size_t escapes_ = 0;
  JsonFault fault_;
};

// Reads the members of a text that must be exactly one JSON object.
//
//   JsonObjectReader reader(text);
//   JsonMember member;
//   while (reader.next(member)) { … }
//   if (reader.fault()) …   // the text was not one JSON object; what was read must not be used
class JsonObjectReader {
 public:
  // `text` must outlive the reader.
  explicit JsonObjectReader(std::string_view text);

  // False at the end and after a fault.
  bool next(JsonMember& member);

  [[nodiscard]] std::optional<JsonFault> fault() const;
  // The text is JSON, but its root is no object.
  [[nodiscard]] bool wrong_root() const { return wrong_root_; }

 private:
  void finish();

  JsonCursor cursor_;
  std::string key_;
  bool started_ = false;
  bool done_ = false;
  bool wrong_root_ = false;
};

// Whether the text is one JSON value and nothing else.
bool is_json(std::string_view text);

// The text of a JSON string value, given with its quotes and already checked by the scanner.
std::string json_unescape(std::string_view quoted);

// A JSON number value that is written as a whole number from 0 to kSafeIntegerMax.
std::optional<uint64_t> json_integer(std::string_view number);

}  // namespace edgeroom
