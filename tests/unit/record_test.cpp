// Records: their stored form, and the JSON they travel as.

#include "rooms/record.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"
#include "tests/unit/exact_text.h"
#include "tests/unit/record_dice.h"

using edgeroom::append_central_json;
using edgeroom::append_client_json;
using edgeroom::append_history_json;
using edgeroom::ByteReader;
using edgeroom::ByteWriter;
using edgeroom::decode_record;
using edgeroom::encode_record;
using edgeroom::ModerationAction;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::test::Dice;
using edgeroom::test::ExactText;
using edgeroom::test::OwnedRecord;
using edgeroom::test::random_record;
using edgeroom::test::shown;
using nlohmann::json;

namespace {

constexpr uint64_t kSegmentTs = 1'800'000'000'000;

Record message() {
  Record record;
  record.seq = 41;
  record.ts = kSegmentTs + 1234;
  record.user = "ana \"\xc3\xa9\"";
  record.conn = "0123456789";
  record.id = "c-1\n";
  record.content = "{\"n\":12345678901234567890,\"e\":1e400,\"s\":\"\\u00e9\"}";
  return record;
}

std::string encoded(const Record& record) {
  std::string out;
  ByteWriter writer(out);
  encode_record(writer, record, kSegmentTs);
  return out;
}

void check_same(const Record& got, const Record& expected) {
  CHECK(got.kind == expected.kind);
  CHECK(got.seq == expected.seq);
  CHECK(got.ts == expected.ts);
  CHECK(got.user == expected.user);
  CHECK(got.conn == expected.conn);
  CHECK(got.id == expected.id);
  CHECK(got.content == expected.content);
}

}  // namespace

TEST_CASE("a record is read as it was written") {
  std::vector<Record> records(4, message());
  records[1].id = {};
  records[2].conn = {};
  records[2].ts = kSegmentTs;
  records[3].content = "0";
  std::string out;
  ByteWriter writer(out);
  for (const Record& record : records) encode_record(writer, record, kSegmentTs);
  ByteReader reader(out);
  for (const Record& record : records) {
    Record got;
    REQUIRE(decode_record(reader, 41, kSegmentTs, got));
    check_same(got, record);
  }
  CHECK(reader.at_end());
}

TEST_CASE("a record with names longer than any of ours is written and told like the others") {
  const std::string name(2000, 'n');
  std::vector<Record> records(4, message());
  records[0].user = name;
  records[0].id = {};
  records[1].user = name;
  records[2].conn = name;
  records[2].id = {};
  records[3].id = name;
  for (const Record& record : records) {
    const std::string bytes = encoded(record);
    CHECK(bytes.size() <= edgeroom::encoded_bytes_max(record));
    ByteReader reader(bytes);
    Record got;
    REQUIRE(decode_record(reader, 41, kSegmentTs, got));
    CHECK(reader.at_end());
    check_same(got, record);
    Record clean = record;
    if (clean.user != name) clean.user = "ana";
    if (clean.id != name) clean.id = {};
    std::string told;
    append_client_json(told, clean);
    CHECK(told.find("\"user\":\"" + std::string(clean.user) + "\"") != std::string::npos);
    CHECK(told.find("\"content\":" + std::string(clean.content)) != std::string::npos);
    CHECK((told.find("\"id\":") != std::string::npos) == !clean.id.empty());
  }
}

TEST_CASE("the stored form is the one that the header states") {
  Record record;
  record.ts = kSegmentTs + 128;
  record.user = "a";
  record.conn = "c";
  record.content = "[]";
  CHECK(encoded(record) == std::string("\x01\x80\x01\x01"
                                       "a\0\x01"
                                       "c\x02[]",
                                       11));
  record.id = "x";
  CHECK(encoded(record) == std::string("\x01\x80\x01\x01"
                                       "a\x01\x01x\x01"
                                       "c\x02[]",
                                       13));
}

TEST_CASE("no record is larger than it is said to be at most") {
  Record record = message();
  CHECK(encoded(record).size() <= edgeroom::encoded_bytes_max(record));
  const std::string large(300'000, 'x');
  record.ts = UINT64_MAX;
  record.user = record.conn = record.id = record.content = large;
  CHECK(encoded(record).size() <= edgeroom::encoded_bytes_max(record));
  CHECK(edgeroom::encoded_bytes_max(record) <= 4 * large.size() + 100);
}

TEST_CASE("a record cut anywhere, or of an unknown kind, is none") {
  const std::string whole = encoded(message());
  for (size_t size = 0; size < whole.size(); size++) {
    CAPTURE(size);
    const ExactText cut(std::string_view(whole).substr(0, size));
    ByteReader reader(cut.view());
    Record record;
    CHECK_FALSE(decode_record(reader, 41, kSegmentTs, record));
  }
  for (int kind = 0; kind < 256; kind++) {
    if (kind == 1 || kind == 2) continue;  // a message, a deletion
    std::string other = whole;
    other[0] = static_cast<char>(kind);
    ByteReader reader(other);
    Record record;
    CHECK_FALSE(decode_record(reader, 41, kSegmentTs, record));
  }
}

TEST_CASE("a flipped bit of a record never leads out of its bytes") {
  const std::string whole = encoded(message());
  for (size_t at = 0; at < whole.size() * 8; at++) {
    std::string flipped = whole;
    flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ static_cast<char>(1U << (at % 8)));
    const ExactText exact(flipped);
    ByteReader reader(exact.view());
    Record record;
    if (!decode_record(reader, 41, kSegmentTs, record)) continue;
    const size_t size =
        record.user.size() + record.id.size() + record.conn.size() + record.content.size();
    CHECK(size <= whole.size());
    const std::string read = std::string(record.user) + std::string(record.id) +
                             std::string(record.conn) + std::string(record.content);
    CHECK(read.size() == size);
  }
}

TEST_CASE("a record's JSON carries the content as the bytes that came in") {
  Record record = message();
  const std::string user = R"("user":"ana \"é\"")";
  const std::string content =
      "\"content\":{\"n\":12345678901234567890,\"e\":1e400,\"s\":\"\\u00e9\"}";
  std::string out;
  append_client_json(out, record);
  CHECK(out == "{\"type\":\"new_message\",\"seq\":41," + user + ",\"ts\":1800000001234," + content +
                   ",\"id\":\"c-1\\n\"}");
  out.clear();
  append_history_json(out, record);
  CHECK(out == "{\"seq\":41,\"ts\":1800000001234," + user + ",\"id\":\"c-1\\n\"," + content + "}");
  out.clear();
  append_central_json(out, record);
  CHECK(out == "{\"seq\":41,\"type\":\"message\",\"ts\":1800000001234," + user +
                   ",\"id\":\"c-1\\n\"," + content + "}");
  record.id = {};
  for (auto* append : {&append_client_json, &append_history_json, &append_central_json}) {
    out.clear();
    append(out, record);
    CHECK(out.find("\"id\"") == std::string::npos);
  }
}

TEST_CASE("a deletion and a deleted message are read as they were written") {
  Record deletion;
  deletion.kind = edgeroom::RecordKind::kDeletion;
  deletion.seq = 42;
  deletion.ts = kSegmentTs;
  deletion.user = "ana";
  deletion.target = 40;
  Record deleted;
  deleted.seq = 43;
  deleted.ts = kSegmentTs + 1;
  deleted.user = "bob";
  deleted.deleted = true;
  deleted.by = "ana";
  for (const Record& record : {deletion, deleted}) {
    const std::string bytes = encoded(record);
    CHECK(bytes.size() <= edgeroom::encoded_bytes_max(record));
    for (size_t size = 0; size <= bytes.size(); size++) {
      CAPTURE(size);
      const ExactText cut(std::string_view(bytes).substr(0, size));
      ByteReader reader(cut.view());
      Record got;
      REQUIRE(decode_record(reader, record.seq, kSegmentTs, got) == (size == bytes.size()));
      if (size < bytes.size()) continue;
      check_same(got, record);
      CHECK(got.deleted == record.deleted);
      CHECK(got.by == record.by);
      CHECK(got.target == record.target);
    }
  }
}

TEST_CASE("records of every kind are read as they were written, and no larger than said") {
  Dice dice(9);
  for (int round = 0; round < 200; round++) {
    std::vector<OwnedRecord> records;
    std::string out;
    ByteWriter writer(out);
    uint64_t ts = kSegmentTs;
    for (uint64_t seq = 7; seq < 27; seq++) {
      records.push_back(random_record(dice, seq, ts += dice.below(1000)));
      const size_t size_before = out.size();
      encode_record(writer, records.back().view(), kSegmentTs);
      CHECK(out.size() - size_before <= edgeroom::encoded_bytes_max(records.back().view()));
    }
    const ExactText exact(out);
    ByteReader reader(exact.view());
    for (const OwnedRecord& record : records) {
      Record got;
      REQUIRE(decode_record(reader, record.fields.seq, kSegmentTs, got));
      CHECK(shown(got) == shown(record.view()));
    }
    CHECK(reader.at_end());
  }
}

TEST_CASE("records of every kind that are cut, or have a flipped bit, stay within their bytes") {
  Dice dice(10);
  for (int round = 0; round < 40; round++) {
    const OwnedRecord record = random_record(dice, 5, kSegmentTs + 300);
    const std::string whole = encoded(record.view());
    for (size_t size = 0; size < whole.size(); size++) {
      const ExactText cut(std::string_view(whole).substr(0, size));
      ByteReader reader(cut.view());
      Record got;
      if (decode_record(reader, 5, kSegmentTs, got)) FAIL_CHECK("cut at " << size);
    }
    for (size_t bit = 0; bit < whole.size() * 8; bit++) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
      const ExactText exact(flipped);
      ByteReader reader(exact.view());
      Record got;
      // Reading every byte of every view lets the address sanitizer see it.
      if (decode_record(reader, 5, kSegmentTs, got)) CHECK(shown(got).size() < 3000);
    }
  }
}

TEST_CASE("the stored form of a moderation is the one that the header states") {
  Record record;
  record.kind = RecordKind::kModeration;
  record.ts = kSegmentTs + 1;
  record.user = "mo";
  record.conn = "c";
  record.action = ModerationAction::kMute;
  record.subject = "eve";
  record.until = 300;
  record.reason = "r";
  const std::string bytes = encoded(record);
  CHECK(bytes == std::string("\x03\x01\x02mo\x01"
                             "c\x04\x03"
                             "eve\xac\x02\x01r",
                             16));
  for (int action = 0; action < 256; action++) {
    std::string other = bytes;
    other[7] = static_cast<char>(action);
    ByteReader reader(other);
    Record got;
    CAPTURE(action);
    CHECK(decode_record(reader, 1, kSegmentTs, got) == (action >= 1 && action <= 5));
  }
  record.until = 0;
  record.reason = {};
  record.conn = {};
  CHECK(encoded(record) == std::string("\x03\x01\x02mo\0\x04\x03"
                                       "eve\0\0",
                                       13));
}

TEST_CASE("a message deleted by its own user names him once in its bytes") {
  Record record;
  record.ts = kSegmentTs;
  record.user = "ana";
  record.deleted = true;
  record.by = "ana";
  CHECK(encoded(record) == std::string("\x01\0\x03"
                                       "ana\x03",
                                       7));
  record.by = "mo";
  CHECK(encoded(record) == std::string("\x01\0\x03"
                                       "ana\x02\x02mo",
                                       10));
}

TEST_CASE("a moderator's longest record is within what the outbox keeps for it") {
  const std::string widest = "\xf0\x9f\x98\x80";
  const auto times = [&widest](size_t characters) {
    std::string out;
    for (size_t i = 0; i < characters; i++) out += widest;
    return out;
  };
  const std::string name = times(edgeroom::kUserCharactersMax);
  const std::string reason = times(edgeroom::kReasonCharactersMax);
  Record record;
  record.kind = RecordKind::kModeration;
  record.ts = UINT64_MAX;
  record.user = record.subject = name;
  record.conn = "0123456789";
  record.until = UINT64_MAX;
  record.reason = reason;
  CHECK(edgeroom::encoded_bytes_max(record) <= edgeroom::kModeratorRecordBytesMax);
}

TEST_CASE("deletions and moderation have their members in every form") {
  Record deletion;
  deletion.kind = RecordKind::kDeletion;
  deletion.seq = 42;
  deletion.ts = 1234;
  deletion.user = "a\"na";
  deletion.conn = "c1";
  deletion.target = 40;
  const auto form = [](auto append, const Record& record) {
    std::string out;
    append(out, record);
    return out;
  };
  CHECK(form(append_client_json, deletion) ==
        R"({"type":"message_deleted","seq":42,"target":40,"by":"a\"na","ts":1234})");
  CHECK(form(append_central_json, deletion) ==
        R"({"seq":42,"type":"delete","ts":1234,"target":40,"by":"a\"na"})");
  CHECK(form(edgeroom::append_log_json, deletion) ==
        R"({"seq":42,"type":"delete","ts":1234,"target":40,"by":"a\"na","conn":"c1"})");

  Record ban;
  ban.kind = RecordKind::kModeration;
  ban.seq = 43;
  ban.ts = 1235;
  ban.user = "mo";
  ban.conn = "c2";
  ban.action = ModerationAction::kBan;
  ban.subject = "eve";
  ban.until = 99999;
  ban.reason = "sp\nam";
  const std::string rest =
      R"("action":"ban","user":"eve","by":"mo","until":99999,"reason":"sp\nam")";
  CHECK(form(append_client_json, ban) ==
        R"({"type":"moderation","seq":43,)" + rest + R"(,"ts":1235})");
  CHECK(form(append_central_json, ban) ==
        R"({"seq":43,"type":"moderation","ts":1235,)" + rest + "}");
  CHECK(form(edgeroom::append_log_json, ban) ==
        R"({"seq":43,"type":"moderation","ts":1235,)" + rest + R"(,"conn":"c2"})");
  ban.until = 0;
  ban.reason = {};
  CHECK(form(append_client_json, ban) ==
        R"({"type":"moderation","seq":43,"action":"ban","user":"eve","by":"mo","ts":1235})");

  Record deleted;
  deleted.seq = 44;
  deleted.ts = 1236;
  deleted.user = "ana";
  deleted.deleted = true;
  deleted.by = "mo";
  CHECK(form(append_client_json, deleted) ==
        R"({"type":"new_message","seq":44,"user":"ana","ts":1236,"deleted":true})");
  CHECK(form(append_history_json, deleted) ==
        R"({"seq":44,"ts":1236,"user":"ana","deleted":true,"by":"mo"})");
  CHECK(form(append_central_json, deleted) ==
        R"({"seq":44,"type":"message","ts":1236,"user":"ana","deleted":true})");
  CHECK(form(edgeroom::append_log_json, deleted) ==
        R"({"seq":44,"type":"message","ts":1236,"user":"ana","deleted":true,"by":"mo"})");
}

TEST_CASE("every action has the contract's name, and no other name is one") {
  const std::vector<std::string> names = {"kick", "ban", "unban", "mute", "unmute"};
  for (size_t i = 0; i < names.size(); i++) {
    const auto action = static_cast<ModerationAction>(i + 1);
    CHECK(edgeroom::moderation_action_name(action) == names[i]);
    CHECK(edgeroom::parse_moderation_action(names[i]) == action);
  }
  for (const char* name : {"", "Kick", "kick ", "bann", "delete"}) {
    CHECK_FALSE(edgeroom::parse_moderation_action(name));
  }
  CHECK(edgeroom::moderation_action_name(static_cast<ModerationAction>(0)).empty());
  CHECK(edgeroom::moderation_action_name(static_cast<ModerationAction>(6)).empty());
}

TEST_CASE("records of every kind are JSON in every form, whatever their names hold") {
  Dice dice(12);
  for (int i = 0; i < 2000; i++) {
    const OwnedRecord owned = random_record(dice, 5, kSegmentTs);
    const Record record = owned.view();
    for (auto* append : {&append_client_json, &append_central_json, &edgeroom::append_log_json}) {
      std::string out;
      append(out, record);
      // A parser that holds numbers as doubles refuses 1e400, which is right as it stands.
      if (owned.content == "1e400") continue;
      const json object = json::parse(out, nullptr, false);
      if (object.is_discarded()) FAIL_CHECK("no JSON: " << out);
      CHECK(object["seq"] == 5);
      if (record.kind != RecordKind::kMessage) CHECK(object["by"] == owned.user);
      if (record.kind == RecordKind::kModeration) CHECK(object["user"] == owned.subject);
    }
  }
}
