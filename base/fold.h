// Text as it is compared with words that people write: what looks the same counts as the same.
#pragma once

#include <string>
#include <string_view>

namespace edgeroom {

// Text without case, and for each of its bytes whether it belongs to a character of words.
struct FoldedText {
  std::string text;
  std::string is_word;  // '\1' or '\0' for each byte of `text`

  // Whether a word may begin or end before byte `at`: not between two characters of words.
  [[nodiscard]] bool is_boundary(size_t at) const {
    return at == 0 || at == text.size() || is_word[at - 1] == '\0' || is_word[at] == '\0';
  }
};

// `text`: valid UTF-8. Letters of the Latin (with Latin-1 and Latin Extended-A), Greek, Cyrillic
// and full-width alphabets become small by the simple mappings of Unicode's CaseFolding.txt;
// characters that nobody sees (soft hyphen, zero-width space and joiners, word joiner, byte order
// mark) are left out. Letters, digits, '_' and whatever else is no ASCII, space or punctuation make
// words.
FoldedText fold(std::string_view text);

}  // namespace edgeroom
