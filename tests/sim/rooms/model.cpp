#include "tests/sim/rooms/model.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "rooms/dead_letters.h"
#include "rooms/limits.h"
#include "tests/sim/rooms/ledger.h"

namespace edgeroom::roomsim {

namespace {

constexpr std::string_view kContentStart = "{\"n\":";

std::string record_name(uint64_t seq) { return "record " + std::to_string(seq); }

void expect(bool is_so, const std::string& otherwise) {
  if (!is_so) throw Violation(otherwise);
}

}  // namespace

std::string Rules::text() const {
  std::string out = "{\"LEDGER\":\"";
  out += has_ledger ? "on" : "off";
  const auto add = [&out](std::string_view name, uint64_t value) {
    out += "\",\"";
    out += name;
    out += "\":\"" + std::to_string(value);
  };
  add("HISTORY_SIZE", history);
  add("DEDUP_MAX", dedup);
  add("PRESENCE_MAX", presence);
  add("ROOM_CONNECTIONS_MAX", connections);
  add("MESSAGE_BYTES_MAX", message_bytes);
  add("OUTBOX_RECORDS_MAX", outbox);
  out += R"(","LOG_LEVEL":"error","MESSAGE_LIMITS":{"connection":{"rate":)" + std::to_string(rate) +
         ",\"burst\":" + std::to_string(burst) + "}}}";
  return out;
}

uint64_t number_of(std::string_view content) {
  if (content.substr(0, kContentStart.size()) != kContentStart) {
    throw Violation("a content that nobody has sent: " + std::string(content.substr(0, 100)));
  }
  content.remove_prefix(kContentStart.size());
  const auto number = json_integer(content.substr(0, content.find(',')));
  if (!number) throw Violation("a content that nobody has sent");
  return *number;
}

uint64_t Model::publish(std::string user, std::string conn, std::string id, size_t size) {
  const uint64_t number = published_.size();
  std::string content(kContentStart);
  content += std::to_string(number) + ",\"x\":\"" + std::string(size, 'x') + "\"}";
  published_.push_back({std::move(user), std::move(conn), std::move(id), std::move(content), 0});
  return number;
}

const Stored& Model::at(uint64_t seq) const {
  if (seq == 0 || seq > stored_.size()) {
    throw Violation(record_name(seq) + " is told of, and " + std::to_string(stored_.size()) +
                    " are stored");
  }
  return stored_[static_cast<size_t>(seq - 1)];
}

void Model::joined(std::string_view conn, double passed_ms, uint64_t generation) {
  speakers_[std::string(conn)] = {passed_ms, generation, 0};
}

void Model::committing(const Storage& storage, double passed_ms, uint64_t generation) {
  const uint64_t before = seq();
  if (storage.changes().empty()) return;
  for (const Storage::Change& change : storage.changes()) {
    if (is_dead_letter_slot(change.slot)) continue;
    held_.erase(change.slot);
    if (!change.row) continue;
    SegmentHead head;
    expect(decode_segment_head(change.row->head, head), "a head that cannot be read");
    expect(head.count > 0, "a segment without records");
    held_[change.slot] = {head.first_seq, head.last_seq()};
    commit_segment(*change.row, passed_ms, generation);
  }
  for (uint64_t seq = before + 1; seq <= this->seq(); seq++) {
    const Stored& record = at(seq);
    if (record.kind != RecordKind::kDeletion) continue;
    const bool is_held = std::any_of(held_.begin(), held_.end(), [&](const auto& entry) {
      return entry.second.first <= record.target && record.target <= entry.second.second;
    });
    expect(!is_held || at(record.target).is_erased,
           record_name(record.target) + " is deleted, and its content is still stored");
  }
  check_held();
}

// What nobody else has, and the history that was promised.
void Model::check_held() {
  if (stored_.empty()) return;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  ranges.reserve(held_.size());
  for (const auto& [unused, range] : held_) ranges.push_back(range);
  std::sort(ranges.begin(), ranges.end());
  expect(!ranges.empty() && ranges.back().second == seq(),
         "the newest record is not held: a segment was written over that is needed");
  uint64_t oldest = ranges.back().first;
  for (auto range = ranges.rbegin() + 1; range != ranges.rend(); ++range) {
    if (range->second + 1 != oldest) break;
    oldest = range->first;
  }
  expect(oldest <= settled_through() + 1, record_name(settled_through() + 1) +
                                              " is neither held nor stored centrally; the oldest " +
                                              "that is held is " + std::to_string(oldest));
  const size_t keep = std::min<size_t>(rules_.history, messages_.size());
  expect(keep == 0 || oldest <= messages_[messages_.size() - keep],
         "the history is shorter than HISTORY_SIZE: the oldest record held is " +
             std::to_string(oldest));
}

void Model::commit_segment(const SegmentRow& row, double passed_ms, uint64_t generation) {
  SegmentHead head;
  decode_segment_head(row.head, head);
  expect(head.data_size == row.data.size(), "a head that names another size than its data's");
  expect(row.data.size() <= kRewrittenSegmentBytesMax, "a segment larger than it may be");
  expect(head.confirmed <= settled_through(),
         "a segment says that " + std::to_string(head.confirmed) + " is confirmed, and " +
             record_name(settled_through() + 1) + " is not settled");
  ByteReader reader(row.data);
  uint64_t messages = 0;
  for (uint64_t seq = head.first_seq; seq <= head.last_seq(); seq++) {
    Record record;
    expect(decode_record(reader, seq, head.first_ts, record), "a record that cannot be read");
    messages += record.kind == RecordKind::kMessage ? 1 : 0;
    if (seq <= this->seq()) {
      commit_again(record);
    } else {
      commit_new(record, passed_ms, generation);
    }
  }
  expect(reader.at_end() && messages == head.messages, "a head that does not fit its records");
}

// A segment that is written again may have lost contents, and nothing else.
void Model::commit_again(const Record& record) {
  Stored& stored = stored_[static_cast<size_t>(record.seq - 1)];
  const std::string what = record_name(record.seq) + " was stored again ";
  expect(record.kind == stored.kind && record.user == stored.user && record.ts == stored.ts &&
             record.target == stored.target && record.subject == stored.subject,
         what + "as another");
  if (record.deleted) {
    stored.is_erased = true;
    return;
  }
  expect(!stored.is_erased, what + "with its content, which was deleted");
  expect(record.content == stored.content && record.id == stored.id, what + "with another content");
}

void Model::commit_new(const Record& record, double passed_ms, uint64_t generation) {
  expect(record.seq == seq() + 1, record_name(record.seq) + " is stored after " +
                                      std::to_string(seq()) + ": there is a gap");
  expect(stored_.empty() || record.ts >= stored_.back().ts,
         record_name(record.seq) + " is older than the one before it");
  Stored stored;
  stored.kind = record.kind;
  stored.ts = record.ts;
  stored.user = record.user;
  stored.conn = record.conn;
  stored.id = record.id;
  stored.content = record.content;
  stored.is_erased = record.deleted;
  stored.target = record.target;
  stored.action = record.action;
  stored.subject = record.subject;
  stored.until = record.until;
  stored.link = link_after(stored_.empty() ? 0 : stored_.back().link, record);
  if (!stored_.empty()) {
    stored.messages = stored_.back().messages;
    stored.ids = stored_.back().ids;
  }
  switch (record.kind) {
    case RecordKind::kMessage: new_message(stored, record, passed_ms, generation); break;
    case RecordKind::kDeletion: {
      expect(record.target > 0 && record.target < record.seq,
             "a deletion of " + record_name(record.target));
      Stored& target = stored_[static_cast<size_t>(record.target - 1)];
      expect(target.kind == RecordKind::kMessage, "a deletion of what is no message");
      expect(target.deletion == 0, record_name(record.target) + " is deleted twice");
      target.deletion = record.seq;
      expect(record.user == target.user || record.user.substr(0, 3) == "mod",
             std::string(record.user) + " has deleted a message of " + target.user);
      break;
    }
    case RecordKind::kModeration:
      expect(record.user.substr(0, 3) == "mod",
             std::string(record.user) + " is no moderator and has moderated");
      moderated(stored);
      break;
  }
  stored_.push_back(std::move(stored));
  central_.resize(stored_.size());
}

void Model::new_message(Stored& stored, const Record& record, double passed_ms,
                        uint64_t generation) {
  expect(!record.deleted, "a new message that is deleted");
  const uint64_t number = number_of(record.content);
  expect(number < published_.size(), "a message that nobody has sent");
  Publication& publication = published_[static_cast<size_t>(number)];
  expect(publication.content == record.content && publication.user == record.user &&
             publication.id == record.id,
         record_name(record.seq) + " is not what was sent");
  expect(record.content.size() <= rules_.message_bytes, "a message larger than MESSAGE_BYTES_MAX");
  expect(publication.seq == 0 || !record.id.empty(),
         "the message that is record " + std::to_string(publication.seq) + " is stored again as " +
             record_name(record.seq));
  stored.messages++;
  if (!record.id.empty()) {
    stored.ids++;
    check_once(stored, record.seq);
    ids_[{stored.user, stored.id}] = record.seq;
  }
  publication.seq = record.seq;
  expect(muted_.count(stored.user) == 0 || record.conn.empty(),
         stored.user + " is muted and was heard");
  expect(record.seq - 1 < settled_through() + rules_.outbox,
         record_name(record.seq) + " was taken with a full outbox");
  messages_.push_back(record.seq);
  if (record.conn.empty()) return;
  const auto found = speakers_.find(record.conn);
  if (found == speakers_.end()) return;  // sent before the welcome was heard
  Speaker& speaker = found->second;
  speaker.messages++;
  const double burst =
      static_cast<double>(rules_.burst) * static_cast<double>(generation - speaker.generation + 1);
  const double allowed = burst + rules_.rate * (passed_ms - speaker.since_ms) / 1000;
  expect(static_cast<double>(speaker.messages) <= allowed,
         "a connection has sent " + std::to_string(speaker.messages) + " messages, more than " +
             std::to_string(allowed));
}

// An id is remembered while its message is among the newest HISTORY_SIZE or younger than five
// minutes, up to DEDUP_MAX ids.
void Model::check_once(const Stored& stored, uint64_t seq) {
  const auto found = ids_.find({stored.user, stored.id});
  if (found == ids_.end()) return;
  const Stored& before = at(found->second);
  const bool in_history = stored.messages - before.messages <= rules_.history;
  const bool is_young = latest_ms_ - static_cast<double>(before.ts) < kDedupMs;
  const bool is_among_ids = stored.ids - before.ids <= rules_.dedup;
  expect(!(is_among_ids && (in_history || is_young)),
         "the id \"" + stored.id + "\" of " + stored.user + " is stored as " +
             record_name(found->second) + " and as " + record_name(seq));
}

void Model::moderated(const Stored& stored) {
  const bool is_ban =
      stored.action == ModerationAction::kBan || stored.action == ModerationAction::kUnban;
  const bool is_mute =
      stored.action == ModerationAction::kMute || stored.action == ModerationAction::kUnmute;
  if (!is_ban && !is_mute) return;
  auto& list = is_ban ? banned_ : muted_;
  const bool begins =
      stored.action == ModerationAction::kBan || stored.action == ModerationAction::kMute;
  if (begins && stored.until == 0) {
    list[stored.subject] = true;
  } else {
    list.erase(stored.subject);
  }
}

bool Model::is_banned(const std::string& user) const { return banned_.count(user) == 1; }

void Model::check_epoch(std::string_view epoch) {
  if (epoch_.empty()) epoch_ = epoch;
  expect(epoch == epoch_, "the epoch is " + std::string(epoch) + " and was " + epoch_);
}

void Model::check_told(const Object& object, std::string_view type) const {
  const uint64_t seq = object.number("seq");
  const Stored& stored = at(seq);
  const std::string what = record_name(seq) + " is told otherwise than it is stored: ";
  expect(object.number("ts") == stored.ts, what + std::string(object.json()));
  if (type == "new_message") {
    expect(stored.kind == RecordKind::kMessage && object.text("user") == stored.user,
           what + std::string(object.json()));
    if (object.has("deleted")) {
      expect(stored.deletion > 0, record_name(seq) + " is told as deleted, and is not");
      expect(!object.has("content"), record_name(seq) + " is deleted and told with its content");
      return;
    }
    expect(object.raw("content") == stored.content && object.text("id") == stored.id,
           what + std::string(object.json()));
  } else if (type == "message_deleted") {
    expect(stored.kind == RecordKind::kDeletion && object.number("target") == stored.target &&
               object.text("by") == stored.user,
           what + std::string(object.json()));
  } else {
    expect(stored.kind == RecordKind::kModeration && object.text("user") == stored.subject &&
               object.text("by") == stored.user &&
               object.text("action") == moderation_action_name(stored.action),
           what + std::string(object.json()));
  }
}

void Model::check_in_page(const Object& message, uint64_t asked_at) const {
  const uint64_t seq = message.number("seq");
  const Stored& stored = at(seq);
  const std::string what = record_name(seq) + " stands otherwise in a page than it is stored: ";
  expect(stored.kind == RecordKind::kMessage && message.number("ts") == stored.ts &&
             message.text("user") == stored.user,
         what + std::string(message.json()));
  if (message.has("deleted")) {
    expect(stored.deletion > 0, record_name(seq) + " stands in a page as deleted, and is not");
    expect(!message.has("content"), record_name(seq) + " is deleted, and a page has its content");
    return;
  }
  expect(stored.deletion == 0 || stored.deletion > asked_at,
         record_name(seq) + " was deleted before the page was asked for that has its content");
  expect(message.raw("content") == stored.content, what + std::string(message.json()));
}

void Model::check_ack(std::string_view user, std::string_view id, uint64_t seq) const {
  const Stored& stored = at(seq);
  expect(stored.kind == RecordKind::kMessage && stored.user == user && stored.id == id,
         record_name(seq) + " is acknowledged to " + std::string(user) + " as \"" +
             std::string(id) + "\", and is another");
}

void Model::check_ledger(uint64_t seq, std::string_view link) const {
  const uint64_t expected = seq == 0 ? 0 : at(seq).link;
  expect(link == std::to_string(expected),
         "the room's state after " + record_name(seq) + " is not what its records amount to");
}

bool Model::is_central(uint64_t seq) const {
  return seq > 0 && seq <= central_.size() && central_[static_cast<size_t>(seq - 1)];
}

bool Model::is_settled(uint64_t seq) const { return is_central(seq) || is_refused(seq); }

uint64_t Model::settled_through() {
  while (is_settled(settled_through_ + 1)) settled_through_++;
  return settled_through_;
}

bool Model::must_hold_after(uint64_t seq) const {
  const auto first = std::upper_bound(messages_.begin(), messages_.end(), seq);
  const auto after = static_cast<uint64_t>(messages_.end() - first);
  return seq >= this->seq() || after < std::min<uint64_t>(rules_.history, messages_.size());
}

void Model::central_got(const Object& record, std::string_view epoch) {
  check_epoch(epoch);
  const uint64_t seq = record.number("seq");
  const Stored& stored = at(seq);
  const std::string_view type = record.text("type");
  const std::string what =
      record_name(seq) + " is forwarded otherwise than it is stored: " + std::string(record.json());
  expect(record.number("ts") == stored.ts, what);
  if (type == "message") {
    expect(stored.kind == RecordKind::kMessage && record.text("user") == stored.user, what);
    if (record.has("deleted")) {
      expect(stored.deletion > 0 && !record.has("content"), what);
      deleted_.insert(seq);
    } else {
      expect(record.raw("content") == stored.content && record.text("id") == stored.id, what);
    }
  } else if (type == "delete") {
    expect(stored.kind == RecordKind::kDeletion && record.number("target") == stored.target &&
               record.text("by") == stored.user,
           what);
    deleted_.insert(stored.target);
  } else {
    expect(type == "moderation" && stored.kind == RecordKind::kModeration &&
               record.text("user") == stored.subject && record.text("by") == stored.user,
           what);
  }
  central_[static_cast<size_t>(seq - 1)] = true;
}

}  // namespace edgeroom::roomsim
