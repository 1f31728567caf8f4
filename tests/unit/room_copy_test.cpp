// A room's log taken out part by part, and a copy of the room made from it: the same records, byte
// for byte, and the same state.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rooms/limits.h"
#include "rooms/room.h"
#include "tests/unit/dice.h"
#include "tests/unit/log_sum.h"
#include "tests/unit/record_dice.h"
#include "tests/unit/room_harness.h"
#include "tests/unit/test_behaviours.h"

using edgeroom::EventType;
using edgeroom::RoomStatus;
using edgeroom::test::Answer;
using edgeroom::test::contains;
using edgeroom::test::Dice;
using edgeroom::test::make_clerk;
using edgeroom::test::quiet_settings;
using edgeroom::test::random_content;
using edgeroom::test::RoomHarness;
using edgeroom::test::summed;
using edgeroom::test::unsummed;
using nlohmann::json;

namespace {

constexpr const char* kLog = "{\"op\":\"log\",\"room\":\"lobby\"}";

std::unique_ptr<edgeroom::Behaviour> clerk() { return make_clerk(); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  size_t start = 0;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  CHECK(start == text.size());  // every line is ended
  return lines;
}

// A log in its lines: header, records, end.
struct Export {
  std::string header;
  std::vector<std::string> records;
  std::string end;

  explicit Export(const std::string& text) {
    std::vector<std::string> lines = lines_of(text);
    REQUIRE(lines.size() >= 2);
    header = lines.front();
    end = lines.back();
    records.assign(lines.begin() + 1, lines.end() - 1);
    CHECK(json::parse(header)["type"] == "log");
    CHECK(unsummed(end) == "{\"type\":\"end\",\"records\":" + std::to_string(records.size()) + "}");
    for (const std::string& line : lines) CHECK(summed(unsummed(line)) == line);
  }

  [[nodiscard]] json head() const { return json::parse(header); }
};

Export export_of(RoomHarness& room) { return Export(room.whole(kLog).body); }

std::optional<RoomStatus> import(RoomHarness& room, const std::string& header) {
  return room.event(EventType::kImport, 0, 0, header);
}

std::optional<RoomStatus> record(RoomHarness& room, const std::string& line) {
  return room.event(EventType::kRecord, 0, 0, line);
}

// Makes a new room the copy of an exported one, flushing now and then.
void copy_log(Dice& dice, const Export& log, RoomHarness& room) {
  REQUIRE_FALSE(import(room, log.header));
  const uint64_t flush_one_in = dice.between(1, 40);
  for (const std::string& line : log.records) {
    REQUIRE_FALSE(record(room, line));
    if (dice.one_in(flush_one_in)) room.turn();
  }
  room.turn();
}

// A room in which much has happened.
void live(Dice& dice, RoomHarness& room) {
  const auto ana = room.join(",\"user\":\"ana \\\"é\\\"\\n😀\"");
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.turn();
  for (int i = 0; i < 120; i++) {
    switch (dice.below(8)) {
      case 0:
        room.request("{\"op\":\"moderate\"}\n{\"action\":\"mute\",\"user\":\"u" +
                     std::to_string(dice.below(5)) + "\",\"for_s\":60,\"reason\":\"r\\n\"}");
        break;
      case 1:
        room.frame(mo, "{\"type\":\"moderation\",\"action\":\"ban\",\"user\":\"eve\"}");
        break;
      case 2:
      case 3:
        room.frame(dice.one_in(2) ? ana : mo,
                   "{\"type\":\"delete\",\"seq\":" + std::to_string(dice.between(1, 100)) + "}");
        break;
      case 4: room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":\"shout\"}"); break;
      default:
        room.frame(ana,
                   "{\"type\":\"message\",\"content\":" + random_content(dice) +
                       (dice.one_in(2) ? ",\"id\":\"\\u0000" + std::to_string(i) + "\"}" : "}"));
    }
    if (dice.one_in(2)) room.turn();
    if (dice.one_in(6)) room.confirm_all();
    if (dice.one_in(10)) room.now_ms += static_cast<double>(dice.below(400'000));
    if (dice.one_in(20)) {
      room.turn();
      room.wake();
    }
  }
  room.turn();
}

}  // namespace

TEST_CASE("a log has a header, every record that is held, and an end") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "{ \"hi\" : 1e400 }", "x");
  room.publish(ana, "\"secret\"");
  room.frame(ana, "{\"type\":\"delete\",\"seq\":2}");
  room.request("{\"op\":\"moderate\"}\n{\"action\":\"mute\",\"user\":\"eve\",\"for_s\":1}");
  const auto answer = room.request(kLog);
  CHECK(answer.status == 200);
  CHECK(answer.next.empty());
  const Export log(answer.body);
  const json welcome = json::parse(room.take(ana)[0])[0];
  const std::string conn = welcome["conn"];
  constexpr size_t kDigest = sizeof(",\"state\":\"0123456789abcdef\"}") - 1;
  CHECK(
      unsummed(log.header).substr(0, unsummed(log.header).size() - kDigest) ==
      "{\"type\":\"log\",\"v\":1,\"room\":\"lobby\",\"epoch\":\"" + room.epoch() +
          "\",\"first\":1,\"last\":4,\"confirmed\":0,\"kind\":\"chat\",\"snapshot\":{\"through\":0,"
          "\"state\":\"\"}");
  REQUIRE(log.records.size() == 4);
  const std::string ts = "\"ts\":1800000000000,";
  CHECK(unsummed(log.records[0]) ==
        "{\"seq\":1,\"type\":\"message\"," + ts +
            "\"user\":\"ana\",\"id\":\"x\",\"content\":{ \"hi\" : 1e400 },\"conn\":\"" + conn +
            "\"}");
  CHECK(unsummed(log.records[1]) == "{\"seq\":2,\"type\":\"message\"," + ts +
                                        "\"user\":\"ana\",\"deleted\":true,\"by\":\"ana\"}");
  CHECK(unsummed(log.records[2]) == "{\"seq\":3,\"type\":\"delete\"," + ts +
                                        "\"target\":2,\"by\":\"ana\",\"conn\":\"" + conn + "\"}");
  CHECK(unsummed(log.records[3]) == "{\"seq\":4,\"type\":\"moderation\"," + ts +
                                        "\"action\":\"mute\",\"user\":\"eve\",\"by\":\"moderator\","
                                        "\"until\":1800000001000}");
}

TEST_CASE("a room that was never used has no log; one that was only joined has an empty one") {
  RoomHarness room;
  CHECK(room.request(kLog).status == 404);
  CHECK(room.storage.rows_written == 0);
  room.join();
  const Export log(room.request(kLog).body);
  CHECK(log.records.empty());
  CHECK(log.head()["first"] == 1);
  CHECK(log.head()["last"] == 0);
}

TEST_CASE("any room, exported and imported with any pattern of flushes, is the same room") {
  size_t snapshots = 0;
  size_t deleted = 0;
  size_t records = 0;
  for (uint64_t seed = 1; seed <= 60; seed++) {
    CAPTURE(seed);
    Dice dice(seed);
    const auto kind = dice.one_in(3) ? RoomHarness::chat : clerk;
    RoomHarness room(quiet_settings(static_cast<uint32_t>(dice.between(1, 60))), kind);
    live(dice, room);
    const Export log = export_of(room);
    CAPTURE(log.header);
    records += log.records.size();
    snapshots += log.head()["snapshot"]["through"] > 0 ? 1U : 0U;
    for (const std::string& line : log.records)
      deleted += contains(line, "\"deleted\":true") ? 1 : 0;

    RoomHarness copy(quiet_settings(100'000), kind);
    copy_log(dice, log, copy);
    const Export again = export_of(copy);
    CHECK(again.records == log.records);
    CHECK(again.end == log.end);
    for (const char* same : {"room", "epoch", "first", "last", "kind", "state"}) {
      CAPTURE(same);
      CHECK(again.head()[same] == log.head()[same]);
    }
    // It is the same after a sleep, too, and goes on as the original does.
    copy.wake();
    CHECK(export_of(copy).head()["state"] == log.head()["state"]);
    room.now_ms = copy.now_ms = std::max(room.now_ms, copy.now_ms) + 100'000;
    for (RoomHarness* each : {&room, &copy}) {
      each->request("{\"op\":\"moderate\"}\n{\"action\":\"kick\",\"user\":\"ana\"}");
    }
    CHECK(export_of(copy).head()["state"] == export_of(room).head()["state"]);
    CHECK(export_of(copy).records.back() == export_of(room).records.back());
  }
  CHECK(records > 2000);
  CHECK(snapshots > 20);
  CHECK(deleted > 100);
}

TEST_CASE("a copy tells the records as the room did, and flushes before it grows too large") {
  RoomHarness room(quiet_settings(1000));
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.take(ana);
  for (int i = 0; i < 30; i++) room.publish(ana, "\"" + std::string(60'000, 'x') + "\"");
  const std::string told = room.text(ana);
  const Export log = export_of(room);
  RoomHarness copy(quiet_settings(1000));
  REQUIRE_FALSE(import(copy, log.header));
  const auto bob = copy.join(",\"user\":\"bob\"");
  copy.turn();
  copy.take(bob);
  for (const std::string& line : log.records) REQUIRE_FALSE(record(copy, line));
  CHECK_FALSE(copy.storage.segments.empty());  // in the middle of the turn
  copy.turn();
  std::string heard;
  for (const std::string& frame : copy.take(bob)) {
    CHECK(frame.size() <= edgeroom::kOutboundFrameBytesMax);
    heard += frame;
  }
  const auto objects = [](std::string text) {
    for (size_t at = text.find("]["); at != std::string::npos; at = text.find("][")) {
      text.replace(at, 2, ",");
    }
    return text;
  };
  CHECK(objects(heard) == objects(told));
}

TEST_CASE("a long log comes in parts, each small, and together whole") {
  RoomHarness room(quiet_settings(1000));
  const auto ana = room.join();
  room.turn();
  for (int i = 0; i < 40; i++) room.publish(ana, "\"" + std::string(40'000, 'x') + "\"");
  const uint32_t request = room.begin_request(kLog);
  std::string last_next;
  size_t size = 0;
  int parts = 1;
  for (; !room.answer_of(request).next.empty(); parts++) {
    const Answer answer = room.answer_of(request);
    CHECK(answer.body.size() - size < 2 * edgeroom::kLogPartBytes);
    CHECK(answer.body.size() - size > edgeroom::kLogPartBytes / 2);
    CHECK(answer.body.back() == '\n');
    size = answer.body.size();
    const json next = json::parse(answer.next);
    CHECK(next["op"] == "log");
    CHECK(next["through"] == 40);
    CHECK(next["epoch"] == room.epoch());
    CHECK(next["records"] == next["after"]);
    REQUIRE_FALSE(room.event(EventType::kRequest, request, 0, answer.next));
  }
  CHECK(parts == 6);
  const Export log(room.answer_of(request).body);
  CHECK(log.records.size() == 40);
}

TEST_CASE("what comes while a log is read is not in it, and the header stays true") {
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.turn();
  for (int i = 0; i < 20; i++) room.publish(ana, "\"" + std::string(40'000, 'x') + "\"");
  const uint32_t request = room.begin_request(kLog);
  for (int i = 0; !room.answer_of(request).next.empty(); i++) {
    room.publish(ana, "\"late\"");
    room.frame(ana, "{\"type\":\"message\",\"content\":\"not flushed\"}");
    room.request("{\"op\":\"moderate\"}\n{\"action\":\"mute\",\"user\":\"eve\"}");
    const std::string next = room.answer_of(request).next;
    REQUIRE_FALSE(room.event(EventType::kRequest, request, 0, next));
    REQUIRE(i < 10);
  }
  const Export log(room.answer_of(request).body);
  CHECK(log.records.size() == 20);
  CHECK(log.head()["last"] == 20);
  Dice dice(1);
  RoomHarness copy(quiet_settings(1000), clerk);
  copy_log(dice, log, copy);
  CHECK(export_of(copy).head()["state"] == log.head()["state"]);
}

TEST_CASE("a log is of what is stored: a turn that is not over is stored first") {
  // The header's state had records that the log did not have.
  RoomHarness room(quiet_settings(1000), clerk);
  const auto ana = room.join();
  room.publish(ana, "1");
  room.frame(ana, "{\"type\":\"message\",\"content\":2}");
  const Export log = export_of(room);
  CHECK(log.head()["last"] == 2);
  CHECK(log.records.size() == 2);
  Dice dice(1);
  RoomHarness copy(quiet_settings(1000), clerk);
  copy_log(dice, log, copy);
  CHECK(export_of(copy).head()["state"] == log.head()["state"]);
  CHECK(contains(room.text(ana), "\"seq\":2,"));  // and told
}

TEST_CASE("a log may begin behind a record") {
  RoomHarness room;
  const auto ana = room.join();
  for (int i = 1; i <= 5; i++) room.publish(ana, std::to_string(i));
  const auto log = [&room](uint64_t after) {
    return Export(room.request("{\"op\":\"log\",\"after\":" + std::to_string(after) + "}").body);
  };
  CHECK(log(0).records.size() == 5);
  CHECK(log(3).records.size() == 2);
  CHECK(contains(log(3).records[0], "{\"seq\":4,"));
  CHECK(log(3).head()["first"] == 4);
  CHECK(log(3).head()["last"] == 5);
  CHECK(log(5).records.empty());
  CHECK(log(5).head()["first"] == 6);
  CHECK(log(99).records.empty());
  CHECK(log(99).head()["first"] == 100);
  CHECK(log(99).head()["last"] == 99);
}

TEST_CASE("a log of a room that no longer holds its beginning begins with what it holds") {
  RoomHarness room(quiet_settings(2));
  const auto ana = room.join();
  for (int i = 0; i < 10; i++) {
    room.publish(ana, "1");
    room.confirm_all();
  }
  const Export log = export_of(room);
  CHECK(log.head()["first"] == 8);
  CHECK(log.head()["confirmed"] == 10);
  CHECK(log.records.size() == 3);
  Dice dice(1);
  RoomHarness copy(quiet_settings(100));
  copy_log(dice, log, copy);
  CHECK(export_of(copy).records == log.records);
  CHECK(export_of(copy).head()["first"] == 8);
  copy.wake();
  CHECK(export_of(copy).records == log.records);
}

TEST_CASE("when the rest of a log is gone, it ends without its end") {
  RoomHarness room(quiet_settings(2));
  const auto ana = room.join();
  for (int i = 0; i < 20; i++) room.publish(ana, "\"" + std::string(40'000, 'x') + "\"");
  const uint32_t request = room.begin_request(kLog);
  const std::string next = room.answer_of(request).next;
  REQUIRE_FALSE(next.empty());
  room.confirm_all();
  for (int i = 0; i < 30; i++) {
    room.publish(ana, "1");
    room.confirm_all();
  }
  REQUIRE_FALSE(room.event(EventType::kRequest, request, 0, next));
  const Answer answer = room.answer_of(request);
  CHECK(answer.status == 410);
  CHECK(answer.next.empty());
  CHECK(contains(answer.body, "the room no longer holds the rest"));
  CHECK_FALSE(contains(answer.body, "\"type\":\"end\""));
  // Nor is there a rest of another epoch's log.
  CHECK(
      room.request(R"({"op":"log","epoch":"other","after":50,"through":50,"records":1})").status ==
      410);
}

TEST_CASE("what is no log is refused, and the room is as it was") {
  RoomHarness room(quiet_settings(100), clerk);
  const auto ana = room.join(",\"user\":\"ana\"");
  room.request("{\"op\":\"moderate\"}\n{\"action\":\"ban\",\"user\":\"eve\"}");
  for (int i = 0; i < 40; i++) room.publish(ana, "1");
  const Export log = export_of(room);
  REQUIRE(log.head()["snapshot"]["through"] > 0);

  RoomHarness copy(quiet_settings(100), clerk);
  const auto changed = [&log](const std::string& name, const json& value) {
    json head = log.head();
    head.erase("sum");
    head[name] = value;
    return summed(head.dump());
  };
  const auto with_snapshot = [&log](std::string state) {
    json head = log.head();
    head.erase("sum");
    head["snapshot"]["state"] = std::move(state);
    return summed(head.dump());
  };
  const std::string state = log.head()["snapshot"]["state"];
  const std::vector<std::string> headers = {
      "",
      "{}",
      log.records[0],
      log.end,
      changed("v", 2),
      changed("kind", "chat"),
      changed("kind", ""),
      changed("first", 0),
      changed("first", 1000),
      changed("epoch", ""),
      changed("snapshot", nullptr),
      with_snapshot("0"),
      with_snapshot(state.substr(0, 2)),
      with_snapshot(state + "00"),
      // The bans are read, and the behaviour's part is cut, or of another kind.
      with_snapshot(state.substr(0, state.size() - 2)),
      with_snapshot(state.substr(0, state.size() / 2 / 2 * 2)),
      with_snapshot([&state] {
        std::string other = state;
        const size_t kind = other.find("636c65726b");  // "clerk"
        other[kind + 1] = '4';
        return other;
      }()),
  };
  const auto newcomer = [](RoomHarness& harness, uint32_t handle) {
    REQUIRE_FALSE(
        harness.event(EventType::kConnect, handle, 0, "{\"op\":\"connect\",\"user\":\"eve\"}"));
    return harness.answer_of(handle).status;
  };
  for (size_t i = 0; i < headers.size(); i++) {
    CAPTURE(headers[i]);
    CHECK(import(copy, headers[i]) == RoomStatus::kBadPayload);
    CHECK(copy.storage.rows_written == 0);
    CHECK(copy.epoch().empty());
    CHECK(record(copy, log.records[0]) == RoomStatus::kOutOfOrder);
    // Nobody is banned in a room that was never used, whatever was read of the header.
    RoomHarness fresh(quiet_settings(100), clerk);
    CHECK(import(fresh, headers[i]) == RoomStatus::kBadPayload);
    CHECK(newcomer(fresh, 900) == 0);
    RoomHarness untouched(quiet_settings(100), clerk);
    untouched.join(",\"user\":\"eve\"");
    CHECK(export_of(fresh).head()["state"] == export_of(untouched).head()["state"]);
  }

  // After all of that the right one is taken.
  REQUIRE_FALSE(import(copy, log.header));
  CHECK(import(copy, log.header) == RoomStatus::kOutOfOrder);  // once
  CHECK(import(room, log.header) == RoomStatus::kOutOfOrder);  // and only where there is no room
  REQUIRE_FALSE(record(copy, log.records[0]));
  const std::vector<std::string> lines = {"",
                                          "{}",
                                          "not json",
                                          log.records[0],
                                          log.records[2],
                                          log.end,
                                          log.header,
                                          R"({"seq":2,"type":"nonsense"})",
                                          R"({"seq":2,"type":"message","ts":1,"user":"a"})",
                                          log.records[1].substr(0, log.records[1].size() - 1),
                                          unsummed(log.records[1])};
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(record(copy, line) == RoomStatus::kBadPayload);
  }
  for (size_t i = 1; i < log.records.size(); i++) REQUIRE_FALSE(record(copy, log.records[i]));
  copy.turn();
  CHECK(export_of(copy).records == log.records);
  CHECK(export_of(copy).head()["state"] == log.head()["state"]);
  CHECK(newcomer(copy, 900) == 403);
}
