// Words that rooms do not take: the setting CONTENT_RULES.
//
//   {"words":["darn","heck*","*blast*","son of a gun"]}
//
// A word is found where it stands by itself; a `*` at its start or end lets it be a part of a
// longer one there. Case does not count, nor characters that nobody sees (base/fold.h). It is
// looked for in every string of a content, the keys of objects included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fold.h"
#include "base/result.h"

namespace edgeroom {

inline constexpr size_t kContentWordCharactersMax = 64;
// All words together, folded: each byte costs every room at most 16 bytes of its memory. The
// platform gives a variable 5 KB today.
inline constexpr size_t kContentWordsBytesMax = 16U << 10U;

// All words are looked for at once, in time linear in the text, whatever it is: Aho and Corasick,
// "Efficient string matching: an aid to bibliographic search", CACM 18 (1975). Whoever sends
// 200 messages of 64 KiB a second would otherwise choose what they cost.
class ContentRules {
 public:
  // Refuses nothing.
  ContentRules() = default;

  // `json`: the setting. The error names what is wrong, and no word.
  static Result<ContentRules> parse(std::string_view json);

  // Whether a string in `content`, which is checked JSON text, holds one of the words.
  [[nodiscard]] bool refuse(std::string_view content) const;

 private:
  // A word's start in the trie that all words make. Nodes stand in the order of a breadth-first
  // walk, so a node's children are neighbours, and ascending by `label`.
  struct Node {
    uint32_t children = 0;  // the first child; the next node's first child ends them
    uint32_t suffix = 0;    // the node of the longest proper suffix that is a word's start, too
    // The longest suffix, itself included, that is a whole word, or 0.
    uint16_t word = 0;
    uint16_t size = 0;  // bytes
    uint8_t forms = 0;  // of the word that ends here: one bit for each form (a set of Form)
    unsigned char label = 0;
  };

  // A word, folded, without its `*`.
  struct Word {
    std::string text;
    uint8_t form = 0;
  };

  static Result<Word> parse_word(std::string_view text, size_t index);
  void build(std::vector<Word> words);
  void link_suffixes();
  [[nodiscard]] uint32_t child(uint32_t node, unsigned char label) const;
  [[nodiscard]] uint32_t step(uint32_t node, unsigned char label) const;
  [[nodiscard]] bool finds(const FoldedText& text) const;
  [[nodiscard]] bool ends_word(uint32_t node, const FoldedText& text, size_t end) const;

  std::vector<Node> nodes_;  // the root first, and one behind the last; empty without words
};

}  // namespace edgeroom
