// The text of an exported log: what is written is read as it was, and what is wrong is named.

#include "rooms/log_text.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"
#include "tests/unit/log_sum.h"
#include "tests/unit/record_dice.h"

using edgeroom::append_log_end;
using edgeroom::append_log_header;
using edgeroom::append_log_line;
using edgeroom::LogHeader;
using edgeroom::LogLine;
using edgeroom::parse_log_header;
using edgeroom::parse_log_line;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;
using edgeroom::test::OwnedRecord;
using edgeroom::test::random_name;
using edgeroom::test::random_record;
using edgeroom::test::shown;
using edgeroom::test::summed;

namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

// A JSON object of these members.
std::string object_of(const Members& members) {
  std::string out;
  for (const auto& [name, value] : members) {
    out += (out.empty() ? "{\"" : ",\"") + name + "\":" + value;
  }
  return out + "}";
}

Members without(const Members& members, const std::string& name) {
  Members out;
  for (const auto& member : members) {
    if (member.first != name) out.push_back(member);
  }
  return out;
}

Members with(const Members& members, const std::string& name, const std::string& value) {
  Members out = without(members, name);
  out.emplace_back(name, value);
  return out;
}

const Members kHeader = {{"type", "\"log\""},
                         {"v", "1"},
                         {"room", "\"lobby\""},
                         {"epoch", "\"E1\""},
                         {"first", "3"},
                         {"last", "9"},
                         {"confirmed", "5"},
                         {"kind", "\"chat\""},
                         {"snapshot", R"({"through":4,"state":"00ff"})"},
                         {"state", "\"0123456789abcdef\""}};

const Members kMessage = {{"seq", "1"},        {"type", "\"message\""}, {"ts", "2"},
                          {"user", "\"ana\""}, {"id", "\"x\""},         {"content", "[1e400]"},
                          {"conn", "\"c\""}};
const Members kDeleted = {{"seq", "1"},        {"type", "\"message\""}, {"ts", "2"},
                          {"user", "\"ana\""}, {"deleted", "true"},     {"by", "\"mo\""}};
const Members kDeletion = {{"seq", "1"},    {"type", "\"delete\""}, {"ts", "2"},
                           {"target", "1"}, {"by", "\"mo\""},       {"conn", "\"c\""}};
const Members kModeration = {{"seq", "1"},          {"type", "\"moderation\""}, {"ts", "2"},
                             {"action", "\"ban\""}, {"user", "\"eve\""},        {"by", "\"mo\""},
                             {"until", "7"},        {"reason", "\"r\""},        {"conn", "\"c\""}};

// With the sum that makes it whole, if it is an object.
std::string whole_line(const std::string& text) {
  return text.size() > 2 && text.back() == '}' ? summed(text) : text;
}

// What is wrong with the text but for its sum; empty when nothing is.
std::string header_error(const std::string& text) {
  const ExactText exact(whole_line(text));
  const auto header = parse_log_header(exact.view());
  return header.ok() ? "" : header.error().detail;
}

std::string line_error(const std::string& text) {
  const ExactText exact(whole_line(text));
  LogLine line;
  const auto error = parse_log_line(exact.view(), line);
  return error ? error->detail : "";
}

std::string one_line(const std::string& text) {
  REQUIRE_FALSE(text.empty());
  CHECK(text.find('\n') == text.size() - 1);  // a log is read line by line
  return text.substr(0, text.size() - 1);
}

const std::string kWhole = " must be a whole number from 0 to 2^53-1";

}  // namespace

TEST_CASE("a header is read as it was written") {
  Dice dice(1);
  for (int i = 0; i < 500; i++) {
    LogHeader header;
    header.room = random_name(dice);
    header.epoch = random_name(dice);
    header.first = dice.between(1, 9'007'199'254'740'000);
    header.last = header.first - 1 + dice.below(900);
    header.confirmed = dice.below(1000);
    header.kind = random_name(dice);
    if (dice.one_in(2)) {
      header.snapshot_through = dice.between(0, header.last);
      for (uint64_t n = dice.between(1, 200); n > 0; n--) {
        header.snapshot.push_back(static_cast<char>(dice.below(256)));
      }
    }
    header.state_digest = random_name(dice);
    std::string text;
    append_log_header(text, header);
    const ExactText line(one_line(text));
    const auto got = parse_log_header(line.view());
    REQUIRE(got.ok());
    CHECK(got.value().room == header.room);
    CHECK(got.value().epoch == header.epoch);
    CHECK(got.value().first == header.first);
    CHECK(got.value().last == header.last);
    CHECK(got.value().confirmed == header.confirmed);
    CHECK(got.value().kind == header.kind);
    CHECK(got.value().snapshot_through == header.snapshot_through);
    CHECK(got.value().snapshot == header.snapshot);
    CHECK(got.value().state_digest == header.state_digest);
  }
}

TEST_CASE("header and end are the lines that the header file states") {
  LogHeader header;
  header.room = "lobby";
  header.epoch = "E1";
  header.first = 3;
  header.last = 9;
  header.confirmed = 5;
  header.kind = "chat";
  header.snapshot_through = 4;
  header.snapshot = std::string("\0\xff", 2);
  header.state_digest = "0123456789abcdef";
  std::string text = "before\n";
  append_log_header(text, header);
  append_log_end(text, 7);
  CHECK(text == "before\n" + summed(object_of(kHeader)) + "\n" +
                    summed("{\"type\":\"end\",\"records\":7}") + "\n");
}

TEST_CASE("a record of any kind is read as it was written, whatever its names hold") {
  Dice dice(2);
  for (int i = 0; i < 5000; i++) {
    const OwnedRecord record = random_record(dice, dice.between(1, 1000), dice.below(1ULL << 50U));
    std::string text;
    append_log_line(text, record.view());
    const ExactText exact(one_line(text));
    LogLine line;
    const auto error = parse_log_line(exact.view(), line);
    if (error) FAIL_CHECK(error->detail << ": " << text);
    CHECK(shown(line.record) == shown(record.view()));
    // A line can be used again for the next one, and keeps nothing of the one before.
    std::string again;
    append_log_line(again, line.record);
    CHECK(again == text);
    const OwnedRecord other = random_record(dice, 7, 8);
    std::string other_text;
    append_log_line(other_text, other.view());
    const ExactText other_line(one_line(other_text));
    REQUIRE_FALSE(parse_log_line(other_line.view(), line));
    CHECK(shown(line.record) == shown(other.view()));
  }
}

TEST_CASE("content with line feeds between its parts stays on its line, and the text it was") {
  // It was written as it stands, and the record was two lines.
  Record record;
  record.seq = 1;
  record.ts = 2;
  record.user = "ana";
  record.content = "{\n  \"a\": \"\\n\"\r\n}";
  std::string text;
  append_log_line(text, record);
  CHECK(text == summed(R"({"seq":1,"type":"message","ts":2,"user":"ana",)"
                       R"("content_text":"{\n  \"a\": \"\\n\"\r\n}"})") +
                    "\n");
  const ExactText written(one_line(text));
  LogLine line;
  REQUIRE_FALSE(parse_log_line(written.view(), line));
  CHECK(line.record.content == record.content);
  const auto error = [](const std::string& content_text) {
    return line_error(object_of(with(without(kMessage, "content"), "content_text", content_text)));
  };
  CHECK(error("\"[1,\\n2]\"") == "");
  CHECK(error("7") == "\"content_text\" must be a string");
  for (const char* wrong : {"\"\"", "\"x\"", "\"[1\"", "\"1 2\"", "\"1\\n\""}) {
    CHECK(error(wrong) == "\"content_text\" must hold JSON");
  }
  CHECK(line_error(object_of(with(kMessage, "content_text", "\"1\""))) ==
        "a message has either \"content\" or \"content_text\"");
}

TEST_CASE("a header that is wrong is refused by the name of what is wrong") {
  REQUIRE(header_error(object_of(kHeader)) == "");
  CHECK(header_error("") == "not JSON: unexpected end at byte 0");
  CHECK(header_error("{\"type\":\"log\",]") ==
        "not JSON: expected a member name in quotes at byte 14");
  CHECK(header_error("[]") == "not a JSON object");
  CHECK(header_error(object_of(kHeader) + "{}").find("trailing bytes") != std::string::npos);
  const std::string no_header = "not the header of a room's log, version 1";
  CHECK(header_error("{}") == no_header);
  CHECK(header_error(object_of(kMessage)) == no_header);
  CHECK(header_error("{\"type\":\"end\",\"records\":0}") == no_header);
  CHECK(header_error(object_of(with(kHeader, "v", "2"))) == no_header);
  CHECK(header_error(object_of(without(kHeader, "v"))) == no_header);
  for (const auto& [name, value] : kHeader) {
    CAPTURE(name);
    const std::string shown_name = "\"" + name + "\"";
    if (name != "type" && name != "v") {
      CHECK(header_error(object_of(without(kHeader, name))) == shown_name + " is missing");
    }
    CHECK(header_error(object_of(kHeader).insert(1, shown_name + ":" + value + ",")) ==
          shown_name + " is given twice");
    const bool is_text = value[0] == '"';
    const bool is_object = value[0] == '{';
    for (const char* wrong : {"null", "true", "[]", "-1", "\"\\ud83d\\ude00\"", "{}"}) {
      CAPTURE(wrong);
      if (is_text && wrong[0] == '"') continue;
      const std::string error = header_error(object_of(with(kHeader, name, wrong)));
      if (is_text) {
        CHECK(error == shown_name + " must be a string");
      } else if (is_object && wrong[0] == '{') {
        CHECK(error == "\"snapshot.through\" is missing");
      } else if (is_object) {
        CHECK(error == "\"snapshot\" must be an object");
      } else {
        CHECK(error == shown_name + kWhole);
      }
    }
  }
  const auto snapshot = [](const std::string& value) {
    return header_error(object_of(with(kHeader, "snapshot", value)));
  };
  CHECK(snapshot(R"({"through":1.5,"state":""})") == "\"snapshot.through\"" + kWhole);
  CHECK(snapshot(R"({"through":1})") == "\"snapshot.state\" is missing");
  CHECK(snapshot(R"({"through":1,"state":7})") == "\"snapshot.state\" must be a string");
  const std::string hexadecimal = "\"snapshot.state\" must be pairs of hexadecimal digits, 0-9 a-f";
  for (const char* hex : {"0", "0g", "AB", "00 "}) {
    CHECK(snapshot(std::string(R"({"through":1,"state":")") + hex + "\"}") == hexadecimal);
  }
  CHECK(snapshot(R"({"through":1,"state":"","state":""})") == "\"snapshot.state\" is given twice");
  CHECK(snapshot(R"({"through":10,"state":"00"})") ==
        "\"snapshot.through\" must be at most \"last\"");
  CHECK(snapshot(R"({"through":9,"state":"00"})") == "");
  CHECK(snapshot(R"({"through":1,"state":""})") ==
        "\"snapshot.state\" must not be empty when \"snapshot.through\" is not 0");
  CHECK(snapshot(R"({"through":0,"state":""})") == "");

  const std::string range = "\"first\" must be at least 1 and at most one more than \"last\"";
  CHECK(header_error(object_of(with(kHeader, "first", "0"))) == range);
  CHECK(header_error(object_of(with(kHeader, "first", "11"))) == range);
  CHECK(header_error(object_of(with(kHeader, "first", "10"))) == "");  // it holds no record
  CHECK(header_error(object_of(with(kHeader, "room", "\"\""))) == "\"room\" must not be empty");
  CHECK(header_error(object_of(with(kHeader, "epoch", "\"\""))) == "\"epoch\" must not be empty");
  CHECK(header_error(object_of(with(kHeader, "later", "[{}]"))) == "");  // of a newer room
}

TEST_CASE("a record that is wrong is refused by the name of what is wrong") {
  CHECK(line_error("") == "not JSON: unexpected end at byte 0");
  CHECK(line_error("[]") == "not a JSON object");
  CHECK(line_error("{}") == "\"type\" is missing");
  CHECK(line_error("{\"type\":\"end\",\"records\":3}") ==
        "\"type\" must be message, delete or moderation");
  CHECK(line_error(object_of(kHeader)) == "\"type\" must be message, delete or moderation");
  struct Kind {
    Members members;
    std::vector<std::string> needed;
  };
  const std::vector<Kind> kinds = {
      {kMessage, {"seq", "type", "ts", "user"}},
      {kDeleted, {"seq", "type", "ts", "user", "by"}},
      {kDeletion, {"seq", "type", "ts", "target", "by"}},
      {kModeration, {"seq", "type", "ts", "action", "user", "by"}},
  };
  for (const Kind& kind : kinds) {
    CAPTURE(object_of(kind.members));
    CHECK(line_error(object_of(kind.members)) == "");
    for (const std::string& name : kind.needed) {
      CHECK(line_error(object_of(without(kind.members, name))) == "\"" + name + "\" is missing");
    }
    for (const auto& [name, value] : kind.members) {
      CAPTURE(name);
      CHECK(line_error(object_of(kind.members).insert(1, "\"" + name + "\":" + value + ",")) ==
            "\"" + name + "\" is given twice");
      if (name == "content" || name == "deleted") continue;
      const bool is_text = value[0] == '"';
      const std::string error =
          line_error(object_of(with(kind.members, name, is_text ? "7" : "\"7\"")));
      CHECK(error == "\"" + name + "\"" + (is_text ? " must be a string" : kWhole));
    }
    CHECK(line_error(object_of(with(kind.members, "seq", "0"))) == "\"seq\" must be at least 1");
  }
  const std::string either = "a message has either \"content\" or \"deleted\"";
  CHECK(line_error(object_of(without(kMessage, "content"))) == either);
  CHECK(line_error(object_of(with(kMessage, "deleted", "true"))) == either);
  CHECK(line_error(object_of(with(kDeleted, "deleted", "false"))) == either);
  CHECK(line_error(object_of(with(kMessage, "deleted", "1"))) ==
        "\"deleted\" must be true or false");
  CHECK(line_error(object_of(with(kModeration, "action", "\"Ban\""))) ==
        "\"action\" must be kick, ban, unban, mute or unmute");
  CHECK(line_error(object_of(with(kMessage, "content", "[1"))).find("not JSON: ") == 0);
  CHECK(line_error(object_of(with(kMessage, "later", "[{}]"))) == "");
}

TEST_CASE("what a record's kind has not is not taken from its line") {
  // An id on a deletion was remembered as if it were a message's.
  Members members = kDeletion;
  for (const auto& [name, value] : kMessage) members = with(members, name, value);
  members = with(with(members, "type", "\"delete\""), "until", "9");
  const std::string deletion = summed(object_of(members));
  LogLine line;
  REQUIRE_FALSE(parse_log_line(deletion, line));
  std::string text;
  append_log_line(text, line.record);
  CHECK(text == summed(object_of(kDeletion)) + "\n");
  CHECK(line.record.id.empty());
  CHECK(line.record.content.empty());
  CHECK(line.record.until == 0);

  const std::string deleted =
      summed(object_of(with(with(kDeleted, "id", "\"x\""), "conn", "\"c\"")));
  REQUIRE_FALSE(parse_log_line(deleted, line));
  CHECK(line.record.id.empty());
  CHECK(line.record.conn.empty());
  const std::string message = summed(object_of(with(kMessage, "by", "\"mo\"")));
  REQUIRE_FALSE(parse_log_line(message, line));
  CHECK(line.record.by.empty());
}

TEST_CASE("lines that are cut or mutated are refused with a detail, or sound") {
  Dice dice(4);
  for (const Members& members : {kHeader, kMessage, kDeleted, kDeletion, kModeration}) {
    const std::string whole = object_of(members);
    for (size_t size = 0; size < whole.size(); size++) {
      CHECK(line_error(whole.substr(0, size)) != "");
      CHECK(header_error(whole.substr(0, size)) != "");
    }
    for (int i = 0; i < 4000; i++) {
      std::string text = whole;
      const size_t at = dice.index(text.size());
      text[at] = dice.one_in(2) ? "\"\\{}[],:0129-.eu \n"[dice.index(18)]
                                : static_cast<char>(dice.below(256));
      header_error(text);
      const ExactText exact(whole_line(text));
      LogLine line;
      if (const auto error = parse_log_line(exact.view(), line)) {
        CHECK_FALSE(error->detail.empty());
        continue;
      }
      CHECK(line.record.seq > 0);
      CHECK(shown(line.record).size() < 500);
    }
  }
}
