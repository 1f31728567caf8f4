// Words that rooms do not take.

#include "base/content_rules.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/dice.h"

using edgeroom::ContentRules;
using edgeroom::fold;
using edgeroom::FoldedText;
using edgeroom::kContentWordsBytesMax;
using edgeroom::Result;
using edgeroom::test::Dice;
using nlohmann::json;

namespace {

ContentRules rules(const std::vector<std::string>& words) {
  Result<ContentRules> parsed = ContentRules::parse(json{{"words", words}}.dump());
  REQUIRE(parsed.ok());
  return std::move(parsed.value());
}

bool refused(const ContentRules& rules, const std::string& text) {
  return rules.refuse(json(text).dump());
}

std::string error_of(std::string_view setting) {
  const Result<ContentRules> parsed = ContentRules::parse(setting);
  REQUIRE_FALSE(parsed.ok());
  return parsed.error().detail;
}

// The rule as it is told, without anything clever.
bool finds_naively(const std::vector<std::string>& words, const std::string& text) {
  const FoldedText in = fold(text);
  for (std::string word : words) {
    const bool open_before = word.front() == '*';
    if (open_before) word.erase(0, 1);
    const bool open_after = word.back() == '*';
    if (open_after) word.pop_back();
    const std::string what = fold(word).text;
    for (size_t at = in.text.find(what); at != std::string::npos; at = in.text.find(what, at + 1)) {
      if ((open_before || in.is_boundary(at)) && (open_after || in.is_boundary(at + what.size()))) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

TEST_CASE("a word is refused where it stands by itself") {
  const ContentRules darn = rules({"darn"});
  for (const char* text :
       {"darn", "darn!", "oh darn it", "(darn)", "well-darn", "darn\nit", "…darn…"}) {
    CAPTURE(text);
    CHECK(refused(darn, text));
  }
  for (const char* text : {"", "dar", "darning", "undarn", "da rn", "darn_it", "darné", "édarn",
                           "4darn", "d\u0430rn"}) {
    CAPTURE(text);
    CHECK_FALSE(refused(darn, text));
  }
}

TEST_CASE("a star opens a side") {
  CHECK(refused(rules({"heck*"}), "heckler"));
  CHECK_FALSE(refused(rules({"heck*"}), "aheck"));
  CHECK(refused(rules({"*heck"}), "aheck"));
  CHECK_FALSE(refused(rules({"*heck"}), "aheckler"));
  CHECK(refused(rules({"*heck*"}), "aheckler"));
  // The same word in several forms.
  CHECK(refused(rules({"heck", "heck*"}), "heckler"));
  CHECK(refused(rules({"*heck", "heck*"}), "aheck"));
  CHECK_FALSE(refused(rules({"*heck", "heck*"}), "aheckler"));
}

TEST_CASE("several words, one inside the other, are all looked for") {
  const ContentRules some = rules({"he", "she", "hers", "*ushe*", "son of a gun"});
  for (const char* text : {"he", "she", "hers", "xushex", "a son of a gun!", "sons and he"}) {
    CAPTURE(text);
    CHECK(refused(some, text));
  }
  for (const char* text : {"her", "shes", "hersh", "ush", "son of a gunner"}) {
    CAPTURE(text);
    CHECK_FALSE(refused(some, text));
  }
}

TEST_CASE("case does not count, nor what nobody sees") {
  const ContentRules some = rules({"Straße", "ΛΌΓΟΣ", "Жук", "ŽENA", "ＡＢＣ"});
  for (const char* text :
       {"STRAẞE", "straße", "λόγος", "ЖУК", "жук", "žena", "ａｂｃ", "жу\u200bк", "s\u00adtraße"}) {
    CAPTURE(text);
    CHECK(refused(some, text));
  }
  CHECK_FALSE(refused(some, "zena"));
}

TEST_CASE("every string of a content is looked at, and nothing else") {
  const ContentRules some = rules({"darn", "true", "12"});
  CHECK(some.refuse(R"("darn")"));
  CHECK(some.refuse(R"({"a":[1,{"b":"oh d\u0061rn"}]})"));
  CHECK(some.refuse(R"({"darn":1})"));
  CHECK(some.refuse(R"(["\"darn\""])"));
  CHECK(some.refuse(R"(["\\darn\\"])"));
  CHECK_FALSE(some.refuse("true"));
  CHECK_FALSE(some.refuse("[12,12e3,null]"));
  CHECK_FALSE(some.refuse(R"(["da","rn"])"));
  CHECK_FALSE(some.refuse(R"({"da":"rn"})"));
}

TEST_CASE("without words nothing is refused") {
  CHECK_FALSE(ContentRules().refuse(R"("darn")"));
  CHECK_FALSE(refused(rules({}), "darn"));
}

TEST_CASE("a setting that cannot be meant is refused, and no word is in the error") {
  const std::string object =
      R"(CONTENT_RULES must be a JSON object such as {"words":["darn","heck*"]})";
  for (const char* text : {"", "darn", "[]", "\"darn\"", "{}", "{\"words\":[]", "null"}) {
    CAPTURE(text);
    CHECK(error_of(text) == object);
  }
  CHECK(error_of(R"({"word":["darn"]})") == "CONTENT_RULES: unknown option word");
  CHECK(error_of(R"({"words":"darn"})") == "CONTENT_RULES: words must be an array of strings");
  CHECK(error_of(R"({"words":["a",1]})") == "CONTENT_RULES: words must be an array of strings");
  for (const char* word : {"", "*", "**", "***", " ", "!?", "*-*"}) {
    CAPTURE(word);
    const std::string detail = error_of(json{{"words", {"a", word}}}.dump());
    CHECK(detail.find("CONTENT_RULES: words[1] m") == 0);
  }
  CHECK(error_of(R"({"words":["da*rn"]})") ==
        "CONTENT_RULES: words[0] may have a * at its start and at its end alone");
  CHECK(error_of(json{{"words", {std::string(65, 'a')}}}.dump()) ==
        "CONTENT_RULES: words[0] must be at most 64 characters long");
  CHECK(ContentRules::parse(json{{"words", {"é" + std::string(63, 'a')}}}.dump()).ok());
}

TEST_CASE("all words together have a bound") {
  std::vector<std::string> words;
  for (size_t i = 0; i < kContentWordsBytesMax / 64; i++) {
    words.push_back(std::string(60, 'a') + std::to_string(1000 + i));
  }
  const ContentRules most = rules(words);
  CHECK(refused(most, "so: " + words.back()));
  words.emplace_back("b");
  CHECK(error_of(json{{"words", words}}.dump()) ==
        "CONTENT_RULES: words must be at most 16384 bytes of UTF-8 together");
}

TEST_CASE("what is found is what the rule says, for any words and texts") {
  Dice dice(7);
  const std::vector<std::string> letters = {"a", "b", "A", "é", "É", " ", "-", "\u200b", "ж", "😀"};
  const auto text = [&](size_t size_max, size_t letters_used) {
    std::string out;
    for (size_t i = dice.below(size_max); i > 0; i--) out += letters[dice.below(letters_used)];
    return out;
  };
  size_t found = 0;
  for (int round = 0; round < 2000; round++) {
    std::vector<std::string> words;
    for (size_t i = dice.below(6) + 1; i > 0; i--) {
      words.push_back((dice.below(3) == 0 ? "*" : "") + ("a" + text(4, letters.size())) +
                      (dice.below(3) == 0 ? "*" : ""));
    }
    const ContentRules some = rules(words);
    for (int i = 0; i < 10; i++) {
      const std::string in = text(12, letters.size());
      CAPTURE(json(words).dump());
      CAPTURE(in);
      const bool is_refused = refused(some, in);
      CHECK(is_refused == finds_naively(words, in));
      found += is_refused ? 1 : 0;
    }
  }
  CHECK(found > 2000);
  CHECK(found < 18'000);
}
