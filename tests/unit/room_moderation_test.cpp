// Moderation in a room: who may do it, what is told and stored, and what it means for the one it is
// done to.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "rooms/limits.h"
#include "rooms/room.h"
#include "tests/unit/room_harness.h"

using edgeroom::EventType;
using edgeroom::RoomSettings;
using edgeroom::test::Answer;
using edgeroom::test::contains;
using edgeroom::test::RoomHarness;

namespace {

// The body that a moderator posts: `rest` is JSON members.
Answer moderate(RoomHarness& room, const std::string& action, const std::string& user,
                const std::string& rest = "") {
  return room.request("{\"op\":\"moderate\",\"room\":\"lobby\"}\n{\"action\":\"" + action +
                      "\",\"user\":\"" + user + "\"" + rest + "}");
}

std::string frame(const std::string& action, const std::string& user,
                  const std::string& rest = "") {
  return "{\"type\":\"moderation\",\"action\":\"" + action + "\",\"user\":\"" + user + "\"" + rest +
         "}";
}

constexpr uint32_t kNewcomer = 9000;

// The status with which a join is refused; 0 when it is accepted.
uint32_t join_status(RoomHarness& room, const std::string& user) {
  static uint32_t handle = kNewcomer;
  handle++;
  const std::string operation = "{\"op\":\"connect\",\"user\":\"" + user + "\"}";
  REQUIRE_FALSE(room.event(EventType::kConnect, handle, 0, operation));
  return room.answer_of(handle).status;
}

}  // namespace

TEST_CASE("a ban is stored, then told, and then all of the user's connections are closed") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto eve = room.join(",\"user\":\"eve\"");
  const auto tab = room.join(",\"user\":\"eve\"");
  const auto evelyn = room.join(",\"user\":\"evelyn\"");
  room.turn();
  for (const auto handle : {ana, eve, tab, evelyn}) room.take(handle);

  const auto answer = moderate(room, "ban", "eve", ",\"reason\":\"spam\"");
  CHECK(answer.status == 200);
  CHECK(answer.body == "{\"epoch\":\"" + room.epoch() + "\",\"seq\":1}");
  const std::string record =
      "[{\"type\":\"moderation\",\"seq\":1,\"action\":\"ban\",\"user\":\"eve\",\"by\":"
      "\"moderator\","
      "\"reason\":\"spam\",\"ts\":1800000000000}]";
  CHECK(room.text(ana) == record);
  CHECK(room.text(eve) == record);
  CHECK(room.text(tab) == record);
  CHECK(room.closed[eve] == 4003);
  CHECK(room.closed[tab] == 4003);
  CHECK(room.closed.count(ana) == 0);
  CHECK(room.closed.count(evelyn) == 0);
  room.turn();
  const std::string left = room.text(ana);
  CHECK(contains(left, "{\"type\":\"leave\",\"user\":\"eve\""));

  // What they still send, nobody hears.
  room.frame(eve, "{\"type\":\"message\",\"content\":1}");
  room.frame(tab, "{\"type\":\"event\",\"name\":\"x\"}");
  CHECK_FALSE(room.flush_scheduled);
  CHECK(room.take(eve).empty());
  REQUIRE_FALSE(room.event(EventType::kClosed, eve, 4003));  // the host's echo of the close
  CHECK_FALSE(room.flush_scheduled);

  CHECK(join_status(room, "eve") == 403);
  CHECK(join_status(room, "Eve") == 0);
  CHECK(join_status(room, "evelyn") == 0);
}

TEST_CASE("in one event the record is written before it is told, and told before sockets close") {
  RoomHarness room;
  const auto eve = room.join(",\"user\":\"eve\"");
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.turn();
  room.take(eve);
  room.frame(mo, frame("ban", "eve"));
  CHECK(room.order == std::vector<std::string>{"put", "broadcast", "close"});
  // One frame: the record. Nobody who is sent away hears of what comes after.
  CHECK(room.take(eve).size() == 1);
}

TEST_CASE("what the turn has so far is told with the moderation, in its order") {
  RoomHarness room;
  const auto eve = room.join(",\"user\":\"eve\"");
  room.turn();
  room.take(eve);
  room.frame(eve, "{\"type\":\"message\",\"content\":\"last words\",\"id\":\"e\"}");
  CHECK(moderate(room, "kick", "eve").body == "{\"epoch\":\"" + room.epoch() + "\",\"seq\":2}");
  const std::string told = room.text(eve);
  CHECK(contains(told, "[{\"type\":\"new_message\",\"seq\":1,"));
  CHECK(contains(told, "{\"type\":\"moderation\",\"seq\":2,\"action\":\"kick\""));
  CHECK(room.storage.segments.size() == 1);
}

TEST_CASE("a ban holds over sleep, over a snapshot, and until it ends or is lifted") {
  RoomSettings settings;
  settings.history_size = 2;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  CHECK(moderate(room, "ban", "eve", ",\"for_s\":60").status == 200);
  CHECK(moderate(room, "ban", "mallory").status == 200);
  const double start_ms = room.now_ms;
  room.wake();
  CHECK(room.storage.state.count(1) == 0);  // from the records alone
  CHECK(join_status(room, "eve") == 403);
  CHECK(join_status(room, "mallory") == 403);
  // The segments with the bans are written over; the snapshot holds them then.
  for (int i = 0; i < 5; i++) {
    room.publish(ana, "1");
    room.confirm_all();
  }
  REQUIRE(room.storage.state.count(1) == 1);
  room.begin_request("{\"op\":\"messages\",\"after\":0}");
  CHECK(room.fetches.size() == 1);  // the room does not hold them any more
  room.wake();
  CHECK(join_status(room, "mallory") == 403);
  CHECK(room.now_ms < start_ms + 59'000);
  room.now_ms = start_ms + 59'999;
  CHECK(join_status(room, "eve") == 403);
  room.now_ms = start_ms + 60'000;
  CHECK(join_status(room, "eve") == 0);
  CHECK(moderate(room, "unban", "mallory").status == 200);
  CHECK(join_status(room, "mallory") == 0);
  room.wake();
  CHECK(join_status(room, "mallory") == 0);
}

TEST_CASE("a ban without tabs to close, and of somebody who never came, is one all the same") {
  RoomHarness room;
  CHECK(moderate(room, "ban", "eve").status == 200);
  CHECK(room.epoch().size() == 26);
  CHECK(join_status(room, "eve") == 403);
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"seq\":1,"));
}

TEST_CASE("whoever is kicked may come back") {
  RoomHarness room;
  const auto eve = room.join(",\"user\":\"eve\"");
  room.turn();
  CHECK(moderate(room, "kick", "eve").status == 200);
  CHECK(room.closed[eve] == 4003);
  CHECK(join_status(room, "eve") == 0);
  room.wake();
  CHECK(join_status(room, "eve") == 0);
}

TEST_CASE("who is muted hears and asks, but says nothing, until it ends") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto eve = room.join(",\"user\":\"eve\"");
  const auto tab = room.join(",\"user\":\"eve\"");
  room.turn();
  room.publish(eve, "\"before\"", "e-1");
  CHECK(moderate(room, "mute", "eve", ",\"for_s\":30").status == 200);
  const double end_ms = room.now_ms + 30'000;
  for (const auto handle : {ana, eve, tab}) room.take(handle);
  const std::string error =
      R"([{"type":"error","code":"muted","detail":"a moderator has muted this user until )"
      R"x(1800000030000 (ms since 1970)",)x";
  const auto check_muted = [&](uint32_t handle) {
    room.frame(handle, "{\"type\":\"message\",\"content\":1,\"id\":\"e-2\",\"ref\":\"r\"}");
    CHECK(room.text(handle) == error + R"("id":"e-2","ref":"r","until":1800000030000}])");
    room.frame(handle, "{\"type\":\"event\",\"name\":\"typing\",\"ref\":\"r\"}");
    CHECK(room.text(handle) == error + R"("ref":"r","until":1800000030000}])");
    CHECK_FALSE(room.flush_scheduled);
  };
  check_muted(eve);
  check_muted(tab);
  CHECK(room.closed.empty());
  // What was stored before is still acknowledged, and everything else works.
  room.frame(eve, "{\"type\":\"message\",\"content\":\"before\",\"id\":\"e-1\"}");
  CHECK(contains(room.text(eve), "\"type\":\"ack\",\"id\":\"e-1\",\"seq\":1"));
  room.frame(eve, "{\"type\":\"history\"}");
  CHECK(contains(room.text(eve), "\"content\":\"before\""));
  room.frame(eve, "{\"type\":\"presence\"}");
  CHECK(contains(room.text(eve), "\"type\":\"presence\""));
  room.frame(eve, "{\"type\":\"delete\",\"seq\":1}");
  CHECK(contains(room.text(eve), "\"type\":\"message_deleted\""));
  room.publish(ana, "\"hello\"");
  CHECK(contains(room.text(eve), "\"content\":\"hello\""));
  room.wake();
  check_muted(eve);
  room.now_ms = end_ms - 1;
  check_muted(eve);
  room.now_ms = end_ms;
  room.publish(eve, "\"after\"");
  CHECK(contains(room.text(eve), "\"content\":\"after\""));
  room.frame(tab, "{\"type\":\"event\",\"name\":\"typing\"}");
  room.turn();
  CHECK(contains(room.text(ana), "\"name\":\"typing\",\"user\":\"eve\""));
}

TEST_CASE("a mute without an end says no end, and is lifted by unmute") {
  RoomHarness room;
  const auto eve = room.join(",\"user\":\"eve\"");
  room.turn();
  moderate(room, "mute", "eve");
  room.take(eve);
  room.now_ms += 1e12;
  room.publish(eve, "1");
  CHECK(room.text(eve) ==
        "[{\"type\":\"error\",\"code\":\"muted\",\"detail\":\"a moderator has muted this user\"}]");
  moderate(room, "unmute", "eve");
  room.take(eve);
  room.publish(eve, "1");
  CHECK(contains(room.text(eve), "\"type\":\"new_message\""));
}

TEST_CASE("what a moderator publishes under a muted name is not muted") {
  RoomHarness room;
  moderate(room, "mute", "eve");
  CHECK(room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":1,\"user\":\"eve\"}").status ==
        201);
}

TEST_CASE("by frame only a moderator moderates, over sleep too") {
  RoomHarness room;
  const auto eve = room.join(",\"user\":\"eve\"");
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.turn();
  room.take(eve);
  room.frame(eve, frame("ban", "mo", ",\"ref\":\"r\""));
  CHECK(room.text(eve) ==
        "[{\"type\":\"error\",\"code\":\"forbidden\",\"detail\":\"only a moderator may do this\","
        "\"ref\":\"r\"}]");
  CHECK(room.storage.segments.empty());
  room.wake();
  room.frame(eve, frame("kick", "mo"));
  CHECK(contains(room.text(eve), "\"code\":\"forbidden\""));
  room.take(mo);
  room.frame(mo, frame("mute", "eve", ",\"for_s\":10,\"reason\":\"calm \\\"down\\\"\""));
  const std::string told = room.text(mo);
  CHECK(told ==
        "[{\"type\":\"moderation\",\"seq\":1,\"action\":\"mute\",\"user\":\"eve\",\"by\":\"mo\","
        "\"until\":1800000010000,\"reason\":\"calm \\\"down\\\"\",\"ts\":1800000000000}]");
  CHECK(room.text(eve) == told);
  // The record names the connection, which the log tells.
  CHECK(contains(room.whole("{\"op\":\"log\"}").body, "\"by\":\"mo\",\"until\":1800000010000,"));
  CHECK(contains(room.whole("{\"op\":\"log\"}").body, "\"conn\":\""));
}

TEST_CASE("a moderator may send himself away, and hears of it") {
  RoomHarness room;
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.turn();
  room.take(mo);
  room.frame(mo, frame("kick", "mo"));
  CHECK(contains(room.text(mo), "\"action\":\"kick\""));
  CHECK(room.closed[mo] == 4003);
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"connections\":0,"));
}

TEST_CASE("a moderation that is no moderation is refused with what is wrong") {
  RoomHarness room;
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.turn();
  room.take(mo);
  struct Case {
    std::string members;  // behind the type, or all of the body
    std::string detail;
  };
  const std::string actions = "\\\"action\\\" must be kick, ban, unban, mute or unmute";
  const std::string range = "\\\"for_s\\\" must be from 1 to 315360000";
  const std::string only = "\\\"for_s\\\" goes with ban and mute only";
  const std::vector<Case> cases = {
      {R"("user":"eve")", "\\\"action\\\" is missing"},
      {R"("action":"ban")", "\\\"user\\\" is missing"},
      {R"("action":"banish","user":"eve")", actions},
      {R"("action":"BAN","user":"eve")", actions},
      {R"("action":7,"user":"eve")", "\\\"action\\\" must be a string"},
      {R"("action":"","user":"eve")", "\\\"action\\\" must not be empty"},
      {R"("action":"ban","user":"")", "\\\"user\\\" must not be empty"},
      {R"("action":"ban","user":["eve"])", "\\\"user\\\" must be a string"},
      {R"("action":"ban","user":"eve","for_s":0)", range},
      {R"("action":"ban","user":"eve","for_s":315360001)", range},
      {R"("action":"mute","user":"eve","for_s":9007199254740991)", range},
      {R"("action":"ban","user":"eve","for_s":-1)",
       "\\\"for_s\\\" must be a whole number from 0 to 2^53-1"},
      {R"("action":"ban","user":"eve","for_s":"60")",
       "\\\"for_s\\\" must be a whole number from 0 to 2^53-1"},
      {R"("action":"kick","user":"eve","for_s":60)", only},
      {R"("action":"unban","user":"eve","for_s":60)", only},
      {R"("action":"unmute","user":"eve","for_s":60)", only},
      {R"("action":"ban","user":"eve","user":"bob")", "\\\"user\\\" is given twice"},
      {R"("action":"ban","user":"eve","reason":7)", "\\\"reason\\\" must be a string"},
      {R"("action":"ban","user":"eve","reason":")" + std::string(201, 'x') + "\"",
       "\\\"reason\\\" has 201 characters; the most is 200"},
      {R"("action":"ban","user":")" + std::string(129, 'x') + "\"",
       "\\\"user\\\" has 129 characters; the most is 128"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.members);
    room.frame(mo, "{\"type\":\"moderation\",\"ref\":\"r\"," + c.members + "}");
    CHECK(room.text(mo) == "[{\"type\":\"error\",\"code\":\"bad_frame\",\"detail\":\"" + c.detail +
                               "\",\"ref\":\"r\"}]");
    const auto answer = room.request("{\"op\":\"moderate\"}\n{" + c.members + "}");
    CHECK(answer.status == 400);
    CHECK(contains(answer.body, "\"detail\":\"" + c.detail + "\""));
    room.now_ms += 1000;
  }
  const auto no_json = room.request("{\"op\":\"moderate\"}\n{\"action\":");
  CHECK(no_json.status == 400);
  CHECK(contains(no_json.body, "the body is not JSON: unexpected end at byte 10"));
  CHECK(
      contains(room.request("{\"op\":\"moderate\"}\n[]").body, "the body must be one JSON object"));
  CHECK(room.event(EventType::kRequest, 5000, 0, "{\"op\":\"moderate\"}") ==
        edgeroom::RoomStatus::kBadPayload);  // it has no body at all
  REQUIRE_FALSE(room.event(EventType::kRequest, 5001, 2, "{\"op\":\"moderate\"}"));
  CHECK(room.answer_of(5001).status == 413);
  CHECK(room.storage.segments.empty());
  // The longest of everything is taken.
  CHECK(moderate(room, "ban", std::string(128, 'x'),
                 ",\"for_s\":315360000,\"reason\":\"" + std::string(200, 'y') + "\"")
            .status == 200);
}

TEST_CASE("a room that was never used does not begin with a moderation that is refused") {
  RoomHarness room;
  CHECK(moderate(room, "nonsense", "eve").status == 400);
  CHECK(room.storage.rows_written == 0);
  CHECK(moderate(room, "unban", "eve").status == 200);
  CHECK(room.storage.segments.size() == 1);
}

TEST_CASE("an outbox that takes no messages takes moderation and deletions, up to their reserve") {
  RoomSettings settings;
  settings.outbox_records_max = 3;
  settings.connection_limit.rate = 1e6;
  settings.connection_limit.burst = 1e6;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.turn();
  for (int i = 0; i < 3; i++) room.publish(ana, "\"secret\"");
  room.take(ana);
  room.publish(ana, "4");
  CHECK(contains(room.text(ana), "\"code\":\"outbox_full\""));
  CHECK(room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":1}").status == 503);
  CHECK(moderate(room, "mute", "eve").status == 200);
  CHECK(room.request("{\"op\":\"delete\",\"seq\":1}").status == 200);
  room.frame(ana, "{\"type\":\"delete\",\"seq\":2}");
  CHECK(contains(room.text(ana), "\"type\":\"message_deleted\""));
  room.frame(mo, frame("kick", "ana"));
  CHECK(room.closed[ana] == 4003);
  CHECK(contains(room.request("{\"op\":\"state\"}").body, "\"seq\":7,"));
  // The reserve is counted, too.
  for (uint64_t seq = 7; seq < 3 + edgeroom::kModeratorRecordsMax; seq++) {
    CHECK(moderate(room, "kick", "eve").status == 200);
  }
  const auto refused = moderate(room, "kick", "eve");
  CHECK(refused.status == 503);
  CHECK(contains(refused.body, "waits for the central API"));
  room.take(mo);
  room.frame(mo, frame("kick", "eve"));
  CHECK(contains(room.text(mo), "\"code\":\"outbox_full\""));
  CHECK(room.request("{\"op\":\"delete\",\"seq\":3}").status == 503);
  room.confirm_all();
  CHECK(room.request("{\"op\":\"delete\",\"seq\":3}").status == 200);
  CHECK(moderate(room, "kick", "eve").status == 200);
}

TEST_CASE("bytes in the outbox have a reserve of their own") {
  RoomSettings settings;
  settings.outbox_bytes_max = 1000;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "\"" + std::string(2000, 'x') + "\"");
  room.take(ana);
  room.publish(ana, "2");
  CHECK(contains(room.text(ana), "\"code\":\"outbox_full\""));
  CHECK(moderate(room, "mute", "eve").status == 200);
  CHECK(room.request("{\"op\":\"delete\",\"seq\":1}").status == 200);
  room.publish(ana, "2");  // what was deleted takes no room any more
  CHECK(contains(room.text(ana), "\"content\":2"));
}

TEST_CASE("a room that can ban nobody more still lifts bans, and sends people away") {
  // Everything was refused, and a room full of bans without an end could never have one lifted.
  RoomHarness room;
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  const std::string name(128, 'x');
  size_t banned = 0;
  const auto ban_next = [&] {
    std::string user = std::to_string(banned);
    user += name.substr(user.size());
    // The widest characters, so that it does not take so many.
    std::string wide;
    for (const char c : user) wide += c == 'x' ? "😀" : std::string(1, c);
    const auto answer = moderate(room, "ban", wide);
    if (answer.status == 200) banned++;
    room.take(mo);
    return answer;
  };
  Answer answer;
  while ((answer = ban_next()).status == 200) {
    if (banned % 500 == 0) room.confirm_all();
  }
  CHECK(answer.status == 503);
  CHECK(contains(answer.body, "as many users as the room can remember"));
  CHECK(banned > 1500);
  room.frame(mo, frame("mute", "eve"));
  CHECK(contains(room.text(mo), "\"code\":\"forbidden\""));
  CHECK(moderate(room, "kick", "eve").status == 200);
  CHECK(moderate(room, "unmute", "eve").status == 200);
  room.wake();
  CHECK(ban_next().status == 503);
  std::string first = "0";
  for (int i = 0; i < 127; i++) first += "😀";
  CHECK(moderate(room, "unban", first).status == 200);
  CHECK(ban_next().status == 200);
  CHECK(ban_next().status == 503);
}

TEST_CASE("a ban holds for its time, though the clock was ahead before") {
  // It ended before its own record's ts, so the next moderation of anybody forgot it.
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "1");
  room.now_ms -= 3'600'000;
  room.wake();
  CHECK(moderate(room, "ban", "eve", ",\"for_s\":600").status == 200);
  CHECK(join_status(room, "eve") == 403);
  CHECK(moderate(room, "kick", "somebody").status == 200);
  room.now_ms += 599'999;
  CHECK(join_status(room, "eve") == 403);
  room.wake();
  CHECK(join_status(room, "eve") == 403);
}

TEST_CASE("a moderation's end is as long after its ts as was asked for") {
  // By that a client knows the record for the answer to its frame.
  RoomHarness room;
  const auto mo = room.join(",\"user\":\"mo\",\"role\":\"moderator\"");
  room.publish(mo, "1");
  room.now_ms -= 3'600'000;
  room.wake();
  room.take(mo);
  room.frame(mo, frame("mute", "eve", ",\"for_s\":60"));
  CHECK(contains(room.text(mo), "\"until\":1800000060000,\"ts\":1800000000000}"));
}
