#include "rooms/load.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/json_writer.h"
#include "rooms/limits.h"

namespace edgeroom {

RecoveryReader::RecoveryReader(uint32_t handle, uint64_t after)
    : handle_(handle), after_(after), frames_(kReplayFrameBytes) {}

void RecoveryReader::record(const Record& record) {
  if (record.seq <= after_) return;
  append_client_json(frames_.begin_object(), record);
  frames_.end_object();
}

std::vector<SegmentEntry> HistoryReader::select(const SegmentIndex& index) {
  const auto& entries = index.entries();
  // One message more than the page holds tells whether there are more.
  const size_t wanted = query_.limit + 1;
  std::vector<SegmentEntry> selected;
  size_t messages = 0;
  const auto take = [&](const SegmentEntry& entry) {
    if (messages >= wanted) {
      segments_left_ = true;
      return;
    }
    if (!query_.contains(entry.first_seq) && !query_.contains(entry.last_seq())) return;
    // Of a segment that a bound cuts, only the part inside counts: none for sure.
    const bool whole = query_.contains(entry.first_seq) && query_.contains(entry.last_seq());
    messages += whole ? entry.messages : 0;
    selected.push_back(entry);
  };
  if (query_.forwards()) {
    std::for_each(entries.begin(), entries.end(), take);
  } else {
    std::for_each(entries.rbegin(), entries.rend(), take);
    std::reverse(selected.begin(), selected.end());
  }
  return selected;
}

void HistoryReader::record(const Record& record) {
  if (record.kind != RecordKind::kMessage) return;
  if (!query_.contains(record.seq)) return;
  if (query_.forwards() && (cut_ || messages_.size() > query_.limit)) return;
  std::string json;
  append_history_json(json, record);
  if (query_.forwards() && !messages_.empty() && bytes_ + json.size() > kHistoryBytesMax) {
    cut_ = true;
    return;
  }
  bytes_ += json.size();
  messages_.push_back(std::move(json));
  // Backwards the page is what stands last: no more of the older ones is kept than it may hold.
  const bool too_long = bytes_ > kHistoryBytesMax;
  while (messages_.size() > query_.limit + 1 ||
         (bytes_ > kHistoryBytesMax && messages_.size() > 1)) {
    bytes_ -= messages_.front().size();
    messages_.pop_front();
  }
  cut_ = cut_ || too_long;
}

void HistoryReader::append_members(std::string& out, uint64_t oldest_held_seq) const {
  const size_t count = std::min(messages_.size(), query_.limit);
  const size_t first = query_.forwards() ? 0 : messages_.size() - count;
  const bool more_held = messages_.size() > query_.limit || segments_left_ || cut_;
  // Messages that only the central API still has are older than all that are held.
  const bool older_exist = oldest_held_seq > 1 && query_.before.value_or(UINT64_MAX) > 1;
  const bool reaches_older = !query_.forwards() && !more_held && older_exist;
  const bool more = more_held || (reaches_older && count == query_.limit);
  out.append("\"messages\":[");
  for (size_t i = first; i < first + count; i++) {
    if (i > first) out.push_back(',');
    out.append(messages_[i]);
  }
  out.append(more ? "],\"more\":true" : "],\"more\":false");
  // The page itself would hold some of them.
  const bool partial = query_.forwards() ? *query_.after + 1 < oldest_held_seq
                                         : reaches_older && count < query_.limit;
  if (partial) out.append(",\"partial\":true");
}

BatchReader::BatchReader(BatchPlan plan, std::string_view room, std::string_view epoch)
    : plan_(std::move(plan)) {
  body_.append("{\"v\":1,\"room\":");
  append_json_string(body_, room);
  body_.append(",\"epoch\":");
  append_json_string(body_, epoch);
  body_.append(",\"records\":[");
}

void BatchReader::record(const Record& record) {
  if (full_ || record.seq < plan_.first || record.seq > plan_.last) return;
  if (!plan_.wanted[static_cast<size_t>(record.seq - plan_.first)]) {
    last_ = record.seq;
    return;
  }
  constexpr size_t kClosingBytes = 2;  // ]}
  const size_t size_before = body_.size();
  if (!first_) body_.push_back(',');
  append_central_json(body_, record);
  // A single record may be as large as it is: only the central API can say that it is too large.
  if (!first_ && body_.size() + kClosingBytes > kBatchBytesMax) {
    body_.resize(size_before);
    full_ = true;
    return;
  }
  first_ = false;
  last_ = record.seq;
}

std::string BatchReader::finish() {
  body_.append("]}");
  return std::move(body_);
}

DeletionReader::DeletionReader(uint64_t target, std::string by)
    : target_(target), by_(std::move(by)) {}

void DeletionReader::record(const Record& record) {
  if (is_message_.empty()) segment_ts_ = record.ts;
  is_message_.push_back(record.kind == RecordKind::kMessage);
  Record kept = record;
  if (record.seq == target_ && is_message_.back() && !record.deleted) {
    found_ = true;
    author_ = record.conn;
    kept = {};
    kept.seq = record.seq;
    kept.ts = record.ts;
    kept.user = record.user;
    kept.deleted = true;
    kept.by = by_;
  }
  ByteWriter writer(data_);
  encode_record(writer, kept, segment_ts_);
}

bool Load::segment(uint32_t slot, std::string_view data) {
  if (complete()) return false;
  const SegmentEntry& entry = segments_[next_];
  if (entry.slot != slot || entry.data_size != data.size()) return false;
  ByteReader bytes(data);
  for (uint32_t i = 0; i < entry.count; i++) {
    Record record;
    if (!decode_record(bytes, entry.first_seq + i, entry.first_ts, record)) return false;
    std::visit([&record](auto& reader) { reader.record(record); }, reader_);
  }
  next_++;
  return bytes.at_end();
}

std::vector<uint32_t> Load::slots() const {
  std::vector<uint32_t> slots;
  slots.reserve(segments_.size());
  for (const SegmentEntry& entry : segments_) slots.push_back(entry.slot);
  return slots;
}

}  // namespace edgeroom
