// The memory for ids, against a plain model of what the contract promises.

#include "rooms/dedup.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "rooms/limits.h"
#include "tests/unit/dice.h"

using edgeroom::DedupWindow;
using edgeroom::kDedupMs;
using edgeroom::test::Dice;

namespace {

constexpr edgeroom::SipHashKey kKey = {1, 2};

// Every message that was ever added.
class Model {
 public:
  Model(size_t history_size, size_t entries_max)
      : history_size_(history_size), entries_max_(entries_max) {}

  void add(uint64_t hash, uint64_t seq, double ts_ms) { messages_.push_back({hash, seq, ts_ms}); }

  // The messages whose ids must be remembered, oldest first.
  [[nodiscard]] std::vector<std::pair<uint64_t, uint64_t>> remembered(double now_ms) const {
    std::vector<std::pair<uint64_t, uint64_t>> out;
    for (size_t i = messages_.size(); i-- > 0 && out.size() < entries_max_;) {
      const Message& message = messages_[i];
      const bool newest = messages_.size() - i <= history_size_;
      if (!newest && now_ms - message.ts_ms >= kDedupMs) break;
      if (message.hash != 0) out.emplace_back(message.hash, message.seq);
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  struct Message {
    uint64_t hash;
    uint64_t seq;
    double ts_ms;
  };

  size_t history_size_;
  size_t entries_max_;
  std::vector<Message> messages_;
};

}  // namespace

TEST_CASE("no user and id are taken for others, however long they are") {
  const DedupWindow window(kKey, 10, 10);
  std::set<uint64_t> hashes;
  size_t pairs = 0;
  for (const size_t bytes : {10U, 1000U, 1012U, 1013U, 1014U, 1015U, 1024U, 5000U}) {
    const std::string text(bytes, 'x');
    // The same bytes, and another end of the user.
    for (const size_t user : {size_t{1}, size_t{2}, bytes / 2, bytes - 1}) {
      const std::string_view whole = text;
      const uint64_t hash = window.hash(whole.substr(0, user), whole.substr(user));
      CHECK(hash == window.hash(std::string(user, 'x'), std::string(bytes - user, 'x')));
      hashes.insert(hash);
      pairs++;
    }
  }
  CHECK(hashes.size() == pairs);
}

TEST_CASE("an id belongs to its user") {
  const DedupWindow window(kKey, 10, 10);
  CHECK(window.hash("ana", "x") == window.hash("ana", "x"));
  CHECK(window.hash("ana", "x") != window.hash("bob", "x"));
  CHECK(window.hash("ana", "x") != window.hash("ana", "y"));
  CHECK(window.hash("an", "ax") != window.hash("ana", "x"));
  CHECK(window.hash("", "anax") != window.hash("anax", ""));
  CHECK(window.hash("ana", "x") != DedupWindow({1, 3}, 10, 10).hash("ana", "x"));
  CHECK(window.hash("ana", "x") != 0);
}

TEST_CASE("an empty window remembers nothing") {
  DedupWindow window(kKey, 10, 10);
  CHECK(window.size() == 0);
  CHECK(window.oldest_seq() == UINT64_MAX);
  CHECK_FALSE(window.find(1));
  window.expire(1e15);
  window.add(0, 1, 0);  // a message without an id
  CHECK(window.size() == 0);
  CHECK_FALSE(window.find(0));
}

TEST_CASE("ids are remembered by age and by place, to the millisecond and the message") {
  DedupWindow window(kKey, 2, 10);
  window.add(7, 1, 1000);
  window.expire(1000 + kDedupMs);
  CHECK(window.find(7) == 1U);  // among the newest two
  window.add(0, 2, 1000);
  window.expire(1000 + kDedupMs);
  CHECK(window.find(7) == 1U);
  window.add(0, 3, 1000);
  window.expire(999 + kDedupMs);
  CHECK(window.find(7) == 1U);  // younger than five minutes
  window.expire(1000 + kDedupMs);
  CHECK_FALSE(window.find(7));
  CHECK(window.oldest_seq() == UINT64_MAX);
}

TEST_CASE("an id used again after it was forgotten counts where it was used last") {
  // As a restore meets it: the segments still hold the old message and the new one.
  DedupWindow window(kKey, 2, 10);
  window.add(7, 1, 1000);
  window.add(0, 2, 1000);
  window.add(0, 3, 1000);
  window.add(7, 4, 1000 + 2 * kDedupMs);
  window.expire(1000 + 2 * kDedupMs);
  CHECK(window.find(7) == 4U);
  CHECK(window.oldest_seq() == 4);
  CHECK(window.size() == 1);
}

TEST_CASE("over thousands of random steps the window remembers what the model does") {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    CAPTURE(seed);
    Dice dice(seed);
    const size_t history_size = dice.index(12) + 1;
    const size_t entries_max = dice.index(20) + 1;
    DedupWindow window(kKey, history_size, entries_max);
    Model model(history_size, entries_max);
    double now_ms = 1e12;
    uint64_t seq = 0;
    for (int step = 0; step < 300; step++) {
      now_ms += static_cast<double>(dice.below(dice.one_in(10) ? 400'000 : 20'000));
      seq += 1 + (dice.one_in(20) ? 5 : 0);
      const uint64_t hash = dice.one_in(3) ? 0 : dice.between(1, 40);
      window.expire(now_ms);
      if (window.find(hash)) continue;  // a duplicate is not added again
      window.add(hash, seq, now_ms);
      model.add(hash, seq, now_ms);
      if (dice.one_in(2)) continue;
      window.expire(now_ms);
      const auto expected = model.remembered(now_ms);
      REQUIRE(window.size() == expected.size());
      for (const auto& [id, at] : expected) REQUIRE(window.find(id) == at);
      CHECK(window.oldest_seq() == (expected.empty() ? UINT64_MAX : expected.front().second));
    }
  }
}

// Larger than what is fetched at once, and round the end of the ring several times.
TEST_CASE("a full window remembers exactly as many ids as it may") {
  constexpr size_t kMax = 5000;
  DedupWindow window(kKey, 1, kMax);
  const auto hash = [&](uint64_t seq) { return window.hash("ana", std::to_string(seq)); };
  for (uint64_t seq = 1; seq <= 5 * kMax; seq++) {
    window.add(hash(seq), seq, 1000);
    if (seq <= kMax) continue;
    REQUIRE(window.size() == kMax);
    REQUIRE(window.find(hash(seq - kMax + 1)) == seq - kMax + 1);
    REQUIRE_FALSE(window.find(hash(seq - kMax)));
  }
}
