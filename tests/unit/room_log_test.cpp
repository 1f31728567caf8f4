// Exported logs: what is written can be read, what was changed is found, and a room that is made
// the copy of one comes to the same state and gives the same lines.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/siphash.h"
#include "rooms/log_text.h"
#include "rooms/room_state.h"
#include "rooms/segment.h"
#include "tests/unit/room_harness.h"

using edgeroom::append_log_end;
using edgeroom::append_log_header;
using edgeroom::append_log_line;
using edgeroom::Behaviour;
using edgeroom::ByteReader;
using edgeroom::ByteWriter;
using edgeroom::EventType;
using edgeroom::LogHeader;
using edgeroom::LogLine;
using edgeroom::parse_log_end;
using edgeroom::parse_log_header;
using edgeroom::parse_log_line;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::Reply;
using edgeroom::siphash;
using edgeroom::test::RoomHarness;

namespace {

// A kind of room that knows every record it has seen, and says something of its own accord: to
// whoever joins, and a minute after each third record.
class Diary final : public Behaviour {
 public:
  [[nodiscard]] std::string_view name() const override { return "diary"; }
  [[nodiscard]] bool has_state() const override { return true; }
  void on_join(const edgeroom::Member& member, double /*now_ms*/, Reply& reply) const override {
    reply.publish("\"welcome, " + std::string(member.user) + "\"");
  }
  void on_timer(double /*now_ms*/, Reply& reply) const override { reply.publish("\"a minute\""); }
  [[nodiscard]] double deadline_ms() const override {
    constexpr double kMinuteMs = 60'000;
    return seen_ % 3 == 0 && seen_ > 0 ? last_ms_ + kMinuteMs : Behaviour::deadline_ms();
  }
  void on_record(const Record& record) override {
    seen_++;
    last_ms_ = static_cast<double>(record.ts);
    // A copy's snapshot has seen what was deleted since.
    if (record.deleted) return;
    std::string page = std::to_string(pages_) + " " + std::to_string(record.seq) + " ";
    page.append(record.content).append(record.user).append(std::to_string(record.target));
    pages_ = siphash({}, page);
  }
  void save(ByteWriter& out) const override {
    out.u64(pages_);
    out.varint(seen_);
    out.varint(static_cast<uint64_t>(last_ms_));
  }
  bool restore(ByteReader& in) override {
    pages_ = in.u64();
    seen_ = in.varint();
    last_ms_ = static_cast<double>(in.varint());
    return true;
  }

 private:
  uint64_t pages_ = 0;
  uint64_t seen_ = 0;
  double last_ms_ = 0;
};

std::unique_ptr<Behaviour> diary() { return std::make_unique<Diary>(); }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    REQUIRE(end != std::string_view::npos);
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> export_log(RoomHarness& room) {
  return lines_of(room.whole(R"({"op":"log"})").body);
}

// Gives a fresh room all of a log, a flush wherever the time changes.
void import_log(RoomHarness& room, const std::vector<std::string>& log) {
  REQUIRE_FALSE(room.event(EventType::kImport, 0, 0, log.front()));
  room.join();
  for (size_t i = 1; i + 1 < log.size(); i++) {
    LogLine line;
    REQUIRE_FALSE(parse_log_line(log[i], line));
    if (static_cast<double>(line.record.ts) > room.now_ms) room.turn();
    room.now_ms = static_cast<double>(line.record.ts);
    REQUIRE_FALSE(room.event(EventType::kRecord, 0, 0, log[i]));
  }
  room.turn();
}

// Messages 1, 2 and 3 of ana, behind her welcome.
void three_in_a_segment(RoomHarness& room) {
  const uint32_t ana = room.join(",\"user\":\"ana\"");
  room.turn();
  for (int i = 1; i <= 3; i++) {
    room.frame(ana, "{\"type\":\"message\",\"content\":" + std::to_string(i) + "}");
  }
  room.turn();
}

void check_same(const std::vector<std::string>& copied, const std::vector<std::string>& log) {
  REQUIRE(copied.size() == log.size());
  for (size_t i = 1; i < log.size(); i++) CHECK(copied[i] == log[i]);
  const auto header = parse_log_header(log.front());
  const auto copied_header = parse_log_header(copied.front());
  REQUIRE(header.ok());
  REQUIRE(copied_header.ok());
  CHECK(copied_header.value().state_digest == header.value().state_digest);
  CHECK(copied_header.value().epoch == header.value().epoch);
}

std::string line_error(std::string_view line) {
  LogLine parsed;
  const auto error = parse_log_line(line, parsed);
  return error ? error->detail : "";
}

std::string line_of(const Record& record) {
  std::string line;
  append_log_line(line, record);
  line.pop_back();
  return line;
}

Record message(std::string_view content) {
  Record record;
  record.seq = 7;
  record.ts = 1'800'000'000'000;
  record.user = "ana";
  record.conn = "c1";
  record.id = "x";
  record.content = content;
  return record;
}

}  // namespace

TEST_SUITE("room log") {
  TEST_CASE("a line is read as it was written, and is one line") {
    for (const std::string_view content :
         {"1e400", "{\"b\":1,\"a\":2}", "[\t1,\r\n 2\n]", "\"\xF0\x9F\x98\x80 \\n\"", "{\r}"}) {
      const std::string line = line_of(message(content));
      CHECK(line.find_first_of("\r\n") == std::string::npos);
      LogLine parsed;
      REQUIRE_FALSE(parse_log_line(line, parsed));
      CHECK(parsed.record.content == content);
      CHECK(parsed.record.seq == 7);
      CHECK(parsed.record.user == "ana");
      CHECK(parsed.record.conn == "c1");
      CHECK(parsed.record.id == "x");
      CHECK(line_of(parsed.record) == line);
    }
  }

  TEST_CASE("whatever byte of a line is changed, it is found") {
    LogHeader header;
    header.room = "lobby";
    header.epoch = "01M7";
    header.first = 3;
    header.last = 7;
    header.kind = "chat";
    header.snapshot = std::string("\x01\x02", 2);
    header.state_digest = "0123456789abcdef";
    std::string written;
    append_log_header(written, header);
    append_log_end(written, 5);
    append_log_line(written, message("\"12\""));
    const std::vector<std::string> lines = lines_of(written);
    REQUIRE(parse_log_header(lines[0]).ok());
    REQUIRE(parse_log_end(lines[1]));
    REQUIRE(parse_log_end(lines[1])->ok());
    CHECK(parse_log_end(lines[1])->value() == 5);
    REQUIRE(line_error(lines[2]).empty());
    for (const std::string& line : lines) {
      for (size_t i = 0; i < line.size(); i++) {
        std::string changed = line;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        const auto end = parse_log_end(changed);
        CHECK_MESSAGE(!parse_log_header(changed).ok(), changed);
        CHECK_MESSAGE((!end || !end->ok()), changed);
        CHECK_MESSAGE(!line_error(changed).empty(), changed);
      }
    }
  }

  TEST_CASE("what is wrong with a line is named") {
    CHECK(line_error("") == "not JSON: unexpected end at byte 0");
    CHECK(line_error("[]") == "not a JSON object");
    CHECK(line_error(R"({"seq":"1"})") == "\"seq\" must be a whole number from 0 to 2^53-1");
    CHECK(line_error(R"({"seq":1,"type":"mail"})") ==
          "\"type\" must be message, delete or moderation");
    CHECK(line_error(R"({"type":"message","content":1})") == "\"seq\" is missing");
    CHECK(line_error(R"({"seq":1,"type":"message","ts":2,"user":"ana"})") ==
          "a message has either \"content\" or \"deleted\"");
    CHECK(line_error(R"({"seq":1,"type":"message","content_text":"[1"})") ==
          "\"content_text\" must hold JSON");
    CHECK(line_error(R"({"seq":1,"type":"message","content_text":"1 2"})") ==
          "\"content_text\" must hold JSON");
    CHECK(line_error(R"({"seq":1,"type":"moderation","action":"hug"})") ==
          "\"action\" must be kick, ban, unban, mute or unmute");
    CHECK(line_error(R"({"seq":1,"type":"message","ts":2,"user":"ana","content":1})") ==
          "\"sum\" is missing: it must be the last member");
    CHECK(line_error(R"({"seq":1,"type":"message","ts":2,"user":"ana","content":1,)"
                     R"("sum":"0123456789abcdef"})") ==
          "\"sum\" does not fit: the line was changed after it was exported");
  }

  TEST_CASE("an end without a sum is none, however short it is") {
    for (const char* line : {R"({"type":"end","records":1})", R"({"type":"end","records":1234567})",
                             R"({"type":"end","records":1,"and":"what is longer than a sum"})"}) {
      const auto end = edgeroom::parse_log_end(line);
      REQUIRE(end);
      REQUIRE_FALSE(end->ok());
      CHECK(end->error().detail == "\"sum\" is missing: it must be the last member");
    }
  }

  TEST_CASE("a chat room's copy gives the same lines and comes to the same state") {
    RoomHarness room;
    const uint32_t ana = room.join(",\"user\":\"ana\"");
    const uint32_t mo = room.join(R"(,"user":"mo","role":"moderator")");
    for (const std::string_view content :
         {"1e400", "[1,\n2]", "\"\xF0\x9F\x98\x80\"", "\"gone\""}) {
      room.frame(ana, "{\"type\":\"message\",\"id\":\"" + std::to_string(room.now_ms) +
                          "\",\"content\":" + std::string(content) + "}");
      room.turn();
      room.now_ms += 10;
    }
    room.frame(ana, R"({"type":"delete","seq":4})");
    room.frame(mo, R"({"type":"moderation","action":"mute","user":"eve","for_s":60})");
    room.now_ms += 10;
    room.frame(mo, R"({"type":"moderation","action":"ban","user":"bob","reason":"rude"})");
    room.frame(mo, R"({"type":"delete","seq":1})");
    room.turn();
    const auto log = export_log(room);
    REQUIRE(log.size() == 10);

    RoomHarness copy;
    import_log(copy, log);
    check_same(export_log(copy), log);
    copy.wake();
    check_same(export_log(copy), log);
  }

  // The deletion is in the log's snapshot already. A copy that took one of its own at that record
  // applied the rest of what the snapshot holds a second time.
  TEST_CASE("a copy of a room with a state and deletions comes to the same state") {
    RoomHarness room({}, diary);
    const uint32_t ana = room.join(",\"user\":\"ana\"");
    room.turn();
    for (int i = 0; i < 8; i++) {
      room.now_ms += 10;
      room.frame(ana, R"({"type":"message","content":"again"})");
      room.turn();
      if (i % 2 == 1) room.frame(ana, "{\"type\":\"delete\",\"seq\":" + std::to_string(i) + "}");
      room.turn();
    }
    room.frame(ana, R"({"type":"message","content":"after the last snapshot"})");
    room.turn();
    const auto log = export_log(room);
    const auto header = parse_log_header(log.front());
    REQUIRE(header.ok());
    CHECK(header.value().snapshot_through > 5);
    CHECK(header.value().snapshot_through < header.value().last);

    RoomHarness copy({}, diary);
    import_log(copy, log);
    check_same(export_log(copy), log);
  }

  TEST_CASE("a copy says nothing of its own accord that would be a record") {
    RoomHarness room({}, diary);
    const uint32_t ana = room.join(",\"user\":\"ana\"");
    room.turn();
    for (int i = 0; i < 2; i++) room.frame(ana, R"({"type":"message","content":"hi"})");
    room.turn();
    for (int i = 0; i < 100 && export_log(room).size() < 6; i++) {
      if (!room.attempts.empty()) room.store_all();
      room.turn();
      if (room.timer_delay_ms) {
        room.timer();
      } else {
        room.alarm();
      }
      room.turn();
    }
    const auto log = export_log(room);
    REQUIRE(log.size() == 6);  // ana's welcome, two messages, and what was said a minute later
    CHECK(log[1].find("welcome, ana") != std::string::npos);
    CHECK(log[4].find("a minute") != std::string::npos);

    RoomHarness copy({}, diary);
    import_log(copy, {log[0], log[1], log[2], log[3], log[5]});
    for (int i = 0; i < 3; i++) {
      copy.now_ms += 100'000;
      REQUIRE_FALSE(copy.event(EventType::kAlarm));
      copy.turn();
    }
    REQUIRE_FALSE(copy.event(EventType::kRecord, 0, 0, log[4]));
    copy.turn();
    check_same(export_log(copy), log);
  }

  TEST_CASE("a log from behind a record begins there, in the middle of a segment too") {
    RoomHarness room({}, diary);
    three_in_a_segment(room);
    const auto whole = lines_of(room.whole(R"({"op":"log"})").body);
    const auto rest = lines_of(room.whole(R"({"op":"log","after":2})").body);
    REQUIRE(whole.size() >= 5);
    REQUIRE(rest.size() + 2 == whole.size());
    CHECK(rest[1] == whole[3]);
  }

  TEST_CASE("the rest of a log ends where it was to end, in the middle of a segment too") {
    RoomHarness room({}, diary);
    three_in_a_segment(room);
    const auto whole = lines_of(room.whole(R"({"op":"log"})").body);
    const auto rest = lines_of(room.whole(R"({"op":"log","epoch":")" + room.epoch() +
                                          R"(","after":1,"through":2,"records":1})")
                                   .body);
    REQUIRE(rest.size() == 2);
    CHECK(rest[0] == whole[2]);
    CHECK(rest[1].find("\"records\":2") != std::string::npos);
  }

  TEST_CASE(
      "the state that a log tells of is that of its last record, in the middle of a turn too") {
    RoomHarness room({}, diary);
    const uint32_t ana = room.join(",\"user\":\"ana\"");
    room.turn();
    room.frame(ana, R"({"type":"message","content":"not flushed yet"})");
    const auto log = export_log(room);
    REQUIRE(log.size() == 4);
    room.turn();
    check_same(export_log(room), log);

    RoomHarness copy({}, diary);
    import_log(copy, log);
    check_same(export_log(copy), log);
  }
}

// Who knew the key could choose ids that all fall into one place.
TEST_CASE("no two rooms hash an id alike") {
  const auto hash_of = [](uint64_t seed) {
    RoomHarness room({}, RoomHarness::chat, seed);
    room.publish(room.join(",\"user\":\"eve\""), "1", "chosen");
    REQUIRE(room.storage.segments.size() == 1);
    edgeroom::SegmentHead head;
    REQUIRE(edgeroom::decode_segment_head(room.storage.segments.begin()->second.first, head));
    REQUIRE(head.hashes.size() == 1);
    return head.hashes[0];
  };
  CHECK(hash_of(1) == hash_of(1));
  CHECK(hash_of(1) != hash_of(2));
}
