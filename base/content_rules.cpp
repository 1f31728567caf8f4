#include "base/content_rules.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/heap_sort.h"
#include "base/json_array.h"
#include "base/json_scanner.h"
#include "base/utf8.h"

namespace edgeroom {

namespace {

// What may stand beside a word: a bit for each side that is open.
constexpr uint8_t kOpenBefore = 1;
constexpr uint8_t kOpenAfter = 2;
constexpr uint8_t kForms = 4;

static_assert(kContentWordsBytesMax < UINT16_MAX, "a node's number fits 16 bits");

Error wrong(const std::string& where, std::string_view what) {
  return Error{"CONTENT_RULES" + where + " " + std::string(what)};
}

}  // namespace

Result<ContentRules::Word> ContentRules::parse_word(std::string_view text, size_t index) {
  const std::string where = ": words[" + std::to_string(index) + "]";
  Word word;
  if (utf8_characters(text) > kContentWordCharactersMax) {
    return wrong(
        where, "must be at most " + std::to_string(kContentWordCharactersMax) + " characters long");
  }
  if (!text.empty() && text.front() == '*') {
    word.form |= kOpenBefore;
    text.remove_prefix(1);
  }
  if (!text.empty() && text.back() == '*') {
    word.form |= kOpenAfter;
    text.remove_suffix(1);
  }
  if (text.find('*') != std::string_view::npos) {
    return wrong(where, "may have a * at its start and at its end alone");
  }
  FoldedText folded = fold(text);
  if (folded.is_word.find('\1') == std::string::npos) {
    return wrong(where, "must hold a letter or a digit");
  }
  word.text = std::move(folded.text);
  return word;
}

Result<ContentRules> ContentRules::parse(std::string_view json) {
  JsonObjectReader reader(json);
  JsonMember member;
  std::optional<std::vector<JsonMember>> elements;
  while (reader.next(member)) {
    if (member.key != "words") {
      return Error{"CONTENT_RULES: unknown option " + std::string(member.key)};
    }
    elements = json_elements(member.value);
    if (!elements) return wrong(": words", "must be an array of strings");
  }
  if (reader.fault() || !elements) {
    return wrong("", R"(must be a JSON object such as {"words":["darn","heck*"]})");
  }
  std::vector<Word> words;
  size_t bytes = 0;
  for (size_t i = 0; i < elements->size(); i++) {
    const JsonMember& element = (*elements)[i];
    if (element.kind != JsonKind::kString) return wrong(": words", "must be an array of strings");
    Result<Word> word = parse_word(json_unescape(element.value), i);
    if (!word.ok()) return word.error();
    bytes += word.value().text.size();
    if (bytes > kContentWordsBytesMax) {
      return wrong(": words", "must be at most " + std::to_string(kContentWordsBytesMax) +
                                  " bytes of UTF-8 together");
    }
    words.push_back(std::move(word.value()));
  }
  ContentRules rules;
  if (!words.empty()) rules.build(std::move(words));
  return rules;
}

void ContentRules::build(std::vector<Word> words) {
  heap_sort(words.begin(), words.end(),
            [](const Word& a, const Word& b) { return a.text < b.text; });
  // Of each node, the words that begin with it.
  struct Range {
    size_t first = 0;
    size_t last = 0;
  };
  std::vector<Range> ranges = {{0, words.size()}};
  nodes_.emplace_back();
  for (size_t at = 0; at < nodes_.size(); at++) {
    const size_t depth = nodes_[at].size;
    size_t first = ranges[at].first;
    for (; first < ranges[at].last && words[first].text.size() == depth; first++) {
      nodes_[at].forms |= static_cast<uint8_t>(1U << words[first].form);
    }
    nodes_[at].children = static_cast<uint32_t>(nodes_.size());
    while (first < ranges[at].last) {
      Node node;
      node.size = static_cast<uint16_t>(depth + 1);
      node.label = static_cast<unsigned char>(words[first].text[depth]);
      size_t last = first;
      while (last < ranges[at].last &&
             static_cast<unsigned char>(words[last].text[depth]) == node.label) {
        last++;
      }
      nodes_.push_back(node);
      ranges.push_back({first, last});
      first = last;
    }
  }
  Node end;
  end.children = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back(end);
  link_suffixes();
}

// Parents come before their children, and a suffix is shorter than what it is one of: each node
// finds what it needs done.
void ContentRules::link_suffixes() {
  const auto count = static_cast<uint32_t>(nodes_.size() - 1);
  for (uint32_t parent = 0; parent < count; parent++) {
    for (uint32_t at = nodes_[parent].children; at < nodes_[parent + 1].children; at++) {
      Node& node = nodes_[at];
      node.suffix = parent == 0 ? 0 : step(nodes_[parent].suffix, node.label);
      node.word = node.forms != 0 ? static_cast<uint16_t>(at) : nodes_[node.suffix].word;
    }
  }
}

// 0, the root, when there is none.
uint32_t ContentRules::child(uint32_t node, unsigned char label) const {
  uint32_t first = nodes_[node].children;
  uint32_t last = nodes_[node + 1].children;
  while (first < last) {
    const uint32_t middle = first + (last - first) / 2;
    if (nodes_[middle].label == label) return middle;
    if (nodes_[middle].label < label) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return 0;
}

// The longest suffix of the text so far that a word starts with, after one byte more.
uint32_t ContentRules::step(uint32_t node, unsigned char label) const {
  for (;;) {
    const uint32_t next = child(node, label);
    if (next != 0 || node == 0) return next;
    node = nodes_[node].suffix;
  }
}

bool ContentRules::ends_word(uint32_t node, const FoldedText& text, size_t end) const {
  for (uint32_t at = nodes_[node].word; at != 0; at = nodes_[nodes_[at].suffix].word) {
    const bool is_start = text.is_boundary(end - nodes_[at].size);
    const bool is_end = text.is_boundary(end);
    for (uint8_t form = 0; form < kForms; form++) {
      if ((nodes_[at].forms >> form & 1U) == 0) continue;
      const bool fits_before = is_start || (form & kOpenBefore) != 0;
      const bool fits_after = is_end || (form & kOpenAfter) != 0;
      if (fits_before && fits_after) return true;
    }
  }
  return false;
}

bool ContentRules::finds(const FoldedText& text) const {
  uint32_t node = 0;
  for (size_t i = 0; i < text.text.size(); i++) {
    node = step(node, static_cast<unsigned char>(text.text[i]));
    if (nodes_[node].word != 0 && ends_word(node, text, i + 1)) return true;
  }
  return false;
}

bool ContentRules::refuse(std::string_view content) const {
  if (nodes_.empty()) return false;
  size_t at = content.find('"');
  while (at != std::string_view::npos) {
    size_t end = at + 1;
    while (content[end] != '"') end += content[end] == '\\' ? 2 : 1;
    if (finds(fold(json_unescape(content.substr(at, end + 1 - at))))) return true;
    at = content.find('"', end + 1);
  }
  return false;
}

}  // namespace edgeroom
