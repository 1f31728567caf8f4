// Reads from the central API: how many are under way, how many wait, and in which order.

#include "rooms/central_reads.h"

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "rooms/limits.h"
#include "tests/unit/dice.h"

using edgeroom::CentralRead;
using edgeroom::CentralReads;
using edgeroom::kCentralReadsMax;
using edgeroom::kCentralReadsUnderWayMax;
using edgeroom::test::Dice;

namespace {

// Reads are told apart by their epoch here.
CentralRead read_of(const std::string& name) {
  CentralRead read;
  read.epoch = name;
  return read;
}

bool add(CentralReads& reads, const std::string& name) {
  CentralRead read = read_of(name);
  const bool taken = reads.add(read);
  // What is not taken still belongs to the caller, who has to answer it.
  if (!taken) CHECK(read.epoch == name);
  return taken;
}

}  // namespace

TEST_CASE("nothing to read begins nothing, and no number ends anything") {
  CentralReads reads;
  CHECK_FALSE(reads.begin());
  CHECK_FALSE(reads.end(0));
  CHECK_FALSE(reads.end(1));
}

TEST_CASE("a read that waits has no number, not even none") {
  CentralReads reads;
  REQUIRE(add(reads, "/a"));
  CHECK_FALSE(reads.end(0));  // 0 marks those that wait
  const auto begun = reads.begin();
  REQUIRE(begun);
  CHECK(begun->number != 0);
  CHECK(begun->read->epoch == "/a");
  CHECK_FALSE(reads.begin());
  CHECK_FALSE(reads.end(begun->number + 1));
  const auto ended = reads.end(begun->number);
  REQUIRE(ended);
  CHECK(ended->epoch == "/a");
  CHECK_FALSE(reads.end(begun->number));  // once
}

TEST_CASE("two are under way, 64 in all are taken, and they begin in their order") {
  CentralReads reads;
  for (size_t i = 0; i < kCentralReadsMax; i++) {
    CAPTURE(i);
    CHECK(add(reads, std::to_string(i)));
  }
  CHECK_FALSE(add(reads, "one too many"));
  std::deque<uint32_t> under_way;
  size_t next = 0;
  while (const auto begun = reads.begin()) {
    CHECK(begun->read->epoch == std::to_string(next++));
    under_way.push_back(begun->number);
  }
  CHECK(under_way.size() == kCentralReadsUnderWayMax);
  CHECK_FALSE(add(reads, "still one too many"));
  REQUIRE(reads.end(under_way.back()));
  CHECK(add(reads, "last"));
  CHECK_FALSE(add(reads, "again one too many"));
}

TEST_CASE("over random additions and answers every read begins once and ends once") {
  Dice dice(5);
  for (int round = 0; round < 30; round++) {
    CentralReads reads;
    std::deque<std::string> waiting;
    std::map<uint32_t, std::string> under_way;
    std::set<uint32_t> numbers;
    int added = 0;
    for (int i = 0; i < 500; i++) {
      if (dice.one_in(3)) {
        const std::string name = std::to_string(added++);
        const bool room_left = waiting.size() + under_way.size() < kCentralReadsMax;
        CHECK(add(reads, name) == room_left);
        if (room_left) waiting.push_back(name);
      }
      if (dice.one_in(2)) {
        const auto begun = reads.begin();
        CHECK(begun.has_value() ==
              (!waiting.empty() && under_way.size() < kCentralReadsUnderWayMax));
        if (begun) {
          CHECK(begun->read->epoch == waiting.front());
          waiting.pop_front();
          CHECK(numbers.insert(begun->number).second);  // no number comes twice
          under_way[begun->number] = begun->read->epoch;
        }
      }
      if (dice.one_in(4) && !under_way.empty()) {
        auto chosen = under_way.begin();
        std::advance(chosen, static_cast<std::ptrdiff_t>(dice.below(under_way.size())));
        const auto ended = reads.end(chosen->first);
        REQUIRE(ended);
        CHECK(ended->epoch == chosen->second);
        under_way.erase(chosen);
      }
    }
    CHECK(added > 50);
  }
}
