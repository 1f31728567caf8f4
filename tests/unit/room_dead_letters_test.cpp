// What the central API has refused: kept with its content, read, tried again, deleted.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/bytes.h"
#include "rooms/dead_letters.h"
#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::is_dead_letter_slot;
using edgeroom::test::Answer;
using edgeroom::test::contains;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;

namespace {

// A room that keeps two messages, and lets go of those that are confirmed.
edgeroom::RoomSettings forgetful() {
  edgeroom::RoomSettings settings = quiet_settings(2);
  settings.dedup_max = 1;
  return settings;
}

// An answer that stores all but those that are refused.
std::string answer(RoomHarness& room, const std::set<uint64_t>& seqs,
                   const std::set<uint64_t>& refused, const std::string& code = "INVALID") {
  std::string body = R"({"v":1,"room":"lobby","epoch":")" + room.epoch() + R"(","results":[)";
  for (const uint64_t seq : seqs) {
    const bool is_refused = refused.count(seq) == 1;
    body += (body.back() == '[' ? R"({"seq":)" : R"(,{"seq":)") + std::to_string(seq) +
            R"(,"status":")" + (is_refused ? R"(rejected","code":")" + code : "stored") + "\"}";
  }
  return body + "]}";
}

// Messages 1…count, of which some are refused; the others are stored.
uint32_t with_dead(RoomHarness& room, uint64_t count, const std::set<uint64_t>& refused) {
  const auto ana = room.join(",\"user\":\"ana\"");
  std::set<uint64_t> seqs;
  for (uint64_t seq = 1; seq <= count; seq++) {
    room.publish(ana, "\"m-" + std::to_string(seq) + "\"");
    seqs.insert(seq);
  }
  room.until_attempt();
  room.answer(200, answer(room, seqs, refused));
  room.turn();
  return ana;
}

// The room lets go of all that is confirmed but for the newest two.
void forget(RoomHarness& room, uint32_t ana) {
  for (int i = 0; i < 3; i++) {
    room.publish(ana, "\"later\"");
    room.confirm_all();
  }
  room.publish(ana, "\"last\"");
  room.confirm_all();
}

size_t letter_rows(const RoomHarness& room) {
  size_t rows = 0;
  for (const auto& [slot, row] : room.storage.segments) rows += is_dead_letter_slot(slot) ? 1 : 0;
  return rows;
}

const std::string kDead = R"({"op":"dead_letters"})";

std::string state(RoomHarness& room) { return room.request(R"({"op":"state"})").body; }

}  // namespace

TEST_CASE("a dead letter is kept with its content, whatever the room lets go of") {
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 3, {2});
  CHECK(contains(room.text(ana), R"("through":3,"except":[2])"));
  CHECK(letter_rows(room) == 1);
  const std::string expected =
      R"({"dead":[{"seq":2,"code":"INVALID","record":{"seq":2,"type":"message","ts":1800000000000,)"
      R"("user":"ana","content":"m-2"}}],"more":false})";
  CHECK(room.request(kDead).body == expected);
  forget(room, ana);
  CHECK(room.request(kDead).body == expected);
  room.wake();
  CHECK(room.request(kDead).body == expected);
  CHECK(contains(state(room), "\"dead\":1"));
}

TEST_CASE("a dead letter's row is stored before the watermark passes it") {
  RoomHarness room(forgetful());
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "1");
  const auto state_before = room.storage.state;
  room.until_attempt();
  room.answer(200, answer(room, {1}, {1}));
  CHECK(letter_rows(room) == 1);
  // Three in a row would have to be known: this one is stored with the row, and behind it.
  REQUIRE(room.storage.state != state_before);
  const auto put_row = std::find(room.order.begin(), room.order.end(), "put");
  const auto put_state = std::find(room.order.begin(), room.order.end(), "state");
  CHECK(put_row < put_state);
  CHECK(put_state != room.order.end());
}

TEST_CASE("dead letters are read page by page") {
  RoomHarness room(quiet_settings());
  with_dead(room, 9, {2, 3, 5, 7});
  Answer page = room.request(R"({"op":"dead_letters","limit":2})");
  CHECK(contains(page.body, R"({"dead":[{"seq":2,)"));
  CHECK(contains(page.body, R"({"seq":3,"code")"));
  CHECK_FALSE(contains(page.body, R"({"seq":5)"));
  CHECK(contains(page.body, R"("more":true})"));
  page = room.request(R"({"op":"dead_letters","limit":2,"after":3})");
  CHECK(contains(page.body, R"({"dead":[{"seq":5,)"));
  CHECK(contains(page.body, R"("more":false})"));
  CHECK(room.request(R"({"op":"dead_letters","after":7})").body == R"({"dead":[],"more":false})");
}

TEST_CASE("a page of dead letters holds so many bytes, and one at least") {
  edgeroom::RoomSettings settings = quiet_settings();
  settings.message_bytes_max = 600'000;
  RoomHarness room(settings);
  const auto ana = room.join();
  const std::string large = "\"" + std::string(500'000, 'x') + "\"";
  for (uint64_t seq = 1; seq <= 3; seq++) {
    room.publish(ana, large);
    room.until_attempt();
    room.answer(200, answer(room, {seq}, {seq}));
    room.turn();
  }
  const Answer page = room.request(kDead);
  CHECK(page.body.size() < 600'000);
  CHECK(contains(page.body, R"("more":true})"));
}

TEST_CASE("what is refused is told before a trap could make it count as confirmed") {
  // Storage knows the watermark behind the dead letter: an instance that is made of it would tell
  // of the next records alone.
  RoomHarness room(quiet_settings());
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(200, answer(room, {1}, {1}));
  room.wake();
  room.publish(ana, "2");
  room.confirm_all();
  room.turn();
  const std::string told = room.text(ana);
  CHECK(contains(told, R"("through":1,"except":[1])"));
  CHECK(contains(told, R"("through":2)"));
}

TEST_CASE("what is stored after all is told before a trap could forget it") {
  RoomHarness room(quiet_settings());
  const auto ana = with_dead(room, 3, {2});
  room.request(R"({"op":"replay"})");
  room.take(ana);
  REQUIRE(room.attempts.size() == 1);
  room.answer(200, answer(room, {2}, {}));
  room.wake();
  CHECK(contains(room.text(ana), R"("through":3,"stored":[2]})"));
}

TEST_CASE("replay: what is stored now is no dead letter any more, and everybody is told") {
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 5, {2, 4});
  forget(room, ana);
  room.take(ana);
  const Answer asked = room.request(R"({"op":"replay"})");
  CHECK(asked.status == 202);
  CHECK(asked.body == R"({"replaying":2})");
  REQUIRE(room.attempts.size() == 1);
  CHECK(contains(room.attempts[0].body, R"("records":[{"seq":2,)"));
  CHECK(contains(room.attempts[0].body, R"("content":"m-2"},{"seq":4,)"));
  CHECK(contains(room.attempts[0].key, ":2-4"));
  room.answer(200, answer(room, {2, 4}, {4}, "STILL"));
  room.turn();
  CHECK(contains(room.text(ana), R"("stored":[2]})"));
  CHECK(letter_rows(room) == 1);
  const std::string left = room.request(kDead).body;
  CHECK(contains(left, R"({"dead":[{"seq":4,"code":"STILL",)"));
  CHECK(contains(left, R"("content":"m-4"}}],"more":false})"));
  // The reason is stored, too.
  room.wake();
  CHECK(room.request(kDead).body == left);
  CHECK(room.attempts.empty());
}

TEST_CASE("replay of dead letters twice: nothing is sent twice, and nothing told twice") {
  RoomHarness room(quiet_settings());
  const auto ana = with_dead(room, 3, {2});
  room.request(R"({"op":"replay"})");
  CHECK(room.request(R"({"op":"replay"})").body == R"({"replaying":1})");
  REQUIRE(room.attempts.size() == 1);
  room.take(ana);
  room.answer(200, answer(room, {2}, {}));
  room.turn();
  CHECK(contains(room.text(ana), R"("through":3,"stored":[2]})"));
  CHECK(room.attempts.empty());
  CHECK(room.request(R"({"op":"replay"})").body == R"({"replaying":0})");
  CHECK(room.attempts.empty());
  room.turn();
  CHECK(room.text(ana).empty());
  CHECK(contains(state(room), R"("dead":0)"));
  CHECK(letter_rows(room) == 0);
}

TEST_CASE("replay goes on after a sleep, and beside what is new") {
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 3, {1, 2});
  room.request(R"({"op":"replay"})");
  room.answer(503, "");
  room.wake();
  room.publish(ana, "\"new\"");
  room.until_attempt();
  std::set<std::string> sent;
  for (int i = 0; i < 20 && sent.size() < 2; i++) {
    if (room.attempts.empty()) room.until_attempt();
    const std::string body = room.attempts.front().body;
    const bool is_replay = contains(body, "\"m-1\"");
    sent.insert(is_replay ? "replay" : "new");
    CHECK(contains(body, "\"m-2\"") == is_replay);
    room.answer(200, is_replay ? answer(room, {1, 2}, {}) : answer(room, {4}, {}));
  }
  CHECK(sent.size() == 2);
  room.turn();
  CHECK(contains(state(room), R"("confirmed":4)"));
  CHECK(contains(state(room), R"("dead":0)"));
  room.wake();
  CHECK(room.attempts.empty());
}

TEST_CASE("a deleted dead letter is deleted wherever it stands") {
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 5, {2, 5});
  SUBCASE("the room holds its segment, too") {}
  SUBCASE("the room has let go of its segment") { forget(room, ana); }
  const Answer gone = room.request(R"({"op":"delete","seq":2})");
  CHECK(gone.status == 200);
  for (const auto& [slot, row] : room.storage.segments) {
    CHECK_FALSE(contains(row.second, "m-2"));
  }
  const std::string left = room.request(kDead).body;
  CHECK(contains(left, R"({"seq":2,"code":"INVALID","record":{"seq":2,"type":"message",)"));
  CHECK(contains(left, R"("user":"ana","deleted":true)"));
  CHECK(room.request(R"({"op":"delete","seq":2})").status == 404);
  room.wake();
  CHECK(room.request(kDead).body == left);
  // What is tried again is what is left of it.
  room.confirm_all();
  room.request(R"({"op":"replay"})");
  REQUIRE(room.attempts.size() == 1);
  CHECK_FALSE(contains(room.attempts[0].body, "m-2"));
  CHECK(contains(room.attempts[0].body, "m-5"));
}

TEST_CASE("its author may delete a dead letter that nobody else holds") {
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 3, {2});
  forget(room, ana);
  const auto bob = room.join(",\"user\":\"bob\"");
  room.take(bob);
  room.frame(bob, R"({"type":"delete","seq":2,"ref":"r"})");
  CHECK(contains(room.text(bob), R"("code":"forbidden")"));
  CHECK(contains(room.request(kDead).body, "m-2"));
  room.frame(ana, R"({"type":"delete","seq":2,"ref":"r"})");
  room.turn();
  CHECK_FALSE(contains(room.request(kDead).body, "m-2"));
}

TEST_CASE("what a dead deletion deletes stays deleted after a sleep") {
  // The central API has refused the deletion, and goes on giving out the message.
  RoomHarness room(forgetful());
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "\"secret\"");
  room.confirm_all();
  CHECK(room.request(R"({"op":"delete","seq":1})").status == 200);
  room.until_attempt();
  room.answer(200, answer(room, {2}, {2}));
  room.turn();
  forget(room, ana);
  room.wake();
  const uint32_t asked = room.begin_request(R"({"op":"messages","after":0,"limit":1})");
  room.fetched(200, R"({"room":"lobby","epoch":")" + room.epoch() +
                        R"(","messages":[{"seq":1,"ts":1,"user":"ana","content":"secret"}],)"
                        R"("more":true})");
  const std::string page = room.answer_of(asked).body;
  CHECK(contains(page, R"({"seq":1,)"));
  CHECK_FALSE(contains(page, "secret"));
}

TEST_CASE("so many dead letters and no more: then the room is blocked, and gives nothing up") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  uint64_t seq = 0;
  while (seq < 2 * edgeroom::kDeadLettersMax) {
    room.publish(ana, "1");
    room.publish(ana, "2");
    room.until_attempt();
    // One is stored, one refused: no guard speaks against it.
    room.answer(200, answer(room, {seq + 1, seq + 2}, {seq + 1}));
    seq += 2;
  }
  CHECK(contains(state(room), R"("dead":1000,"blocked":false)"));
  room.publish(ana, "3");
  room.until_attempt();
  room.answer(200, answer(room, {seq + 1}, {seq + 1}));
  CHECK(contains(state(room), R"("pending":1)"));
  CHECK(contains(state(room), R"("dead":1000,"blocked":true)"));
  // As soon as one of them is stored, the one that waits can be given up.
  room.request(R"({"op":"replay"})");
  for (int i = 0; i < 30 && !contains(state(room), R"("pending":0)"); i++) {
    if (room.attempts.empty()) room.until_attempt();
    const bool is_replay = !contains(room.attempts.front().body, std::to_string(seq + 1));
    room.answer(200, is_replay ? answer(room, {1}, {}) : answer(room, {seq + 1}, {seq + 1}));
    room.turn();
  }
  CHECK(contains(state(room), R"("pending":0)"));
  CHECK(contains(state(room), R"("blocked":false)"));
}

TEST_CASE("a new epoch forgets what it sends again, and keeps the dead letters that it cannot") {
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 3, {1});
  forget(room, ana);
  room.publish(ana, "8");
  room.publish(ana, "9");
  const std::string before = room.epoch();
  room.until_attempt();
  room.answer(200, R"({"v":1,"room":"lobby","epoch":")" + before +
                       R"(","results":[{"seq":8,"status":"rejected","code":"INVALID"},)"
                       R"({"seq":9,"status":"rejected","code":"CONFLICT"}]})");
  CHECK(room.epoch() != before);
  CHECK(contains(state(room), R"("dead":1)"));
  room.confirm_all();
  CHECK(contains(room.request(kDead).body, R"({"dead":[{"seq":1,)"));
  CHECK(letter_rows(room) == 1);
}

TEST_CASE("a reason that comes with a conflict is stored, too") {
  // It was told until the room slept, and then the one before.
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 5, {2, 4});
  forget(room, ana);
  const std::string before = room.epoch();
  room.request(R"({"op":"replay"})");
  REQUIRE(room.attempts.size() == 1);
  room.answer(200, R"({"v":1,"room":"lobby","epoch":")" + before +
                       R"(","results":[{"seq":2,"status":"rejected","code":"STILL"},)"
                       R"({"seq":4,"status":"rejected","code":"CONFLICT"}]})");
  CHECK(room.epoch() != before);
  const std::string told = room.request(kDead).body;
  CHECK(contains(told, R"({"dead":[{"seq":2,"code":"STILL",)"));
  CHECK(contains(told, R"({"seq":4,"code":"INVALID",)"));
  room.wake();
  CHECK(room.request(kDead).body == told);
}

TEST_CASE("the reason for which a letter is refused under a new epoch is the one that is told") {
  // The first one was, for good.
  RoomHarness room(quiet_settings());
  const auto ana = with_dead(room, 3, {2});
  room.publish(ana, "4");
  room.until_attempt();
  room.answer(200, answer(room, {4}, {4}, "CONFLICT"));
  room.until_attempt();
  room.answer(200, answer(room, {1, 2, 3, 4}, {2}, "OTHER"));
  const std::string told = room.request(kDead).body;
  CHECK(contains(told, R"({"dead":[{"seq":2,"code":"OTHER",)"));
  CHECK(letter_rows(room) == 1);
  room.wake();
  CHECK(room.request(kDead).body == told);
}

TEST_CASE("the state tells of the breaker") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  CHECK(contains(state(room), R"("blocked":false,"attempts":0,"breaker":"closed"})"));
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(503, "");
  CHECK(contains(state(room), R"("blocked":false,"attempts":1,"breaker":"open"})"));
  room.until_attempt();
  CHECK(contains(state(room), R"("attempts":1,"breaker":"half_open"})"));
  room.store_all();
  CHECK(contains(state(room), R"("attempts":0,"breaker":"closed"})"));
}

TEST_CASE("a clock that jumps back: what is waited for comes, and not years later") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(503, "");
  constexpr double kDayMs = 24.0 * 3600 * 1000;
  room.now_ms -= kDayMs;
  const double jumped_ms = room.now_ms;
  room.until_attempt();
  CHECK(room.now_ms - jumped_ms <= 4 * edgeroom::kBackoffCapMs);
  room.store_all();
  // The alarm is set by the host's clock.
  room.publish(ana, "2");
  REQUIRE(room.alarm_at_ms);
  CHECK(*room.alarm_at_ms - room.now_ms <= 2 * edgeroom::kSafetyAlarmMs);
  room.confirm_all();
  CHECK(room.now_ms - jumped_ms <= 8 * edgeroom::kBackoffCapMs);
  CHECK(contains(state(room), R"("confirmed":2)"));
}

TEST_CASE(
    "a change of forwarding is told, and what goes wrong after it is told to those who watch") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  const auto lines = [&](const std::string& what) {
    return std::count_if(room.logs.begin(), room.logs.end(), [&](const std::string& line) {
      return contains(line, R"("event":"forwarding")") && contains(line, what);
    });
  };
  room.publish(ana, "1");
  for (int i = 0; i < 5; i++) {
    room.until_attempt();
    room.answer(503, "");
  }
  CHECK(room.forwarding.size() == 5);
  CHECK(lines("") == 1);
  CHECK(lines(R"("state":"failing","detail":"HTTP 503")") == 1);
  CHECK(contains(room.forwarding[4], R"("state":"failing")"));
  CHECK(contains(room.forwarding[4], R"("pending":1)"));
  CHECK(contains(room.forwarding[4], R"("attempts":5})"));
  // Whoever looks at it after a sleep is told nothing that has not changed.
  room.wake();
  room.until_attempt();
  room.answer(404, "");
  CHECK(lines(R"("state":"blocked","detail":"HTTP 404")") == 1);
  room.until_attempt();
  room.store_all();
  CHECK(lines(R"("state":"ok")") == 1);
  CHECK(lines("") == 3);
  CHECK(contains(room.forwarding.back(), R"("state":"ok")"));
  const size_t told = room.forwarding.size();
  room.publish(ana, "2");
  room.confirm_all();
  CHECK(room.forwarding.size() == told);
}

TEST_CASE(
    "who joins is told of dead letters up to the watermark, whatever the room has let go of") {
  RoomHarness room(forgetful());
  const auto ana = room.join(",\"user\":\"ana\"");
  for (int i = 1; i <= 5; i++) room.publish(ana, "1");
  room.until_attempt();
  room.answer(200, answer(room, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}));
  room.turn();
  // Three are given up, and the guard holds the others: the watermark has not moved.
  const auto bob = room.join();
  CHECK(contains(room.text(bob), R"("confirmed":0)"));
  const auto cem = room.join();
  CHECK(contains(room.text(cem), R"("dead":[])"));
  room.take(ana);
  for (int i = 0; i < 10 && !contains(state(room), R"("confirmed":5)"); i++) {
    if (room.attempts.empty()) room.until_attempt();
    room.answer(200, answer(room, {4, 5}, {}));
    room.turn();
  }
  CHECK(contains(room.text(ana), R"("through":5,"except":[1,2,3])"));
  forget(room, ana);
  const auto dan = room.join();
  CHECK(contains(room.text(dan), R"("dead":[1,2,3])"));
}

TEST_CASE("who was told of a dead letter before a sleep is told when it is stored") {
  // The watermark that was stored is older than the one that was told.
  RoomHarness room(forgetful());
  const auto ana = with_dead(room, 3, {2});
  CHECK(contains(room.text(ana), R"("through":3,"except":[2])"));
  room.wake();
  CHECK(contains(state(room), R"("confirmed":0)"));
  room.until_attempt();
  room.answer(200, answer(room, {1, 2, 3}, {}));
  room.turn();
  CHECK(contains(room.text(ana), R"("through":3,"stored":[2])"));
}

TEST_CASE("a pause that was stored by a clock that was wrong ends, however often the room sleeps") {
  // It was cut to the longest there is with every waking, and never ended.
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(429, "", "200");
  room.now_ms -= 24.0 * 3600 * 1000;
  const double jumped_ms = room.now_ms;
  room.attempts.clear();
  room.wake();
  for (int i = 0; i < 10 && room.attempts.empty(); i++) {
    REQUIRE(room.alarm_at_ms);
    CHECK(*room.alarm_at_ms <= room.now_ms + edgeroom::kRetryAfterMaxMs);
    room.now_ms = std::max(room.now_ms, *room.alarm_at_ms);
    room.wake();
    room.alarm();
    room.turn();
  }
  CHECK_FALSE(room.attempts.empty());
  CHECK(room.now_ms - jumped_ms <= 2 * edgeroom::kRetryAfterMaxMs);
}

TEST_CASE("dead letters of which a row of an earlier version tells are sent once more") {
  // Up to version 2 they stood in the state row, without their content; version 1 had no pause.
  for (const int version : {1, 2}) {
    for (const bool has_dead : {true, false}) {
      CAPTURE(version);
      CAPTURE(has_dead);
      RoomHarness room(quiet_settings());
      with_dead(room, 4, {});
      room.now_ms += 10'000;
      room.timer();
      const std::string row = room.storage.state.at(0);
      edgeroom::ByteReader reader(row);
      reader.u8();
      reader.sized();   // the room
      reader.varint();  // its generation
      reader.sized();   // the epoch
      for (int i = 0; i < 3; i++) reader.varint();
      for (int i = 0; i < 2; i++) reader.u64();
      REQUIRE(reader.ok());
      const std::string epoch = room.epoch();
      std::string nameless = row;
      const size_t at = nameless.find(static_cast<char>(epoch.size()) + epoch);
      REQUIRE(at != std::string::npos);
      nameless.replace(at, epoch.size() + 1, 1, '\0');
      std::string old = static_cast<char>(version) + row.substr(1, reader.position() - 1);
      const std::string dead =
          has_dead ? std::string("\x02\x03\x01Y\x02\x01X", 7) : std::string(1, '\0');
      old += dead;
      if (version == 2) old += std::string(5, '\0');
      room.attempts.clear();
      for (size_t size = 1; size < old.size(); size++) {
        room.storage.state[0] = old.substr(0, size);
        CHECK(room.try_wake() == edgeroom::RoomStatus::kCorrupt);
      }
      room.storage.state[0] = nameless;
      CHECK(room.try_wake() == edgeroom::RoomStatus::kCorrupt);
      room.storage.state[0] = old;
      REQUIRE_FALSE(room.try_wake());
      CHECK(contains(state(room), has_dead ? R"("confirmed":1,)" : R"("confirmed":4,)"));
      CHECK(contains(state(room), R"("dead":0)"));
      room.confirm_all();
      CHECK(contains(state(room), R"("confirmed":4,)"));
      CHECK(room.attempts.empty());
    }
  }
}

TEST_CASE("that forwarding works again is told by another instance, too") {
  RoomHarness room(quiet_settings());
  const auto ana = room.join();
  room.publish(ana, "1");
  room.until_attempt();
  room.answer(503, "");
  CHECK(contains(room.forwarding.back(), R"("state":"failing")"));
  room.attempts.clear();
  room.wake();
  room.until_attempt();
  room.store_all();
  CHECK(contains(room.forwarding.back(), R"("state":"ok")"));
  room.wake();
  CHECK(contains(state(room), R"("attempts":0,"breaker":"closed")"));
}
