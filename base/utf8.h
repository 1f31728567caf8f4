// Questions about text that is known to be valid UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace edgeroom {

// Unicode code points in valid UTF-8.
inline size_t utf8_characters(std::string_view text) {
  size_t characters = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) characters++;
  }
  return characters;
}

// Whether the text holds a C0 control character or DEL.
inline bool has_control_character(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

}  // namespace edgeroom
