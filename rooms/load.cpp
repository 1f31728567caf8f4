#include "rooms/load.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/json_writer.h"
#include "rooms/limits.h"
#include "rooms/log_text.h"

namespace edgeroom {

namespace {

DeadLetterRow letter_row(const Record& record) {
  DeadLetterRow row;
  row.ts = record.ts;
  row.is_message = record.kind == RecordKind::kMessage;
  ByteWriter writer(row.data);
  encode_record(writer, record, record.ts);
  return row;
}

}  // namespace

RecoveryReader::RecoveryReader(uint32_t handle, uint64_t after)
    : handle_(handle), after_(after), frames_(kReplayFrameBytes) {}

void RecoveryReader::record(const Record& record) {
  if (record.seq <= after_) return;
  append_client_json(frames_.begin_object(), record);
  frames_.end_object();
}

BatchReader::BatchReader(BatchPlan plan, std::string_view room, std::string_view epoch,
                         size_t bytes)
    : plan_(std::move(plan)) {
  // A body that grows by doubling leaves holes behind, and an instance gives no memory back.
  constexpr size_t kMemberNamesBytes = 96;  // of one record
  body_.reserve(std::min(bytes + (plan_.wanted.size() + 2) * kMemberNamesBytes, kBatchBytesMax));
  body_.append("{\"v\":1,\"room\":");
  append_json_string(body_, room);
  body_.append(",\"epoch\":");
  append_json_string(body_, epoch);
  body_.append(",\"records\":[");
}

void BatchReader::record(const Record& record) {
  if (full_ || record.seq < plan_.first || record.seq > plan_.last) return;
  if (plan_.letters.empty() && !plan_.wanted[static_cast<size_t>(record.seq - plan_.first)]) {
    last_ = record.seq;
    return;
  }
  constexpr size_t kClosingBytes = 2;  // ]}
  const size_t size_before = body_.size();
  const bool is_first = first_in_body_ == 0;
  if (!is_first) body_.push_back(',');
  append_central_json(body_, record);
  // A single record may be as large as it is: only the central API can say that it is too large.
  if (!is_first && body_.size() + kClosingBytes > kBatchBytesMax) {
    body_.resize(size_before);
    full_ = true;
    return;
  }
  if (is_first) first_in_body_ = record.seq;
  last_in_body_ = record.seq;
  last_ = record.seq;
}

std::string BatchReader::range() const {
  return std::to_string(first_in_body_) + "-" + std::to_string(last_in_body_);
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
    author_user_ = record.user;
    kept = {};
    kept.seq = record.seq;
    kept.ts = record.ts;
    kept.user = record.user;
    kept.deleted = true;
    kept.by = by_;
    letter_ = letter_row(kept);
  }
  ByteWriter writer(data_);
  // A long name cannot make a row of many small messages too large: it is left out before.
  if (kept.deleted && data_.size() + kept.by.size() > kRewrittenSegmentBytesMax) {
    kept.by = kept.user;
  }
  encode_record(writer, kept, segment_ts_);
}

void RestoreReader::record(const Record& record) {
  deletions_.record(record);
  if (letters_ > 0) {
    letters_--;
    return;
  }
  if (record.seq <= log_.snapshot_through() || log_.is_skipped(record.seq)) return;
  working_seq_ = static_cast<double>(record.seq);
#ifdef EDGEROOM_TEST_HOOKS
  CHECK(record.reason != "test: fail when restored");
#endif
  state_.apply(record);
  working_seq_ = 0;
}

std::vector<SegmentEntry> LogReader::select(const SegmentIndex& index) const {
  std::vector<SegmentEntry> selected;
  size_t bytes = 0;
  for (const SegmentEntry& entry : index.entries()) {
    if (entry.last_seq() <= after_) continue;
    if (entry.first_seq > through_ || bytes >= kLogPartBytes) break;
    selected.push_back(entry);
    bytes += entry.data_size;
  }
  return selected;
}

void LogReader::record(const Record& record) {
  if (record.seq <= after_ || record.seq > through_) return;
  append_log_line(text_, record);
  after_ = record.seq;
  records_++;
}

void BurialReader::record(const Record& record) {
  if (rows_.size() < seqs_.size() && record.seq == seqs_[rows_.size()]) {
    rows_.push_back(letter_row(record));
  }
}

void DeadLettersReader::record(const Record& record) {
  const DeadLetter* letter = letters_.find(record.seq);
  CHECK(letter != nullptr);
  if (!std::exchange(is_first_, false)) body_.push_back(',');
  JsonObjectWriter object(body_);
  object.integer("seq", letter->seq);
  object.string("code", letter->code);
  object.key("record");
  append_central_json(body_, record);
  object.close();
}

std::string DeadLettersReader::finish() {
  body_.append("],\"more\":");
  body_.append(more_ ? "true}" : "false}");
  return std::move(body_);
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
