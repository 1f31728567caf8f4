// The rate limiter in several isolates that share counts through a simulated KV (tests/sim): one
// short run of each kind. `scripts/test sim` has the long ones, with all figures.

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/mixes.h"
#include "worker/limiter.h"

namespace edgeroom {
namespace {

using sim::edgeroom_algorithm;
using sim::kFloodClient;
using sim::local_algorithm;
using sim::World;

constexpr double kStartMs = sim::kStartMs;

TEST_CASE("a flood over several isolates comes down to the limit") {
  for (const sim::Flood& kind : sim::kFloods) {
    CAPTURE(kind.name);
    const sim::FloodResult shared = run_flood(kind, edgeroom_algorithm(), 1);
    CHECK(shared.steady() <= 1.05);
    CHECK(shared.steady() >= 0.7);
    // Without sharing each isolate would admit the limit: the figures above are no accident.
    CHECK(run_flood(kind, local_algorithm(), 1).steady() > 3.5);
  }
}

TEST_CASE("the limit does not swell when the debt of a flood over many isolates is paid") {
  const sim::FloodResult result = run_flood(sim::kFloodE, edgeroom_algorithm(), 2);
  for (size_t window = 1; window < 5; window++) {
    CAPTURE(window);
    CHECK(result.admitted[window] <= 1.5);
  }
}

TEST_CASE("who keeps to the limit is never denied: steady, roaming, greedy, and among many") {
  CHECK(sim::run_steady(edgeroom_algorithm(), 1).denied == 0);
  CHECK(sim::run_roaming(edgeroom_algorithm(), 1).denied == 0);
  CHECK(sim::run_mixed(edgeroom_algorithm(), 1, 200).denied == 0);
  for (const sim::Topology& topology : {sim::Topology{1, 1}, {2, 1}, {10, 4}}) {
    for (const double stay_ms : {0.0, 20'000.0}) {
      sim::Greedy greedy{topology};
      greedy.stay_ms = stay_ms;
      CHECK(sim::run_greedy(greedy, edgeroom_algorithm(), 1).denied == 0);
    }
  }
}

TEST_CASE("a client that uses less than a quarter of its limit costs KV nothing") {
  sim::Greedy light{{1, 1}};
  light.budget = 24;
  const sim::HonestResult result = sim::run_greedy(light, edgeroom_algorithm(), 1);
  CHECK(result.denied == 0);
  CHECK(result.kv.reads == 0);
  CHECK(result.kv.writes == 0);
}

// The decisions of one isolate under a flood with quiet times, as a text of yes and no.
std::string decisions(const sim::Algorithm& algorithm, const sim::KvFaults& faults) {
  World world({1, 1}, algorithm, 5);
  world.kv.faults = faults;
  std::string out;
  Random random(99);
  double at_ms = 0;
  while (at_ms < 600'000) {
    const bool quiet = std::fmod(at_ms, 120'000) > 70'000;
    at_ms += random.fraction() * (quiet ? 4000 : 200);
    out.push_back(world.request(0, kFloodClient, at_ms) ? 'y' : 'n');
  }
  return out;
}

TEST_CASE("a KV that fails, hangs or talks rubbish changes no decision") {
  const std::string expected = decisions(local_algorithm(), {});
  REQUIRE(expected.find('y') != std::string::npos);
  REQUIRE(expected.find('n') != std::string::npos);
  sim::KvFaults faults;
  SUBCASE("it fails") { faults.fails = true; }
  SUBCASE("it refuses writes") { faults.refuses_writes = true; }
  SUBCASE("it hangs for ever") { faults.hangs = true; }
  SUBCASE("it talks too short") { faults.garbage = "1."; }
  SUBCASE("it talks too long") { faults.garbage = std::string(1000, '1'); }
  SUBCASE("it talks of another version") {
    faults.garbage = "2.0badcafe.120000000.9.9.9.9.9.9.9.9";
  }
  CHECK(decisions(edgeroom_algorithm(), faults) == expected);
}

TEST_CASE("a key is written at most once a second, and no address stands in KV") {
  World world({1, 1}, edgeroom_algorithm(), 3);
  sim::flood(world, sim::kFloodD, sim::policy_of(100, 60), 5);
  REQUIRE(world.kv.counts.writes > 10);
  CHECK(world.kv.shortest_put_interval_ms() >= 1000);
  CHECK(world.kv.counts.refused == 0);
  CHECK(world.kv.violations().empty());
  for (const auto& [name, value] : world.kv.contents()) {
    CHECK(name.substr(0, 7) == "rl1:ip:");
    CHECK(name.find("192.0.2") == std::string::npos);
    CHECK(value.find("192.0.2") == std::string::npos);
    CHECK(value.size() <= 64);
  }
}

TEST_CASE("reports come back as they were, and what is no report is refused") {
  UsageReport report;
  report.isolate = 0xbadcafe;
  report.first_epoch = 120'000'000;
  report.units = {1, 0, 25, 0, 4'294'967'295, 0, 0, 7};
  const std::string text = encode_report(report);
  CHECK(text == "1.0badcafe.120000000.1.0.25.0.4294967295.0.0.7");
  const auto back = decode_report(text);
  REQUIRE(back.has_value());
  CHECK(back->isolate == report.isolate);
  CHECK(back->first_epoch == report.first_epoch);
  CHECK(back->units == report.units);
  for (size_t size = 0; size < text.size() - 1; size++) {
    CHECK_FALSE(decode_report(text.substr(0, size)).has_value());
  }
  for (const char* bad : {"", "1", "1.", "2.0badcafe.1.1.0.0.0.0.0.0.0", "1.-1.1.1.0.0.0.0.0.0.0",
                          "1.1.1.1.0.0.0.0.0.0.0.0", "1.1.1.1.0.0.0.0.0.0.4294967296",
                          "1.1.1. 1.0.0.0.0.0.0.0", "1.1ffffffff.1.1.0.0.0.0.0.0.0"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_report(bad).has_value());
  }
}

TEST_CASE("counts of others: however many lie, it is over after some windows") {
  const LimitShape shape = limit_shape(100, 60);
  SharedCounts counts(shape, 1);
  const auto epoch = static_cast<uint32_t>(kStartMs / shape.epoch_ms);
  const double now_ms = (epoch + 0.5) * shape.epoch_ms;
  UsageReport report;
  report.first_epoch = epoch - 7;
  report.units.fill(4'000'000'000);
  for (report.isolate = 2; report.isolate < 1000; report.isolate++) counts.merge(report, now_ms);
  constexpr double kWindowsMax = 2;
  CHECK(counts.settle(now_ms, epoch) <= now_ms + kWindowsMax * shape.window_ms);
}

TEST_CASE("counts of others: lower bounds that repetition, disorder and lies do not raise") {
  const LimitShape shape = limit_shape(100, 60);
  SharedCounts counts(shape, 1);
  const auto epoch = static_cast<uint32_t>(kStartMs / shape.epoch_ms);
  const double now_ms = (epoch + 0.5) * shape.epoch_ms;
  UsageReport report;
  report.isolate = 2;
  report.first_epoch = epoch - 7;
  report.units = {0, 0, 0, 0, 0, 10, 20, 5};
  for (int i = 0; i < 3; i++) counts.merge(report, now_ms);
  CHECK(counts.remote_in_window(now_ms) == 35);
  report.units = {0, 0, 0, 0, 0, 4, 20, 9};
  counts.merge(report, now_ms);
  CHECK(counts.remote_in_window(now_ms) == 39);
  // Epochs leave whole: one that is only partly in the window is not counted.
  CHECK(counts.remote_in_window((epoch + 2) * shape.epoch_ms + 501) == 29);
  report.isolate = 1;  // itself
  counts.merge(report, now_ms);
  report.isolate = 3;
  report.first_epoch = epoch + 1;  // the future
  counts.merge(report, now_ms);
  report.first_epoch = 5;  // long ago
  counts.merge(report, now_ms);
  CHECK(counts.remote_in_window((epoch + 2) * shape.epoch_ms + 501) == 29);
  // No isolate can have admitted more than the limit in each window.
  report.first_epoch = epoch - 5;
  report.units.fill(4'000'000'000);
  counts.merge(report, (epoch + 2) * shape.epoch_ms + 501);
  CHECK(counts.remote_in_window((epoch + 2) * shape.epoch_ms + 501) <= 29 + 4 * 200);
}

}  // namespace
}  // namespace edgeroom
