// Records: their stored form, and the JSON they travel as.

#include "rooms/record.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/unit/exact_text.h"

using edgeroom::append_central_json;
using edgeroom::append_client_json;
using edgeroom::append_history_json;
using edgeroom::ByteReader;
using edgeroom::ByteWriter;
using edgeroom::decode_record;
using edgeroom::encode_record;
using edgeroom::Record;
using edgeroom::test::ExactText;

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
