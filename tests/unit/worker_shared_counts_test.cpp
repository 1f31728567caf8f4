// What one isolate makes of others' reports, and which keys are shared when not all can be.

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "worker/limit_keys.h"
#include "worker/limits.h"
#include "worker/shared_counts.h"

using namespace edgeroom;  // NOLINT(google-build-using-namespace)

namespace {

constexpr double kStartMs = 1'800'000'000'000.0;

uint32_t epoch_at(const LimitShape& shape, double now_ms) {
  return static_cast<uint32_t>(now_ms / shape.epoch_ms);
}

// Of the newest epoch alone.
UsageReport report_of(uint32_t isolate, uint32_t epoch, uint32_t units) {
  UsageReport report;
  report.isolate = isolate;
  report.first_epoch = epoch - (kEpochsReported - 1);
  report.units.back() = units;
  return report;
}

// One isolate among `isolates`, all of which have reported that they used more than the limit.
SharedCounts penalized_among(uint32_t isolates, uint32_t self, const LimitShape& shape,
                             double now_ms) {
  SharedCounts counts(shape, self);
  const uint32_t epoch = epoch_at(shape, now_ms);
  for (uint32_t other = 1; other <= isolates; other++) {
    if (other != self) counts.merge(report_of(other, epoch, 5), now_ms);
  }
  counts.settle(now_ms, epoch);
  REQUIRE(counts.penalized(now_ms));
  return counts;
}

}  // namespace

TEST_CASE("when a limit has fewer units than isolates, they take turns in each window") {
  const LimitShape shape = limit_shape(5, 60);
  constexpr uint32_t kIsolates = 100;
  int turns = 0;
  for (uint32_t self = 1; self <= kIsolates; self++) {
    const SharedCounts counts = penalized_among(kIsolates, self, shape, kStartMs);
    CHECK(counts.isolates_seen() == kIsolates);
    CHECK(counts.weight(kStartMs, 1) == 5);
    CHECK(counts.has_turn(kStartMs, 1) == counts.has_turn(kStartMs + 100, 1));
    if (counts.has_turn(kStartMs, 1)) turns++;
    // Lots are drawn where a window of the clock begins.
    const double wait_ms = counts.turn_wait_ms(kStartMs + 10);
    CHECK(wait_ms == 59'990);
  }
  CHECK(turns >= 1);
  CHECK(turns <= 12);
  // Few enough, and everybody has one.
  const SharedCounts one_of_five = penalized_among(5, 1, shape, kStartMs);
  CHECK(one_of_five.has_turn(kStartMs, 1));
  // At a cost of two units two of them do.
  CHECK(one_of_five.weight(kStartMs, 2) == 2.5);
}

TEST_CASE("of more isolates than are remembered the one silent for longest goes, its counts stay") {
  const LimitShape shape = limit_shape(1000, 60);
  SharedCounts counts(shape, 1);
  const uint32_t epoch = epoch_at(shape, kStartMs);
  counts.merge(report_of(2, epoch - 1, 7), kStartMs);
  for (uint32_t other = 3; other < 3 + kIsolatesMax; other++) {
    counts.merge(report_of(other, epoch, 1), kStartMs);
  }
  CHECK(counts.remote_in_window(kStartMs) == 7 + kIsolatesMax);
  counts.settle(kStartMs, epoch);
  CHECK(counts.isolates_seen() == 1 + kIsolatesMax);
  // Forgotten, what it says again counts once more: more is denied, never less.
  counts.merge(report_of(2, epoch, 7), kStartMs);
  CHECK(counts.remote_in_window(kStartMs) == 14 + kIsolatesMax);
}

TEST_CASE("what was admitted at a time that is not kept is no part of a report") {
  const LimitShape shape = limit_shape(100, 60);
  SharedCounts counts(shape, 1);
  counts.add_own(kStartMs, kStartMs, 2);
  counts.add_own(kStartMs + 2 * shape.epoch_ms, kStartMs, 3);
  counts.add_own(kStartMs - kEpochsKept * shape.epoch_ms, kStartMs, 4);
  CHECK(counts.own_total() == 9);
  uint32_t units = 0;
  for (const uint32_t each : counts.report(kStartMs).units) units += each;
  CHECK(units == 2);
}

TEST_CASE("a clock that has just begun has fewer epochs than are kept") {
  const LimitShape shape = limit_shape(100, 60);
  SharedCounts counts(shape, 1);
  const double first_ms = 1.5 * shape.epoch_ms;
  counts.add_own(first_ms, first_ms, 5);
  CHECK(counts.remote_in_window(first_ms) == 0);
  CHECK(counts.remote_wait_ms(first_ms, 1) == shape.window_ms);
  const double next_ms = 3.5 * shape.epoch_ms;
  counts.add_own(next_ms, next_ms, 6);
  CHECK(counts.own_total() == 11);
  CHECK(counts.remote_in_window(next_ms) == 0);
}

TEST_CASE("in a window shorter than two epochs no run of whole ones can be over the limit") {
  const LimitShape shape = limit_shape(10, 10);
  SharedCounts counts(shape, 1);
  const uint32_t epoch = epoch_at(shape, kStartMs);
  counts.add_own(kStartMs, kStartMs, 8);
  counts.merge(report_of(2, epoch, 1), kStartMs);
  CHECK(counts.settle(kStartMs, epoch) > kStartMs);
  CHECK_FALSE(counts.penalized(kStartMs));
}

TEST_CASE("a report with anything between its numbers but one full stop is none") {
  CHECK(decode_report("1.0badcafe.1.1.0.0.0.0.0.0.0"));
  for (const char* bad : {"1.0badcafg.1.1.0.0.0.0.0.0.0", "1.0badcafe.1.1,0.0.0.0.0.0.0",
                          "1.0badcafe..1.0.0.0.0.0.0.0", "1.0badcafe.1x.1.0.0.0.0.0.0.0"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_report(bad));
  }
}

namespace {

const WindowShape kWindow{60'000, 0};

// Shared, and last admitted at `at_ms`.
LimitKey& shared_key(LimitKeys& keys, uint64_t id, double at_ms) {
  LimitKey& key = keys.use(id, 0);
  key.window.add(kWindow, at_ms, 1);
  keys.note_window_entries(0, key.window.held());
  REQUIRE(keys.share(key, limit_shape(100, 60), 1, at_ms));
  return key;
}

}  // namespace

TEST_CASE("a key takes the place of one that was shared and is idle, or is gone") {
  LimitKeys keys;
  for (uint64_t id = 0; id < kSharedKeysMax; id++) shared_key(keys, id, kStartMs);
  const auto may_share = [&keys](uint64_t id, double now_ms) {
    LimitKey& key = keys.use(id, 0);
    key.window.add(kWindow, now_ms, 1);
    return keys.share(key, limit_shape(100, 60), 1, now_ms);
  };
  CHECK_FALSE(may_share(5000, kStartMs + kSharingIdleMs - 1));
  CHECK(keys.find(5000)->sharing == nullptr);
  // All are idle by now; the first that is looked at goes, and nothing else of it.
  CHECK(may_share(5001, kStartMs + kSharingIdleMs));
  size_t shared = 0;
  for (uint64_t id = 0; id < kSharedKeysMax; id++) {
    REQUIRE(keys.find(id) != nullptr);
    if (keys.find(id)->sharing != nullptr) shared++;
  }
  CHECK(shared == kSharedKeysMax - 1);
}

TEST_CASE("a key that is held no more leaves its place to another, though none is idle") {
  LimitKeys keys;
  for (uint64_t id = 0; id < kSharedKeysMax; id++) shared_key(keys, id, kStartMs);
  LimitKey* late = nullptr;
  for (uint64_t id = kSharedKeysMax; id <= kLimitKeysMax; id++) late = &keys.use(id, 0);
  keys.trim();
  REQUIRE(keys.find(0) == nullptr);
  CHECK(keys.share(*late, limit_shape(100, 60), 1, kStartMs));
  // That was the one place.
  LimitKey& other = keys.use(kLimitKeysMax - 1, 0);
  CHECK_FALSE(keys.share(other, limit_shape(100, 60), 1, kStartMs));
  CHECK(keys.find(1)->sharing != nullptr);
}

TEST_CASE("of many keys one that is shared goes when all near it are, the one used last never") {
  LimitKeys keys;
  for (uint64_t id = 0; id < kEvictionCandidates; id++) shared_key(keys, id, kStartMs);
  for (uint64_t id = kEvictionCandidates; id <= kLimitKeysMax; id++) keys.use(id, 0);
  keys.trim();
  CHECK(keys.size() == kLimitKeysMax);
  // As many shared ones as are looked at: the oldest had to go after all.
  CHECK(keys.find(0) == nullptr);
  CHECK(keys.find(1) != nullptr);
  LimitKeys few;
  for (uint64_t id = 0; id < 3; id++) shared_key(few, id, kStartMs);
  few.note_window_entries(0, kWindowEntriesMax + 1000);
  few.trim();
  CHECK(few.size() == 1);
  CHECK(few.find(2) != nullptr);
}

TEST_CASE("the place of a key that is shared no more is free at once") {
  LimitKeys keys;
  for (uint64_t id = 0; id < kSharedKeysMax; id++) shared_key(keys, id, kStartMs);
  keys.find(0)->sharing.reset();
  LimitKey& key = keys.use(5000, 0);
  key.window.add(kWindow, kStartMs, 1);
  CHECK(keys.share(key, limit_shape(100, 60), 1, kStartMs));
  CHECK(keys.find(1)->sharing != nullptr);
  LimitKey& other = keys.use(5001, 0);
  other.window.add(kWindow, kStartMs, 1);
  CHECK_FALSE(keys.share(other, limit_shape(100, 60), 1, kStartMs));
}
