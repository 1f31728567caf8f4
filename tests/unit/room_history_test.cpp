// Pages that reach beyond what the room holds: read on from the central API, and joined with what
// the room has, though the room goes on while they are read.

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rooms/limits.h"
#include "rooms/room.h"
#include "tests/unit/central_store.h"
#include "tests/unit/room_harness.h"

using edgeroom::EventType;
using edgeroom::kCentralReadAttemptsMax;
using edgeroom::kCentralReadsMax;
using edgeroom::kCentralReadsUnderWayMax;
using edgeroom::test::CentralStore;
using edgeroom::test::quiet_settings;
using edgeroom::test::RoomHarness;
using nlohmann::json;

namespace {

// A room that holds three messages, one segment each, and the central API, which has all.
struct World {
  RoomHarness room{quiet_settings(2)};
  CentralStore central;
  uint32_t ana = room.join(",\"user\":\"ana\"");
  int published = 0;

  explicit World(int messages = 10) {
    for (int i = 0; i < messages; i++) go_on();
    room.take(ana);
  }

  // One message more, forwarded: what the room holds moves on by one.
  void go_on(const std::string& content = "") {
    room.publish(ana, content.empty() ? std::to_string(++published) : content);
    central.confirm_all(room);
  }

  // Until the room has let go of all that it held, and of what came next.
  void go_on_beyond() {
    for (int i = 0; i < 4; i++) go_on();
  }

  uint32_t ask(const std::string& members) {
    return room.begin_request("{\"op\":\"messages\"" + members + "}");
  }

  // The page, its reads answered. `reads` counts them.
  json page(const std::string& members, int reads) {
    const uint32_t request = ask(members);
    for (int i = 0; i < reads; i++) central.answer_read(room);
    CHECK(room.fetches.empty());
    return answer(request);
  }

  json answer(uint32_t request) {
    REQUIRE(room.answer_of(request).status == 200);
    return json::parse(room.answer_of(request).body);
  }
};

std::string seqs(const json& page) {
  std::string out;
  for (const json& message : page["messages"]) {
    out += (out.empty() ? "" : " ") + message["seq"].dump();
  }
  if (page["more"].get<bool>()) out += " more";
  if (page.contains("partial")) out += " partial";
  return out;
}

}  // namespace

TEST_CASE("a page over the edge of what is held is one page") {
  World world;
  const std::string path = "/v1/rooms/lobby/messages?epoch=" + world.room.epoch();
  struct Case {
    std::string query;
    std::string asks;  // empty: nothing
    std::string page;
  };
  const std::vector<Case> cases = {
      {",\"limit\":2", "", "9 10 more"},
      // A full page still has to say whether there is more.
      {",\"limit\":3", "&before=8&limit=1", "8 9 10 more"},
      {",\"limit\":5", "&before=8&limit=2", "6 7 8 9 10 more"},
      {",\"limit\":10", "&before=8&limit=7", "1 2 3 4 5 6 7 8 9 10"},
      {"", "&before=8&limit=47", "1 2 3 4 5 6 7 8 9 10"},
      {",\"before\":10,\"limit\":3", "&before=8&limit=1", "7 8 9 more"},
      {",\"before\":8,\"limit\":3", "&before=8&limit=3", "5 6 7 more"},
      {",\"before\":4", "&before=4&limit=50", "1 2 3"},
      {",\"before\":2", "&before=2&limit=50", "1"},
      {",\"before\":1", "", ""},
      {",\"before\":0", "", ""},
      {",\"after\":7", "", "8 9 10"},
      {",\"after\":6", "&after=6&limit=50", "7 8 9 10"},
      {",\"after\":6,\"limit\":2", "&after=6&limit=2", "7 8 more"},
      {",\"after\":6,\"limit\":1", "&after=6&limit=1", "7 more"},
      {",\"after\":0,\"limit\":4", "&after=0&limit=4", "1 2 3 4 more"},
      {",\"after\":0,\"limit\":7", "&after=0&limit=7", "1 2 3 4 5 6 7 more"},
      {",\"after\":0,\"limit\":10", "&after=0&limit=10", "1 2 3 4 5 6 7 8 9 10"},
      {",\"after\":10", "", ""},
      {",\"after\":99", "", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.query);
    const uint32_t request = world.ask(c.query);
    CHECK((world.room.answer_of(request).status == 0) == !c.asks.empty());
    if (!c.asks.empty()) {
      REQUIRE(world.room.fetches.size() == 1);
      CHECK(world.room.fetches[0].body == path + c.asks);
      world.central.answer_read(world.room);
    }
    CHECK(seqs(world.answer(request)) == c.page);
    CHECK(world.room.fetches.empty());
  }
}

TEST_CASE("a connection gets the same page, with its ref") {
  World world;
  world.room.frame(world.ana, R"({"type":"history","before":9,"limit":3,"ref":"r"})");
  CHECK(world.room.take(world.ana).empty());
  world.central.answer_read(world.room);
  const auto frames = world.room.take(world.ana);
  REQUIRE(frames.size() == 1);
  const json page = json::parse(frames[0])[0];
  CHECK(page["type"] == "history");
  CHECK(page["ref"] == "r");
  CHECK(seqs(page) == "6 7 8 more");
}

TEST_CASE("a message from the central API keeps its text, its id and its unusual numbers") {
  World world;
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  const std::string text =
      R"({"seq":7,"ts":1,"user":"an\u0061","id":"x","content":{"b":1e400,"a":[ 12345678901234567890 ]}})";
  const std::string nested = R"({"seq":6,"ts":1,"user":"bob","content":)" + deep + "}";
  const uint32_t request = world.ask(",\"before\":8,\"limit\":2");
  world.room.fetched(200, R"({"v":1,"room":"lobby","epoch":")" + world.room.epoch() +
                              R"(","messages":[)" + nested + ", " + text + R"(],"more":true})");
  CHECK(world.room.answer_of(request).body == R"({"room":"lobby","epoch":")" + world.room.epoch() +
                                                  R"(","messages":[)" + nested + "," + text +
                                                  R"(],"more":true})");
}

TEST_CASE("while a page is read the room goes on, and the page has no hole") {
  World world;
  const uint32_t request = world.ask(",\"limit\":5");
  REQUIRE(world.room.fetches.size() == 1);
  world.go_on();
  world.go_on();  // 8 and 9 have left the room, and are not in the answer
  const std::string epoch = world.room.epoch();
  CHECK(world.central.answer_read(world.room) ==
        "/v1/rooms/lobby/messages?epoch=" + epoch + "&before=8&limit=2");
  CHECK(world.room.answer_of(request).status == 0);
  CHECK(world.central.answer_read(world.room) ==
        "/v1/rooms/lobby/messages?epoch=" + epoch + "&before=13&limit=5");
  CHECK(seqs(world.answer(request)) == "8 9 10 11 12 more");
}

TEST_CASE("a page forwards has no hole either") {
  World world;
  const uint32_t request = world.ask(",\"after\":5");
  const std::string answer = world.central.page(world.room.fetches[0].body);
  world.go_on_beyond();
  world.room.fetched(200, answer);  // of what the central API had when it was asked
  CHECK(world.room.answer_of(request).status == 0);
  world.central.answer_read(world.room);
  CHECK(seqs(world.answer(request)) == "6 7 8 9 10 11 12 13 14");
}

TEST_CASE("a room that never stands still is asked three times, and then says partial") {
  World world;
  SUBCASE("backwards") {
    const uint32_t request = world.ask(",\"limit\":5");
    uint32_t reads = 0;
    for (; !world.room.fetches.empty(); reads++) {
      CHECK(world.room.answer_of(request).status == 0);
      world.go_on_beyond();
      world.central.answer_read(world.room);
    }
    CHECK(reads == kCentralReadAttemptsMax);
    CHECK(seqs(world.answer(request)) == "20 21 22 partial");
  }
  SUBCASE("forwards") {
    const uint32_t request = world.ask(",\"after\":2");
    uint32_t reads = 0;
    for (; !world.room.fetches.empty(); reads++) {
      const std::string answer = world.central.page(world.room.fetches[0].body);
      world.go_on_beyond();
      world.room.fetched(200, answer);
    }
    CHECK(reads == kCentralReadAttemptsMax);
    CHECK(seqs(world.answer(request)) == "20 21 22 partial");
  }
  SUBCASE("it stands still for the last of them") {
    const uint32_t request = world.ask(",\"limit\":5");
    world.go_on_beyond();
    world.central.answer_read(world.room);
    world.go_on_beyond();
    world.central.answer_read(world.room);
    world.central.answer_read(world.room);
    CHECK(seqs(world.answer(request)) == "14 15 16 17 18 more");
  }
}

TEST_CASE("a page that does not reach the edge is whole, however busy the room is") {
  // It was read three times and then given up: nobody could read what is old in a busy room.
  World world;
  for (const auto& [query, page] : std::vector<std::pair<std::string, std::string>>{
           {",\"before\":5", "1 2 3 4"},
           {",\"before\":5,\"limit\":2", "3 4 more"},
           {",\"before\":8,\"limit\":3", "5 6 7 more"},
           {",\"after\":1,\"limit\":3", "2 3 4 more"}}) {
    CAPTURE(query);
    const uint32_t request = world.ask(query);
    const std::string answer = world.central.page(world.room.fetches[0].body);
    world.go_on();
    world.room.fetched(200, answer);
    CHECK(world.room.fetches.empty());
    CHECK(seqs(world.answer(request)) == page);
  }
}

TEST_CASE("messages that come while a page is read may fill it, and more says so") {
  // Nothing is older than what the room holds but two records that are no messages, so the central
  // API's part is empty. `more` was false, though the room itself held more.
  World world(0);
  for (int i = 0; i < 2; i++) {
    CHECK(
        world.room.request("{\"op\":\"moderate\"}\n{\"action\":\"kick\",\"user\":\"x\"}").status ==
        200);
  }
  for (int i = 0; i < 4; i++) world.go_on();
  const uint32_t request = world.ask(",\"limit\":5");
  REQUIRE(world.room.fetches.size() == 1);
  for (int i = 0; i < 6; i++) world.room.publish(world.ana, "1");
  SUBCASE("the central API answers") { world.central.answer_read(world.room); }
  SUBCASE("the central API can't be reached, and need not be") { world.room.fetched(0, ""); }
  CHECK(world.room.fetches.empty());
  CHECK(seqs(world.answer(request)) == "8 9 10 11 12 more");
}

TEST_CASE("without the central API a page is what the room holds, and says so") {
  World world;
  const std::string epoch = world.room.epoch();
  const auto other = [&](const std::string& room, const std::string& of) {
    return R"({"v":1,"room":")" + room + R"(","epoch":")" + of + R"(","messages":[],"more":false})";
  };
  const std::vector<std::pair<uint32_t, std::string>> answers = {
      {0, ""},
      {200, ""},
      {200, "<html>"},
      {200, other("other", epoch)},
      {200, other("lobby", "other")},
      {500, other("lobby", epoch)},
      {404, other("lobby", epoch)},
      {403, "{\"message\":\"Forbidden\"}"},
      {429, ""},
      {302, ""},
      {206, other("lobby", epoch)}};
  for (const auto& [status, body] : answers) {
    CAPTURE(status);
    CAPTURE(body);
    for (const auto& [query, page] : std::vector<std::pair<std::string, std::string>>{
             {",\"limit\":5", "8 9 10 partial"},
             {",\"before\":4", " partial"},
             {",\"after\":2", "8 9 10 partial"},
             {",\"after\":2,\"limit\":2", "8 9 more partial"},
             // The page itself is whole; only whether there is more could not be asked.
             {",\"limit\":3", "8 9 10 more"}}) {
      CAPTURE(query);
      world.room.logs.clear();
      const uint32_t request = world.ask(query);
      world.room.fetched(status, body);
      CHECK(world.room.fetches.empty());
      CHECK(seqs(world.answer(request)) == page);
      REQUIRE(world.room.logs.size() == 1);  // an operator can see it
      CHECK(world.room.logs[0].find("status " + std::to_string(status)) != std::string::npos);
    }
  }
}

TEST_CASE("an answer to another question is none") {
  // A cache between that does not look at the query would give it.
  World world;
  for (const auto& [query, wrong, page] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {",\"before\":5,\"limit\":2", "&before=7&limit=2", " partial"},
           {",\"after\":4,\"limit\":2", "&after=1&limit=2", "8 9 more partial"}}) {
    CAPTURE(query);
    const uint32_t request = world.ask(query);
    world.room.fetched(200, world.central.page("/v1/x?epoch=" + world.room.epoch() + wrong));
    CHECK(seqs(world.answer(request)) == page);
  }
}

TEST_CASE("what is deleted while a page is read is deleted in it, and in every page after") {
  World world;
  const std::string epoch = world.room.epoch();
  const std::string page_path = "/v1/rooms/lobby/messages?epoch=" + epoch + "&before=7&limit=50";
  const uint32_t request = world.ask(",\"before\":7");
  const std::string page_before = world.central.page(page_path);
  CHECK(page_before.find("\"content\":5}") != std::string::npos);
  const uint32_t removal = world.room.begin_request("{\"op\":\"delete\",\"seq\":5}");
  world.central.answer_read(world.room,
                            "/v1/rooms/lobby/messages?epoch=" + epoch + "&after=4&limit=1");
  CHECK(world.room.answer_of(removal).status == 200);
  world.room.fetched(200, page_before);
  const auto check_masked = [](const json& page) {
    CHECK(seqs(page) == "1 2 3 4 5 6");
    const json& message = page["messages"][4];
    CHECK(message["deleted"] == true);
    CHECK(message["by"] == "moderator");
    CHECK(message["user"] == "ana");
    CHECK(message["ts"].is_number());
    CHECK_FALSE(message.contains("content"));
    CHECK(page["messages"][3]["content"] == 4);
  };
  check_masked(world.answer(request));
  check_masked(world.page(",\"before\":7", 1));
  // It is not forgotten in sleep, nor when the attempt to tell it fails.
  world.room.wake();
  check_masked(world.page(",\"before\":7", 1));
  world.room.until_attempt();
  world.room.answer(503, "");
  check_masked(world.page(",\"before\":7", 1));
  // Once the central API has heard of it, its own text is given.
  world.central.confirm_all(world.room);
  world.central.messages[5]["by"] = "the central API";
  CHECK(world.page(",\"before\":7", 1)["messages"][4]["by"] == "the central API");
}

TEST_CASE("of another epoch nothing is masked, joined or held") {
  World world;
  world.room.begin_request("{\"op\":\"delete\",\"seq\":5}");
  world.central.answer_read(world.room);
  const json page = world.page(",\"epoch\":\"other\",\"after\":3,\"limit\":20", 1);
  CHECK(page["epoch"] == "other");
  CHECK(seqs(page) == "4 5 6 7 8 9 10");
  CHECK(page["messages"][1]["content"] == 5);
  // The room's own epoch may be named, too.
  CHECK(seqs(world.page(",\"epoch\":\"" + world.room.epoch() + "\",\"limit\":1", 0)) == "10 more");
}

TEST_CASE("sixty-five reads at once: two are under way, and the last is answered without") {
  World world;
  std::vector<uint32_t> requests;
  for (size_t i = 0; i <= kCentralReadsMax; i++) {
    requests.push_back(world.ask(",\"before\":" + std::to_string(3 + i % 5)));
    CHECK(world.room.fetches.size() == std::min(i + 1, kCentralReadsUnderWayMax));
  }
  CHECK(seqs(world.answer(requests.back())) == " partial");
  for (size_t i = 0; i < kCentralReadsMax; i++) {
    CAPTURE(i);
    CHECK(world.room.answer_of(requests[i]).status == 0);
    world.central.answer_read(world.room);
    CHECK(world.room.fetches.size() ==
          std::min(kCentralReadsMax - i - 1, kCentralReadsUnderWayMax));
    const json page = world.answer(requests[i]);
    CHECK(page["messages"].size() == 2 + i % 5);
    CHECK_FALSE(page.contains("partial"));
  }
  // There is room again.
  CHECK(seqs(world.page(",\"before\":3", 1)) == "1 2");
}

TEST_CASE("a connection that is gone before its answer is not answered, and holds nothing up") {
  World world;
  const auto bob = world.room.join(",\"user\":\"bob\"");
  world.room.take(bob);
  world.room.frame(bob, R"({"type":"history","before":3})");
  world.room.leave(bob);
  world.central.answer_read(world.room);
  CHECK(world.room.take(bob).empty());
  CHECK(seqs(world.page(",\"before\":3", 1)) == "1 2");
}

TEST_CASE("an answer that comes after a sleep, or twice, or to nothing, is nobody's") {
  World world;
  world.ask(",\"before\":3");
  const std::string page = world.central.page(world.room.fetches[0].body);
  world.room.wake();
  CHECK(world.room.fetches.empty());
  for (const uint32_t number : {0U, 1U, 2U, 99U}) {
    REQUIRE_FALSE(world.room.event(EventType::kFetched, number, 200, page));
    CHECK(world.room.order.empty());
  }
  const uint32_t request = world.ask(",\"before\":3");
  const uint32_t number = world.room.fetches[0].number;
  world.central.answer_read(world.room);
  CHECK(world.room.answer_of(request).status == 200);
  REQUIRE_FALSE(world.room.event(EventType::kFetched, number, 200, page));
  CHECK(world.room.answer_of(request).body == world.room.answer_of(request).body);
  CHECK(world.room.order.empty());
}

TEST_CASE(
    "a page of large messages is one frame at most, over the edge too, and nothing is left out") {
  World world(0);
  const std::string large = "\"" + std::string(60'000, 'x') + "\"";
  for (int i = 0; i < 40; i++) world.go_on(large);
  for (const std::string direction : {"before", "after"}) {
    CAPTURE(direction);
    std::vector<uint64_t> seen;
    std::string bound = direction == "after" ? ",\"after\":0" : "";
    int pages = 0;
    for (bool more = true; more; pages++) {
      const uint32_t request = world.ask(",\"limit\":100" + bound);
      while (world.room.answer_of(request).status == 0) world.central.answer_read(world.room);
      CHECK(world.room.answer_of(request).body.size() < edgeroom::kOutboundFrameBytesMax);
      const json page = world.answer(request);
      REQUIRE_FALSE(page["messages"].empty());
      CHECK_FALSE(page.contains("partial"));
      for (const json& message : page["messages"]) seen.push_back(message["seq"]);
      const json& last = direction == "after" ? page["messages"].back() : page["messages"].front();
      bound = ",\"" + direction + "\":" + last["seq"].dump();
      more = page["more"];
    }
    CHECK(pages == 3);
    std::sort(seen.begin(), seen.end());
    CHECK(std::unique(seen.begin(), seen.end()) == seen.end());
    CHECK(seen.size() == 40);
  }
}

TEST_CASE("a room that was never used, or holds everything, asks nobody") {
  RoomHarness room;
  CHECK(room.request("{\"op\":\"messages\",\"limit\":5}").status == 200);
  CHECK(room.request("{\"op\":\"messages\",\"before\":5}").status == 200);
  const auto ana = room.join();
  for (int i = 0; i < 5; i++) room.publish(ana, "1");
  CHECK(seqs(json::parse(room.request("{\"op\":\"messages\"}").body)) == "1 2 3 4 5");
  CHECK(room.fetches.empty());
}

TEST_CASE("a read is signed by the clock that the central API corrected") {
  World world;
  world.ask(",\"before\":3");
  CHECK(world.room.fetches.at(0).key.empty());
  world.central.answer_read(world.room);
  world.room.publish(world.ana, "1");
  world.room.until_attempt();
  const uint32_t attempt = world.room.attempts.at(0).number;
  world.room.attempts.clear();
  REQUIRE_FALSE(world.room.event(EventType::kAttemptResult, attempt, 403,
                                 "\nThu, 01 Jan 2026 00:00:00 GMT\n"));
  const uint32_t request = world.ask(",\"before\":3");
  const std::string offset = world.room.fetches.at(0).key;
  CHECK(offset.substr(0, 1) == "-");
  CHECK(world.room.attempts.at(0).key.find("\n" + offset) != std::string::npos);
  world.central.answer_read(world.room);
  CHECK(seqs(world.answer(request)) == "1 2");
}

TEST_CASE("a page that its bytes cut short says that there is more, and no byte too many is told") {
  // Older segments are left unread, and of those that are read not all fits.
  RoomHarness room(quiet_settings(100));
  const auto ana = room.join();
  constexpr size_t kBytes = 60'000;
  for (int i = 0; i < 40; i++) room.publish(ana, "\"" + std::string(kBytes, 'x') + "\"");
  uint64_t before = 41;
  for (int pages = 0; before > 1; pages++) {
    REQUIRE(pages < 10);
    const auto answer =
        room.request(R"({"op":"messages","limit":20,"before":)" + std::to_string(before) + "}");
    CHECK(answer.body.size() <= edgeroom::kHistoryBytesMax + 1000);
    const json page = json::parse(answer.body);
    REQUIRE_FALSE(page["messages"].empty());
    CHECK(page["messages"].back()["seq"] == before - 1);  // no hole
    before = page["messages"].front()["seq"];
    CHECK(page["more"] == (before > 1));
  }
}

TEST_CASE("a message larger than a page may be is a page of its own, and nobody stops at it") {
  World world;
  world.central.messages[2]["content"] = std::string(edgeroom::kHistoryBytesMax + 1, 'x');
  CHECK(seqs(world.page(",\"before\":4", 1)) == "3 more");
  CHECK(seqs(world.page(",\"before\":3", 1)) == "2 more");
  CHECK(seqs(world.page(",\"before\":2", 1)) == "1");
  CHECK(seqs(world.page(",\"after\":0,\"limit\":5", 1)) == "1 more");
  CHECK(seqs(world.page(",\"after\":1,\"limit\":5", 1)) == "2 more");
  CHECK(seqs(world.page(",\"after\":2,\"limit\":2", 1)) == "3 4 more");
}
