// Token buckets: what they admit, and how long they tell one to wait.

#include "base/token_bucket.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/unit/dice.h"

using edgeroom::TokenBucket;
using edgeroom::test::Dice;

namespace {

constexpr double kNowMs = 1'800'000'000'000.0;

// One token, or how long to wait for it.
bool take(TokenBucket& bucket, double now_ms, double& retry_after_ms) {
  const double wait_ms = bucket.wait_ms(now_ms);
  if (wait_ms > 0) {
    retry_after_ms = wait_ms;
    return false;
  }
  bucket.spend(now_ms, 1);
  return true;
}

}  // namespace

TEST_CASE("a bucket starts full, empties, and fills at its rate") {
  TokenBucket bucket(10, 3);
  double retry_after_ms = -1;
  for (int i = 0; i < 3; i++) CHECK(take(bucket, kNowMs, retry_after_ms));
  CHECK(retry_after_ms == -1);
  CHECK_FALSE(take(bucket, kNowMs, retry_after_ms));
  CHECK(retry_after_ms == 100);
  CHECK_FALSE(take(bucket, kNowMs + 40, retry_after_ms));
  CHECK(retry_after_ms == 60);
  CHECK(take(bucket, kNowMs + 100, retry_after_ms));
  CHECK_FALSE(take(bucket, kNowMs + 100, retry_after_ms));
  // It never holds more than its burst.
  int taken = 0;
  while (take(bucket, kNowMs + 1e9, retry_after_ms)) taken++;
  CHECK(taken == 3);
}

TEST_CASE("a clock that goes back takes and gives nothing") {
  TokenBucket bucket(1000, 1);
  double retry_after_ms = 0;
  CHECK(take(bucket, kNowMs, retry_after_ms));
  CHECK_FALSE(take(bucket, kNowMs - 5000, retry_after_ms));
  CHECK_FALSE(take(bucket, kNowMs, retry_after_ms));
  CHECK(take(bucket, kNowMs + 1, retry_after_ms));
}

TEST_CASE("whoever waits as long as told is admitted, at any rate") {
  Dice dice(1);
  for (int round = 0; round < 200; round++) {
    const double rate = static_cast<double>(dice.between(1, 3000)) / 7;
    CAPTURE(rate);
    TokenBucket bucket(rate, static_cast<double>(dice.between(1, 5)));
    double now_ms = kNowMs;
    int refused = 0;
    for (int step = 0; step < 100; step++) {
      double retry_after_ms = 0;
      if (take(bucket, now_ms, retry_after_ms)) {
        now_ms += static_cast<double>(dice.below(3));
        continue;
      }
      refused++;
      REQUIRE(retry_after_ms >= 1);
      REQUIRE(retry_after_ms == std::ceil(retry_after_ms));
      REQUIRE(retry_after_ms <= std::ceil(1000 / rate));
      now_ms += retry_after_ms;
      REQUIRE(take(bucket, now_ms, retry_after_ms));
    }
    if (rate < 100) CHECK(refused > 0);
  }
}

TEST_CASE("a bucket admits no more than its burst and its rate") {
  Dice dice(2);
  for (int round = 0; round < 50; round++) {
    const double rate = static_cast<double>(dice.between(1, 2000));
    const double burst = static_cast<double>(dice.between(1, 500));
    CAPTURE(rate);
    CAPTURE(burst);
    TokenBucket bucket(rate, burst);
    double now_ms = kNowMs;
    double taken = 0;
    for (int step = 0; step < 3000; step++) {
      now_ms += static_cast<double>(dice.below(4));
      double unused = 0;
      if (take(bucket, now_ms, unused)) taken++;
    }
    CHECK(taken <= burst + rate * (now_ms - kNowMs) / 1000 + 1e-6);
  }
}

TEST_CASE("a bucket is full until something is taken, and again after a rest") {
  TokenBucket bucket(10, 2);
  double unused = 0;
  CHECK(bucket.full(kNowMs));
  take(bucket, kNowMs, unused);
  CHECK_FALSE(bucket.full(kNowMs));
  CHECK_FALSE(bucket.full(kNowMs + 99));
  CHECK(bucket.full(kNowMs + 100));
}

TEST_CASE("without a rate there is no limit") {
  TokenBucket bucket(0, 0);
  for (int i = 0; i < 1000; i++) bucket.spend(kNowMs, 1e6);
  CHECK(bucket.wait_ms(kNowMs) == 0);
  CHECK(bucket.full(kNowMs));
}
