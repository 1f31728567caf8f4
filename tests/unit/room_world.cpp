#include "tests/unit/room_world.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/siphash.h"
#include "rooms/record.h"
#include "rooms/segment.h"
#include "tests/unit/room_harness.h"

using edgeroom::ByteReader;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::RoomSettings;
using edgeroom::SegmentHead;
using edgeroom::test::Attempt;
using edgeroom::test::Dice;
using edgeroom::test::RoomHarness;
using edgeroom::test::RoomLife;
using nlohmann::json;

namespace {

constexpr uint32_t kRefusedHandle = 1'000'000;

// What one connection was told.
struct Listener {
  std::string user;
  std::string conn;
  uint64_t seen = 0;          // the record it saw last
  uint64_t told_through = 0;  // that is confirmed, since the room woke
};

// A record as it was stored first.
struct Stored {
  RecordKind kind = RecordKind::kMessage;
  std::string user;
  std::string content;
  uint64_t target = 0;
  uint64_t deleted = 0;  // the deletion, if there is one
};

// A kind of room whose state is a chain over every record: it differs when a record is missed,
// comes twice, in another order or changed.
class Chain final : public edgeroom::Behaviour {
 public:
  [[nodiscard]] std::string_view name() const override { return "chain"; }
  [[nodiscard]] bool has_state() const override { return true; }
  void on_record(const Record& record) override {
    CHECK_FALSE(record.deleted);
    std::string link = std::to_string(link_) + " " + std::to_string(record.seq) + " ";
    link += record.content;
    link += record.user;
    link += record.subject;
    link_ = edgeroom::siphash({}, link + std::to_string(record.target));
  }
  void save(edgeroom::ByteWriter& out) const override { out.u64(link_); }
  bool restore(ByteReader& in) override {
    link_ = in.u64();
    return true;
  }

 private:
  uint64_t link_ = 0;
};

class World {
 public:
  explicit World(const Dice& dice)
      : dice_(dice),
        settings_(settings(dice_)),
        room_(settings_, dice_.one_in(2) ? RoomHarness::chat : chain) {}

  static std::unique_ptr<edgeroom::Behaviour> chain() { return std::make_unique<Chain>(); }

  void step() {
    switch (dice_.below(18)) {
      case 16: answer_read(); break;
      case 17:
        if (dice_.one_in(3)) moderate();
        break;
      case 0: join(); break;
      case 1: leave(); break;
      case 2:
      case 3:
      case 4:
      case 5: publish(); break;
      case 6: remove(); break;
      case 7: ask(); break;
      case 8: turn(); break;
      case 9: post(); break;
      case 13:
      case 14: turn(); break;
      case 10: time_passes(); break;
      case 11:
      case 12: answer(); break;
      default:
        if (dice_.one_in(4)) wake();
        break;
    }
    if (dice_.one_in(40)) room_.request(R"({"op":"replay"})");
    if (dice_.one_in(10)) dead_letters_ += check_dead_letters();
    listen();
  }

  // The endpoint answers again, and time passes until nothing is left to do.
  void settle() {
    for (int i = 0; i < 500; i++) {
      turn();
      while (!room_.fetches.empty()) answer_read();
      while (!room_.attempts.empty()) store(room_.attempts.front());
      turn();
      listen();
      if (!room_.timer_delay_ms && !room_.alarm_at_ms) break;
      to_next_wake_up();
    }
    CHECK_FALSE(room_.timer_delay_ms);  // a quiet room does not stay awake
    CHECK_FALSE(room_.alarm_at_ms);
    const json state = json::parse(room_.request(R"({"op":"state"})").body);
    CHECK(state["confirmed"] == state["seq"]);
    CHECK(state["outbox"]["pending"] == 0);
    CHECK(state["connections"] == listeners_.size());
    CHECK(state["seq"] == records_.size());
    // What was refused is stored when it is tried again.
    dead_letters_ += check_dead_letters();
    room_.request(R"({"op":"replay"})");
    while (!room_.attempts.empty()) store(room_.attempts.front());
    turn();
    listen();
    CHECK(check_dead_letters() == 0);
    for (const auto& [seq, record] : records_) {
      REQUIRE(central_.count(seq) == 1);
      if (record.kind == RecordKind::kMessage && record.deleted == 0) {
        CHECK(central_[seq]["content"] == json::parse(record.content));
        CHECK(central_[seq]["user"] == record.user);
      }
    }
    check_deletions();
    check_pages();
  }

  [[nodiscard]] bool is_over() const { return dice_.is_spent(); }
  [[nodiscard]] size_t records() const { return records_.size(); }
  [[nodiscard]] size_t dead_letters() const { return dead_letters_; }

 private:
  static RoomSettings settings(Dice& dice) {
    RoomSettings out;
    out.history_size = static_cast<uint32_t>(dice.between(1, 20));
    out.dedup_max = static_cast<uint32_t>(dice.between(5, 100));
    out.presence_max = static_cast<uint32_t>(dice.below(6));
    out.connections_max = 8;
    out.connection_limit.rate = 1000;
    out.connection_limit.burst = 1000;
    if (dice.one_in(4)) out.outbox_records_max = dice.between(3, 30);
    return out;
  }

  std::optional<uint32_t> any_listener() {
    if (listeners_.empty()) return std::nullopt;
    auto chosen = listeners_.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(dice_.below(listeners_.size())));
    return chosen->first;
  }

  void join() {
    if (listeners_.size() == settings_.connections_max) return;
    const uint64_t stored = stored_seq();
    const uint64_t after = dice_.below(stored + 2);
    const std::string user = "u" + std::to_string(dice_.below(4));
    if (banned_.count(user) == 1 && banned_[user] > room_.now_ms) {
      const auto operation = "{\"op\":\"connect\",\"user\":\"" + user + "\"}";
      REQUIRE_FALSE(room_.event(edgeroom::EventType::kConnect, kRefusedHandle, 0, operation));
      CHECK(room_.answer_of(kRefusedHandle).status == 403);
      return;
    }
    std::string members = ",\"user\":\"" + user + "\"";
    const bool asks = dice_.one_in(2) && !epoch_.empty();
    if (asks) members += ",\"epoch\":\"" + epoch_ + "\",\"after\":" + std::to_string(after);
    const uint32_t handle = room_.join(members);
    look_at_storage();
    const std::vector<std::string> frames = room_.take(handle);
    REQUIRE_FALSE(frames.empty());
    const json welcome = json::parse(frames[0])[0];
    CHECK(welcome["type"] == "welcome");
    if (epoch_.empty()) epoch_ = welcome["epoch"];
    CHECK(welcome["epoch"] == epoch_);
    CHECK(welcome["seq"] == stored);
    CHECK(welcome["count"] == listeners_.size() + 1);
    CHECK(welcome["confirmed"] <= stored);
    const bool recovered = welcome["recovered"];
    if (!asks || after > stored) CHECK_FALSE(recovered);
    Listener& listener = listeners_[handle];
    listener.user = welcome["user"];
    listener.conn = welcome["conn"];
    listener.seen = recovered ? after : stored;
    for (size_t i = 1; i < frames.size(); i++) hear(listener, frames[i]);
    if (recovered) CHECK(listener.seen == stored);  // all of it, at once
  }

  void leave() {
    const auto handle = any_listener();
    if (!handle) return;
    room_.leave(*handle);
    listeners_.erase(*handle);
  }

  void publish() {
    const auto handle = any_listener();
    if (!handle) return;
    const std::string content = "{\"n\":" + std::to_string(++published_) + ",\"x\":\"" +
                                std::string(dice_.index(dice_.one_in(50) ? 60'000 : 30), 'x') +
                                "\"}";
    const std::string id =
        dice_.one_in(2) ? ",\"id\":\"i" + std::to_string(dice_.below(20)) + "\"" : "";
    room_.frame(*handle, "{\"type\":\"message\",\"content\":" + content + id + "}");
  }

  void remove() {
    const auto handle = any_listener();
    if (!handle || records_.empty()) return;
    room_.frame(*handle, "{\"type\":\"delete\",\"seq\":" +
                             std::to_string(dice_.between(1, records_.size() + 1)) + "}");
  }

  // What a moderator does over HTTP.
  void post() {
    if (dice_.one_in(3)) {
      const uint64_t target = dice_.between(1, records_.size() + 1);
      const bool was_there = records_.count(target) == 1 && records_[target].deleted == 0;
      const uint32_t request =
          room_.begin_request("{\"op\":\"delete\",\"seq\":" + std::to_string(target) + "}");
      while (room_.answer_of(request).status == 0) answer_read();
      const auto answer = room_.answer_of(request);
      CHECK((answer.status == 200 || answer.status == 404 || answer.status == 503));
      look_at_storage();
      if (answer.status == 200) CHECK(json::parse(answer.body)["seq"] == stored_seq());
      if (answer.status == 200 && was_there) CHECK(records_[target].deleted == stored_seq());
      return;
    }
    const std::string id = "i" + std::to_string(dice_.below(20));
    const auto answer = room_.request_and_turn(
        "{\"op\":\"publish\"}\n{\"content\":{\"n\":" + std::to_string(++published_) +
        "},\"id\":\"" + id + "\"}");
    CHECK((answer.status == 201 || answer.status == 200 || answer.status == 503));
    look_at_storage();
    if (answer.status == 503) return;
    const json body = json::parse(answer.body);
    if (epoch_.empty()) epoch_ = body["epoch"];
    REQUIRE(records_.count(body["seq"]) == 1);  // it is answered when it is stored
    CHECK(records_[body["seq"]].user == "moderator");
  }

  void moderate() {
    static const std::vector<std::string> kActions = {"kick", "ban", "unban", "mute", "unmute"};
    const std::string action = dice_.pick(kActions);
    const std::string user = "u" + std::to_string(dice_.below(4));
    const bool ends = (action == "ban" || action == "mute") && dice_.one_in(2);
    const uint64_t until = static_cast<uint64_t>(room_.now_ms) + 60'000;
    const auto answer =
        room_.request("{\"op\":\"moderate\"}\n{\"action\":\"" + action + "\",\"user\":\"" + user +
                      "\"" + (ends ? ",\"for_s\":60" : "") + "}");
    look_at_storage();
    if (answer.status == 503) return;
    REQUIRE(answer.status == 200);
    const json body = json::parse(answer.body);
    if (epoch_.empty()) epoch_ = body["epoch"];
    CHECK(body["seq"] == stored_seq());
    if (action == "ban") banned_[user] = ends ? static_cast<double>(until) : 1e18;
    if (action == "unban") banned_.erase(user);
    listen();
    for (auto place = listeners_.begin(); place != listeners_.end();) {
      const bool goes = (action == "ban" || action == "kick") && place->second.user == user;
      CHECK((room_.closed.count(place->first) == 1) == goes);
      place = goes ? listeners_.erase(place) : std::next(place);
    }
    room_.closed.clear();
  }

  // Reads the whole log page by page, in both directions.
  void check_pages() {
    std::vector<uint64_t> expected;
    for (const auto& [seq, record] : records_) {
      if (record.kind == RecordKind::kMessage) expected.push_back(seq);
    }
    std::vector<uint64_t> got;
    for (std::string bound = ",\"after\":0"; !bound.empty();)
      bound = next_page(bound, "after", got);
    check_seen(got, expected);
    got.clear();
    for (std::string bound = ",\"limit\":7"; !bound.empty();)
      bound = next_page(bound, "before", got);
    std::sort(got.begin(), got.end());
    check_seen(got, expected);
  }

  // Dead letters are all that may be missing.
  void check_seen(const std::vector<uint64_t>& got, const std::vector<uint64_t>& expected) {
    CHECK(std::adjacent_find(got.begin(), got.end()) == got.end());
    for (const uint64_t seq : expected) {
      const bool seen = std::binary_search(got.begin(), got.end(), seq);
      if (!seen) CHECK(dead_.count(seq) == 1);
    }
  }

  std::string next_page(const std::string& bound, const std::string& direction,
                        std::vector<uint64_t>& got) {
    const uint32_t request = room_.begin_request("{\"op\":\"messages\"" + bound + "}");
    while (room_.answer_of(request).status == 0) answer_read();
    const json page = json::parse(room_.answer_of(request).body);
    CHECK_FALSE(page.contains("partial"));
    check_page(page, stored_seq());
    const json& messages = page["messages"];
    for (const json& message : messages) got.push_back(message["seq"]);
    if (!page["more"]) return "";
    REQUIRE_FALSE(messages.empty());
    const json& last = direction == "after" ? messages.back() : messages.front();
    return ",\"limit\":7,\"" + direction + "\":" + last["seq"].dump();
  }

  // No page holds what was deleted by a record up to `seen`, or leaves out what stands between two
  // of its messages.
  void check_page(const json& page, uint64_t seen) {
    uint64_t before = 0;
    for (const json& message : page["messages"]) {
      const uint64_t seq = message["seq"];
      CHECK(seq > before);
      REQUIRE(records_.count(seq) == 1);
      const Stored& record = records_[seq];
      CHECK(record.kind == RecordKind::kMessage);
      CHECK(message.contains("deleted") != message.contains("content"));
      if (message.contains("deleted")) CHECK(record.deleted > 0);
      // The page may have been read before a deletion that was told since.
      if (record.deleted > 0 && record.deleted <= seen) CHECK(message.contains("deleted"));
      for (uint64_t between = before + 1; before > 0 && between < seq; between++) {
        if (records_[between].kind == RecordKind::kMessage) CHECK(dead_.count(between) == 1);
      }
      before = seq;
    }
  }

  void ask() {
    const auto handle = any_listener();
    if (!handle) return;
    static const std::vector<std::string> kFrames = {R"({"type":"history"})",
                                                     R"({"type":"history","limit":1})",
                                                     R"({"type":"history","after":3,"limit":5})",
                                                     R"({"type":"history","before":9})",
                                                     R"({"type":"presence"})",
                                                     R"({"type":"ping"})",
                                                     R"({"type":"event","name":"typing"})",
                                                     "nonsense",
                                                     "{}",
                                                     R"({"type":"delete","seq":0})"};
    room_.frame(*handle, dice_.pick(kFrames));
  }

  void turn() {
    room_.turn();
    listen();
  }

  void time_passes() {
    turn();  // the host gives what has arrived before it waits
    if (dice_.one_in(3)) {
      room_.now_ms += static_cast<double>(dice_.below(400'000));
    } else {
      to_next_wake_up();
    }
  }

  // Whichever of timer and alarm is due first.
  void to_next_wake_up() {
    if (!room_.timer_delay_ms && !room_.alarm_at_ms) return;
    if (room_.timer_delay_ms &&
        (!room_.alarm_at_ms || room_.now_ms + *room_.timer_delay_ms <= *room_.alarm_at_ms)) {
      room_.timer();
    } else {
      room_.alarm();
    }
    turn();
  }

  // The room sleeps and wakes, after its turn's end, or it is thrown away in the middle of it.
  void wake() {
    const bool is_quiet = !dice_.one_in(3);
    if (is_quiet) turn();
    const std::string before = is_quiet ? state_digest() : "";
    room_.wake();
    if (is_quiet) CHECK(state_digest() == before);
    for (auto& [handle, listener] : listeners_) listener.told_through = 0;
  }

  // The digest of what the records amount to, which the log's header tells.
  std::string state_digest() {
    if (epoch_.empty()) return "";
    const std::string log = room_.whole(R"({"op":"log"})").body;
    return json::parse(log.substr(0, log.find('\n')))["state"];
  }

  // --- the central API ---

  // Answers a page of what is stored, or nothing now and then.
  void answer_read() {
    if (room_.fetches.empty()) return;
    const std::string path = room_.fetches.front().body;
    const auto number = [&path](const std::string& name) -> std::optional<uint64_t> {
      const size_t at = path.find("&" + name + "=");
      if (at == std::string::npos) return std::nullopt;
      return std::stoull(path.substr(at + name.size() + 2));
    };
    const uint64_t after = number("after").value_or(0);
    const uint64_t before = number("before").value_or(UINT64_MAX);
    const size_t limit = number("limit").value();
    std::vector<json> found;
    for (const auto& [seq, record] : central_) {
      if (record["type"] != "message" || seq <= after || seq >= before) continue;
      json message = {{"seq", seq}, {"ts", record["ts"]}, {"user", record["user"]}};
      if (record.contains("content") && central_deleted_.count(seq) == 0) {
        message["content"] = record["content"];
      } else {
        message["deleted"] = true;
      }
      found.push_back(std::move(message));
    }
    const bool more = found.size() > limit;
    if (more && number("after")) found.resize(limit);
    if (more && !number("after"))
      found.erase(found.begin(), found.end() - static_cast<long>(limit));
    const json page = {
        {"v", 1}, {"room", "lobby"}, {"epoch", epoch_}, {"messages", found}, {"more", more}};
    room_.fetched(200, page.dump());
    listen();  // a page is judged by what was stored when it was read
  }

  void answer() {
    if (room_.attempts.empty()) return;
    const Attempt attempt = room_.attempts.front();
    switch (dice_.below(6)) {
      case 0:
      case 1: store(attempt); break;
      case 2:
        keep(attempt);
        room_.answer(0, "");
        break;  // the answer was lost
      case 3: room_.answer(503, "", dice_.one_in(2) ? "2" : ""); break;
      case 4: room_.answer(403, "<html>"); break;
      default: reject(attempt); break;
    }
  }

  // Stores a batch's records, as the central API does; tells the results.
  json keep(const Attempt& attempt) {
    const json batch = json::parse(attempt.body);
    CHECK(batch["v"] == 1);
    CHECK(batch["epoch"] == epoch_);
    json results = json::array();
    uint64_t before = 0;
    for (const json& record : batch["records"]) {
      const uint64_t seq = record["seq"];
      CHECK(seq > before);
      before = seq;
      CHECK(seq <= stored_seq());
      const bool known = central_.count(seq) == 1;
      if (known && !record.contains("deleted")) CHECK(central_[seq] == record);
      central_[seq] = record;
      if (record["type"] == "delete") central_deleted_.insert(record["target"].get<uint64_t>());
      dead_.erase(seq);
      results.push_back({{"seq", seq}, {"status", known ? "duplicate" : "stored"}});
    }
    CHECK(results.size() >= 1);
    CHECK(results.size() <= 100);
    return {{"v", 1}, {"room", "lobby"}, {"epoch", epoch_}, {"results", results}};
  }

  void store(const Attempt& attempt) { room_.answer(200, keep(attempt).dump()); }

  // Refuses one record, and stores the others.
  void reject(const Attempt& attempt) {
    json answer = keep(attempt);
    json& result = answer["results"][dice_.index(answer["results"].size())];
    const uint64_t seq = result["seq"];
    if (result["status"] == "stored") {
      result = {{"seq", seq}, {"status", "rejected"}, {"code", "INVALID"}};
      central_.erase(seq);
      dead_.insert(seq);
    }
    room_.answer(200, answer.dump());
  }

  // Reads them page by page: accepted is stored, waiting, or a dead letter with its content. Their
  // number.
  size_t check_dead_letters() {
    const json state = json::parse(room_.request(R"({"op":"state"})").body);
    look_at_storage();
    std::set<uint64_t> held;
    for (uint64_t after = 0;;) {
      const std::string operation = R"({"op":"dead_letters","limit":)" +
                                    std::to_string(dice_.between(1, 4)) +
                                    ",\"after\":" + std::to_string(after) + "}";
      const json page = json::parse(room_.request(operation).body);
      for (const json& letter : page["dead"]) {
        CHECK(letter["seq"] > after);
        after = letter["seq"];
        CHECK(letter["code"] == "INVALID");
        CHECK(letter["record"]["seq"] == after);
        const Stored& stored = records_.at(after);
        if (stored.kind == RecordKind::kMessage && stored.deleted == 0) {
          CHECK(letter["record"]["content"] == json::parse(stored.content));
        }
        held.insert(after);
      }
      if (!page["more"]) break;
      CHECK_FALSE(page["dead"].empty());
    }
    CHECK(state["outbox"]["dead"] == held.size());
    for (uint64_t seq = 1; seq <= state["confirmed"]; seq++) {
      if (central_.count(seq) == 0 && held.count(seq) == 0) FAIL("lost: " << seq);
    }
    return held.size();
  }

  // What was deleted stands nowhere any more.
  void check_deletions() {
    for (const auto& [slot, segment] : room_.storage.segments) {
      for (const auto& [seq, record] : records_) {
        if (record.deleted == 0 || record.content.empty()) continue;
        CHECK(segment.second.find(record.content) == std::string::npos);
      }
    }
    for (const auto& [seq, record] : records_) {
      const auto kept = central_.find(seq);
      if (record.deleted == 0 || kept == central_.end()) continue;
      CHECK((!kept->second.contains("content") || central_.count(record.deleted) == 1 ||
             dead_.count(record.deleted) == 1));
    }
  }

  // --- what is told ---

  void listen() {
    look_at_storage();
    for (auto& [handle, listener] : listeners_) {
      for (const std::string& frame : room_.take(handle)) hear(listener, frame);
    }
  }

  void hear(Listener& listener, const std::string& frame) {
    const json array = json::parse(frame);
    REQUIRE(array.is_array());
    REQUIRE_FALSE(array.empty());
    for (const json& object : array) {
      const std::string type = object["type"];
      if (type == "new_message" || type == "message_deleted" || type == "moderation") {
        hear_record(listener, object);
      }
      if (type == "history") check_page(object, listener.seen);
      if (type == "message_confirmed") hear_confirmation(listener, object);
      if (type == "ack") CHECK(records_.at(object["seq"]).kind == RecordKind::kMessage);
      if (type == "room_count") CHECK(object["count"] <= settings_.connections_max);
    }
  }

  void hear_record(Listener& listener, const json& object) {
    const uint64_t seq = object["seq"];
    CHECK(seq == listener.seen + 1);
    listener.seen = seq;
    REQUIRE(records_.count(seq) == 1);  // nothing is told that is not stored
    Stored& record = records_[seq];
    if (record.kind == RecordKind::kDeletion) {
      CHECK(object["type"] == "message_deleted");
      CHECK(object["target"] == record.target);
      CHECK(object["by"] == record.user);
      return;
    }
    if (record.kind == RecordKind::kModeration) {
      CHECK(object["type"] == "moderation");
      CHECK(object["by"] == record.user);
      return;
    }
    CHECK(object["type"] == "new_message");
    CHECK(object["user"] == record.user);
    if (object.contains("deleted")) {
      CHECK(record.deleted > 0);
      CHECK_FALSE(object.contains("content"));
    } else {
      // What is published and deleted in one turn, nobody finds in storage in between.
      if (record.content.empty() && record.deleted > 0) record.content = object["content"].dump();
      CHECK(object["content"] == json::parse(record.content));
    }
  }

  void hear_confirmation(Listener& listener, const json& object) {
    const uint64_t through = object["through"];
    CHECK(through <= stored_seq());
    CHECK(through >= listener.told_through);
    listener.told_through = through;
    for (const json& seq : object.value("stored", json::array())) {
      CHECK(central_.count(seq) == 1);
    }
    for (uint64_t seq = 1; seq <= through; seq++) {
      if (central_.count(seq) == 0 && dead_.count(seq) == 0) FAIL("not stored: " << seq);
    }
  }

  // Takes note of what has been stored since.
  void look_at_storage() {
    std::map<uint64_t, std::pair<SegmentHead, std::string>> by_seq;
    for (const auto& [slot, segment] : room_.storage.segments) {
      SegmentHead head;
      if (edgeroom::is_dead_letter_slot(slot)) continue;
      REQUIRE(decode_segment_head(segment.first, head));
      if (head.last_seq() > stored_seq()) by_seq[head.first_seq] = {head, segment.second};
    }
    for (const auto& [first_seq, segment] : by_seq) {
      CHECK(first_seq == stored_seq() + 1);
      note(segment.first, segment.second);
    }
  }

  void note(const SegmentHead& head, const std::string& data) {
    ByteReader reader(data);
    for (uint64_t seq = head.first_seq; seq <= head.last_seq(); seq++) {
      Record record;
      REQUIRE(decode_record(reader, seq, head.first_ts, record));
      Stored& stored = records_[seq];
      stored.kind = record.kind;
      stored.user = record.user;
      stored.content = record.content;
      stored.target = record.target;
      if (record.kind == RecordKind::kDeletion) records_.at(record.target).deleted = seq;
    }
  }

  [[nodiscard]] uint64_t stored_seq() const {
    return records_.empty() ? 0 : records_.rbegin()->first;
  }

  Dice dice_;
  RoomSettings settings_;
  RoomHarness room_;
  std::string epoch_;
  std::map<uint32_t, Listener> listeners_;
  std::map<uint64_t, Stored> records_;  // all that ever were stored, by seq
  std::map<uint64_t, json> central_;
  std::set<uint64_t> central_deleted_;
  std::set<uint64_t> dead_;
  std::map<std::string, double> banned_;  // until when, ms
  uint64_t published_ = 0;
  size_t dead_letters_ = 0;
};

}  // namespace

RoomLife edgeroom::test::live_room(const Dice& dice, int steps) {
  World world(dice);
  for (int i = 0; i < steps && !world.is_over(); i++) {
    CAPTURE(i);
    world.step();
  }
  world.settle();
  return {.records = world.records(), .dead_letters = world.dead_letters()};
}
