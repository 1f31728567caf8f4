#include "rooms/log.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/heap_sort.h"
#include "base/random.h"
#include "base/settings.h"
#include "rooms/epoch.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

// state := version:u8 room:sized generation:varint epoch:sized seq:varint last_ts:varint
//          confirmed:varint dedup_k0:u64 dedup_k1:u64
//          paused_until:varint failures:varint flags:u8 dead_in_row:varint
//          epoch_began_after:varint replay_through:varint
// Up to version 2 there stood dead letters, dead_count:varint (seq:varint code:sized) * dead_count,
// behind the keys, and version 1 ended with them.
constexpr uint8_t kStateVersion = 3;
constexpr uint8_t kStateVersionWithoutReplay = 2;
constexpr uint8_t kStateVersionWithoutPause = 1;
constexpr uint8_t kFlagBlocked = 1;
constexpr uint8_t kFlagUnproven = 2;

// snapshot := version:u8 generation:varint through:varint state:sized
constexpr uint8_t kSnapshotVersion = 1;

// skipped := version:u8 generation:varint count:varint seq:varint * count
constexpr uint8_t kSkippedVersion = 1;

}  // namespace

Log::Log(std::string room, const RoomSettings& settings, bool messages_matter)
    : settings_(settings), messages_matter_(messages_matter), room_(std::move(room)) {}

void Log::start_dedup() { dedup_.emplace(dedup_key_, settings_.history_size, settings_.dedup_max); }

void Log::create(double now_ms, Random& random, EffectList& effects) {
  CHECK(!exists());
  epoch_ = make_epoch(static_cast<uint64_t>(now_ms), random);
  generation_ = 1;
  dedup_key_ = {random.next(), random.next()};
  start_dedup();
  save_state(0, {}, effects);
}

bool Log::may_begin_epoch(double now_ms) const {
  const bool was_begun_so = epoch_began_after_ > 0;
  const double age_ms = now_ms - static_cast<double>(epoch_time_ms(epoch_));
  return !is_epoch_unproven_ && (!was_begun_so || age_ms >= kEpochAgeMinMs);
}

void Log::begin_epoch(double now_ms, Random& random) {
  CHECK(appended_seq_ == flushed_seq_);
  const uint64_t after_ms = epoch_time_ms(epoch_) + 1;
  epoch_ = make_epoch(std::max(static_cast<uint64_t>(now_ms), after_ms), random);
  is_epoch_unproven_ = true;
  epoch_began_after_ = flushed_seq_;
}

void Log::import(const Origin& origin, Random& random, EffectList& effects) {
  CHECK(!exists());
  epoch_ = origin.epoch;
  generation_ = 1;
  dedup_key_ = {random.next(), random.next()};
  start_dedup();
  flushed_seq_ = origin.flushed_seq;
  appended_seq_ = origin.flushed_seq;
  snapshot_ = origin.state;
  snapshot_through_ = origin.through;
  snapshot_is_stored_ = snapshot_.empty();
  skipped_ = origin.skipped;
  save_state(origin.flushed_seq, {}, effects);
  if (!skipped_.empty()) save_skipped(effects);
}

bool Log::restore_state(uint32_t id, std::string_view bytes) {
  if (id == kStateRow) return restore_state_row(bytes);
  if (id == kSnapshotRow) return restore_snapshot_row(bytes);
  return id == kSkippedRow && restore_skipped_row(bytes);
}

bool Log::restore_skipped_row(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.u8() != kSkippedVersion) return false;
  skipped_generation_ = reader.varint();
  const uint64_t count = reader.varint();
  for (uint64_t i = 0; reader.ok() && i < count; i++) skipped_.push_back(reader.varint());
  return reader.ok() && reader.at_end() && std::is_sorted(skipped_.begin(), skipped_.end());
}

bool Log::restore_snapshot_row(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.u8() != kSnapshotVersion) return false;
  snapshot_generation_ = reader.varint();
  snapshot_through_ = reader.varint();
  snapshot_ = reader.sized();
  return reader.ok() && reader.at_end();
}

bool Log::restore_state_row(std::string_view bytes) {
  ByteReader reader(bytes);
  const uint8_t version = reader.u8();
  if (version < kStateVersionWithoutPause || version > kStateVersion) return false;
  const std::string_view room = reader.sized();
  if (room_.empty()) room_ = room;
  generation_ = reader.varint();
  epoch_ = reader.sized();
  flushed_seq_ = reader.varint();
  last_ts_ = reader.varint();
  restored_confirmed_ = reader.varint();
  dedup_key_.k0 = reader.u64();
  dedup_key_.k1 = reader.u64();
  const uint64_t dead = version <= kStateVersionWithoutReplay ? reader.varint() : 0;
  for (uint64_t i = 0; reader.ok() && i < dead; i++) {
    const uint64_t seq = reader.varint();
    rowless_dead_ = rowless_dead_ == 0 ? seq : std::min(rowless_dead_, seq);
    reader.sized();
  }
  if (version > kStateVersionWithoutPause) {
    restored_pause_.until_ms = static_cast<double>(reader.varint());
    restored_pause_.failures = static_cast<uint32_t>(reader.varint());
    const uint8_t flags = reader.u8();
    restored_pause_.is_blocked = (flags & kFlagBlocked) != 0;
    is_epoch_unproven_ = (flags & kFlagUnproven) != 0;
    restored_pause_.dead_in_row = static_cast<uint32_t>(reader.varint());
    epoch_began_after_ = reader.varint();
  }
  if (version > kStateVersionWithoutReplay) restored_pause_.replay_through = reader.varint();
  if (!reader.ok() || !reader.at_end() || epoch_.empty()) return false;
  start_dedup();
  return true;
}

bool Log::restore_segment(uint32_t slot, std::string_view head) {
  StoredSegment stored;
  stored.slot = slot;
  if (!exists() || !decode_segment_head(head, stored.head)) return false;
  if (stored.head.generation == generation_) {
    restoring_.push_back(std::move(stored));
  } else {
    segments_.add_free_slot(slot);
  }
  return true;
}

bool Log::restored(double now_ms) {
  heap_sort(restoring_.begin(), restoring_.end(),
            [](const StoredSegment& a, const StoredSegment& b) {
              return a.head.first_seq < b.head.first_seq;
            });
  std::vector<SegmentEntry> entries;
  entries.reserve(restoring_.size());
  for (const StoredSegment& stored : restoring_) {
    const SegmentHead& head = stored.head;
    entries.push_back({head.first_seq, head.first_ts, head.last_ts, stored.slot,
                       static_cast<uint32_t>(head.count), static_cast<uint32_t>(head.messages),
                       static_cast<uint32_t>(head.data_size)});
    // What a head says of an earlier epoch's watermark is not so of this one's.
    if (head.first_seq > epoch_began_after_) {
      restored_confirmed_ = std::max(restored_confirmed_, head.confirmed);
    }
    flushed_seq_ = std::max(flushed_seq_, head.last_seq());
    last_ts_ = std::max(last_ts_, head.last_ts);
  }
  segments_.restore(entries);
  if (snapshot_generation_ != generation_) {
    snapshot_.clear();
    snapshot_through_ = 0;
  }
  if (skipped_generation_ != generation_) skipped_.clear();
  forget_skipped();
  for (const SegmentEntry& entry : segments_.entries()) {
    if (!matters(entry) || entry.last_seq() <= snapshot_through_) continue;
    segments_after_snapshot_++;
    bytes_after_snapshot_ += entry.data_size;
  }
  for (const StoredSegment& stored : restoring_) {
    if (stored.head.first_seq < oldest_held_seq()) continue;  // not of the contiguous run
    const auto count = static_cast<size_t>(stored.head.count);
    for (size_t i = 0; i < count; i++) {
      const uint64_t hash = stored.head.hashes.empty() ? kNoIdHash : stored.head.hashes[i];
      if (hash == kNoMessageHash) continue;
      dedup_->add(hash, stored.head.first_seq + i, static_cast<double>(stored.head.last_ts));
    }
  }
  restoring_ = {};
  appended_seq_ = flushed_seq_;
  if (rowless_dead_ > 0) {
    // They are sent, and refused, once more: then they get their rows.
    restored_confirmed_ =
        std::min(restored_confirmed_, std::max(rowless_dead_, oldest_held_seq()) - 1);
  }
  if (dedup_) dedup_->expire(now_ms);
  return restored_whole();
}

bool Log::restored_whole() const {
  const bool ends_at_newest =
      segments_.empty() || segments_.entries().back().last_seq() == flushed_seq_;
  const bool holds_unconfirmed = oldest_held_seq() <= restored_confirmed_ + 1;
  return ends_at_newest && holds_unconfirmed && restored_confirmed_ <= flushed_seq_ &&
         snapshot_through_ <= flushed_seq_;
}

std::optional<uint64_t> Log::find_duplicate(Record& record) const {
  CHECK(exists());
  record.id_hash = dedup_->hash(record.user, record.id);
  return dedup_->find(record.id_hash);
}

uint64_t Log::next_ts(double now_ms) const {
  return std::max(static_cast<uint64_t>(now_ms), last_ts_);
}

void Log::append(Record& record, double now_ms) {
  CHECK(exists());
  record.seq = ++appended_seq_;
  record.ts = next_ts(now_ms);
  last_ts_ = record.ts;
  const size_t bytes_before = pending_.empty() ? 0 : pending_.back().data.size();
  if (pending_.empty() || bytes_before + encoded_bytes_max(record) > kSegmentBytesMax) {
    PendingSegment segment;
    segment.head.generation = generation_;
    segment.head.first_seq = record.seq;
    segment.head.first_ts = record.ts;
    pending_.push_back(std::move(segment));
  }
  PendingSegment& segment = pending_.back();
  const size_t size_before = segment.data.size();
  ByteWriter writer(segment.data);
  encode_record(writer, record, segment.head.first_ts);
  pending_bytes_ += segment.data.size() - size_before;

  const bool is_message = record.kind == RecordKind::kMessage;
  uint64_t hash = is_message ? kNoIdHash : kNoMessageHash;
  if (!record.id.empty()) {
    hash = record.id_hash != kNoIdHash ? record.id_hash : dedup_->hash(record.user, record.id);
  }
  if (is_message) dedup_->add(hash, record.seq, static_cast<double>(record.ts));
  SegmentHead& head = segment.head;
  if (hash != kNoIdHash || !head.hashes.empty()) {
    head.hashes.resize(static_cast<size_t>(head.count), kNoIdHash);
    head.hashes.push_back(hash);
  }
  head.count++;
  head.messages += is_message ? 1 : 0;
  head.last_ts = record.ts;
}

bool Log::matters(const SegmentEntry& entry) const {
  return messages_matter_ || entry.count > entry.messages;
}

bool Log::oldest_forwarded_and_forgotten(uint64_t confirmed) const {
  if (segments_.empty()) return false;
  const uint64_t last = segments_.oldest().last_seq();
  if (last > confirmed) return false;
  if (segments_.entries().size() >= kSegmentsMax) return true;
  return last < dedup_->oldest_seq() && segments_.messages_after_oldest() >= settings_.history_size;
}

bool Log::oldest_done(uint64_t confirmed) const {
  if (!oldest_forwarded_and_forgotten(confirmed)) return false;
  const SegmentEntry& oldest = segments_.oldest();
  return !matters(oldest) || oldest.last_seq() <= snapshot_through_;
}

bool Log::snapshot_due(uint64_t confirmed) const {
  if (appended_seq_ < snapshot_through_) return false;  // an import has not come to it yet
  if (!snapshot_is_stored_) return true;
  if (segments_after_snapshot_ >= kReplaySegmentsMax || bytes_after_snapshot_ >= kReplayBytesMax) {
    return true;
  }
  return oldest_forwarded_and_forgotten(confirmed) && !oldest_done(confirmed);
}

void Log::save_snapshot(std::string state, EffectList& effects) {
  snapshot_ = std::move(state);
  snapshot_generation_ = generation_;
  snapshot_through_ = appended_seq_;
  snapshot_is_stored_ = true;
  segments_after_snapshot_ = 0;
  bytes_after_snapshot_ = 0;
  std::string bytes;
  ByteWriter writer(bytes);
  writer.u8(kSnapshotVersion);
  writer.varint(snapshot_generation_);
  writer.varint(snapshot_through_);
  writer.sized(snapshot_);
  effects.put_state(kSnapshotRow, bytes);
  if (skipped_.empty()) return;
  forget_skipped();
  save_skipped(effects);
}

void Log::skip(uint64_t seq, EffectList& effects) {
  CHECK(exists() && seq > 0 && !is_skipped(seq) && skipped_.size() < kSkippedRecordsMax);
  skipped_.insert(std::upper_bound(skipped_.begin(), skipped_.end(), seq), seq);
  save_skipped(effects);
}

bool Log::is_skipped(uint64_t seq) const {
  return std::binary_search(skipped_.begin(), skipped_.end(), seq);
}

void Log::save_skipped(EffectList& effects) const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.u8(kSkippedVersion);
  writer.varint(generation_);
  writer.varint(skipped_.size());
  for (const uint64_t seq : skipped_) writer.varint(seq);
  effects.put_state(kSkippedRow, bytes);
}

// Those that the snapshot does without.
void Log::forget_skipped() {
  skipped_.erase(skipped_.begin(),
                 std::upper_bound(skipped_.begin(), skipped_.end(), snapshot_through_));
}

std::vector<SegmentEntry> Log::segments_to_replay() const {
  std::vector<SegmentEntry> segments;
  for (const SegmentEntry& entry : segments_.entries()) {
    const bool after_snapshot = matters(entry) && entry.last_seq() > snapshot_through_;
    const bool unconfirmed = entry.count > entry.messages && entry.last_seq() > restored_confirmed_;
    if (after_snapshot || unconfirmed) segments.push_back(entry);
  }
  return segments;
}

void Log::flush(double now_ms, uint64_t confirmed, EffectList& effects) {
  dedup_->expire(now_ms);
  std::string encoded_head;
  for (PendingSegment& segment : pending_) {
    SegmentHead& head = segment.head;
    head.data_size = segment.data.size();
    head.confirmed = confirmed;
    encoded_head.clear();
    encode_segment_head(encoded_head, head);
    const uint32_t slot = segments_.take_slot(oldest_done(confirmed));
    effects.put_segment(slot, encoded_head, segment.data, true);
    segments_.append({head.first_seq, head.first_ts, head.last_ts, slot,
                      static_cast<uint32_t>(head.count), static_cast<uint32_t>(head.messages),
                      static_cast<uint32_t>(head.data_size)});
    if (matters(segments_.entries().back()) && head.last_seq() > snapshot_through_) {
      segments_after_snapshot_++;
      bytes_after_snapshot_ += head.data_size;
    }
  }
  pending_.clear();
  pending_bytes_ = 0;
  flushed_seq_ = appended_seq_;
  for (size_t i = 0; i < kDroppedAtOnceMax; i++) {
    if (segments_.entries().size() <= kRingSegments || !oldest_done(confirmed)) break;
    effects.drop_segment(segments_.drop_oldest());
  }
}

void Log::rewrite(uint64_t seq, std::string_view data, const std::vector<bool>& is_message,
                  uint64_t confirmed, EffectList& effects) {
  CHECK(pending_.empty());
  const size_t position = segments_.find(seq);
  const SegmentEntry& entry = segments_.entries()[position];
  CHECK(is_message.size() == entry.count);
  SegmentHead head;
  head.generation = generation_;
  head.first_seq = entry.first_seq;
  head.count = entry.count;
  head.messages = entry.messages;
  head.first_ts = entry.first_ts;
  head.last_ts = entry.last_ts;
  head.data_size = data.size();
  head.confirmed = confirmed;
  bool any_hash = false;
  for (uint32_t i = 0; i < entry.count; i++) {
    head.hashes.push_back(is_message[i] ? dedup_->hash_at(entry.first_seq + i) : kNoMessageHash);
    any_hash = any_hash || head.hashes.back() != kNoIdHash;
  }
  if (!any_hash) head.hashes.clear();
  std::string encoded_head;
  encode_segment_head(encoded_head, head);
  effects.put_segment(entry.slot, encoded_head, data, false);
  segments_.resize(position, static_cast<uint32_t>(data.size()));
}

void Log::save_state(uint64_t confirmed, const ForwardingPause& pause, EffectList& effects) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.u8(kStateVersion);
  writer.sized(room_);
  writer.varint(generation_);
  writer.sized(epoch_);
  writer.varint(flushed_seq_);
  writer.varint(last_ts_);
  writer.varint(confirmed);
  writer.u64(dedup_key_.k0);
  writer.u64(dedup_key_.k1);
  writer.varint(static_cast<uint64_t>(pause.until_ms));
  writer.varint(pause.failures);
  writer.u8(static_cast<uint8_t>((pause.is_blocked ? kFlagBlocked : 0) |
                                 (is_epoch_unproven_ ? kFlagUnproven : 0)));
  writer.varint(pause.dead_in_row);
  writer.varint(epoch_began_after_);
  writer.varint(pause.replay_through);
  effects.put_state(kStateRow, bytes);
}

uint64_t Log::oldest_held_seq() const {
  return segments_.empty() ? flushed_seq_ + 1 : segments_.oldest().first_seq;
}

}  // namespace edgeroom
