// The poll of examples/, in a real room: what it takes, what it tells, and what it remembers.

#include "examples/poll/poll.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/settings.h"
#include "rooms/instance.h"
#include "tests/unit/dice.h"
#include "tests/unit/room_harness.h"
#include "worker/settings.h"

using edgeroom::Behaviour;
using edgeroom::ByteReader;
using edgeroom::ByteWriter;
using edgeroom::Member;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::SettingMap;
using edgeroom::test::Dice;
using edgeroom::test::RoomHarness;
using nlohmann::json;

namespace {

constexpr auto kColours =
    R"({"POLL_QUESTION":"Which colour?","POLL_OPTIONS":["red","blue","sea green"]})";
constexpr auto kColoursForAMinute =
    R"({"POLL_QUESTION":"Which colour?","POLL_OPTIONS":["red","blue","sea green"],"POLL_SECONDS":60})";

std::unique_ptr<Behaviour> make(const std::string& settings) {
  auto made = edgeroom::make_behaviour(SettingMap::parse(settings).value());
  REQUIRE(made.ok());
  return std::move(made.value());
}

RoomHarness::MakeBehaviour poll(const std::string& settings = kColours) {
  return [settings] { return make(settings); };
}

std::string message(const std::string& content) {
  return "{\"type\":\"message\",\"content\":" + content + "}";
}

std::string vote(const std::string& choice) {
  return message("{\"vote\":" + json(choice).dump() + "}");
}

std::string deletion(uint64_t seq) {
  return "{\"type\":\"delete\",\"seq\":" + std::to_string(seq) + "}";
}

// All objects of a type that a connection was told, and forgets the others.
std::vector<json> told(RoomHarness& room, uint32_t handle, const std::string& type) {
  std::vector<json> out;
  for (const std::string& frame : room.take(handle)) {
    for (json& object : json::parse(frame)) {
      if (object["type"] == type) out.push_back(std::move(object));
    }
  }
  return out;
}

json ask_tally(RoomHarness& room, uint32_t handle) {
  room.turn();
  room.take(handle);
  room.frame(handle, R"({"type":"event","name":"tally"})");
  const auto events = told(room, handle, "event");
  REQUIRE(events.size() == 1);
  CHECK(events[0]["name"] == "tally");
  return events[0]["content"];
}

// Lets somebody vote, alone in a turn.
void cast(RoomHarness& room, uint32_t handle, const std::string& choice) {
  room.frame(handle, vote(choice));
  room.turn();
}

uint64_t newest_seq(RoomHarness& room) {
  return json::parse(room.request(R"({"op":"state"})").body)["seq"];
}

// What differs when the state does.
std::string digest(RoomHarness& room) {
  const std::string log = room.whole(R"({"op":"log"})").body;
  return json::parse(log.substr(0, log.find('\n')))["state"];
}

std::string saved(const Behaviour& behaviour) {
  std::string bytes;
  ByteWriter writer(bytes);
  behaviour.save(writer);
  return bytes;
}

bool restores(Behaviour& behaviour, std::string_view bytes) {
  ByteReader reader(bytes);
  return behaviour.restore(reader) && reader.ok() && reader.at_end();
}

// The record of a vote, as the log has it.
void record_vote(Behaviour& behaviour, uint64_t seq, const std::string& user,
                 const std::string& choice) {
  const std::string content = "{\"vote\":" + json(choice).dump() + "}";
  Record record;
  record.seq = seq;
  record.ts = 1'800'000'000'000 + seq;
  record.user = user;
  record.conn = "c";
  record.content = content;
  behaviour.on_record(record);
}

bool takes(const Behaviour& behaviour, const std::string& user, const std::string& choice) {
  const std::string content = "{\"vote\":" + json(choice).dump() + "}";
  return !behaviour.on_message({user, "c", false}, content, 0).is_refused();
}

}  // namespace

// Different texts, so many.
static std::vector<std::string> numbers(size_t count) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; i++) texts.push_back(std::to_string(i));
  return texts;
}

TEST_CASE("poll: a setting that is wrong is named") {
  const std::string question = "\"POLL_QUESTION\":\"?\"";
  const std::string options = "\"POLL_OPTIONS\":[\"a\",\"b\"]";
  const std::string many(201, 'x');
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {options, "POLL_QUESTION is missing"},
      {options + ",\"POLL_QUESTION\":\"\"", "POLL_QUESTION must be"},
      {options + ",\"POLL_QUESTION\":\"two\\nlines\"", "POLL_QUESTION must be"},
      {options + ",\"POLL_QUESTION\":\"" + many + "\"", "POLL_QUESTION must be"},
      {question, "POLL_OPTIONS is missing"},
      {question + ",\"POLL_OPTIONS\":\"red, blue\"", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":[]", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":" + json(numbers(21)).dump(), "POLL_OPTIONS must be"},
      {question + "," + options + ",\"HISTORY_SIZE\":0", "HISTORY_SIZE must be"},
      {question + ",\"POLL_OPTIONS\":[\"alone\"]", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":[\"a\",1]", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":[\"a\",\"\\u0061\"]", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":[\"a\",\"\"]", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":[\"a\",\"" + many + "\"]", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":\"[\\\"a\\\",\\\"b\\\"] \\\"c\\\"\"", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":\"[\\\"a\\\",\\\"b\\\"\"", "POLL_OPTIONS must be"},
      {question + ",\"POLL_OPTIONS\":\"[\\\"a\\\",\\\"b\\\",]\"", "POLL_OPTIONS must be"},
      {question + "," + options + ",\"POLL_SECONDS\":0", "POLL_SECONDS must be"},
      {question + "," + options + ",\"POLL_SECONDS\":\"soon\"", "POLL_SECONDS must be"},
      {question + "," + options + ",\"POLL_SECONDS\":31622401", "POLL_SECONDS must be"},
      {question + "," + options + ",\"MESSAGE_BYTES_MAX\":9079", "MESSAGE_BYTES_MAX must be 9080"},
  };
  // What a Worker needs beside.
  const std::string worker =
      R"("AUTH":"off","PERSIST_AUTH":"none","PERSIST_URL":"http://127.0.0.1:9","RATE_LIMITS":"[]",)";
  for (const auto& [members, expected] : wrong) {
    CAPTURE(members);
    const auto made = edgeroom::make_behaviour(SettingMap::parse("{" + members + "}").value());
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().detail.find(expected) == 0);
    // The Worker says so before a room is asked.
    const auto edge = edgeroom::parse_edge_settings("{" + worker + members + "}");
    REQUIRE_FALSE(edge.ok());
    CHECK(edge.error().detail == made.error().detail);
  }
  for (const std::string& good :
       {question + "," + options, question + ",\"POLL_OPTIONS\":\" [ \\\"a\\\" , \\\"b\\\" ] \"",
        question + "," + options + ",\"POLL_SECONDS\":\"60\""}) {
    CAPTURE(good);
    CHECK(edgeroom::make_behaviour(SettingMap::parse("{" + good + "}").value()).ok());
    CHECK(edgeroom::parse_edge_settings("{" + worker + good + "}").ok());
  }
}

TEST_CASE("poll: a newcomer is told what is asked and how it stands") {
  RoomHarness room({}, poll(kColoursForAMinute));
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const auto first = told(room, ana, "event");
  REQUIRE(first.size() == 1);
  CHECK(first[0]["name"] == "poll");
  CHECK_FALSE(first[0].contains("user"));
  CHECK(first[0]["content"] == json::parse(R"({
    "question": "Which colour?", "options": ["red", "blue", "sea green"],
    "tally": {"votes": [0, 0, 0], "closed": false}})"));
  cast(room, ana, "blue");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  CHECK(told(room, bob, "event").at(0)["content"]["tally"] ==
        json::parse(R"({"votes":[0,1,0],"closed":false,"closes_at":1800000060000})"));
}

TEST_CASE("poll: a vote is stored in one form, however it was written") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  room.take(ana);
  room.frame(ana, message(R"( { "vote" : "sea\u0020gr\u0065en" } )"));
  room.turn();
  const std::string text = room.text(ana);
  CHECK(text.find(R"("user":"ana","ts":1800000000000,"content":{"vote":"sea green"}})") !=
        std::string::npos);
  CHECK(ask_tally(room, ana)["votes"] == json({0, 0, 1}));
}

TEST_CASE("poll: what is no vote is refused, and told why") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  room.turn();
  room.take(ana);
  for (const std::string content :
       {"\"red\"", "null", "[\"red\"]", "{}", R"({"vote":"green"})", R"({"vote":"Red"})",
        R"({"vote":0})", R"({"vote":["red"]})", R"({"vote":"red","vote":"blue"})",
        R"({"vote":"red","why":"it is"})", R"({"Vote":"red"})",
        R"({"result":{"question":"?","options":["red"],"tally":{"votes":[9],"closed":true}}})"}) {
    CAPTURE(content);
    room.frame(ana, message(content));
    CHECK_FALSE(room.flush_scheduled);
    const auto errors = told(room, ana, "error");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0]["code"] == "content_refused");
    CHECK(
        errors[0]["detail"] ==
        R"("content" must be {"vote":TEXT}, with one of these texts: ["red","blue","sea green"])");
    const auto answer = room.request("{\"op\":\"publish\"}\n{\"content\":" + content + "}");
    CHECK(answer.status == 422);
  }
  CHECK(newest_seq(room) == 0);
}

TEST_CASE("poll: the last vote of a user counts, from whatever connection") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t phone = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  cast(room, ana, "red");
  cast(room, bob, "red");
  CHECK(ask_tally(room, ana)["votes"] == json({2, 0, 0}));
  cast(room, phone, "blue");
  CHECK(ask_tally(room, ana)["votes"] == json({1, 1, 0}));
  // A moderator may vote for somebody.
  const auto answer = room.request_and_turn(R"({"op":"publish"})"
                                            "\n"
                                            R"({"user":"bob","content":{"vote":"sea green"}})");
  CHECK(answer.status == 201);
  CHECK(ask_tally(room, ana)["votes"] == json({0, 1, 1}));
}

TEST_CASE("poll: a vote under the poll's own name is a vote, and ends nothing") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  cast(room, ana, "red");
  const std::string as_poll = R"({"op":"publish"})"
                              "\n"
                              R"({"user":"poll","content":)";
  CHECK(room.request_and_turn(as_poll + R"({"vote":"blue"}})").status == 201);
  CHECK(room.request(as_poll + R"({"result":{"tally":[9]}}})").status == 422);
  const json tally = ask_tally(room, ana);
  CHECK(tally["votes"] == json({1, 1, 0}));
  CHECK(tally["closed"] == false);
  const std::string before = digest(room);
  room.wake();
  CHECK(digest(room) == before);
}

TEST_CASE("poll: moderation is no vote, and takes none back") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  cast(room, ana, "red");
  for (const char* action : {"mute", "kick", "ban"}) {
    CHECK(room.request("{\"op\":\"moderate\"}\n{\"action\":\"" + std::string(action) +
                       "\",\"user\":\"ana\"}")
              .status < 300);
    room.turn();
  }
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  CHECK(ask_tally(room, bob)["votes"] == json({1, 0, 0}));
  const std::string before = digest(room);
  room.wake();
  CHECK(digest(room) == before);
}

TEST_CASE("poll: deleting the vote that counts takes it back, and the one before stays gone") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  cast(room, ana, "red");   // 1
  cast(room, ana, "blue");  // 2
  cast(room, bob, "blue");  // 3
  SUBCASE("the one that counts") {
    room.frame(ana, deletion(2));
    CHECK(ask_tally(room, bob)["votes"] == json({0, 1, 0}));
    room.frame(ana, deletion(1));
    CHECK(ask_tally(room, bob)["votes"] == json({0, 1, 0}));
    cast(room, ana, "red");
    CHECK(ask_tally(room, bob)["votes"] == json({1, 1, 0}));
  }
  SUBCASE("one that does not count any more") {
    room.frame(ana, deletion(1));
    CHECK(ask_tally(room, bob)["votes"] == json({0, 2, 0}));
  }
  SUBCASE("everybody is told the tally with the deletion") {
    room.take(bob);
    room.frame(ana, deletion(2));
    const auto frames = room.take(bob);
    REQUIRE(frames.size() == 1);
    const json objects = json::parse(frames[0]);
    REQUIRE(objects.size() == 2);
    CHECK(objects[0]["type"] == "message_deleted");
    CHECK(objects[1]["content"]["votes"] == json({0, 1, 0}));
  }
  const std::string before = digest(room);
  room.wake();
  CHECK(digest(room) == before);
}

TEST_CASE("poll: everybody is told one tally a turn, behind its votes and in their frame") {
  RoomHarness room({}, poll());
  std::vector<uint32_t> people;
  for (int i = 0; i < 50; i++)
    people.push_back(room.join(",\"user\":\"u" + std::to_string(i) + "\""));
  room.turn();
  for (const uint32_t handle : people) room.take(handle);
  for (const uint32_t handle : people) room.frame(handle, vote("red"));
  room.turn();
  const auto frames = room.take(people[7]);
  REQUIRE(frames.size() == 1);
  const json objects = json::parse(frames[0]);
  REQUIRE(objects.size() == 51);
  CHECK(objects[49]["type"] == "new_message");
  CHECK(objects[50] ==
        json::parse(
            R"({"type":"event","name":"tally","content":{"votes":[50,0,0],"closed":false}})"));
}

TEST_CASE("poll: who asks for the tally is told alone, and no other event is taken") {
  RoomHarness room({}, poll());
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  room.turn();
  room.take(ana);
  room.take(bob);
  room.frame(ana, R"({"type":"event","name":"tally","ref":"7"})");
  CHECK(
      room.text(ana) ==
      R"([{"type":"event","name":"tally","content":{"votes":[0,0,0],"closed":false},"ref":"7"}])");
  for (const std::string name : {"typing", "poll", "Tally"}) {
    room.frame(ana, "{\"type\":\"event\",\"name\":\"" + name + "\"}");
    CHECK(
        room.text(ana) ==
        R"([{"type":"error","code":"content_refused","detail":"a poll knows one event: \"tally\""}])");
  }
  room.turn();
  CHECK(room.take(bob).empty());
}

TEST_CASE("poll: when its time is over the room publishes the result and takes no more votes") {
  RoomHarness room({}, poll(kColoursForAMinute));
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  cast(room, ana, "red");
  room.now_ms += 30'000;
  cast(room, bob, "blue");
  cast(room, bob, "red");
  room.take(bob);
  while (room.now_ms < 1'800'000'060'000) {
    if (room.timer_delay_ms) {
      room.timer();
    } else {
      if (!room.attempts.empty()) room.store_all();
      if (!room.timer_delay_ms) room.alarm();
    }
    room.turn();
  }
  CHECK(room.now_ms == 1'800'000'060'000);
  std::vector<json> messages = told(room, bob, "new_message");
  REQUIRE(messages.size() == 1);
  const json expected = json::parse(R"({"result": {
    "question": "Which colour?", "options": ["red", "blue", "sea green"],
    "tally": {"votes": [2, 0, 0], "closed": true}}})");
  CHECK(messages[0]["user"] == "poll");
  CHECK(messages[0]["seq"] == 4);
  CHECK(messages[0]["content"] == expected);

  room.frame(bob, vote("blue"));
  CHECK(told(room, bob, "error").at(0)["detail"] == "the poll is closed");
  CHECK(room.request("{\"op\":\"publish\"}\n{\"content\":{\"vote\":\"red\"}}").status == 422);
  // Deleting a vote now deletes its message, and no more.
  room.frame(ana, deletion(1));
  CHECK(ask_tally(room, bob) == json::parse(R"({"votes":[2,0,0],"closed":true})"));
  const std::string before = digest(room);
  room.wake();
  CHECK(digest(room) == before);
  CHECK(ask_tally(room, bob) == json::parse(R"({"votes":[2,0,0],"closed":true})"));
  room.now_ms += 1e9;
  const uint32_t carl = room.join();
  CHECK(told(room, carl, "event").at(0)["content"]["tally"]["closed"] == true);
  room.turn();
  CHECK(newest_seq(room) == 5);  // three votes, the result, the deletion
}

TEST_CASE("poll: the longest result is a message that the room may publish") {
  std::string wide;
  for (int i = 0; i < 98; i++) wide += "\U0001F308";
  json options;
  for (int i = 10; i < 30; i++) options.push_back(wide + std::to_string(i));
  const json settings = {{"POLL_QUESTION", wide + wide + "\"\"\"\""},
                         {"POLL_OPTIONS", options},
                         {"POLL_SECONDS", 1},
                         {"MESSAGE_BYTES_MAX", edgeroom::kPollResultBytesMax}};
  const auto behaviour = make(settings.dump());
  for (size_t i = 0; i < edgeroom::kPollVotersMax; i++) {
    record_vote(*behaviour, i + 1, "u" + std::to_string(i), options[0]);
  }
  edgeroom::Reply reply;
  behaviour->on_timer(1'800'000'100'000, reply);
  REQUIRE(reply.messages().size() == 1);
  CHECK(reply.messages()[0].size() <= edgeroom::kPollResultBytesMax);
  CHECK(json::parse(reply.messages()[0])["result"]["tally"]["votes"][0] == 10'000);

  edgeroom::RoomSettings room_settings;
  room_settings.message_bytes_max = edgeroom::kPollResultBytesMax;
  RoomHarness room(room_settings, poll(settings.dump()));
  const uint32_t ana = room.join();
  cast(room, ana, options[19]);
  room.take(ana);
  room.timer();
  room.now_ms += 1000;
  REQUIRE_FALSE(room.event(edgeroom::EventType::kTimer));
  room.turn();
  CHECK(told(room, ana, "new_message").at(0)["content"]["result"]["options"] == options);
}

TEST_CASE("poll: it closes though the room sleeps, and takes no vote that comes before the alarm") {
  RoomHarness room({}, poll(kColoursForAMinute));
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  cast(room, ana, "red");
  room.until_attempt();
  room.store_all();
  room.turn();
  room.take(ana);
  while (room.timer_delay_ms) room.timer();
  REQUIRE(room.alarm_at_ms);
  const double alarm_at_ms = *room.alarm_at_ms;
  room.wake();
  SUBCASE("by the alarm") {
    // A room that nobody wakes is woken by the platform, and asks for no earlier time then.
    room.now_ms = 1'800'000'060'000;
    CHECK(alarm_at_ms <= room.now_ms);
    REQUIRE_FALSE(room.event(edgeroom::EventType::kAlarm));
  }
  SUBCASE("by somebody who comes late") {
    room.now_ms = 1'800'000'090'000;
    room.frame(ana, vote("blue"));
    CHECK(told(room, ana, "error").at(0)["detail"] == "the poll is closed");
    const uint32_t bob = room.join();
    CHECK(told(room, bob, "event").at(0)["content"]["tally"] ==
          json::parse(R"({"votes":[1,0,0],"closed":true})"));
    REQUIRE(room.timer_delay_ms);
    CHECK(*room.timer_delay_ms == 0);
    room.timer();
  }
  room.turn();
  CHECK(told(room, ana, "new_message").at(0)["content"]["result"]["tally"]["votes"] ==
        json({1, 0, 0}));
}

TEST_CASE("poll: taking back the only vote does not start the time anew") {
  RoomHarness room({}, poll(kColoursForAMinute));
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  cast(room, ana, "red");
  room.frame(ana, deletion(1));
  CHECK(ask_tally(room, ana) ==
        json::parse(R"({"votes":[0,0,0],"closed":false,"closes_at":1800000060000})"));
}

TEST_CASE("poll: votes are for texts, so other options do not move them") {
  std::string settings = kColours;
  RoomHarness room({}, [&settings] { return make(settings); });
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  cast(room, ana, "red");
  cast(room, bob, "blue");
  const std::string before = digest(room);
  settings = R"({"POLL_QUESTION":"Which?","POLL_OPTIONS":["blue","gold"]})";
  room.wake();
  CHECK(ask_tally(room, ana)["votes"] == json({1, 0}));
  CHECK(digest(room) == before);
  cast(room, ana, "gold");
  CHECK(ask_tally(room, ana)["votes"] == json({1, 1}));
  settings = kColours;
  room.wake();
  CHECK(ask_tally(room, ana)["votes"] == json({0, 1, 0}));
}

namespace {

// Takes anything, as chat does.
class Chatter final : public Behaviour {
 public:
  [[nodiscard]] std::string_view name() const override { return "chat"; }
};

}  // namespace

TEST_CASE("poll: a room that was a chat before may hold anything") {
  bool is_poll = false;
  RoomHarness room({}, [&is_poll]() -> std::unique_ptr<Behaviour> {
    if (is_poll) return make(kColours);
    return std::make_unique<Chatter>();
  });
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  const uint32_t bob = room.join(",\"user\":\"bob\"");
  for (const std::string content :
       {"1", "[{}]", "{\"vote\":1}", "{\"result\":{}}", "\"deleted\"", "{\"vote\":\"mauve\"}"}) {
    cast(room, ana, "blue");
    room.frame(ana, message(content));
    room.turn();
  }
  // Somebody who happens to be called as the room is.
  const uint32_t named = room.join(",\"user\":\"poll\"");
  room.frame(named, message("{\"result\":{}}"));
  room.turn();
  room.frame(ana, deletion(10));
  cast(room, bob, "red");
  is_poll = true;
  room.wake();
  // What ana said last that is a vote was for no option.
  CHECK(ask_tally(room, ana) == json::parse(R"({"votes":[1,0,0],"closed":false})"));
}

TEST_CASE("poll: there is an end to voters, and those who have voted may still change") {
  const auto behaviour = make(kColours);
  uint64_t seq = 0;
  std::string first_voter = "u0";
  SUBCASE("in number") {
    for (size_t i = 0; i < edgeroom::kPollVotersMax; i++) {
      const std::string user = "u" + std::to_string(i);
      REQUIRE(takes(*behaviour, user, "red"));
      record_vote(*behaviour, ++seq, user, "red");
    }
  }
  SUBCASE("and in bytes") {
    while (takes(*behaviour, std::string(508, 'x') + std::to_string(1000 + seq), "red")) {
      seq++;
      record_vote(*behaviour, seq, std::string(508, 'x') + std::to_string(999 + seq), "red");
      REQUIRE(seq < edgeroom::kPollVotersMax);
    }
    CHECK(seq == edgeroom::kPollNameBytesMax / 512);
    first_voter = std::string(508, 'x') + "1000";
  }
  CHECK(takes(*behaviour, first_voter, "blue"));
  CHECK_FALSE(takes(*behaviour, "somebody else", "red"));
  CHECK(saved(*behaviour).size() <= edgeroom::kBehaviourBytesMax);
  const std::string full = saved(*behaviour);
  record_vote(*behaviour, ++seq, "somebody else", "red");  // in the log all the same
  CHECK(saved(*behaviour) == full);
}

TEST_CASE("poll: texts that are no options any more have an end as well") {
  const auto behaviour = make(kColours);
  for (uint64_t i = 1; i <= 9000; i++) {
    record_vote(*behaviour, i, "u" + std::to_string(i), "text " + std::to_string(i));
  }
  const std::string full = saved(*behaviour);
  CHECK(full.size() <= edgeroom::kBehaviourBytesMax);
  CHECK_FALSE(takes(*behaviour, "u9000", "red"));
  CHECK_FALSE(takes(*behaviour, "u1", "red"));
  const auto copy = make(kColours);
  REQUIRE(restores(*copy, full));
  CHECK(saved(*copy) == full);
  // What nobody votes for any more makes room.
  Record record;
  record.kind = RecordKind::kDeletion;
  for (uint64_t target = 1; target <= 2; target++) {
    record.seq = 9000 + target;
    record.target = target;
    behaviour->on_record(record);
    copy->on_record(record);
  }
  CHECK(takes(*behaviour, "u1", "red"));
  CHECK(takes(*copy, "u1", "red"));
}

TEST_CASE("poll: a state that was cut, or is of another version, is not taken for one") {
  const auto behaviour = make(kColours);
  record_vote(*behaviour, 1, "ana", "red");
  record_vote(*behaviour, 2, "bob", "blue");
  record_vote(*behaviour, 300, "carl", "red");
  const std::string bytes = saved(*behaviour);
  for (size_t size = 0; size < bytes.size(); size++) {
    CAPTURE(size);
    CHECK_FALSE(restores(*make(kColours), std::string_view(bytes).substr(0, size)));
  }
  CHECK_FALSE(restores(*make(kColours), bytes + "x"));
  std::string other = bytes;
  other[0] = 2;
  CHECK_FALSE(restores(*make(kColours), other));
  // Whatever the bytes are, reading them ends.
  Dice dice(1);
  for (int i = 0; i < 20'000; i++) {
    std::string changed = bytes;
    changed[dice.index(changed.size())] = static_cast<char>(dice.bits());
    restores(*make(kColours), changed);
  }
}

TEST_CASE("poll: under random votes, deletions and sleeps it is what the log says") {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    CAPTURE(seed);
    Dice dice(seed);
    const bool ends = dice.one_in(3);
    RoomHarness room({}, poll(ends ? kColoursForAMinute : kColours));
    const std::vector<std::string> options = {"red", "blue", "sea green"};
    std::vector<uint32_t> people;
    std::vector<std::string> users;
    for (int i = 0; i < 6; i++) {
      users.push_back("u" + std::to_string(i % 4));
      people.push_back(room.join(",\"user\":\"" + users.back() + "\""));
    }
    room.turn();
    // What should be: by user, the choice and the message that counts.
    std::map<std::string, std::pair<std::string, uint64_t>> model;
    std::map<uint64_t, size_t> authors;  // by seq, those that can be deleted
    uint64_t seq = 0;
    std::optional<double> closes_at;
    for (int step = 0; step < 120; step++) {
      const size_t who = dice.index(people.size());
      const bool over = closes_at && room.now_ms >= *closes_at;
      if (over) break;
      switch (dice.below(6)) {
        case 0:
        case 1:
        case 2: {
          const std::string& choice = dice.pick(options);
          room.frame(people[who], vote(choice));
          model[users[who]] = {choice, ++seq};
          authors[seq] = who;
          if (ends && !closes_at) closes_at = room.now_ms + 60'000;
          break;
        }
        case 3: {
          if (authors.empty()) break;
          auto chosen = authors.begin();
          std::advance(chosen, static_cast<std::ptrdiff_t>(dice.index(authors.size())));
          room.frame(people[chosen->second], deletion(chosen->first));
          seq++;
          const auto voter = model.find(users[chosen->second]);
          if (voter != model.end() && voter->second.second == chosen->first) model.erase(voter);
          authors.erase(chosen);
          break;
        }
        case 4:
          room.turn();
          if (dice.one_in(4)) room.wake();
          break;
        default:
          room.now_ms += static_cast<double>(dice.below(3000));
          room.turn();
          break;
      }
    }
    std::vector<uint64_t> votes(options.size());
    for (const auto& [user, one] : model) {
      const auto at = std::find(options.begin(), options.end(), one.first) - options.begin();
      votes[static_cast<size_t>(at)]++;
    }
    room.turn();
    CHECK(newest_seq(room) == seq);
    CHECK(ask_tally(room, people[0])["votes"] == json(votes));
    const std::string before = digest(room);
    room.wake();
    CHECK(digest(room) == before);
    if (!closes_at) continue;
    room.now_ms = std::max(room.now_ms, *closes_at);
    room.take(people[0]);
    REQUIRE_FALSE(room.event(edgeroom::EventType::kTimer));
    room.turn();
    const auto messages = told(room, people[0], "new_message");
    REQUIRE(messages.size() == 1);
    CHECK(messages[0]["content"]["result"]["tally"]["votes"] == json(votes));
    const std::string closed = digest(room);
    room.wake();
    CHECK(digest(room) == closed);
  }
}

TEST_CASE("a room whose poll has no question does not start") {
  edgeroom::RoomInstance room;
  const auto start = [&room](const std::string& settings) {
    return room.event(static_cast<uint32_t>(edgeroom::EventType::kStart), 1, 0, 0,
                      "lobby\n" + settings);
  };
  CHECK(start("{}") == static_cast<int32_t>(edgeroom::RoomStatus::kBadPayload));
  CHECK(room.room() == nullptr);
  CHECK(start(kColours) == 0);
}
