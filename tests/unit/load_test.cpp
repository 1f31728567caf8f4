// Loads: pages of history, recovery and batch bodies, over random segmentations of a log, against
// what a plain list of messages gives.

#include "rooms/load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/settings.h"
#include "rooms/limits.h"
#include "tests/unit/dice.h"

using edgeroom::BatchPlan;
using edgeroom::BatchReader;
using edgeroom::ByteWriter;
using edgeroom::CentralPart;
using edgeroom::DeletionReader;
using edgeroom::encode_record;
using edgeroom::HistoryAsk;
using edgeroom::HistoryQuery;
using edgeroom::HistoryReader;
using edgeroom::kBatchBytesMax;
using edgeroom::kRewrittenSegmentBytesMax;
using edgeroom::Load;
using edgeroom::Record;
using edgeroom::RecoveryReader;
using edgeroom::SegmentEntry;
using edgeroom::SegmentIndex;
using edgeroom::test::Dice;
using nlohmann::json;

namespace {

constexpr uint64_t kTs = 1'800'000'000'000;

struct Message {
  uint64_t seq = 0;
  uint64_t ts = 0;
  std::string user;
  std::string id;
  std::string content;
};

// The views stay valid as long as the message.
Record record_of(const Message& message) {
  Record record;
  record.seq = message.seq;
  record.ts = message.ts;
  record.user = message.user;
  record.conn = "conn";
  record.id = message.id;
  record.content = message.content;
  return record;
}

// Messages first…last in stored segments; those before `first` are no longer held.
class StoredLog {
 public:
  // `content` makes the message's content.
  template <typename Content>
  StoredLog(Dice& dice, uint64_t first, uint64_t count, Content content) {
    uint64_t seq = first;
    while (seq < first + count) {
      const uint64_t in_segment = std::min(first + count - seq, dice.between(1, 9));
      SegmentEntry entry;
      entry.first_seq = seq;
      entry.first_ts = kTs + seq * 10;
      entry.count = entry.messages = static_cast<uint32_t>(in_segment);
      entry.slot = static_cast<uint32_t>(data_.size());
      std::string data;
      ByteWriter writer(data);
      for (uint64_t i = 0; i < in_segment; i++) add(dice, seq++, content(dice), entry, writer);
      entry.data_size = static_cast<uint32_t>(data.size());
      index.append(entry);
      data_.push_back(std::move(data));
    }
  }

  // Feeds a load as the host does.
  void feed(Load& load) const {
    for (const uint32_t slot : load.slots()) {
      REQUIRE_FALSE(load.complete());
      REQUIRE(load.segment(slot, data_[slot]));
    }
    REQUIRE(load.complete());
  }

  [[nodiscard]] std::vector<SegmentEntry> segments(uint64_t first, uint64_t last) const {
    std::vector<SegmentEntry> out;
    for (const SegmentEntry& entry : index.entries()) {
      if (entry.last_seq() >= first && entry.first_seq <= last) out.push_back(entry);
    }
    return out;
  }

  [[nodiscard]] const std::string& data(uint32_t slot) const { return data_[slot]; }
  [[nodiscard]] uint64_t oldest() const { return messages.front().seq; }

  SegmentIndex index;
  std::vector<Message> messages;

 private:
  void add(Dice& dice, uint64_t seq, std::string content, const SegmentEntry& entry,
           ByteWriter& writer) {
    Message message;
    message.seq = seq;
    message.ts = entry.first_ts + (seq - entry.first_seq);
    message.user = dice.one_in(3) ? "ana \"é\"\n" : "bob";
    if (dice.one_in(2)) message.id = "id-" + std::to_string(seq);
    message.content = std::move(content);
    encode_record(writer, record_of(message), entry.first_ts);
    messages.push_back(std::move(message));
  }

  std::vector<std::string> data_;
};

std::string small_content(Dice& dice) {
  static const std::vector<std::string> kContents = {"1",
                                                     "{\"b\":1,\"a\":[ 2 ]}",
                                                     "\"\\u00e9é\"",
                                                     "12345678901234567890",
                                                     "null",
                                                     "[]",
                                                     "\"a long enough text to be something\""};
  return dice.pick(kContents);
}

struct Page {
  std::vector<uint64_t> seqs;
  bool more = false;
  bool partial = false;
};

bool operator==(const Page& a, const Page& b) {
  return a.seqs == b.seqs && a.more == b.more && a.partial == b.partial;
}

// The page that a reader of the whole log is due, of what is held from `oldest` on.
Page expected_page(const StoredLog& log, const HistoryQuery& query) {
  Page page;
  const uint64_t oldest = log.oldest();
  const auto& messages = log.messages;
  if (query.after) {
    for (const Message& message : messages) {
      if (message.seq <= *query.after) continue;
      if (page.seqs.size() == query.limit) {
        page.more = true;
        break;
      }
      page.seqs.push_back(message.seq);
    }
    page.partial = *query.after + 1 < oldest;
    return page;
  }
  const uint64_t before = query.before.value_or(UINT64_MAX);
  for (size_t i = messages.size(); i-- > 0;) {
    if (messages[i].seq >= before) continue;
    if (page.seqs.size() == query.limit) {
      page.more = true;
      break;
    }
    page.seqs.insert(page.seqs.begin(), messages[i].seq);
  }
  // Below what is held there are more, unless nothing stands below the bound at all.
  const bool older_exist = oldest > 1 && before > 1;
  if (!page.more && older_exist) {
    page.more = page.seqs.size() == query.limit;
    page.partial = !page.more;
  }
  return page;
}

HistoryReader reader_of(const HistoryQuery& query,
                        std::optional<CentralPart> central = std::nullopt) {
  HistoryAsk ask;
  ask.query = query;
  return HistoryReader(std::move(ask), std::move(central));
}

// The messages before what the room holds, as the central API would answer for them.
CentralPart central_part(const std::vector<Message>& older, const HistoryQuery& query,
                         uint64_t boundary) {
  CentralPart part;
  part.boundary = boundary;
  std::vector<uint64_t> fitting;
  for (const Message& message : older) {
    if (query.contains(message.seq)) fitting.push_back(message.seq);
  }
  part.more = fitting.size() > query.limit;
  if (part.more && query.forwards()) fitting.resize(query.limit);
  if (part.more && !query.forwards()) {
    fitting.erase(fitting.begin(), fitting.end() - static_cast<std::ptrdiff_t>(query.limit));
  }
  for (const uint64_t seq : fitting)
    part.messages.push_back("{\"seq\":" + std::to_string(seq) + "}");
  return part;
}

// Reads a page the way the room does: what is held, then, if there is something before it, that
// from the central API (`older`; null when it can't be reached), then what is held again.
std::string read_members(const StoredLog& log, const HistoryQuery& query,
                         const std::vector<Message>* older) {
  std::optional<CentralPart> central;
  for (;;) {
    HistoryReader reader = reader_of(query, central);
    std::vector<SegmentEntry> segments = reader.select(log.index);
    Load load(std::move(segments), std::move(reader));
    log.feed(load);
    const auto& fed = std::get<HistoryReader>(load.reader());
    const auto missing = fed.missing(log.oldest());
    if (missing) {
      REQUIRE_FALSE(central);
      central.emplace();
      central->failed = true;
      if (older != nullptr) central = central_part(*older, *missing, log.oldest());
      continue;
    }
    std::string out = "{";
    fed.append_members(out);
    return out + "}";
  }
}

Page read_page(const StoredLog& log, const HistoryQuery& query) {
  const std::string out = read_members(log, query, nullptr);
  const json body = json::parse(out);
  Page page;
  page.more = body.at("more").get<bool>();
  page.partial = body.contains("partial");
  for (const json& message : body.at("messages")) {
    const auto seq = message.at("seq").get<uint64_t>();
    page.seqs.push_back(seq);
    const Message& original = log.messages[static_cast<size_t>(seq - log.oldest())];
    CHECK(message.at("user") == original.user);
    CHECK(message.at("ts") == original.ts);
    CHECK(message.value("id", "") == original.id);
    CHECK(out.find("\"content\":" + original.content + "}") != std::string::npos);
  }
  return page;
}

std::string shown(const Page& page) {
  std::string out;
  for (const uint64_t seq : page.seqs) out += std::to_string(seq) + " ";
  return out + (page.more ? "more " : "") + (page.partial ? "partial" : "");
}

// The JSON of a record in a batch, put together without the code under test.
std::string central_json(const Message& message) {
  return "{\"seq\":" + std::to_string(message.seq) +
         ",\"type\":\"message\",\"ts\":" + std::to_string(message.ts) +
         ",\"user\":" + json(message.user).dump() +
         (message.id.empty() ? "" : ",\"id\":" + json(message.id).dump()) +
         ",\"content\":" + message.content + "}";
}

BatchPlan plan_of(uint64_t first, uint64_t last) {
  BatchPlan plan;
  plan.first = first;
  plan.last = last;
  plan.wanted.assign(static_cast<size_t>(last - first + 1), true);
  return plan;
}

// Reads a plan's batch; tells the body and the last record in it.
std::pair<std::string, uint64_t> read_batch(const StoredLog& log, const BatchPlan& plan) {
  Load load(log.segments(plan.first, plan.last), BatchReader(plan, "lob\"by", "E1", 100));
  log.feed(load);
  auto& reader = std::get<BatchReader>(load.reader());
  const uint64_t last = reader.last();
  return {reader.finish(), last};
}

const std::string kEnvelope = R"({"v":1,"room":"lob\"by","epoch":"E1","records":[)";

}  // namespace

TEST_CASE("pages of history are those of the plain list, whatever the segments") {
  Dice dice(1);
  for (int round = 0; round < 60; round++) {
    const uint64_t first = dice.one_in(2) ? 1 : dice.between(2, 30);
    const StoredLog log(dice, first, dice.between(1, 60), small_content);
    const uint64_t last = log.messages.back().seq;
    for (int i = 0; i < 60; i++) {
      HistoryQuery query;
      query.limit = dice.index(dice.one_in(2) ? 5 : 70) + 1;
      if (dice.one_in(3)) {
        query.after = dice.below(last + 3);
      } else if (dice.one_in(2)) {
        query.before = dice.below(last + 3);
      }
      const Page expected = expected_page(log, query);
      const Page got = read_page(log, query);
      CAPTURE(first);
      CAPTURE(last);
      CAPTURE(query.after.value_or(999));
      CAPTURE(query.before.value_or(999));
      CAPTURE(query.limit);
      CHECK(shown(got) == shown(expected));
      CHECK(got == expected);
    }
  }
}

TEST_CASE("whoever pages to the end, in either direction, has seen every message once") {
  Dice dice(2);
  for (int round = 0; round < 60; round++) {
    const uint64_t first = dice.one_in(2) ? 1 : 11;
    const StoredLog log(dice, first, dice.between(1, 80), small_content);
    const size_t limit = dice.index(12) + 1;
    std::vector<uint64_t> forwards;
    uint64_t after = first - 1;
    for (bool more = true; more;) {
      HistoryQuery query;
      query.after = after;
      query.limit = limit;
      const Page page = read_page(log, query);
      CHECK_FALSE(page.partial);
      forwards.insert(forwards.end(), page.seqs.begin(), page.seqs.end());
      if (!page.seqs.empty()) after = page.seqs.back();
      more = page.more;
    }
    std::vector<uint64_t> backwards;
    std::optional<uint64_t> before;
    bool partial = false;
    for (bool more = true; more;) {
      HistoryQuery query;
      query.before = before;
      query.limit = limit;
      const Page page = read_page(log, query);
      backwards.insert(backwards.begin(), page.seqs.begin(), page.seqs.end());
      if (!page.seqs.empty()) before = page.seqs.front();
      more = page.more;
      partial = page.partial;
    }
    CHECK(forwards.size() == log.messages.size());
    CHECK(forwards == backwards);
    // The way back ends only where the log begins, or where the reader is told to ask elsewhere.
    CHECK(partial == (first > 1));
  }
}

TEST_CASE("pages over the edge of what is held are those of the whole log, without a seam") {
  Dice dice(7);
  for (int round = 0; round < 100; round++) {
    const uint64_t held_from = dice.between(2, 40);
    const StoredLog log(dice, held_from, dice.between(1, 40), small_content);
    std::vector<Message> all;
    for (uint64_t seq = 1; seq < held_from; seq++) {
      if (dice.one_in(4)) continue;  // records that are no messages
      Message message;
      message.seq = seq;
      all.push_back(message);
    }
    const std::vector<Message> older = all;
    all.insert(all.end(), log.messages.begin(), log.messages.end());
    for (int i = 0; i < 40; i++) {
      HistoryQuery query;
      query.limit = dice.index(dice.one_in(2) ? 5 : 70) + 1;
      if (dice.one_in(3)) {
        query.after = dice.below(held_from + 20);
      } else if (dice.one_in(2)) {
        query.before = dice.below(held_from + 20);
      }
      CentralPart expected = central_part(all, query, UINT64_MAX);
      std::string seqs;
      for (const std::string& message : expected.messages) seqs += message;
      const json body = json::parse(read_members(log, query, &older));
      std::string got;
      for (const json& message : body.at("messages")) {
        got += "{\"seq\":" + std::to_string(message.at("seq").get<uint64_t>()) + "}";
      }
      CAPTURE(held_from);
      CAPTURE(query.after.value_or(999));
      CAPTURE(query.before.value_or(999));
      CAPTURE(query.limit);
      CHECK(got == seqs);
      CHECK(body.at("more").get<bool>() == expected.more);
      CHECK_FALSE(body.contains("partial"));
    }
  }
}

TEST_CASE("a room without a record has an empty page") {
  HistoryQuery query;
  query.limit = 50;
  HistoryReader reader = reader_of(query);
  CHECK(reader.select(SegmentIndex()).empty());
  CHECK_FALSE(reader.missing(1));
  std::string out;
  reader.append_members(out);
  CHECK(out == "\"messages\":[],\"more\":false");
}

TEST_CASE("a page reads no more segments than it needs") {
  Dice dice(3);
  const StoredLog log(dice, 1, 500, small_content);
  for (int i = 0; i < 200; i++) {
    HistoryQuery query;
    query.limit = dice.index(20) + 1;
    if (dice.one_in(2)) {
      query.after = dice.below(500);
    } else {
      query.before = dice.between(1, 501);
    }
    HistoryReader reader = reader_of(query);
    const auto segments = reader.select(log.index);
    uint64_t messages = 0;
    for (const SegmentEntry& entry : segments) messages += entry.messages;
    // Up to one segment beyond the page, and one that the bound cuts.
    CHECK(messages <= query.limit + 1 + 9 + 9);
  }
}

TEST_CASE("recovery gives just the records after the bound, in frames of their order") {
  Dice dice(4);
  for (int round = 0; round < 100; round++) {
    const StoredLog log(dice, dice.between(1, 20), dice.between(1, 80), small_content);
    const uint64_t last = log.messages.back().seq;
    const uint64_t after = dice.between(log.oldest() - 1, last - 1);
    Load load(log.segments(after + 1, last), RecoveryReader(7, after));
    log.feed(load);
    auto& reader = std::get<RecoveryReader>(load.reader());
    CHECK(reader.handle() == 7);
    uint64_t next = after + 1;
    for (const std::string& frame : reader.frames().take()) {
      CHECK(frame.size() <= edgeroom::kReplayFrameBytes);
      for (const json& object : json::parse(frame)) {
        CHECK(object.at("type") == "new_message");
        CHECK(object.at("seq") == next++);
      }
    }
    CHECK(next == last + 1);
  }
}

TEST_CASE("a batch holds the wanted records, their content as it came") {
  Dice dice(5);
  for (int round = 0; round < 100; round++) {
    const StoredLog log(dice, dice.between(1, 50), dice.between(1, 100), small_content);
    const uint64_t last = log.messages.back().seq;
    BatchPlan plan = plan_of(log.oldest(), last);
    plan.first = dice.between(log.oldest(), last);
    plan.last = dice.between(plan.first, last);
    plan.wanted.resize(static_cast<size_t>(plan.last - plan.first + 1));
    std::string expected = kEnvelope;
    for (size_t i = 0; i < plan.wanted.size(); i++) {
      plan.wanted[i] = i == 0 || !dice.one_in(3);
      if (!plan.wanted[i]) continue;
      if (i > 0) expected += ',';
      expected += central_json(log.messages[static_cast<size_t>(plan.first - log.oldest()) + i]);
    }
    const auto [body, reached] = read_batch(log, plan);
    CHECK(body == expected + "]}");
    CHECK(reached == plan.last);
    CHECK(json::accept(body));
  }
}

TEST_CASE("batches stay within their bytes, and together hold everything once") {
  Dice dice(6);
  const auto content = [](Dice& d) {
    const size_t size = d.one_in(5) ? d.index(200'000) : d.index(20'000);
    return "\"" + std::string(size, d.one_in(2) ? 'x' : '\x7f') + "\"";
  };
  for (int round = 0; round < 6; round++) {
    const StoredLog log(dice, 1, 60, content);
    std::string all;
    uint64_t next = 1;
    while (next <= 60) {
      const auto [body, reached] = read_batch(log, plan_of(next, 60));
      REQUIRE(reached >= next);
      CHECK(body.size() <= kBatchBytesMax);
      CHECK(json::accept(body));
      REQUIRE(body.compare(0, kEnvelope.size(), kEnvelope) == 0);
      all += body.substr(kEnvelope.size(), body.size() - kEnvelope.size() - 2) + ",";
      // It is full: the next record would not have found room.
      if (reached < 60) {
        const size_t with_next = body.size() + 1 + central_json(log.messages[reached]).size();
        CHECK(with_next > kBatchBytesMax);
      }
      next = reached + 1;
    }
    std::string expected;
    for (const Message& message : log.messages) expected += central_json(message) + ",";
    CHECK(all == expected);
  }
}

TEST_CASE("a batch is filled to the last byte") {
  Message first;
  first.seq = 1;
  first.ts = kTs;
  first.user = "ana";
  first.content = "\"" + std::string(100'000, 'x') + "\"";
  Message second = first;
  second.seq = 2;
  second.content = "\"\"";
  const size_t used =
      kEnvelope.size() + central_json(first).size() + 1 + central_json(second).size() + 2;
  for (const size_t over : {size_t{0}, size_t{1}}) {
    CAPTURE(over);
    second.content = "\"" + std::string(kBatchBytesMax - used + over, 'y') + "\"";
    BatchReader reader(plan_of(1, 2), "lob\"by", "E1", 100);
    reader.record(record_of(first));
    reader.record(record_of(second));
    CHECK(reader.last() == (over == 0 ? 2 : 1));
    const std::string body = reader.finish();
    const std::string records = central_json(first) + (over == 0 ? "," + central_json(second) : "");
    CHECK(body == kEnvelope + records + "]}");
    CHECK((body.size() == kBatchBytesMax) == (over == 0));
  }
}

TEST_CASE("the largest message that a room takes fits into a batch") {
  const std::string content = "\"" + std::string(edgeroom::kMessageBytesMax - 2, 'x') + "\"";
  const std::string user(edgeroom::kUserCharactersMax, '\x01');  // escaped as six bytes each
  const std::string id(edgeroom::kIdCharactersMax, '\x01');
  Record record;
  record.seq = edgeroom::kSafeIntegerMax;
  record.ts = edgeroom::kSafeIntegerMax;
  record.user = user;
  record.id = id;
  record.content = content;
  BatchReader reader(plan_of(record.seq, record.seq), std::string(128, 'r'), std::string(26, 'E'),
                     100);
  reader.record(record);
  CHECK(reader.last() == record.seq);
  CHECK(reader.finish().size() <= kBatchBytesMax);
}

TEST_CASE("a record too large for any batch goes alone") {
  Dice dice(8);
  const StoredLog log(dice, 1, 3,
                      [](Dice&) { return "\"" + std::string(kBatchBytesMax, 'x') + "\""; });
  const auto [body, reached] = read_batch(log, plan_of(1, 3));
  CHECK(reached == 1);
  CHECK(json::parse(body).at("records").size() == 1);
}

TEST_CASE("a load takes the asked segments in their order, and as they were stored") {
  Dice dice(9);
  const StoredLog log(dice, 1, 60, small_content);
  const auto load = [&] { return Load(log.segments(1, 60), RecoveryReader(1, 0)); };
  const std::vector<uint32_t> slots = load().slots();
  REQUIRE(slots.size() > 3);
  CHECK_FALSE(load().segment(slots[1], log.data(slots[1])));
  CHECK_FALSE(load().segment(99, log.data(slots[0])));
  CHECK_FALSE(load().segment(slots[0], log.data(slots[0]) + "x"));
  CHECK_FALSE(load().segment(slots[0], {}));
  std::string damaged = log.data(slots[0]);
  damaged[0] = 9;  // an unknown kind
  CHECK_FALSE(load().segment(slots[0], damaged));
  Load whole = load();
  log.feed(whole);
  CHECK_FALSE(whole.segment(slots[0], log.data(slots[0])));  // nothing more was asked for
  CHECK(Load({}, RecoveryReader(1, 0)).complete());
}

TEST_CASE("segment data with any flipped bit is refused or read within its bytes") {
  Dice dice(10);
  const StoredLog log(dice, 1, 9, small_content);
  const SegmentEntry& entry = log.index.entries().front();
  const std::string& data = log.data(entry.slot);
  size_t refused = 0;
  for (size_t at = 0; at < data.size() * 8; at++) {
    std::string flipped = data;
    flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ static_cast<char>(1U << (at % 8)));
    Load load({entry}, RecoveryReader(1, 0));
    if (!load.segment(entry.slot, flipped)) refused++;
  }
  CHECK(refused > 0);
}

TEST_CASE("a row that deletions have filled leaves out who it was rather than grow too large") {
  const std::string by(200, 'm');
  const std::string content = "\"" + std::string(250'000, 'x') + "\"";
  for (const bool is_full : {false, true}) {
    CAPTURE(is_full);
    DeletionReader reader(9, by);
    Record record;
    record.ts = kTs;
    record.user = "ana";
    for (record.seq = 1; record.seq < 9; record.seq++) {
      record.content = "1";
      if (is_full && record.seq <= kRewrittenSegmentBytesMax / content.size()) {
        record.content = content;
      }
      reader.record(record);
    }
    const std::string rest =
        "\"" + std::string(kRewrittenSegmentBytesMax - reader.data().size() - 150, 'x') + "\"";
    if (is_full) {
      record.seq = 8;
      record.content = rest;
      reader.record(record);
    }
    record.seq = 9;
    record.content = "\"to go\"";
    reader.record(record);
    CHECK(reader.found());
    CHECK(reader.data().size() <= kRewrittenSegmentBytesMax);
    CHECK(reader.data().find("to go") == std::string::npos);
    CHECK((reader.data().find(by) != std::string::npos) == !is_full);
    // Its own row has place for it.
    CHECK(reader.letter().data.find(by) != std::string::npos);
  }
}
