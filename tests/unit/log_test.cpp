// The log: over thousands of random flushes, confirmations and restarts it holds what it must, and
// reads back what was written.

#include "rooms/log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/settings.h"
#include "rooms/limits.h"
#include "rooms/load.h"
#include "rooms/room.h"
#include "tests/unit/dice.h"
#include "tests/unit/room_harness.h"

using edgeroom::ByteReader;
using edgeroom::decode_record;
using edgeroom::decode_segment_head;
using edgeroom::DeletionReader;
using edgeroom::Effect;
using edgeroom::EffectList;
using edgeroom::EffectType;
using edgeroom::encode_segment_head;
using edgeroom::Load;
using edgeroom::Log;
using edgeroom::Random;
using edgeroom::Record;
using edgeroom::RecordKind;
using edgeroom::RoomSettings;
using edgeroom::SegmentEntry;
using edgeroom::SegmentHead;
using edgeroom::SegmentIndex;
using edgeroom::test::Dice;

namespace {

constexpr double kStartMs = 1'800'000'000'000.0;

// A record as it is to be held; the seq is its place in the list.
struct Kept {
  RecordKind kind = RecordKind::kMessage;
  std::string user;
  std::string id;
  std::string conn;
  std::string content;
  uint64_t ts = 0;
  bool deleted = false;  // then user and id are those of the message, conn and content are empty
  std::string by;
  uint64_t target = 0;  // of a deletion

  [[nodiscard]] bool is_message() const { return kind == RecordKind::kMessage; }
};

std::optional<uint64_t> duplicate_of(const Log& log, std::string_view user, std::string_view id) {
  Record record;
  record.user = user;
  record.id = id;
  return log.find_duplicate(record);
}

// A log, the storage it writes to, and everything that was ever appended to it.
class LogWorld {
 public:
  explicit LogWorld(const RoomSettings& settings) : settings_(settings) {
    log_.emplace("lobby", settings_, false);
    REQUIRE(log_->restored(now_ms));
    EffectList effects;
    log_->create(now_ms, random_, effects);
    apply(effects);
  }

  // False when the room would have answered that it has the message already.
  bool append(const Kept& kept) {
    if (!kept.id.empty() && duplicate_of(*log_, kept.user, kept.id)) return false;
    Record record;
    record.user = kept.user;
    record.id = kept.id;
    record.conn = kept.conn;
    record.content = kept.content;
    record.kind = kept.kind;
    record.target = kept.target;
    log_->append(record, now_ms);
    records.push_back(kept);
    records.back().ts = record.ts;
    CHECK(record.seq == records.size());
    CHECK(record.ts >= static_cast<uint64_t>(now_ms));
    return true;
  }

  void flush() {
    const size_t pending_bytes = log_->pending_bytes();
    const std::set<uint32_t> before = slots();
    EffectList effects;
    log_->flush(now_ms, confirmed, effects);
    size_t written = 0;
    for (const Effect& effect : effects.records()) written += effect.extra_size;
    CHECK(written == pending_bytes);
    CHECK(log_->pending_bytes() == 0);
    if (log_->flushed_seq() > 0)
      stored_confirmed = std::max(stored_confirmed, head_confirmed(effects));
    check_slots(effects, before);
    apply(effects);
  }

  void save_state() {
    EffectList effects;
    log_->save_state(confirmed, {}, effects);
    stored_confirmed = confirmed;
    apply(effects);
  }

  // Deletes a message as the room does, if there is one. Nothing may be waiting for a flush.
  void remove(uint64_t seq, const std::string& by) {
    const SegmentIndex& index = log_->segments();
    const SegmentEntry entry = index.entries()[index.find(seq)];
    Load load({entry}, DeletionReader(seq, by));
    REQUIRE(load.segment(entry.slot, segments_.at(entry.slot).second));
    const auto& reader = std::get<DeletionReader>(load.reader());
    Kept& kept = records[static_cast<size_t>(seq) - 1];
    REQUIRE(reader.found() == (kept.is_message() && !kept.deleted));
    if (!reader.found()) return;
    CHECK(reader.author() == kept.conn);
    EffectList effects;
    log_->rewrite(seq, reader.data(), reader.is_message(), confirmed, effects);
    kept.conn = kept.content = {};
    kept.deleted = true;
    kept.by = by;
    stored_confirmed = confirmed;
    apply(effects);
    Kept deletion;
    deletion.kind = RecordKind::kDeletion;
    deletion.user = by;
    deletion.target = seq;
    append(deletion);
    flush();
  }

  // A new log from what is stored, its segments given in any order. What was appended and not
  // flushed is gone.
  void restart(Dice& dice) {
    records.resize(static_cast<size_t>(log_->flushed_seq()));
    const std::string epoch = log_->epoch();
    const uint64_t oldest_held = log_->oldest_held_seq();
    const uint64_t flushed = log_->flushed_seq();
    log_.emplace("", settings_, false);
    REQUIRE(log_->restore_state(0, state_));
    std::vector<uint32_t> order;
    order.reserve(segments_.size());
    for (const auto& [slot, unused] : segments_) order.push_back(slot);
    for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[dice.index(i)]);
    for (const uint32_t slot : order) REQUIRE(log_->restore_segment(slot, segments_[slot].first));
    REQUIRE(log_->restored(now_ms));
    CHECK(log_->room() == "lobby");
    CHECK(log_->epoch() == epoch);
    CHECK(log_->flushed_seq() == flushed);
    CHECK(log_->appended_seq() == flushed);
    CHECK(log_->oldest_held_seq() == oldest_held);
    CHECK(log_->restored_confirmed() == stored_confirmed);
    confirmed = stored_confirmed;
  }

  // Everything that must hold after a flush.
  void check() {
    check_index();
    check_stored();
    const uint64_t oldest_held = log_->oldest_held_seq();
    CHECK(oldest_held <= confirmed + 1);
    CHECK(oldest_held <= oldest_of_history());
    for (const auto& [key, seq] : remembered()) {
      CHECK(oldest_held <= seq);
      CHECK(duplicate_of(*log_, key.first, key.second) == seq);
    }
  }

  // An id may be remembered longer than it must be, but never under a wrong seq.
  void check_duplicate(const Kept& kept) {
    if (kept.id.empty()) return;
    const auto found = duplicate_of(*log_, kept.user, kept.id);
    const auto ids = remembered();
    const auto expected = ids.find({kept.user, kept.id});
    if (expected != ids.end()) CHECK(found == expected->second);
    if (!found) return;
    REQUIRE(*found <= records.size());
    const Kept& original = records[static_cast<size_t>(*found) - 1];
    CHECK(original.user == kept.user);
    CHECK(original.id == kept.id);
  }

  Log& log() { return *log_; }
  [[nodiscard]] size_t segments_stored() const { return segments_.size(); }

  double now_ms = kStartMs;
  uint64_t confirmed = 0;
  uint64_t stored_confirmed = 0;
  std::vector<Kept> records;

 private:
  // The first of the newest HISTORY_SIZE messages.
  [[nodiscard]] size_t oldest_of_history() const {
    size_t messages = 0;
    size_t seq = records.size() + 1;
    while (seq > 1 && messages < settings_.history_size) {
      seq--;
      messages += records[seq - 1].is_message() ? 1 : 0;
    }
    return seq;
  }

  // The ids that the contract promises to remember, by (user, id).
  [[nodiscard]] std::map<std::pair<std::string, std::string>, uint64_t> remembered() const {
    std::map<std::pair<std::string, std::string>, uint64_t> out;
    const size_t history = oldest_of_history();
    for (size_t seq = records.size(); seq > 0 && out.size() < settings_.dedup_max; seq--) {
      const Kept& kept = records[seq - 1];
      const bool newest = seq >= history;
      const bool young = now_ms - static_cast<double>(kept.ts) < edgeroom::kDedupMs;
      if (!newest && !young) break;
      if (!kept.id.empty()) out.emplace(std::pair(kept.user, kept.id), seq);
    }
    return out;
  }

  [[nodiscard]] std::set<uint32_t> slots() const {
    std::set<uint32_t> out;
    for (const SegmentEntry& entry : log_->segments().entries()) out.insert(entry.slot);
    return out;
  }

  static bool is_drop(const Effect& effect) {
    return effect.type == static_cast<uint32_t>(EffectType::kDropSegment);
  }

  static uint64_t head_confirmed(const EffectList& effects) {
    uint64_t out = 0;
    for (const Effect& effect : effects.records()) {
      if (is_drop(effect)) continue;
      SegmentHead head;
      REQUIRE(decode_segment_head(effects.data(effect), head));
      out = head.confirmed;
    }
    return out;
  }

  // A slot that was in use is written over only once its segment has left the index, and then no
  // other slot is idle: the ring does not grow while it need not.
  void check_slots(const EffectList& effects, const std::set<uint32_t>& before) {
    const std::set<uint32_t> after = slots();
    for (const Effect& effect : effects.records()) {
      if (is_drop(effect)) {
        CHECK(before.count(effect.target) == 1);
        CHECK(after.count(effect.target) == 0);
        continue;
      }
      CHECK(effect.type == static_cast<uint32_t>(EffectType::kPutSegment));
      CHECK(after.count(effect.target) == 1);
      const bool is_new = segments_.count(effect.target) == 0;
      if (is_new) CHECK(before.size() == segments_.size());
    }
    CHECK(after.size() == log_->segments().entries().size());
  }

  void check_index() {
    uint64_t next = log_->oldest_held_seq();
    for (const SegmentEntry& entry : log_->segments().entries()) {
      CHECK(entry.first_seq == next);
      uint64_t messages = 0;
      for (uint64_t seq = entry.first_seq; seq <= entry.last_seq(); seq++) {
        messages += records[static_cast<size_t>(seq) - 1].is_message() ? 1 : 0;
      }
      CHECK(entry.messages == messages);
      next = entry.last_seq() + 1;
    }
    CHECK(next == log_->flushed_seq() + 1);
    CHECK(log_->flushed_seq() == records.size());
  }

  void check_stored() {
    for (const SegmentEntry& entry : log_->segments().entries()) {
      const auto& [head_bytes, data] = segments_.at(entry.slot);
      SegmentHead head;
      REQUIRE(decode_segment_head(head_bytes, head));
      CHECK(head.first_seq == entry.first_seq);
      CHECK(head.count == entry.count);
      CHECK(head.data_size == data.size());
      CHECK(entry.data_size == data.size());
      CHECK(head.messages == entry.messages);
      CHECK(head.first_ts == entry.first_ts);
      CHECK(head.last_ts == entry.last_ts);
      CHECK(data.size() <= edgeroom::kSegmentBytesMax);
      ByteReader reader(data);
      for (uint64_t seq = entry.first_seq; seq <= entry.last_seq(); seq++) {
        Record record;
        REQUIRE(decode_record(reader, seq, entry.first_ts, record));
        const Kept& kept = records[static_cast<size_t>(seq) - 1];
        CHECK(record.kind == kept.kind);
        CHECK(record.deleted == kept.deleted);
        CHECK(record.by == kept.by);
        CHECK(record.target == kept.target);
        CHECK(record.user == kept.user);
        CHECK(record.id == (kept.deleted ? "" : kept.id));
        CHECK(record.conn == kept.conn);
        CHECK(record.content == kept.content);
        CHECK(record.ts == kept.ts);
      }
      CHECK(reader.at_end());
    }
  }

  void apply(const EffectList& effects) {
    for (const Effect& effect : effects.records()) {
      if (effect.type == static_cast<uint32_t>(EffectType::kPutState)) {
        state_ = effects.data(effect);
      } else if (is_drop(effect)) {
        CHECK(segments_.erase(effect.target) == 1);
      } else {
        segments_[effect.target] = {std::string(effects.data(effect)),
                                    std::string(effects.extra(effect))};
      }
    }
  }

  RoomSettings settings_;
  Random random_{1};
  std::optional<Log> log_;
  std::string state_;
  std::map<uint32_t, std::pair<std::string, std::string>> segments_;
};

Kept random_record(Dice& dice) {
  Kept kept;
  kept.user = "user" + std::to_string(dice.below(3));
  if (!dice.one_in(3)) kept.id = "id" + std::to_string(dice.below(30));
  if (!dice.one_in(4)) kept.conn = "conn";
  kept.content = "\"" + std::string(dice.index(40), 'x') + "\"";
  return kept;
}

void step(LogWorld& world, Dice& dice) {
  world.now_ms += static_cast<double>(dice.below(dice.one_in(15) ? 400'000 : 3'000));
  for (uint64_t n = dice.one_in(10) ? 0 : dice.between(1, 6); n > 0; n--) {
    const Kept kept = random_record(dice);
    world.check_duplicate(kept);
    world.append(kept);
  }
  world.flush();
  world.check();
  if (dice.one_in(4) && world.log().flushed_seq() > 0) {
    world.remove(dice.between(world.log().oldest_held_seq(), world.log().flushed_seq()), "mo");
    world.check();
  }
  if (!dice.one_in(3)) {
    const uint64_t flushed = world.log().flushed_seq();
    world.confirmed = dice.one_in(4) ? flushed : dice.between(world.confirmed, flushed);
  }
  if (dice.one_in(25)) world.save_state();
  if (dice.one_in(20)) world.restart(dice);
  if (dice.one_in(20)) {
    world.append(random_record(dice));  // lost: it was told to nobody
    world.restart(dice);
  }
  world.check();
}

// What a room of three segments (1-2, 3-4, 5-6) with 1-3 confirmed has stored.
struct Stored {
  std::string state;
  std::vector<std::string> heads;
};

Stored three_segments(const RoomSettings& settings) {
  Stored stored;
  Random random(1);
  Log log("lobby", settings, false);
  REQUIRE(log.restored(kStartMs));
  EffectList effects;
  log.create(kStartMs, random, effects);
  stored.state = effects.data(effects.records().back());
  for (int i = 0; i < 3; i++) {
    for (const char* id : {"", "some id"}) {
      Record record;
      record.user = "ana";
      record.id = id;
      record.content = "1";
      log.append(record, kStartMs);
    }
    effects.clear();
    log.flush(kStartMs, i == 2 ? 3 : 0, effects);
    stored.heads.emplace_back(effects.data(effects.records().back()));
  }
  return stored;
}

// Restores a log and, if it lets itself be restored, works with it.
bool restore(const RoomSettings& settings, std::string_view state,
             const std::vector<std::string>& heads) {
  Log log("lobby", settings, false);
  if (!log.restore_state(0, state)) return false;
  for (size_t i = 0; i < heads.size(); i++) {
    if (!heads[i].empty() && !log.restore_segment(static_cast<uint32_t>(i), heads[i])) return false;
  }
  if (!log.restored(kStartMs)) return false;
  EffectList effects;
  for (int i = 0; i < 3; i++) {
    Record record;
    record.user = "ana";
    record.content = "1";
    log.append(record, kStartMs);
    log.flush(kStartMs, log.restored_confirmed(), effects);
  }
  for (uint64_t seq = log.restored_confirmed() + 1; seq <= log.flushed_seq(); seq++) {
    CHECK(log.segments().find(seq) < log.segments().entries().size());
  }
  return true;
}

}  // namespace

TEST_CASE("rows that an outage has left are deleted, a few a flush, and never one that is needed") {
  Dice dice(1);
  RoomSettings settings;
  settings.history_size = 20;
  settings.dedup_max = 10;
  LogWorld world(settings);
  constexpr size_t kOutage = 2300;
  for (size_t i = 0; i < kOutage; i++) {
    world.append(random_record(dice));
    world.flush();
  }
  const size_t most = world.segments_stored();
  CHECK(most > kOutage / 2);  // some were duplicates
  // Nothing is confirmed, so that nothing goes, however long it has been there.
  world.now_ms += 2 * edgeroom::kDedupMs;
  world.append({});
  world.flush();
  CHECK(world.segments_stored() == most + 1);
  world.check();

  // Up to the middle, what is not confirmed stays.
  const uint64_t middle = world.log().flushed_seq() / 2;
  for (int flushes = 0; world.log().oldest_held_seq() <= middle; flushes++) {
    REQUIRE(flushes < 200);
    const size_t before = world.segments_stored();
    world.confirmed = middle;
    world.append({});
    world.flush();
    CHECK(before < world.segments_stored() + 17);
    if (flushes % 30 == 0) world.restart(dice);
  }
  CHECK(world.log().oldest_held_seq() == middle + 1);
  world.check();

  // A ring of the size that is kept is not made smaller, and is written over.
  world.confirmed = world.log().flushed_seq();
  for (int flushes = 0; world.segments_stored() > 1024; flushes++) {
    REQUIRE(flushes < 200);
    world.append({});
    world.flush();
  }
  world.check();
  for (int i = 0; i < 100; i++) {
    world.confirmed = world.log().flushed_seq();
    world.append({});
    world.flush();
  }
  CHECK(world.segments_stored() == 1024);
  world.check();
  world.restart(dice);
  world.check();
}

TEST_CASE("over thousands of random steps the log holds what it must, restarted or not") {
  for (uint64_t seed = 1; seed <= 30; seed++) {
    CAPTURE(seed);
    Dice dice(seed);
    RoomSettings settings;
    settings.history_size = static_cast<uint32_t>(dice.between(1, 30));
    settings.dedup_max = static_cast<uint32_t>(dice.between(1, 40));
    LogWorld world(settings);
    for (int i = 0; i < 150; i++) {
      CAPTURE(i);
      step(world, dice);
    }
  }
}

TEST_CASE("a log restored to a clock that has gone back knows old ids again, and not too many") {
  RoomSettings settings;
  settings.history_size = 2;
  settings.dedup_max = 3;
  Dice dice(1);
  LogWorld world(settings);
  Kept kept;
  kept.user = "ana";
  kept.content = "1";
  const auto say = [&](std::initializer_list<const char*> ids) {
    for (const char* id : ids) {
      kept.id = id;
      REQUIRE(world.append(kept));
    }
    world.flush();
  };
  const auto known = [&] {
    std::string ids;
    for (const char* id : {"a", "b", "c", "d", "e"}) {
      if (duplicate_of(world.log(), "ana", id)) ids += id;
    }
    return ids;
  };
  say({"a"});
  say({"b", "c"});
  say({"d"});
  say({"e"});
  CHECK(known() == "cde");
  world.now_ms += edgeroom::kDedupMs;
  world.flush();
  CHECK(known() == "de");
  const double later_ms = world.now_ms;
  world.now_ms = kStartMs;
  world.restart(dice);
  CHECK(known() == "cde");
  // What is written again is written without what was forgotten: then an older one has its place,
  // and DEDUP_MAX is kept to.
  world.now_ms = later_ms;
  world.flush();
  world.remove(2, "mo");
  world.now_ms = kStartMs;
  world.restart(dice);
  CHECK(known() == "ade");
}

TEST_CASE("the ring grows while nothing is confirmed, and turns in place afterwards") {
  RoomSettings settings;
  settings.history_size = 5;
  LogWorld world(settings);
  Kept kept;
  kept.user = "ana";
  kept.content = "1";
  for (int i = 0; i < 20; i++) {
    world.append(kept);
    world.flush();
  }
  CHECK(world.segments_stored() == 20);
  CHECK(world.log().oldest_held_seq() == 1);
  world.confirmed = 20;
  std::vector<uint32_t> reused;
  for (int i = 0; i < 40; i++) {
    world.append(kept);
    world.flush();
    world.confirmed = world.log().flushed_seq();
    reused.push_back(world.log().segments().entries().back().slot);
  }
  CHECK(world.segments_stored() == 20);
  for (size_t i = 0; i < reused.size(); i++) CHECK(reused[i] == i % 20);  // the oldest first
  world.check();
}

TEST_CASE("ids hold their segments while they are remembered, and let go of them") {
  RoomSettings settings;
  settings.history_size = 1;
  LogWorld world(settings);
  Kept kept;
  kept.user = "ana";
  kept.content = "1";
  const auto flush_one = [&](const std::string& id) {
    kept.id = id;
    world.append(kept);
    world.flush();
    world.confirmed = world.log().flushed_seq();
    world.check();
  };
  for (int i = 0; i < 30; i++) flush_one(std::to_string(i));
  CHECK(world.segments_stored() == 30);
  world.now_ms += edgeroom::kDedupMs;
  for (int i = 0; i < 100; i++) flush_one("");
  CHECK(world.segments_stored() == 30);
  CHECK_FALSE(duplicate_of(world.log(), "ana", "29"));
}

TEST_CASE("a segment holds at most its limit, the records' names and ids counted") {
  RoomSettings settings;
  LogWorld world(settings);
  Dice dice(1);
  Kept kept;
  kept.user = std::string(512, 'u');
  kept.conn = "0123456789";
  const std::vector<size_t> sizes = {1'048'576 / 4, 1'048'576 / 4 - 640, 65'536, 65'536 - 640, 100};
  for (const size_t size : sizes) {
    CAPTURE(size);
    kept.content = "\"" + std::string(size - 2, 'x') + "\"";
    for (size_t n = 0; n < 3 * edgeroom::kSegmentBytesMax / (size + 500); n++) {
      kept.id = std::to_string(world.records.size()) + std::string(250, 'i');
      world.append(kept);
    }
    world.flush();
    world.check();
    CHECK(world.log().segments().entries().size() >= 3);
  }
  world.restart(dice);
  world.check();
}

TEST_CASE("a record's ts never goes back, though the clock does, restarted or not") {
  RoomSettings settings;
  LogWorld world(settings);
  Dice dice(1);
  Kept kept;
  kept.user = "ana";
  kept.content = "1";
  for (const double now_ms : {kStartMs, kStartMs + 5, kStartMs - 60'000, kStartMs + 4}) {
    world.now_ms = now_ms;
    world.append(kept);
    world.append(kept);
    world.flush();
    world.restart(dice);
    world.check();
  }
  uint64_t before = 0;
  for (const Kept& record : world.records) {
    CHECK(record.ts >= before);
    before = record.ts;
  }
  CHECK(before == static_cast<uint64_t>(kStartMs) + 5);
}

TEST_CASE("an empty flush writes nothing, and an untouched log is no room") {
  RoomSettings settings;
  LogWorld world(settings);
  EffectList effects;
  world.log().flush(kStartMs, 0, effects);
  CHECK(effects.records().empty());
  Log unused("lobby", settings, false);
  CHECK(unused.restored(kStartMs));
  CHECK_FALSE(unused.exists());
  CHECK(unused.oldest_held_seq() == 1);
  CHECK(unused.flushed_seq() == 0);
}

TEST_CASE("a log that lacks what nobody has confirmed is not restored") {
  const RoomSettings settings;
  const Stored stored = three_segments(settings);
  const auto& heads = stored.heads;
  CHECK(restore(settings, stored.state, heads));
  CHECK(restore(settings, stored.state, {heads[2], heads[0], heads[1]}));
  CHECK(restore(settings, stored.state, {"", heads[1], heads[2]}));  // 1-2 are confirmed
  CHECK_FALSE(restore(settings, stored.state, {"", "", heads[2]}));
  CHECK_FALSE(restore(settings, stored.state, {heads[0], "", heads[2]}));
  CHECK(restore(settings, stored.state, {heads[0], heads[1], ""}));  // nothing tells of 5-6
  SegmentHead ahead;
  REQUIRE(decode_segment_head(heads[2], ahead));
  ahead.confirmed = 7;
  std::string bytes;
  encode_segment_head(bytes, ahead);
  CHECK_FALSE(restore(settings, stored.state, {heads[0], heads[1], bytes}));
  // A state row that was written after the newest segment that is left.
  LogWorld world(settings);
  Kept kept;
  kept.user = "ana";
  kept.content = "1";
  for (int i = 0; i < 7; i++) world.append(kept);
  world.flush();
  EffectList effects;
  world.log().save_state(0, {}, effects);
  CHECK_FALSE(restore(settings, effects.data(effects.records().back()), {}));
}

TEST_CASE("so many segments and no more, whatever the history and the ids would have kept") {
  // With 100,000 messages of one flush each within five minutes the room refused every message for
  // good, and nothing waited: what was confirmed was still remembered for its ids.
  RoomSettings settings;
  settings.history_size = 100'000;
  Log log("lobby", settings, false);
  edgeroom::Random random(1);
  EffectList effects;
  log.create(kStartMs, random, effects);
  edgeroom::Record record;
  record.user = "ana";
  record.content = "1";
  for (size_t i = 0; i < edgeroom::kSegmentsMax + 100; i++) {
    effects.clear();
    log.append(record, kStartMs);
    log.flush(kStartMs, log.flushed_seq(), effects);
    REQUIRE(log.segments().entries().size() <= edgeroom::kSegmentsMax);
  }
  CHECK(log.segments().entries().size() >= edgeroom::kSegmentsMax - 20);
  // What is not confirmed is kept, all of it: then the room takes no more (Room::outbox_refusal).
  const uint64_t confirmed = log.flushed_seq();
  for (size_t i = 0; i < 100; i++) {
    log.append(record, kStartMs);
    log.flush(kStartMs, confirmed, effects);
  }
  CHECK(log.oldest_held_seq() <= confirmed);
}

TEST_CASE("segments of another epoch are written over, and count for nothing") {
  const RoomSettings settings;
  const Stored stored = three_segments(settings);
  SegmentHead other;
  REQUIRE(decode_segment_head(stored.heads[1], other));
  other.generation = 7;
  other.confirmed = 1000;
  std::string bytes;
  encode_segment_head(bytes, other);
  Log log("lobby", settings, false);
  REQUIRE(log.restore_state(0, stored.state));
  REQUIRE(log.restore_segment(5, bytes));
  for (uint32_t slot = 0; slot < 3; slot++) REQUIRE(log.restore_segment(slot, stored.heads[slot]));
  REQUIRE(log.restored(kStartMs));
  CHECK(log.restored_confirmed() == 3);
  CHECK(log.flushed_seq() == 6);
  CHECK(log.oldest_held_seq() == 1);
  EffectList effects;
  Record record;
  record.user = "ana";
  record.content = "1";
  log.append(record, kStartMs);
  log.flush(kStartMs, 3, effects);
  CHECK(effects.records().back().target == 5);
}

TEST_CASE("stored rows that are cut, or have a flipped bit, never bring the log down") {
  const RoomSettings settings;
  const Stored stored = three_segments(settings);
  size_t restored = 0;
  for (size_t at = 0; at < stored.state.size() * 8; at++) {
    std::string state = stored.state;
    state[at / 8] = static_cast<char>(state[at / 8] ^ static_cast<char>(1U << (at % 8)));
    restored += restore(settings, state, stored.heads) ? 1 : 0;
    if (at % 8 == 0) CHECK_FALSE(restore(settings, stored.state.substr(0, at / 8), stored.heads));
  }
  for (size_t head = 0; head < 3; head++) {
    for (size_t at = 0; at < stored.heads[head].size() * 8; at++) {
      auto heads = stored.heads;
      heads[head][at / 8] =
          static_cast<char>(heads[head][at / 8] ^ static_cast<char>(1U << (at % 8)));
      restored += restore(settings, stored.state, heads) ? 1 : 0;
    }
  }
  CHECK(restored > 0);  // a flipped bit of a hash or of the epoch is not to be noticed
  CHECK_FALSE(restore(settings, stored.state + "x", stored.heads));
  Log log("lobby", settings, false);
  CHECK_FALSE(log.restore_segment(0, stored.heads[0]));  // before the state
}

TEST_CASE("a room refuses to wake without records that nobody has confirmed") {
  const RoomSettings settings;
  const Stored stored = three_segments(settings);
  edgeroom::Room room("lobby", settings, edgeroom::test::RoomHarness::chat(), 1);
  EffectList effects;
  using edgeroom::EventType;
  CHECK_FALSE(room.handle({EventType::kRestoreState, 0, 0, kStartMs, stored.state}, effects));
  CHECK_FALSE(room.handle({EventType::kRestoreSegment, 2, 0, kStartMs, stored.heads[2]}, effects));
  CHECK(room.handle({EventType::kRestored, 0, 0, kStartMs, {}}, effects) ==
        edgeroom::RoomStatus::kCorrupt);
  CHECK(effects.records().empty());
}
