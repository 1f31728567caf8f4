// The runs of a JSON string, found by blocks, against the same found byte by byte.

#include "base/plain_run.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"

using edgeroom::plain_run;
using edgeroom::plain_run_by_bytes;
using edgeroom::unescaped_run;
using edgeroom::unescaped_run_by_bytes;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;

namespace {

void check_same(const std::string& text) {
  const ExactText exact(text);
  if (plain_run(exact.view()) != plain_run_by_bytes(text)) FAIL_CHECK("plain: " << text);
  if (unescaped_run(exact.view()) != unescaped_run_by_bytes(text)) FAIL_CHECK("clean: " << text);
}

}  // namespace

TEST_CASE("what ends a run is known, byte by byte") {
  for (int byte = 0; byte < 0x100; byte++) {
    const std::string text(1, static_cast<char>(byte));
    const bool is_unescaped = byte >= 0x20 && byte != '"' && byte != '\\';
    CHECK(unescaped_run_by_bytes(text) == (is_unescaped ? 1 : 0));
    CHECK(plain_run_by_bytes(text) == (is_unescaped && byte < 0x80 ? 1 : 0));
  }
}

TEST_CASE("every byte ends a run by blocks where it does byte by byte") {
  for (size_t before = 0; before < 40; before++) {
    for (size_t after = 0; after < 40; after++) {
      for (int byte = 0; byte < 0x100; byte++) {
        check_same(std::string(before, 'a') + static_cast<char>(byte) + std::string(after, '~'));
      }
    }
  }
}

TEST_CASE("runs by blocks are those by bytes in texts at random") {
  Dice dice(7);
  for (int i = 0; i < 200'000; i++) {
    std::string text(dice.index(70), '\0');
    // Now nearly all plain, now anything at all.
    const uint64_t plain_of = dice.between(1, 40);
    for (char& c : text) {
      const bool is_any = dice.one_in(plain_of);
      c = static_cast<char>(is_any ? dice.below(0x100) : dice.between(0x20, 0x7f));
    }
    check_same(text);
  }
}
