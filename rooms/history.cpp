#include "rooms/history.h"

#include <algorithm>
#include <utility>

#include "rooms/limits.h"

namespace edgeroom {

namespace {

void append_array(std::string& out, const std::vector<const std::string*>& messages, bool more) {
  out.append("\"messages\":[");
  for (size_t i = 0; i < messages.size(); i++) {
    if (i > 0) out.push_back(',');
    out.append(*messages[i]);
  }
  out.append(more ? "],\"more\":true" : "],\"more\":false");
}

}  // namespace

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

bool HistoryReader::more_held() const {
  return messages_.size() > query_.limit || segments_left_ || cut_;
}

size_t HistoryReader::held_count() const { return std::min(messages_.size(), query_.limit); }

// Whether the central API's part goes on to where the room's own begins, or to the page's end: the
// room may have let go of messages while it was asked.
bool HistoryReader::reaches(uint64_t oldest_held_seq) const {
  if (query_.forwards() && central_->more) return true;
  return central_->boundary >= std::min(query_.before.value_or(UINT64_MAX), oldest_held_seq);
}

void HistoryReader::do_without() {
  central_.emplace();
  central_->failed = true;
}

std::optional<HistoryQuery> HistoryReader::missing(uint64_t oldest_held_seq,
                                                   uint64_t stored_before) const {
  if (central_ && (central_->failed || reaches(oldest_held_seq))) return std::nullopt;
  HistoryQuery query;
  if (query_.forwards()) {
    if (*query_.after + 1 >= oldest_held_seq) return std::nullopt;
    query.after = query_.after;
    query.limit = query_.limit;
    return query;
  }
  // Asked again, for as much as it has: then the room may let go of all that it has stored.
  const bool again = ask_.attempts > 0;
  const uint64_t bound = again ? std::max(oldest_held_seq, stored_before) : oldest_held_seq;
  const uint64_t before = std::min(query_.before.value_or(UINT64_MAX), bound);
  if (more_held() || before <= 1) return std::nullopt;
  if (before != UINT64_MAX) query.before = before;
  // A full page still has to say whether there are more.
  query.limit = again ? query_.limit : std::max<size_t>(1, query_.limit - held_count());
  return query;
}

void HistoryReader::append_members(std::string& out) const {
  if (query_.forwards()) {
    append_forwards(out);
  } else {
    append_backwards(out);
  }
}

void HistoryReader::append_backwards(std::string& out) const {
  std::vector<const std::string*> page;
  const size_t held = held_count();
  for (size_t i = messages_.size() - held; i < messages_.size(); i++) page.push_back(&messages_[i]);
  // While the central API was read the room may have got more than the page holds.
  if (!central_ || more_held()) {
    append_array(out, page, more_held());
    return;
  }
  if (central_->failed) {
    // A page that is cut short is the last that can be had now: whoever pages while there is more
    // must come to an end.
    append_array(out, page, held == query_.limit);
    if (held < query_.limit) out.append(",\"partial\":true");
    return;
  }
  size_t bytes = bytes_;
  size_t taken = 0;
  for (auto message = central_->messages.rbegin(); message != central_->messages.rend();
       ++message) {
    bytes += message->size();
    if (page.size() == query_.limit || (bytes > kHistoryBytesMax && !page.empty())) break;
    page.insert(page.begin(), &*message);
    taken++;
  }
  append_array(out, page, central_->more || taken < central_->messages.size());
}

void HistoryReader::append_forwards(std::string& out) const {
  std::vector<const std::string*> page;
  bool more = false;
  size_t bytes = 0;
  const auto add = [&](const std::string& message) {
    bytes += message.size();
    if (page.size() == query_.limit || (bytes > kHistoryBytesMax && !page.empty())) more = true;
    if (!more) page.push_back(&message);
  };
  if (central_) std::for_each(central_->messages.begin(), central_->messages.end(), add);
  more = more || (central_ && central_->more);
  if (!more) {
    std::for_each(messages_.begin(), messages_.end(), add);
    more = more || more_held();
  }
  append_array(out, page, more);
  if (central_ && central_->failed) out.append(",\"partial\":true");
}

}  // namespace edgeroom
