// A room and a central API with a fault between them, case by case, by a clock of the test's own.
//
// After each: accepted = stored, dead or waiting; the store holds every record once, as it was
// accepted; nobody was told of a confirmation before its record was stored; the counters say what a
// scan of the rows does. The same faults over real requests: tests/edge/forwarding-faults.test.js.

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rooms/dead_letters.h"
#include "rooms/limits.h"
#include "rooms/segment.h"
#include "tests/unit/dice.h"
#include "tests/unit/room_harness.h"

using edgeroom::EventType;
using edgeroom::kBackoffCapMs;
using edgeroom::test::Attempt;
using edgeroom::test::Dice;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;
using nlohmann::json;

namespace {

constexpr double kMinuteMs = 60'000;
constexpr double kHourMs = 60 * kMinuteMs;

struct Reply {
  uint32_t status = 0;
  std::string body;
  std::string retry_after;
  std::string date;
};

class World;
// What happens to a request; nothing for the answer of the central API.
using Fault = std::function<std::optional<Reply>(World&, const Attempt&)>;

// The room, one who listens, and the central API.
class World {
 public:
  explicit World(uint64_t seed, edgeroom::RoomSettings settings = quiet_settings())
      : dice(seed), room(std::move(settings), RoomHarness::chat, seed) {
    ana_ = room.join(",\"user\":\"ana\"");
    room.turn();
    epoch_ = room.epoch();
    hear();
  }

  void say(uint64_t messages) {
    for (uint64_t n = 0; n < messages; n++) {
      const std::string content = "\"message " + std::to_string(accepted_.size() + 1) + "\"";
      room.publish(ana_, content);
      hear();
    }
  }

  void say_content(const std::string& content) {
    room.publish(ana_, content);
    hear();
  }

  // Answers the oldest request under way.
  void answer(const Fault& fault) {
    REQUIRE_FALSE(room.attempts.empty());
    const Attempt attempt = room.attempts.front();
    requests++;
    const auto faulty = fault(*this, attempt);
    reply(attempt, faulty ? *faulty : serve(attempt));
  }

  void reply(const Attempt& attempt, const Reply& reply) {
    room.attempts.erase(
        std::find_if(room.attempts.begin(), room.attempts.end(),
                     [&](const Attempt& each) { return each.number == attempt.number; }));
    late_reply(attempt, reply);
  }

  // The same for an instance that may know nothing of the attempt.
  void late_reply(const Attempt& attempt, const Reply& reply) {
    const std::string payload = reply.retry_after + "\n" + reply.date + "\n" + reply.body;
    REQUIRE_FALSE(room.event(EventType::kAttemptResult, attempt.number, reply.status, payload));
    room.turn();
    hear();
  }

  // What the central API makes of a batch: it stores it.
  Reply serve(const Attempt& attempt) {
    const json batch = json::parse(attempt.body);
    CHECK(batch["epoch"] == epoch_);
    json results = json::array();
    uint64_t before = 0;
    for (const json& record : batch["records"]) {
      const uint64_t seq = record["seq"];
      CHECK(seq > before);
      before = seq;
      CHECK(record["content"] == accepted_.at(seq));
      const auto found = central_.find(seq);
      if (found != central_.end()) CHECK(found->second == record);
      json result = {{"seq", seq}, {"status", found == central_.end() ? "stored" : "duplicate"}};
      const std::string code = refuses ? refuses(record) : "";
      if (code.empty()) {
        central_[seq] = record;
      } else {
        result = {{"seq", seq}, {"status", "rejected"}, {"code", code}};
      }
      results.push_back(result);
    }
    return {200,
            json({{"v", 1}, {"room", "lobby"}, {"epoch", epoch_}, {"results", results}}).dump(), "",
            ""};
  }

  // Lets time pass and answers requests until nothing waits; how long that took.
  double settle(const Fault& fault = [](World&, const Attempt&) { return std::nullopt; }) {
    const double began_ms = room.now_ms;
    for (int i = 0; i < 2000; i++) {
      if (state()["outbox"]["pending"] == 0 && room.attempts.empty()) return room.now_ms - began_ms;
      if (room.attempts.empty()) room.until_attempt();
      hear();
      answer(fault);
    }
    FAIL("the outbox does not become empty");
    return 0;
  }

  // The instance is gone, and with it what was on its way; another one is made of what is stored.
  void crash() {
    room.attempts.clear();
    room.wake();
    told_through_ = 0;
  }

  json state() { return json::parse(room.request(R"({"op":"state"})").body); }

  void check() {
    hear();
    const json now = state();
    const uint64_t confirmed = now["confirmed"];
    CHECK(now["seq"] == accepted_.size());
    CHECK(now["outbox"]["pending"] == accepted_.size() - confirmed);
    const json letters = json::parse(room.request(R"({"op":"dead_letters","limit":100})").body);
    std::set<uint64_t> dead;
    for (const json& letter : letters["dead"]) {
      dead.insert(letter["seq"].get<uint64_t>());
      CHECK(letter["record"]["content"] == accepted_.at(letter["seq"]));
    }
    CHECK(now["outbox"]["dead"] == dead.size());
    for (const auto& [seq, content] : accepted_) {
      const bool is_stored = central_.count(seq) == 1;
      if (is_stored) CHECK(central_[seq]["content"] == content);
      if (seq <= confirmed && !is_stored && dead.count(seq) == 0) FAIL_CHECK("lost: " << seq);
    }
    // A scan of the rows.
    size_t rows = 0;
    uint64_t newest = 0;
    for (const auto& [slot, row] : room.storage.segments) {
      if (edgeroom::is_dead_letter_slot(slot)) {
        rows++;
        continue;
      }
      edgeroom::SegmentHead head;
      REQUIRE(edgeroom::decode_segment_head(row.first, head));
      newest = std::max(newest, head.last_seq());
    }
    CHECK(rows == dead.size());
    CHECK(newest == accepted_.size());
  }

  // All of it is stored in the end.
  void check_whole() {
    check();
    const json now = state();
    CHECK(now["confirmed"] == accepted_.size());
    CHECK(now["outbox"]["dead"] == 0);
    CHECK(now["outbox"]["blocked"] == false);
    CHECK(central_.size() == accepted_.size());
  }

  [[nodiscard]] const std::string& epoch() const { return epoch_; }
  [[nodiscard]] size_t stored() const { return central_.size(); }

  Dice dice;
  RoomHarness room;
  uint64_t requests = 0;
  // The code with which the central API refuses a record; empty: it takes it.
  std::function<std::string(const json&)> refuses;

 private:
  void hear() {
    for (const std::string& frame : room.take(ana_)) {
      for (const json& told : json::parse(frame)) {
        if (told["type"] == "new_message") {
          accepted_[told["seq"]] = told["content"];
          CHECK(told["seq"] == accepted_.size());
        } else if (told["type"] == "message_confirmed") {
          const uint64_t through = told["through"];
          CHECK(through >= told_through_);
          const json except = told.value("except", json::array());
          for (uint64_t seq = told_through_ + 1; seq <= through; seq++) {
            const bool is_excepted = std::find(except.begin(), except.end(), seq) != except.end();
            if (!is_excepted && central_.count(seq) == 0) FAIL_CHECK("told, not stored: " << seq);
          }
          told_through_ = through;
        }
      }
    }
  }

  uint32_t ana_ = 0;
  std::string epoch_;
  std::map<uint64_t, json> accepted_;
  std::map<uint64_t, json> central_;
  uint64_t told_through_ = 0;
};

// A fault for some requests, what is said meanwhile, and all is well in the end.
void outlasts(const std::function<Reply(World&, const Attempt&)>& fault, bool blocks = false) {
  for (uint64_t seed = 1; seed <= 8; seed++) {
    CAPTURE(seed);
    World world(seed);
    world.say(world.dice.between(1, 150));
    const uint64_t times = world.dice.between(1, 5);
    for (uint64_t n = 0; n < times; n++) {
      if (world.state()["outbox"]["pending"] == 0) world.say(1);
      if (world.room.attempts.empty()) world.room.until_attempt();
      world.answer([&](World& w, const Attempt& attempt) { return fault(w, attempt); });
      CHECK(world.state()["outbox"]["blocked"] == blocks);
      if (world.dice.one_in(2)) world.say(world.dice.between(1, 3));
      world.check();
      if (world.dice.one_in(4)) world.crash();
    }
    const double took_ms = world.settle();
    world.check_whole();
    CHECK(took_ms < edgeroom::kRetryAfterMaxMs + 2 * kBackoffCapMs);
  }
}

void outlasts_status(uint32_t status, bool blocks = false) {
  outlasts([status](World&, const Attempt&) { return Reply{status, "<html>", "", ""}; }, blocks);
}

// An answer whose results were changed on the way.
void outlasts_change(const std::function<void(json&)>& change) {
  outlasts([&](World& world, const Attempt& attempt) {
    Reply reply = world.serve(attempt);
    json body = json::parse(reply.body);
    change(body);
    reply.body = body.dump();
    return reply;
  });
}

}  // namespace

// --- Crash, duplicates ---

TEST_CASE("forwarding: killed before send") {
  World world(1);
  world.say(5);
  CHECK(world.room.attempts.empty());
  world.crash();
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: killed after send and before the response") {
  for (const bool arrives : {false, true}) {
    CAPTURE(arrives);
    World world(2);
    world.say(5);
    world.room.until_attempt();
    if (arrives) world.serve(world.room.attempts.front());
    world.crash();
    world.check();
    world.settle();
    world.check_whole();
  }
}

TEST_CASE("forwarding: killed after the response and before the commit") {
  World world(3);
  world.say(5);
  const edgeroom::test::Storage before = world.room.storage;
  world.settle();
  // Nothing that came of the answer is stored.
  world.room.storage = before;
  world.crash();
  CHECK(world.state()["confirmed"] == 0);
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: lost acks") {
  outlasts([](World& world, const Attempt& attempt) {
    world.serve(attempt);
    return Reply{};
  });
}

TEST_CASE("forwarding: an alarm that fires twice") {
  World world(4);
  world.say(3);
  world.crash();
  world.room.alarm();
  world.room.alarm();
  world.room.until_attempt();
  world.room.alarm();
  CHECK(world.room.attempts.size() == 1);
  world.settle();
  world.check_whole();
  CHECK(world.requests == 1);
}

TEST_CASE("forwarding: an append during a fetch") {
  World world(5);
  world.say(2);
  world.room.until_attempt();
  world.say(2);
  world.answer([](World&, const Attempt&) { return std::nullopt; });
  CHECK(world.state()["confirmed"] == 2);
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: an old instance's request landing after the new one's") {
  World world(6);
  world.say(3);
  world.room.until_attempt();
  const Attempt old = world.room.attempts.front();
  world.crash();
  world.settle();
  const Reply late = world.serve(old);
  world.late_reply(old, late);
  world.check_whole();
}

// --- Endpoint ---

TEST_CASE("forwarding: 500") { outlasts_status(500); }
TEST_CASE("forwarding: 502") { outlasts_status(502); }
TEST_CASE("forwarding: 503") { outlasts_status(503); }
TEST_CASE("forwarding: 504") { outlasts_status(504); }
TEST_CASE("forwarding: refused, reset, DNS failure, hang: no answer") { outlasts_status(0); }
TEST_CASE("forwarding: 404") { outlasts_status(404, true); }
TEST_CASE("forwarding: 3xx") {
  for (const uint32_t status : {301U, 302U, 303U, 307U, 308U}) outlasts_status(status, true);
}

TEST_CASE("forwarding: late success after a timeout") {
  World world(7);
  world.say(3);
  world.room.until_attempt();
  const Attempt slow = world.room.attempts.front();
  world.room.now_ms += edgeroom::kAttemptTimeoutMs;
  world.reply(slow, {});
  const Reply late = world.serve(slow);
  world.late_reply(slow, late);
  CHECK(world.state()["confirmed"] == 0);
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: 429 with Retry-After as seconds, date, garbage, huge") {
  struct Case {
    std::string retry_after;
    double least_ms;
  };
  const Case cases[] = {{"90", 90'000},
                        {"Fri, 15 Jan 2027 08:01:30 GMT", 90'000},
                        {"soon", edgeroom::kBackoffFloorMs},
                        {"99999999999999999999", edgeroom::kRetryAfterMaxMs}};
  for (const Case& each : cases) {
    CAPTURE(each.retry_after);
    World world(8);
    world.say(3);
    world.room.until_attempt();
    const double asked_ms = world.room.now_ms;
    world.answer([&](World&, const Attempt&) {
      return Reply{429, "", each.retry_after, "Fri, 15 Jan 2027 08:00:00 GMT"};
    });
    world.room.until_attempt();
    const double waited_ms = world.room.now_ms - asked_ms;
    CHECK(waited_ms >= each.least_ms);
    CHECK(waited_ms <= std::max(each.least_ms, kBackoffCapMs) + edgeroom::kSafetyAlarmMs);
    world.settle();
    world.check_whole();
  }
}

TEST_CASE("forwarding: 200 with HTML, cut JSON") {
  outlasts_status(200);
  outlasts([](World& world, const Attempt& attempt) {
    Reply reply = world.serve(attempt);
    reply.body.resize(reply.body.size() / 2);
    return reply;
  });
}

TEST_CASE("forwarding: 200 with wrong room or epoch") {
  outlasts_change([](json& body) { body["room"] = "attic"; });
  outlasts_change([](json& body) { body["epoch"] = "01-another"; });
}

TEST_CASE("forwarding: 200 with missing, extra or repeated seq") {
  outlasts_change([](json& body) { body["results"].erase(0); });
  outlasts_change(
      [](json& body) { body["results"].push_back({{"seq", 9999}, {"status", "stored"}}); });
  outlasts_change([](json& body) { body["results"].push_back(body["results"][0]); });
}

TEST_CASE("forwarding: down for virtual hours: bounded attempts, cap reached, refusals, recovery") {
  edgeroom::RoomSettings settings = quiet_settings();
  settings.outbox_records_max = 500;
  World world(9, settings);
  const double began_ms = world.room.now_ms;
  world.say(1);
  const double up_ms = began_ms + 6 * kHourMs;
  while (world.room.now_ms < up_ms) {
    world.room.until_attempt();
    world.answer([](World&, const Attempt&) { return Reply{503, "", "", ""}; });
    world.say(3);  // beyond the cap they are refused, and not accepted
  }
  CHECK(world.requests >= 6 * 60);
  CHECK(world.requests <= 6 * 60 * 4);
  CHECK(world.state()["outbox"]["pending"] == 500);
  world.check();
  CHECK(world.settle() < kMinuteMs);
  world.say(1);
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: 1,000 rooms recovering without a synchronised burst") {
  constexpr double kDownMs = 10 * kMinuteMs;
  std::map<int64_t, int> by_second;
  uint64_t most = 0;
  for (uint64_t seed = 1; seed <= 1000; seed++) {
    RoomHarness room(quiet_settings(), RoomHarness::chat, seed);
    const double began_ms = room.now_ms;
    room.publish(room.join(), "1");
    uint64_t attempts = 0;
    for (;;) {
      room.until_attempt();
      const double at_ms = room.now_ms - began_ms;
      if (at_ms >= kDownMs) {
        by_second[static_cast<int64_t>((at_ms - kDownMs) / 1000)]++;
        break;
      }
      attempts++;
      room.answer(503, "");
    }
    most = std::max(most, attempts);
    room.store_all();
    const json state = json::parse(room.request(R"({"op":"state"})").body);
    CHECK(state["confirmed"] == 1);
  }
  // All were refused at the same moment. Evenly they would be 22 a second.
  int busiest = 0;
  for (const auto& [second, rooms] : by_second) busiest = std::max(busiest, rooms);
  CHECK(busiest < 80);
  CHECK(by_second.rbegin()->first <= static_cast<int64_t>(kBackoffCapMs / 1000));
  CHECK(most < 60);
}

// --- Poison, size ---

namespace {

// Of so many messages in one batch these are poison, and refused as `status` says: 200 for a result
// of its own, else the whole batch is.
void poisoned(uint64_t messages, const std::set<uint64_t>& poison, uint32_t status) {
  World world(10);
  const auto is_poison = [&](const json& record) {
    return poison.count(record["seq"].get<uint64_t>()) == 1;
  };
  if (status == 200) {
    world.refuses = [&](const json& record) { return is_poison(record) ? "INVALID" : ""; };
  }
  world.say(messages);
  world.settle([&](World&, const Attempt& attempt) -> std::optional<Reply> {
    const json records = json::parse(attempt.body)["records"];
    if (status == 200 || std::none_of(records.begin(), records.end(), is_poison)) {
      return std::nullopt;
    }
    return Reply{status, R"({"v":1,"error":"BAD_BATCH","field":"records[0]"})", "", ""};
  });
  world.check();
  CHECK(world.state()["outbox"]["dead"] == poison.size());
  CHECK(world.stored() == messages - poison.size());
  CHECK(world.state()["outbox"]["blocked"] == false);
}

}  // namespace

TEST_CASE("forwarding: poison first, in the middle, last, two") {
  for (const uint32_t status : {200U, 400U, 413U, 422U}) {
    CAPTURE(status);
    poisoned(50, {1}, status);
    poisoned(50, {25}, status);
    poisoned(50, {50}, status);
    poisoned(50, {17, 42}, status);
  }
}

TEST_CASE("forwarding: poison, all: the guard trips") {
  World world(11);
  world.refuses = [](const json&) { return "INVALID"; };
  world.say(50);
  for (int i = 0; i < 10; i++) {
    if (world.room.attempts.empty()) world.room.until_attempt();
    world.answer([](World&, const Attempt&) { return std::nullopt; });
    world.check();
    if (i % 3 == 2) world.crash();
  }
  CHECK(world.state()["outbox"]["dead"] == edgeroom::kDeadInRowMax);
  CHECK(world.state()["outbox"]["blocked"] == true);
  // The bad release is taken back: all is stored, and the three as well.
  world.refuses = nullptr;
  world.settle();
  world.room.request(R"({"op":"replay"})");
  while (!world.room.attempts.empty()) {
    world.answer([](World&, const Attempt&) { return std::nullopt; });
  }
  world.check_whole();
}

TEST_CASE("forwarding: 413 boundary") {
  // An endpoint that takes so many bytes and not one more.
  for (const size_t bytes_max : {400U, 900U, 5000U}) {
    CAPTURE(bytes_max);
    World world(12);
    world.say(120);
    size_t largest = 0;
    world.settle([&](World&, const Attempt& attempt) -> std::optional<Reply> {
      if (attempt.body.size() > bytes_max) return Reply{413, "", "", ""};
      largest = std::max(largest, attempt.body.size());
      return std::nullopt;
    });
    world.check_whole();
    CHECK(largest > bytes_max / 2);
  }
}

TEST_CASE("forwarding: exact limits: 99, 100 and 101 records") {
  for (const uint64_t records : {99U, 100U, 101U}) {
    CAPTURE(records);
    World world(13);
    world.say(records);
    world.settle();
    world.check_whole();
    CHECK(world.requests == (records <= edgeroom::kBatchRecordsMax ? 1 : 2));
  }
}

TEST_CASE("forwarding: multibyte UTF-8") {
  World world(14);
  world.say_content(R"("\uD83D\uDE00 😀 é e\u0301 \u2028")");
  world.say_content(R"({"𝒳":["😀","ß"]})");
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: replay of dead letters twice") {
  World world(15);
  world.refuses = [](const json& record) { return record["seq"] == 2 ? "INVALID" : ""; };
  world.say(3);
  world.settle();
  world.check();
  world.refuses = nullptr;
  for (int i = 0; i < 2; i++) {
    world.room.request(R"({"op":"replay"})");
    while (!world.room.attempts.empty()) {
      world.answer([](World&, const Attempt&) { return std::nullopt; });
    }
    world.check_whole();
  }
  CHECK(world.requests == 2);
}

// --- Confirmation ---

TEST_CASE("forwarding: a retry hole holds the watermark") {
  World world(16);
  world.say(10);
  world.room.until_attempt();
  world.answer([](World& w, const Attempt& attempt) {
    Reply reply = w.serve(attempt);
    json body = json::parse(reply.body);
    body["results"][4] = {{"seq", 5}, {"status", "retry"}, {"code", "THROTTLED"}};
    reply.body = body.dump();
    return reply;
  });
  // It moves by whole batches.
  CHECK(world.state()["confirmed"] == 0);
  world.settle();
  world.check_whole();
}

TEST_CASE("forwarding: results out of order") {
  outlasts_change([](json& body) { std::reverse(body["results"].begin(), body["results"].end()); });
}

TEST_CASE("forwarding: a late joiner gets the watermark; it survives a restart") {
  World world(17);
  world.say(4);
  world.settle();
  for (const bool restarts : {false, true}) {
    if (restarts) {
      while (world.room.timer_delay_ms) world.room.timer();
      world.crash();
    }
    const uint32_t late = world.room.join();
    CHECK(json::parse(world.room.take(late)[0])[0]["confirmed"] == 4);
  }
}

// --- Auth, time ---

TEST_CASE("forwarding: ±10 min skew corrected once; a wrong secret blocks") {
  for (const double skew_ms : {-600'000.0, 600'000.0}) {
    CAPTURE(skew_ms);
    World world(18);
    const std::string date =
        skew_ms < 0 ? "Fri, 15 Jan 2027 08:10:00 GMT" : "Fri, 15 Jan 2027 07:50:00 GMT";
    world.say(2);
    world.room.until_attempt();
    world.answer([&](World&, const Attempt&) { return Reply{403, "", "", date}; });
    // At once, by the other clock.
    REQUIRE(world.room.attempts.size() == 1);
    const std::string offset = world.room.attempts.front().key;
    CHECK(offset.find(skew_ms < 0 ? "\n5" : "\n-6") != std::string::npos);
    CHECK(world.state()["outbox"]["blocked"] == false);
    // It was not the clock.
    world.answer([&](World&, const Attempt&) { return Reply{403, "", "", date}; });
    CHECK(world.state()["outbox"]["blocked"] == true);
    CHECK(world.state()["outbox"]["dead"] == 0);
    world.settle();
    world.check_whole();
  }
}

TEST_CASE("forwarding: a clock that jumps back") {
  for (const double jump_ms : {kMinuteMs, kHourMs, 24 * kHourMs}) {
    CAPTURE(jump_ms);
    World world(19);
    world.say(2);
    world.settle();
    world.room.now_ms -= jump_ms;
    world.say(2);
    CHECK(world.settle() < kMinuteMs);
    world.check_whole();
  }
}
