// The room actor, driven natively: what it tells whom, and what it stores before that.

#include "rooms/room.h"

#include <doctest/doctest.h>

#include <string>

#include "rooms/limits.h"
#include "tests/unit/room_harness.h"

using edgeroom::EventType;
using edgeroom::RoomSettings;
using edgeroom::test::contains;
using edgeroom::test::RoomHarness;

namespace {

std::string message(const std::string& content, const std::string& id = "") {
  const std::string id_member = id.empty() ? "" : ",\"id\":\"" + id + "\"";
  return "{\"type\":\"message\",\"content\":" + content + id_member + "}";
}

std::string epoch_of(RoomHarness& room) {
  const std::string state = room.request("{\"op\":\"state\",\"room\":\"lobby\"}").body;
  const size_t start = state.find("\"epoch\":\"") + 9;
  return state.substr(start, 26);
}

}  // namespace

TEST_CASE("a room that was only looked at stores nothing") {
  RoomHarness room;
  const auto state = room.request("{\"op\":\"state\",\"room\":\"lobby\"}");
  CHECK(state.status == 200);
  CHECK(contains(state.body, "\"epoch\":null,\"seq\":0,\"confirmed\":0"));
  CHECK(room.request("{\"op\":\"messages\",\"room\":\"lobby\"}").body ==
        "{\"room\":\"lobby\",\"epoch\":null,\"messages\":[],\"more\":false}");
  CHECK(room.storage.rows_written == 0);
}

TEST_CASE("welcome comes first, then the turn's presence in one frame") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto frames = room.take(ana);
  REQUIRE(frames.size() == 1);
  CHECK(contains(frames[0], "[{\"type\":\"welcome\",\"v\":1,\"room\":\"lobby\""));
  CHECK(contains(frames[0], "\"user\":\"ana\""));
  CHECK(contains(frames[0], "\"recovered\":false,\"count\":1,\"users\":1"));
  room.turn();
  const std::string told = room.text(ana);
  CHECK(contains(told, "{\"type\":\"join\",\"user\":\"ana\""));
  CHECK(contains(told, "{\"type\":\"room_count\",\"count\":1,\"users\":1}"));
}

TEST_CASE("the messages of a turn are one row and one frame, stored before they are told") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.turn();
  room.take(ana);
  room.take(bob);
  const uint64_t rows = room.storage.rows_written;
  room.frame(ana, message("1"));
  room.frame(bob, message("[1e400,\"\\u00e9\",{\"b\":1,\"a\":2}]", "b-1"));
  CHECK(room.take(ana).empty());
  REQUIRE(room.flush_scheduled);
  room.turn();
  REQUIRE(room.order.size() >= 2);
  CHECK(room.order[0] == "put");
  CHECK(room.order[1] == "broadcast");
  CHECK(room.storage.rows_written - rows == 2);  // the segment and the safety alarm
  const auto frames = room.take(bob);
  REQUIRE(frames.size() == 1);
  CHECK(contains(frames[0], "{\"type\":\"new_message\",\"seq\":1,\"user\":\"ana\",\"ts\":"));
  CHECK(contains(frames[0], "\"content\":[1e400,\"\\u00e9\",{\"b\":1,\"a\":2}],\"id\":\"b-1\"}"));
  CHECK(room.take(ana) == frames);
}

TEST_CASE("an id is one message, in one turn, later and after a sleep") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.take(ana);
  room.frame(ana, message("1", "x"));
  room.frame(ana, message("1", "x"));
  room.turn();
  CHECK(room.take(ana).size() == 1);
  room.frame(ana, message("1", "x"));
  CHECK(room.text(ana) == "[{\"type\":\"ack\",\"id\":\"x\",\"seq\":1,\"duplicate\":true}]");
  room.wake();
  room.frame(ana, message("1", "x"));
  CHECK(room.text(ana) == "[{\"type\":\"ack\",\"id\":\"x\",\"seq\":1,\"duplicate\":true}]");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.take(bob);
  room.frame(bob, message("1", "x"));  // somebody else's x
  room.turn();
  CHECK(contains(room.text(bob), "\"seq\":2,\"user\":\"bob\""));
}

TEST_CASE(
    "an id is remembered for five minutes though the history is shorter, and then forgotten") {
  RoomSettings settings;
  settings.history_size = 2;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  room.frame(ana, message("0", "first"));
  room.turn();
  for (int i = 0; i < 5; i++) {
    room.frame(ana, message("1"));
    room.turn();
  }
  room.take(ana);
  room.now_ms += edgeroom::kDedupMs - 1;
  room.frame(ana, message("0", "first"));
  CHECK(contains(room.text(ana), "\"duplicate\":true"));
  room.now_ms += 2;
  room.frame(ana, message("1"));
  room.turn();
  room.frame(ana, message("0", "first"));
  room.turn();
  CHECK(contains(room.text(ana), "\"seq\":8,\"user\":\"ana\""));
}

TEST_CASE("a client that comes back gets what it missed, in order, or is told that it can't") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  for (int i = 1; i <= 5; i++) {
    room.frame(ana, message(std::to_string(i)));
    room.turn();
  }
  const std::string epoch = epoch_of(room);
  SUBCASE("what it missed") {
    const auto bob = room.join(",\"user\":\"bob\",\"epoch\":\"" + epoch + "\",\"after\":3");
    const auto frames = room.take(bob);
    REQUIRE(frames.size() == 2);
    CHECK(contains(frames[0], "\"recovered\":true"));
    CHECK(contains(frames[1], "\"seq\":4"));
    CHECK(contains(frames[1], "\"seq\":5"));
    CHECK_FALSE(contains(frames[1], "\"seq\":3"));
  }
  SUBCASE("nothing missed") {
    const auto bob = room.join(",\"epoch\":\"" + epoch + "\",\"after\":5");
    const auto frames = room.take(bob);
    REQUIRE(frames.size() == 1);
    CHECK(contains(frames[0], "\"recovered\":true"));
  }
  SUBCASE("another epoch") {
    const auto bob = room.join(",\"epoch\":\"00000000000000000000000000\",\"after\":3");
    CHECK(contains(room.text(bob), "\"recovered\":false"));
  }
  SUBCASE("a seq that never was") {
    const auto bob = room.join(",\"epoch\":\"" + epoch + "\",\"after\":6");
    CHECK(contains(room.text(bob), "\"recovered\":false"));
  }
  SUBCASE("after a sleep") {
    room.wake();
    const auto bob = room.join(",\"epoch\":\"" + epoch + "\",\"after\":0");
    const auto frames = room.take(bob);
    REQUIRE(frames.size() == 2);
    CHECK(contains(frames[1], "\"seq\":1,"));
    CHECK(contains(frames[1], "\"seq\":5,"));
  }
}

TEST_CASE("what the room no longer holds is not half recovered") {
  RoomSettings settings;
  settings.history_size = 3;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  for (int i = 1; i <= 10; i++) {
    room.frame(ana, message(std::to_string(i)));
    room.turn();
    room.timer();  // the linger
    room.turn();
    room.store_all();
    room.turn();
  }
  CHECK(room.storage.segments.size() <= 5);
  const std::string epoch = epoch_of(room);
  const auto late = room.join(",\"epoch\":\"" + epoch + "\",\"after\":1");
  CHECK(contains(room.text(late), "\"recovered\":false"));
  const auto soon = room.join(",\"epoch\":\"" + epoch + "\",\"after\":8");
  CHECK(contains(room.text(soon), "\"recovered\":true"));
}

TEST_CASE("every record is forwarded, and its confirmation told to everybody") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.frame(ana, message("{\"n\":12345678901234567890}", "m-1"));
  room.turn();
  CHECK(room.attempts.empty());
  room.timer();
  REQUIRE(room.attempts.size() == 1);
  const std::string epoch = epoch_of(room);
  CHECK(room.attempts[0].key == "lobby:" + epoch + ":1-1");
  CHECK(contains(room.attempts[0].body,
                 "{\"v\":1,\"room\":\"lobby\",\"epoch\":\"" + epoch +
                     "\",\"records\":[{\"seq\":1,"
                     "\"type\":\"message\",\"ts\":1800000000000,\"user\":\"ana\",\"id\":\"m-1\","
                     "\"content\":{\"n\":12345678901234567890}}]}"));
  room.take(ana);
  room.store_all();
  room.turn();
  CHECK(room.text(ana) ==
        "[{\"type\":\"message_confirmed\",\"epoch\":\"" + epoch + "\",\"through\":1}]");
}

TEST_CASE("without an answer the same batch is sent again, later, and nothing is lost") {
  RoomHarness room;
  const auto ana = room.join();
  room.frame(ana, message("1"));
  room.turn();
  room.timer();
  REQUIRE(room.attempts.size() == 1);
  const std::string body = room.attempts[0].body;
  for (const uint32_t status : {0U, 500U, 503U, 429U, 403U, 404U, 302U, 200U}) {
    const double before_ms = room.now_ms;
    room.answer(status, "<html>");
    CHECK(room.attempts.empty());
    room.until_attempt();
    CHECK(room.now_ms - before_ms >= edgeroom::kBackoffFloorMs);
    CHECK(room.now_ms - before_ms <= edgeroom::kBackoffCapMs);
    REQUIRE(room.attempts.size() == 1);
    CHECK(room.attempts[0].body == body);
  }
  room.store_all();
  room.turn();
  CHECK(contains(room.text(ana), "\"through\":1}"));
}

TEST_CASE("an answer without a record holds the watermark; a refused record becomes an exception") {
  RoomHarness room;
  const auto ana = room.join();
  for (int i = 1; i <= 3; i++) room.frame(ana, message(std::to_string(i)));
  room.turn();
  room.timer();
  REQUIRE(room.attempts.size() == 1);
  const std::string epoch = epoch_of(room);
  const std::string head = "{\"v\":1,\"room\":\"lobby\",\"epoch\":\"" + epoch + "\",\"results\":";
  room.take(ana);
  room.answer(200, head +
                       "[{\"seq\":1,\"status\":\"stored\"},{\"seq\":3,\"status\":\"rejected\","
                       "\"code\":\"TOO_LARGE\"}]}");
  room.turn();
  CHECK_FALSE(contains(room.text(ana), "message_confirmed"));
  room.timer();
  REQUIRE(room.attempts.size() == 1);
  CHECK_FALSE(contains(room.attempts[0].body, "\"seq\":1,"));
  CHECK(contains(room.attempts[0].body, "\"seq\":2,"));
  CHECK_FALSE(contains(room.attempts[0].body, "\"seq\":3,"));
  room.answer(200, head + "[{\"seq\":2,\"status\":\"duplicate\"}]}");
  room.turn();
  CHECK(contains(room.text(ana), "\"through\":3,\"except\":[3]}"));
  room.timer();  // stores the watermark, which no segment has carried
  room.wake();
  const auto bob = room.join();
  CHECK(contains(room.text(bob), "\"confirmed\":3"));
  const auto state = room.request("{\"op\":\"state\",\"room\":\"lobby\"}");
  CHECK(contains(state.body, "\"dead\":1"));
}

TEST_CASE("after a sleep the room sends again what it does not know to be stored") {
  RoomHarness room;
  const auto ana = room.join();
  room.frame(ana, message("1"));
  room.turn();
  room.timer();
  REQUIRE(room.attempts.size() == 1);
  room.wake();
  CHECK(room.attempts.empty());
  REQUIRE(room.alarm_at_ms);  // should it sleep again at once
  room.timer();
  REQUIRE(room.attempts.size() == 1);
  room.store_all();
  room.turn();
  CHECK(contains(room.text(ana), "\"through\":1}"));
  room.timer();  // stores the watermark, which no segment has carried
  room.alarm();
  CHECK_FALSE(room.alarm_at_ms);
  room.wake();
  CHECK_FALSE(room.alarm_at_ms);
  CHECK_FALSE(room.timer_delay_ms);
}

TEST_CASE("history has the newest messages, and pages in both directions") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  for (int i = 1; i <= 9; i++) room.frame(ana, message(std::to_string(i * 11)));
  room.turn();
  for (int i = 10; i <= 12; i++) {
    room.frame(ana, message(std::to_string(i * 11)));
    room.turn();
  }
  room.take(ana);
  room.frame(ana, "{\"type\":\"history\",\"limit\":2,\"ref\":\"r\"}");
  std::string page = room.text(ana);
  CHECK(contains(page, "[{\"type\":\"history\",\"messages\":[{\"seq\":11,"));
  CHECK(contains(page, "\"content\":132}],\"more\":true,\"ref\":\"r\"}]"));
  room.frame(ana, "{\"type\":\"history\",\"before\":3,\"limit\":2}");
  page = room.text(ana);
  CHECK(contains(page, "\"messages\":[{\"seq\":1,"));
  CHECK(contains(page, "\"content\":22}],\"more\":false}"));
  room.frame(ana, "{\"type\":\"history\",\"after\":9,\"limit\":2}");
  page = room.text(ana);
  CHECK(contains(page, "\"messages\":[{\"seq\":10,"));
  CHECK(contains(page, "\"content\":121}],\"more\":true}"));
  room.frame(ana, "{\"type\":\"history\",\"after\":12}");
  CHECK(room.text(ana) == "[{\"type\":\"history\",\"messages\":[],\"more\":false}]");
}

TEST_CASE("a full outbox refuses new messages, and takes them again once there is room") {
  RoomSettings settings;
  settings.outbox_records_max = 2;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  room.frame(ana, message("1", "a"));
  room.frame(ana, message("2", "b"));
  room.frame(ana, message("3", "c"));
  const std::string refused = room.text(ana);
  CHECK(contains(refused, "\"code\":\"outbox_full\""));
  CHECK(contains(refused, "\"id\":\"c\""));
  room.turn();
  room.timer();
  room.store_all();
  room.turn();
  room.take(ana);
  room.frame(ana, message("3", "c"));
  room.turn();
  CHECK(contains(room.text(ana), "\"seq\":3,\"user\":\"ana\""));
}

TEST_CASE("room_count is told at once and then once a second") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.take(ana);
  const auto tab = room.join(",\"user\":\"ana\"");
  room.turn();
  CHECK_FALSE(contains(room.text(ana), "room_count"));
  REQUIRE(room.timer_delay_ms);
  CHECK(*room.timer_delay_ms <= edgeroom::kRoomCountIntervalMs);
  room.timer();
  room.turn();
  CHECK(contains(room.text(ana), "{\"type\":\"room_count\",\"count\":2,\"users\":1}"));
  room.now_ms += 2000;
  room.leave(tab);
  room.turn();
  const std::string told = room.text(ana);
  CHECK(contains(told, "{\"type\":\"leave\",\"user\":\"ana\""));
  CHECK(contains(told, "{\"type\":\"room_count\",\"count\":1,\"users\":1}"));
}

TEST_CASE("joins are not told one by one in a large room") {
  RoomSettings settings;
  settings.presence_max = 2;
  RoomHarness room(settings);
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.join();
  room.turn();
  room.take(ana);
  for (int i = 0; i < 10; i++) room.join();
  CHECK_FALSE(room.flush_scheduled);
  room.timer();
  room.turn();
  CHECK(room.text(ana) == "[{\"type\":\"room_count\",\"count\":12,\"users\":12}]");
}

TEST_CASE("a full room refuses the next with 503 and stays as it is") {
  RoomSettings settings;
  settings.connections_max = 1;
  RoomHarness room(settings);
  room.join();
  REQUIRE_FALSE(room.event(EventType::kConnect, 77, 0, "{\"op\":\"connect\",\"room\":\"lobby\"}"));
  const auto state = room.request("{\"op\":\"state\",\"room\":\"lobby\"}");
  CHECK(contains(state.body, "\"connections\":1"));
}

TEST_CASE("a flooding connection is warned and then closed with 4029") {
  RoomSettings settings;
  settings.connection_limit.rate = 1;
  settings.connection_limit.burst = 3;
  RoomHarness room(settings);
  const auto eve = room.join();
  const auto ana = room.join();
  room.turn();
  room.take(eve);
  for (int i = 0; i < 3; i++) room.frame(eve, "not json");
  room.take(eve);
  room.frame(eve, message("1", "late"));
  const std::string warned = room.text(eve);
  CHECK(contains(warned, "\"code\":\"rate_limited\""));
  CHECK(contains(warned, "\"id\":\"late\""));
  CHECK(contains(warned, "\"retry_after_ms\":1000"));
  for (uint32_t i = 0; i < edgeroom::kFloodWarningsMax; i++) room.frame(eve, "x");
  CHECK(room.closed[eve] == 4029);
  CHECK(room.closed.count(ana) == 0);
}

TEST_CASE("a turn with more than a frame's worth is split, and stays in order") {
  RoomSettings settings;
  settings.connection_limit.rate = 1000;
  settings.connection_limit.burst = 1000;
  RoomHarness room(settings);
  const auto ana = room.join();
  room.turn();
  room.take(ana);
  const std::string content = "\"" + std::string(60'000, 'x') + "\"";
  for (int i = 0; i < 40; i++) room.frame(ana, message(content));
  room.turn();
  const auto frames = room.take(ana);
  CHECK(frames.size() == 3);
  for (const auto& frame : frames) CHECK(frame.size() <= edgeroom::kOutboundFrameBytesMax);
  CHECK(room.storage.segments.size() == 3);
  for (const auto& [slot, segment] : room.storage.segments) {
    CHECK(segment.second.size() <= edgeroom::kSegmentBytesMax + 60'100);
  }
}

TEST_CASE("events out of order are refused and change nothing") {
  RoomHarness room;
  CHECK(room.event(EventType::kLoaded, 0, 0, "x") == edgeroom::RoomStatus::kOutOfOrder);
  CHECK(room.event(EventType::kRestored) == edgeroom::RoomStatus::kOutOfOrder);
  CHECK(room.event(EventType::kConnect, 1, 0, "{}") == edgeroom::RoomStatus::kBadPayload);
  CHECK(room.event(EventType::kRequest, 1, 0, "nonsense") == edgeroom::RoomStatus::kBadPayload);
  for (const char* cut : {"", "5", "5\n", "5\nSun"}) {
    CHECK(room.event(EventType::kAttemptResult, 1, 200, cut) == edgeroom::RoomStatus::kBadPayload);
  }
}

TEST_CASE("a deleted message's content is gone everywhere, and its place is kept") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.frame(ana, message("\"keep\"", "k"));
  room.frame(ana, message("\"secret\"", "s"));
  room.turn();
  room.frame(ana, message("\"later\""));
  room.turn();
  room.take(ana);
  room.take(bob);

  room.frame(bob, "{\"type\":\"delete\",\"seq\":2,\"ref\":\"r\"}");
  const std::string refused = room.text(bob);
  CHECK(contains(refused, "\"code\":\"forbidden\""));
  CHECK(contains(refused, "\"ref\":\"r\""));

  room.frame(ana, "{\"type\":\"delete\",\"seq\":2}");
  CHECK(contains(room.text(bob),
                 "[{\"type\":\"message_deleted\",\"seq\":4,\"target\":2,\"by\":\"ana\",\"ts\":"));
  for (const auto& [slot, segment] : room.storage.segments) {
    CHECK_FALSE(contains(segment.second, "secret"));
  }
  const std::string epoch = epoch_of(room);
  const auto check_gone = [&room, &epoch] {
    const auto late = room.join(",\"user\":\"late\",\"epoch\":\"" + epoch + "\",\"after\":0");
    const std::string replay = room.text(late);
    CHECK(contains(replay, "\"recovered\":true"));
    CHECK(contains(replay, "\"content\":\"keep\""));
    CHECK(contains(replay, "{\"type\":\"new_message\",\"seq\":2,\"user\":\"ana\","));
    CHECK(contains(replay, ",\"deleted\":true},"));
    CHECK(contains(replay, "{\"type\":\"message_deleted\",\"seq\":4,\"target\":2"));
    CHECK_FALSE(contains(replay, "secret"));
    const std::string page = room.request("{\"op\":\"messages\",\"room\":\"lobby\"}").body;
    CHECK(contains(page, "\"user\":\"ana\",\"deleted\":true,\"by\":\"ana\"}"));
    CHECK_FALSE(contains(page, "secret"));
    CHECK_FALSE(contains(page, "\"seq\":4"));
    room.leave(late);
  };
  check_gone();
  room.wake();
  check_gone();
  room.frame(ana, message("\"secret\"", "s"));
  CHECK(contains(room.text(ana), "{\"type\":\"ack\",\"id\":\"s\",\"seq\":2,\"duplicate\":true}"));
  room.frame(ana, "{\"type\":\"delete\",\"seq\":2}");
  CHECK(contains(room.text(ana), "\"code\":\"not_found\""));

  room.until_attempt();
  CHECK(contains(room.attempts[0].body,
                 "{\"seq\":2,\"type\":\"message\",\"ts\":1800000000000,"
                 "\"user\":\"ana\",\"deleted\":true}"));
  CHECK(
      contains(room.attempts[0].body,
               "{\"seq\":4,\"type\":\"delete\",\"ts\":1800000000000,\"target\":2,\"by\":\"ana\"}"));
  CHECK_FALSE(contains(room.attempts[0].body, "secret"));
  room.store_all();
  room.turn();
  CHECK(contains(room.text(ana), "\"through\":4}"));
}

TEST_CASE("a message can be deleted in the turn that brings it") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.take(ana);
  room.frame(ana, message("\"oops\""));
  room.frame(ana, "{\"type\":\"delete\",\"seq\":1}");
  room.turn();
  const std::string told = room.text(ana);
  CHECK(contains(told, "\"content\":\"oops\""));
  CHECK(contains(told, "{\"type\":\"message_deleted\",\"seq\":2,\"target\":1"));
  for (const auto& [slot, segment] : room.storage.segments) {
    CHECK_FALSE(contains(segment.second, "oops"));
  }
}

TEST_CASE("only a message that the room holds can be deleted") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.frame(ana, message("1"));
  room.turn();
  room.frame(ana, "{\"type\":\"delete\",\"seq\":1}");
  room.take(ana);
  for (const char* seq : {"0", "2", "3", "9007199254740991"}) {  // 2 is the deletion itself
    CAPTURE(seq);
    room.frame(ana, std::string("{\"type\":\"delete\",\"seq\":") + seq + "}");
    CHECK(contains(room.text(ana), "\"code\":\"not_found\""));
  }
  room.frame(ana, "{\"type\":\"delete\"}");
  CHECK(contains(room.text(ana), "\"code\":\"bad_frame\""));
}

TEST_CASE("a message published over HTTP is one of the room's, answered when it is stored") {
  RoomHarness room;
  const std::string publish = "{\"op\":\"publish\",\"room\":\"lobby\"}\n";
  const auto post = [&room, &publish](const std::string& body) {
    return room.request_and_turn(publish + body);
  };
  const auto first = post("{\"content\":{\"n\":1e400},\"id\":\"p\"}");
  CHECK(first.status == 201);
  CHECK(contains(first.body, "\"seq\":1}"));
  const auto again = post("{\"content\":2,\"id\":\"p\"}");
  CHECK(again.status == 200);
  CHECK(contains(again.body, "\"seq\":1,\"duplicate\":true}"));
  const auto ana = room.join();
  room.take(ana);
  CHECK(post("{\"content\":3,\"user\":\"bot\"}").status == 201);
  CHECK(contains(room.text(ana), "\"seq\":2,\"user\":\"bot\""));
  CHECK(contains(room.request("{\"op\":\"messages\",\"room\":\"lobby\"}").body,
                 "\"user\":\"moderator\",\"id\":\"p\",\"content\":{\"n\":1e400}}"));

  const std::string long_id(65, 'x');
  for (const std::string& body :
       {std::string(), std::string("x"), std::string("[]"), std::string("{}"),
        std::string("{\"content\":1} x"), std::string("{\"content\":1,\"content\":2}"),
        std::string("{\"content\":1,\"id\":\"\"}"), std::string("{\"content\":1,\"id\":7}"),
        "{\"content\":1,\"id\":\"" + long_id + "\"}", std::string("{\"content\":1,\"user\":\"\"}"),
        std::string("{\"content\":\"\\ud800\"}")}) {
    CAPTURE(body);
    CHECK(post(body).status == 400);
  }
  CHECK(post("{\"content\":\"" + std::string(65'536, 'x') + "\"}").status == 413);
  CHECK(contains(room.request("{\"op\":\"state\",\"room\":\"lobby\"}").body, "\"seq\":2,"));
}

TEST_CASE("a moderator deletes anybody's message over HTTP") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.frame(ana, message("\"secret\""));
  room.turn();
  room.take(ana);
  const std::string remove = "{\"op\":\"delete\",\"room\":\"lobby\",\"seq\":1}";
  const auto deleted = room.request(remove);
  CHECK(deleted.status == 200);
  CHECK(contains(deleted.body, "\"seq\":2,\"target\":1}"));
  CHECK(contains(room.text(ana), "\"target\":1,\"by\":\"moderator\""));
  CHECK(room.request(remove).status == 404);
}

TEST_CASE("a page of history is one frame at most, and says that there is more") {
  // A request of thirty bytes was answered with six million.
  RoomSettings settings;
  settings.connection_limit.rate = 1000;
  settings.connection_limit.burst = 1000;
  RoomHarness room(settings);
  const auto ana = room.join();
  const std::string content = "\"" + std::string(60'000, 'x') + "\"";
  for (int i = 0; i < 60; i++) room.frame(ana, message(content));
  room.turn();
  room.take(ana);
  for (const char* bounds : {"", ",\"before\":50", ",\"after\":3"}) {
    CAPTURE(bounds);
    room.frame(ana, std::string("{\"type\":\"history\",\"limit\":50") + bounds + "}");
    const std::string page = room.text(ana);
    CHECK(page.size() < edgeroom::kOutboundFrameBytesMax);
    CHECK(page.size() > edgeroom::kOutboundFrameBytesMax / 2);
    CHECK(contains(page, "\"more\":true"));
  }
  room.frame(ana, "{\"type\":\"history\",\"after\":3}");
  CHECK(contains(room.text(ana), "\"messages\":[{\"seq\":4,"));
  room.frame(ana, "{\"type\":\"history\",\"before\":50}");
  CHECK(contains(room.text(ana), "{\"seq\":49,"));
}

TEST_CASE("a long drain of the outbox makes lasting progress") {
  // The watermark was stored only once the outbox was empty: a room that slept in the middle of a
  // drain began again at the front.
  RoomSettings settings;
  settings.connection_limit.rate = 1000;
  settings.connection_limit.burst = 1000;
  RoomHarness room(settings);
  const auto ana = room.join();
  for (int i = 0; i < 250; i++) room.frame(ana, message("1"));
  room.turn();
  room.until_attempt();
  room.store_all();
  room.turn();
  while (!room.attempts.empty()) room.answer(503, "", "60");
  for (int i = 0; i < 5; i++) {
    if (room.timer_delay_ms) room.timer();
    room.turn();
  }
  room.wake();
  const std::string state = room.request("{\"op\":\"state\",\"room\":\"lobby\"}").body;
  CHECK(contains(state, "\"confirmed\":100,"));
}

TEST_CASE("messages of another epoch are the central API's") {
  RoomHarness room;
  const auto ana = room.join();
  room.frame(ana, message("1"));
  room.turn();
  const std::string operation = "{\"op\":\"messages\",\"room\":\"lobby\",\"epoch\":\"other\"}";
  const uint32_t reached = room.begin_request(operation);
  const uint32_t unreached = room.begin_request(operation);
  const std::string page =
      "{\"seq\":7,\"ts\":1,\"user\":\"eve\",\"content\":1e400}],\"more\":false}";
  const std::string path =
      room.fetched(200, "{\"v\":1,\"room\":\"lobby\",\"epoch\":\"other\",\"messages\":[" + page);
  CHECK(path == "/v1/rooms/lobby/messages?epoch=other&limit=50");
  CHECK(room.answer_of(reached).body ==
        "{\"room\":\"lobby\",\"epoch\":\"other\",\"messages\":[" + page);
  room.fetched(0, "");
  CHECK(room.answer_of(unreached).body ==
        "{\"room\":\"lobby\",\"epoch\":\"other\",\"messages\":[],\"more\":false,\"partial\":true}");
}

TEST_CASE("a deletion of another epoch deletes nothing, one of this epoch does") {
  RoomHarness room;
  const auto ana = room.join(",\"user\":\"ana\"");
  room.publish(ana, "1");
  const std::string of = R"({"op":"delete","room":"lobby","seq":1,"epoch":")";
  CHECK(room.request_and_turn(of + "01OTHER\"}").status == 409);
  CHECK(room.request_and_turn(of + room.epoch() + "\"}").status == 200);
}

TEST_CASE("a message with a word that is not allowed is refused, over a socket and over HTTP") {
  auto settings = edgeroom::parse_room_settings(R"({"CONTENT_RULES":{"words":["spam"]}})");
  REQUIRE(settings.ok());
  RoomHarness room(settings.value());
  const auto ana = room.join(",\"user\":\"ana\"");
  room.take(ana);
  room.publish(ana, R"("buy SPAM")");
  CHECK(contains(room.text(ana), R"("code":"content_refused")"));
  CHECK(room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":\"spam\"}").status == 422);
  CHECK(room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":\"ham\"}").status == 201);
  CHECK(
      room.request_and_turn("{\"op\":\"publish\"}\n{\"content\":1,\"user\":\"a\\u0001\"}").status ==
      400);
}

TEST_CASE("a client that missed more than a recovery holds starts anew") {
  RoomHarness room(edgeroom::test::quiet_settings(1000));
  const auto ana = room.join(",\"user\":\"ana\"");
  const std::string large = '"' + std::string(60'000, 'x') + '"';
  for (int i = 0; i < 150; i++) room.publish(ana, large);
  const auto since = [&room](int seq) {
    const auto back = room.join(",\"user\":\"bo\",\"epoch\":\"" + room.epoch() +
                                "\",\"after\":" + std::to_string(seq));
    return contains(room.text(back), "\"recovered\":true");
  };
  CHECK(since(140));
  CHECK_FALSE(since(1));  // some 9 MB
}

TEST_CASE("users and ids as long as they may be are told apart to the last character") {
  RoomHarness room;
  std::string user;
  for (int i = 0; i < 128; i++) user += "\xf0\x9f\x98\x80";
  std::string id;
  for (int i = 0; i < 63; i++) id += "\xf0\x9f\x98\x81";
  const auto ana = room.join(",\"user\":\"" + user + "\"");
  room.take(ana);
  room.publish(ana, "1", id + "a");
  room.publish(ana, "2", id + "b");
  room.publish(ana, "3", id + "a");
  const std::string told = room.text(ana);
  CHECK(contains(told, "\"seq\":1"));
  CHECK(contains(told, "\"seq\":2"));
  CHECK(contains(told, "\"duplicate\":true"));
  CHECK_FALSE(contains(told, "\"seq\":3"));
}

TEST_CASE("where tokens name the users, an author is a user: not a connection") {
  auto settings = edgeroom::parse_room_settings(R"({"AUTH":"jwt"})");
  REQUIRE(settings.ok());
  RoomHarness room(settings.value());
  const auto ana = room.join(",\"user\":\"ana\"");
  const auto bob = room.join(",\"user\":\"bob\"");
  room.publish(ana, "1");
  room.leave(ana);
  room.take(bob);
  room.frame(bob, R"({"type":"delete","seq":1})");
  room.turn();
  CHECK(contains(room.text(bob), "only a moderator or its author may delete a message"));
  const auto again = room.join(",\"user\":\"ana\"");
  room.take(again);
  room.frame(again, R"({"type":"delete","seq":1})");
  room.turn();
  CHECK(contains(room.text(again), R"("type":"message_deleted")"));
}
