#include "base/fold.h"

#include <cstdint>

#include "base/utf8.h"

namespace edgeroom {

namespace {

// The code point that begins at `at`, which is moved behind it. The text is valid UTF-8.
uint32_t next_code_point(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  uint32_t code_point = lead & (0x3fU >> more);
  for (unsigned i = 0; i < more; i++) {
    code_point = code_point << 6U | (static_cast<unsigned char>(text[at++]) & 0x3fU);
  }
  return code_point;
}

bool within(uint32_t code_point, uint32_t first, uint32_t last) {
  return code_point >= first && code_point <= last;
}

bool is_invisible(uint32_t code_point) {
  return code_point == 0xad || within(code_point, 0x200b, 0x200d) || code_point == 0x2060 ||
         code_point == 0xfeff;
}

// Latin Extended-A: capital and small letters in pairs, but where the pairs begin changes, and some
// have no partner there.
uint32_t fold_latin_extended(uint32_t code_point) {
  if (code_point == 0x130 || code_point == 0x138 || code_point == 0x149) return code_point;
  if (code_point == 0x178) return 0xff;
  if (code_point == 0x17f) return 's';
  const bool capitals_are_odd =
      within(code_point, 0x139, 0x148) || within(code_point, 0x179, 0x17e);
  const bool is_capital = (code_point % 2 == 1) == capitals_are_odd;
  return is_capital ? code_point + 1 : code_point;
}

uint32_t fold_case(uint32_t code_point) {
  if (within(code_point, 'A', 'Z')) return code_point + 0x20;
  if (code_point < 0xb5) return code_point;
  if (code_point == 0xb5) return 0x3bc;  // the micro sign is a Greek letter
  if (within(code_point, 0xc0, 0xde) && code_point != 0xd7) return code_point + 0x20;
  if (within(code_point, 0x100, 0x17f)) return fold_latin_extended(code_point);
  if (within(code_point, 0x391, 0x3ab) && code_point != 0x3a2) return code_point + 0x20;
  if (code_point == 0x386) return 0x3ac;
  if (within(code_point, 0x388, 0x38a)) return code_point + 0x25;
  if (code_point == 0x38c) return 0x3cc;
  if (within(code_point, 0x38e, 0x38f)) return code_point + 0x3f;
  if (code_point == 0x3c2) return 0x3c3;  // the sigma at a word's end
  if (within(code_point, 0x410, 0x42f)) return code_point + 0x20;
  if (within(code_point, 0x400, 0x40f)) return code_point + 0x50;
  if (code_point == 0x1e9e) return 0xdf;
  if (within(code_point, 0xff21, 0xff3a)) return code_point + 0x20;
  return code_point;
}

bool is_word_character(uint32_t code_point) {
  if (code_point < 0x80) {
    return within(code_point, 'a', 'z') || within(code_point, 'A', 'Z') ||
           within(code_point, '0', '9') || code_point == '_';
  }
  const bool is_latin_1_sign = within(code_point, 0x80, 0xbf) && code_point != 0xaa &&
                               code_point != 0xb5 && code_point != 0xba;
  return !is_latin_1_sign && code_point != 0xd7 && code_point != 0xf7 &&
         !within(code_point, 0x2000, 0x206f) &&  // general punctuation
         !within(code_point, 0x3000, 0x3004) &&  // of Chinese, Japanese and Korean
         !within(code_point, 0x3008, 0x3020) && code_point != 0x3030 &&
         !within(code_point, 0xff00, 0xff0f) &&  // full-width forms of ASCII's
         !within(code_point, 0xff1a, 0xff20) && !within(code_point, 0xff3b, 0xff3e) &&
         !within(code_point, 0xff5b, 0xff65);
}

}  // namespace

FoldedText fold(std::string_view text) {
  FoldedText out;
  out.text.reserve(text.size());
  out.is_word.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    const uint32_t code_point = next_code_point(text, at);
    if (is_invisible(code_point)) continue;
    append_utf8(out.text, fold_case(code_point));
    out.is_word.resize(out.text.size(), is_word_character(code_point) ? '\1' : '\0');
  }
  return out;
}

}  // namespace edgeroom
