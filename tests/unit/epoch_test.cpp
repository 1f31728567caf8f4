// Epochs and tokens.

#include "rooms/epoch.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "base/random.h"

using edgeroom::epoch_time_ms;
using edgeroom::make_epoch;
using edgeroom::make_token;
using edgeroom::Random;

namespace {

const std::string kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford: no I, L, O, U

uint64_t time_of(const std::string& epoch) {
  uint64_t time_ms = 0;
  for (size_t i = 0; i < 10; i++) time_ms = time_ms * 32 + kAlphabet.find(epoch[i]);
  return time_ms;
}

}  // namespace

TEST_CASE("an epoch is a ULID: 26 characters, the first ten of them the time") {
  Random random(1);
  for (const uint64_t now_ms :
       {uint64_t{0}, uint64_t{1}, uint64_t{1'800'000'000'000}, (uint64_t{1} << 48U) - 1}) {
    const std::string epoch = make_epoch(now_ms, random);
    CAPTURE(epoch);
    CHECK(epoch.size() == 26);
    CHECK(epoch.find_first_not_of(kAlphabet) == std::string::npos);
    CHECK(time_of(epoch) == now_ms);
  }
  // The example of the ULID specification: 1469918176385 is 01ARYZ6S41.
  CHECK(make_epoch(1469918176385, random).substr(0, 10) == "01ARYZ6S41");
}

TEST_CASE("an epoch tells its time, and what is none of ours tells none") {
  Random random(3);
  for (const uint64_t now_ms :
       {uint64_t{0}, uint64_t{1}, uint64_t{1'800'000'000'000}, (uint64_t{1} << 48U) - 1}) {
    CHECK(epoch_time_ms(make_epoch(now_ms, random)) == now_ms);
  }
  CHECK(epoch_time_ms("") == 0);
  CHECK(epoch_time_ms("01ARYZ6S4") == 0);
  CHECK(epoch_time_ms("01aryz6s41") == 0);
}

TEST_CASE("epochs sort by time as text, and two of one moment differ") {
  Random random(2);
  std::string before = make_epoch(0, random);
  std::set<std::string> seen;
  for (uint64_t now_ms = 1; now_ms < (uint64_t{1} << 47U); now_ms = now_ms * 3 + 1) {
    const std::string epoch = make_epoch(now_ms, random);
    CHECK(before < epoch);
    before = epoch;
    for (int i = 0; i < 10; i++) seen.insert(make_epoch(now_ms, random));
  }
  CHECK(seen.size() % 10 == 0);
  CHECK(make_epoch(5, random) != make_epoch(5, random));
}

TEST_CASE("the same seed gives the same epoch in every build") {
  // The low 40 bits of the generator's first two numbers (random_test.cpp).
  Random random(42);
  const std::string epoch = make_epoch(1'800'000'000'000, random);
  CHECK(epoch == "01MCC5RM005R62XHRPGSPH2EKY");
}

TEST_CASE("tokens are of the asked length and the lower-case alphabet") {
  Random random(3);
  std::set<std::string> seen;
  for (unsigned characters = 0; characters <= 12; characters++) {
    const std::string token = make_token(characters, random);
    CHECK(token.size() == characters);
    CHECK(token.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz") == std::string::npos);
  }
  for (int i = 0; i < 1000; i++) seen.insert(make_token(10, random));
  CHECK(seen.size() == 1000);
}
