#include "base/json_scanner.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/plain_run.h"
#include "base/utf8.h"
#include "base/valid_utf8.h"

namespace edgeroom {

namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr uint8_t byte_of(char c) { return static_cast<uint8_t>(c); }
constexpr bool is_continuation(uint8_t byte) { return (byte & 0xc0U) == 0x80; }

constexpr bool is_short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    default: return false;
  }
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

uint32_t hex4_value(std::string_view digits) {
  uint32_t unit = 0;
  for (const char c : digits.substr(0, 4)) unit = unit * 16 + static_cast<uint32_t>(hex_value(c));
  return unit;
}

}  // namespace

bool JsonCursor::fail(std::string_view what) {
  if (fault_.what.empty()) fault_ = {position_, what};
  return false;
}

void JsonCursor::skip_space() {
  while (position_ < text_.size() && is_space(text_[position_])) position_++;
}

bool JsonCursor::expect(char character, std::string_view what) {
  if (!fault_.what.empty() || peek() != character || at_end()) return fail(what);
  position_++;
  return true;
}

bool JsonCursor::value(JsonKind& kind, unsigned depth_max) {
  CHECK(depth_max <= kJsonDepthMax);
  if (!fault_.what.empty()) return false;
  unsigned depth = 0;
  uint64_t objects = 0;  // bit 0: the innermost open container is an object
  bool first = true;
  for (;;) {
    skip_space();
    const char opening = peek();
    JsonKind this_kind = JsonKind::kNull;
    if (opening == '{' || opening == '[') {
      const bool object = opening == '{';
      this_kind = object ? JsonKind::kObject : JsonKind::kArray;
      if (depth == depth_max) return fail("nested too deeply");
      position_++;
      depth++;
      objects = (objects << 1U) | (object ? 1U : 0U);
      if (first) kind = this_kind;
      first = false;
      skip_space();
      if (peek() != (object ? '}' : ']')) {
        if (object && !member_name()) return false;
        continue;
      }
    } else {
      if (!scalar(this_kind)) return false;
      if (first) kind = this_kind;
      first = false;
    }
    // A value is complete: close what ends here, or go on to the next element.
    for (;;) {
      if (depth == 0) return true;
      skip_space();
      const bool in_object = (objects & 1U) != 0;
      if (peek() == ',') {
        position_++;
        if (in_object) {
          skip_space();
          if (!member_name()) return false;
        }
        break;
      }
      if (peek() != (in_object ? '}' : ']')) {
        return fail(in_object ? "expected ',' or '}'" : "expected ',' or ']'");
      }
      position_++;
      depth--;
      objects >>= 1U;
    }
  }
}

bool JsonCursor::member_name() {
  if (peek() != '"') return fail("expected a member name in quotes");
  if (!string()) return false;
  skip_space();
  return expect(':', "expected ':'");
}

bool JsonCursor::scalar(JsonKind& kind) {
  switch (peek()) {
    case '"': kind = JsonKind::kString; return string();
    case 't': kind = JsonKind::kTrue; return literal("true");
    case 'f': kind = JsonKind::kFalse; return literal("false");
    case 'n': kind = JsonKind::kNull; return literal("null");
    default: kind = JsonKind::kNumber; return number();
  }
}

bool JsonCursor::literal(std::string_view word) {
  if (text_.substr(position_, word.size()) != word) return fail("expected a value");
  position_ += word.size();
  return true;
}

bool JsonCursor::digits() {
  if (!is_digit(peek())) return fail("expected a digit");
  while (is_digit(peek())) position_++;
  return true;
}

bool JsonCursor::number() {
  const char sign = peek();
  if (sign != '-' && !is_digit(sign)) {
    return fail(at_end() ? "unexpected end" : "expected a value");
  }
  if (sign == '-') position_++;
  if (peek() == '0') {
    position_++;
    if (is_digit(peek())) return fail("a number may not start with 0");
  } else if (!digits()) {
    return false;
  }
  if (peek() == '.') {
    position_++;
    if (!digits()) return false;
  }
  if (peek() == 'e' || peek() == 'E') {
    position_++;
    if (peek() == '+' || peek() == '-') position_++;
    if (!digits()) return false;
  }
  return true;
}

bool JsonCursor::string() {
  if (!expect('"', "expected a string")) return false;
  for (;;) {
    position_ += plain_run(text_.substr(position_));
    if (peek() == '"') break;
    if (byte_of(peek()) >= 0x80) return string_beyond_ascii();
    if (!between_runs()) return false;
  }
  position_++;
  return true;
}

// The rest of a string: where it ends first, and then whether all of it is UTF-8, for both are
// found by blocks. What is wrong is sought anew, sequence after sequence.
bool JsonCursor::string_beyond_ascii() {
  const JsonCursor start = *this;
  bool ends = false;
  do {
    position_ += unescaped_run(text_.substr(position_));
    ends = peek() == '"';
  } while (!ends && between_runs());
  if (ends && is_valid_utf8(since(start.position_))) {
    position_++;
    return true;
  }
  *this = start;
  for (;;) {
    position_ += plain_run(text_.substr(position_));
    CHECK(peek() != '"');
    const bool goes_on = byte_of(peek()) >= 0x80 ? utf8_sequence() : between_runs();
    if (!goes_on) return false;
  }
}

// What ends a run of characters in a string but not the string: an escape, or a fault.
bool JsonCursor::between_runs() {
  if (at_end()) return fail("unterminated string");
  if (byte_of(peek()) < 0x20) return fail("control character in a string");
  return escape();
}

bool JsonCursor::hex4(uint32_t& unit) {
  if (text_.size() - position_ < 4) return fail("unterminated \\u escape");
  for (size_t i = 0; i < 4; i++) {
    if (hex_value(text_[position_ + i]) < 0) return fail("malformed \\u escape");
  }
  unit = hex4_value(text_.substr(position_, 4));
  position_ += 4;
  return true;
}

bool JsonCursor::escape() {
  escapes_++;
  position_++;
  const char c = peek();
  if (c != 'u') {
    if (!is_short_escape(c)) return fail("unknown escape");
    position_++;
    return true;
  }
  position_++;
  uint32_t unit = 0;
  if (!hex4(unit)) return false;
  if (unit < 0xd800 || unit > 0xdfff) return true;
  if (unit > 0xdbff) return fail("lone surrogate");
  if (text_.substr(position_, 2) != "\\u") return fail("lone surrogate");
  position_ += 2;
  if (!hex4(unit)) return false;
  return (unit >= 0xdc00 && unit <= 0xdfff) || fail("lone surrogate");
}

// Unicode 15, table 3-7, "Well-Formed UTF-8 Byte Sequences".
bool JsonCursor::utf8_sequence() {
  const auto at = [this](size_t i) {
    return position_ + i < text_.size() ? byte_of(text_[position_ + i]) : uint8_t{0};
  };
  const uint8_t lead = at(0);
  size_t size = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return fail("invalid UTF-8");
  }
  if (at(1) < low || at(1) > high) return fail("invalid UTF-8");
  for (size_t i = 2; i < size; i++) {
    if (!is_continuation(at(i))) return fail("invalid UTF-8");
  }
  position_ += size;
  return true;
}

JsonObjectReader::JsonObjectReader(std::string_view text) : cursor_(text) {}

std::optional<JsonFault> JsonObjectReader::fault() const {
  if (cursor_.fault().what.empty()) return std::nullopt;
  return cursor_.fault();
}

void JsonObjectReader::finish() {
  done_ = true;
  cursor_.skip_space();
  if (!cursor_.at_end()) cursor_.fail("trailing bytes after the value");
}

bool JsonObjectReader::next(JsonMember& member) {
  if (done_ || fault()) return false;
  cursor_.skip_space();
  if (!started_) {
    started_ = true;
    if (cursor_.peek() != '{') {
      const bool is_value = cursor_.value(member.kind);
      finish();
      wrong_root_ = is_value && !fault();
      if (wrong_root_) cursor_.fail("not an object");
      return false;
    }
    cursor_.expect('{', "");
    cursor_.skip_space();
    if (cursor_.peek() == '}') {
      cursor_.expect('}', "");
      finish();
      return false;
    }
  } else {
    if (cursor_.peek() == '}') {
      cursor_.expect('}', "");
      finish();
      return false;
    }
    if (!cursor_.expect(',', "expected ',' or '}'")) return false;
    cursor_.skip_space();
  }
  const size_t key_start = cursor_.position();
  if (cursor_.peek() != '"') return cursor_.fail("expected a member name in quotes");
  const size_t escapes_before = cursor_.escapes();
  if (!cursor_.string()) return false;
  const std::string_view quoted = cursor_.since(key_start);
  const size_t escapes = cursor_.escapes();
  cursor_.skip_space();
  if (!cursor_.expect(':', "expected ':'")) return false;
  cursor_.skip_space();
  const size_t value_start = cursor_.position();
  if (cursor_.peek() == '"') {
    member.kind = JsonKind::kString;
    if (!cursor_.string()) return false;
  } else if (!cursor_.value(member.kind)) {
    return false;
  }
  member.value = cursor_.since(value_start);
  member.has_escapes = cursor_.escapes() != escapes;
  member.key = quoted.substr(1, quoted.size() - 2);
  if (escapes != escapes_before) {
    key_ = json_unescape(quoted);
    member.key = key_;
  }
  return true;
}

bool is_json(std::string_view text) {
  JsonCursor cursor(text);
  JsonKind kind = JsonKind::kNull;
  return cursor.value(kind) && cursor.at_end();
}

std::string json_unescape(std::string_view quoted) {
  CHECK(quoted.size() >= 2 && quoted.front() == '"' && quoted.back() == '"');
  const std::string_view body = quoted.substr(1, quoted.size() - 2);
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size(); i++) {
    if (body[i] != '\\') {
      out.push_back(body[i]);
      continue;
    }
    const char c = body[++i];
    switch (c) {
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': {
        uint32_t code = hex4_value(body.substr(i + 1));
        i += 4;
        if (code >= 0xd800 && code <= 0xdbff) {
          code = 0x10000 + ((code - 0xd800) << 10U) + (hex4_value(body.substr(i + 3)) - 0xdc00);
          i += 6;
        }
        append_utf8(out, code);
        break;
      }
      default: out.push_back(c);
    }
  }
  return out;
}

std::optional<uint64_t> json_integer(std::string_view number) {
  constexpr size_t kDigitsMax = 16;  // of kSafeIntegerMax
  if (number.empty() || number.size() > kDigitsMax) return std::nullopt;
  uint64_t value = 0;
  for (const char c : number) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > kSafeIntegerMax) return std::nullopt;
  return value;
}

}  // namespace edgeroom
