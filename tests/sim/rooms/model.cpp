#include "tests/sim/rooms/model.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "rooms/dead_letters.h"
#include "rooms/dedup.h"
#include "rooms/epoch.h"
#include "rooms/limits.h"
#include "rooms/log.h"
#include "tests/sim/rooms/ledger.h"

namespace edgeroom::roomsim {

namespace {

constexpr std::string_view kContentStart = "{\"n\":";

std::string record_name(uint64_t seq) { return "record " + std::to_string(seq); }

}  // namespace

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

size_t Model::content_bytes(size_t size) const {
  constexpr size_t kAroundBytes = 8;  // ,"x":""}
  return kContentStart.size() + std::to_string(published_.size()).size() + kAroundBytes + size;
}

const Stored& Model::at(uint64_t seq) const {
  if (seq == 0 || seq > stored_.size()) {
    throw Violation(record_name(seq) + " is told of, and " + std::to_string(stored_.size()) +
                    " are stored");
  }
  return stored_[static_cast<size_t>(seq - 1)];
}

void Model::joined(std::string_view conn, std::string_view user, double passed_ms,
                   uint64_t generation) {
  speakers_[std::string(conn)] = {passed_ms, generation, 0, 0, 1, passed_ms, seq()};
  users_.try_emplace(std::string(user), Speaker{passed_ms, generation, 0, 0, 1, passed_ms, seq()});
}

void Model::committing(const Storage& storage, double passed_ms, uint64_t generation) {
  const uint64_t before = seq();
  const auto state = storage.state().find(kStateRow);
  if (storage.changes().empty()) {
    if (state != storage.state().end()) commit_state(state->second);
    return;
  }
  for (const Storage::Change& change : storage.changes()) {
    if (is_dead_letter_slot(change.slot)) {
      commit_letter(change.slot, change.row);
      continue;
    }
    held_.erase(change.slot);
    if (!change.row) continue;
    SegmentHead head;
    expect(decode_segment_head(change.row->head, head), "a head that cannot be read");
    expect(head.count > 0, "a segment without records");
    commit_segment(*change.row, passed_ms, generation);
    held_[change.slot] = {head.first_seq, head.last_seq(), head.data_size};
  }
  for (uint64_t seq = before + 1; seq <= this->seq(); seq++) {
    const Stored& record = at(seq);
    if (record.kind != RecordKind::kDeletion) continue;
    check_erased(record.target);
  }
  if (state != storage.state().end()) commit_state(state->second);
  check_held();
}

void Model::check_erased(uint64_t target) const {
  const bool is_held = std::any_of(held_.begin(), held_.end(), [&](const auto& entry) {
    return entry.second.first <= target && target <= entry.second.last;
  });
  expect(!is_held || at(target).is_erased,
         record_name(target) + " is deleted, and its content is still stored");
  for (const auto& [unused, row] : dead_rows_) {
    expect(row.seq != target || row.is_erased,
           record_name(target) + " is deleted, and the row of its letter has its content");
  }
}

// The first fields of the state row tell which epoch it is.
void Model::commit_state(const std::string& row) {
  ByteReader reader(row);
  reader.u8();
  reader.sized();
  reader.varint();
  const std::string_view epoch = reader.sized();
  for (int i = 0; i < 3; i++) reader.varint();
  for (int i = 0; i < 2; i++) reader.u64();
  for (int i = 0; i < 2; i++) reader.varint();
  constexpr unsigned kUnproven = 2;
  is_proof_stored_ = (reader.u8() & kUnproven) == 0;
  expect(reader.ok() && !epoch.empty(), "a state row that cannot be read");
  if (epoch_.empty()) {
    epoch_ = epoch;
    epochs_.push_back(epoch_);
  }
  if (epoch != epoch_) begin_epoch(epoch);
}

// All that the room holds has to go to the central store once more.
void Model::begin_epoch(std::string_view epoch) {
  const std::string what = "a new epoch begins, ";
  expect(was_conflict_told_, what + "and nobody has told of a conflict");
  expect(epoch > epoch_, what + "and sorts before the one that was");
  expect(is_epoch_proven_, what + "and of the one that was nothing is stored");
  expect(
      is_epoch_first_ || latest_ms_ - static_cast<double>(epoch_time_ms(epoch_)) >= kEpochAgeMinMs,
      what + "too soon after the one that was");
  epoch_ = epoch;
  epochs_.push_back(epoch_);
  was_conflict_told_ = false;
  is_epoch_proven_ = false;
  is_epoch_first_ = false;
  forgotten_through_ = oldest_held() - 1;
  settled_through_ = forgotten_through_;
  std::fill(central_.begin(), central_.end(), false);
  deleted_.clear();
  refused_.clear();
  for (const auto& [unused, row] : dead_rows_) refused_.insert(row.seq);
  woken_ = {0, 0};
  lost_before_ = std::move(lost_);
  lost_.clear();
}

void Model::set_back(const Model& before, uint64_t generation) {
  const uint64_t through = before.seq();
  branches_.push_back({generation, through});
  for (uint64_t seq = through + 1; seq <= this->seq(); seq++) {
    if (is_central(seq)) lost_.emplace(seq, at(seq));
  }
  for (Publication& publication : published_) {
    if (publication.seq > through) publication.seq = 0;
  }
  stored_ = before.stored_;
  messages_ = before.messages_;
  ids_ = before.ids_;
  sanctions_ = before.sanctions_;
  held_ = before.held_;
  dead_rows_ = before.dead_rows_;
  letters_in_row_ = 0;
  central_.resize(stored_.size());
  deleted_.erase(deleted_.upper_bound(through), deleted_.end());
  refused_.erase(refused_.upper_bound(through), refused_.end());
  settled_through_ = forgotten_through_;
  woken_ = {0, 0};
}

// Each has a row of its own, with what its record is; and not more than a few are given up before
// anything is stored.
void Model::commit_letter(uint32_t slot, const std::optional<SegmentRow>& row) {
  const auto before = dead_rows_.find(slot);
  const uint64_t seq_before = before == dead_rows_.end() ? 0 : before->second.seq;
  if (before != dead_rows_.end()) dead_rows_.erase(before);
  if (!row) return;
  ByteReader head(row->head);
  head.u8();
  const uint64_t seq = head.varint();
  const uint64_t ts = head.varint();
  const Stored& stored = at(seq);
  ByteReader reader(row->data);
  Record record;
  expect(head.ok() && decode_record(reader, seq, ts, record) && reader.at_end(),
         "the row of a dead letter that cannot be read");
  expect(is_refused(seq), "the row of a dead letter that nobody has refused");
  expect(record.kind == stored.kind && record.ts == stored.ts && record.user == stored.user &&
             (record.deleted || record.content == stored.content),
         record_name(seq) + " stands otherwise in the row of its letter than it is stored");
  for (const auto& [unused, other] : dead_rows_) {
    expect(other.seq != seq, record_name(seq) + " has two rows as a dead letter");
  }
  dead_rows_[slot] = {seq, record.deleted};
  if (seq == seq_before || refused_before_.count(seq) == 1) return;
  letters_in_row_++;
  expect(letters_in_row_ <= kDeadInRowMax,
         std::to_string(letters_in_row_) + " records are given up, and none was stored between");
}

// What nobody else has, and the history that was promised.
void Model::check_held() {
  if (stored_.empty()) return;
  const uint64_t oldest = oldest_held();
  expect(oldest <= settled_through() + 1, record_name(settled_through() + 1) +
                                              " is neither held nor stored centrally; the oldest " +
                                              "that is held is " + std::to_string(oldest));
  const size_t keep = std::min<size_t>(rules_.history, messages_.size());
  expect(keep == 0 || oldest <= messages_[messages_.size() - keep],
         "the history is shorter than HISTORY_SIZE: the oldest record held is " +
             std::to_string(oldest));
}

uint64_t Model::segment_of(uint64_t seq) const {
  for (const auto& [unused, held] : held_) {
    if (held.first <= seq && seq <= held.last) return held.first;
  }
  return seq;
}

uint64_t Model::oldest_held() const {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  ranges.reserve(held_.size());
  for (const auto& [unused, held] : held_) ranges.emplace_back(held.first, held.last);
  std::sort(ranges.begin(), ranges.end());
  const bool has_newest = !ranges.empty() && ranges.back().second == seq();
  expect(has_newest || stored_.empty(),
         "the newest record is not held: a segment was written over that is needed");
  if (ranges.empty()) return 1;
  uint64_t oldest = ranges.back().first;
  for (auto range = ranges.rbegin() + 1; range != ranges.rend(); ++range) {
    if (range->second + 1 != oldest) break;
    oldest = range->first;
  }
  return oldest;
}

// Of the segments that hold anything the central API has not answered for.
uint64_t Model::unsettled_bytes() {
  uint64_t bytes = 0;
  for (const auto& [unused, held] : held_) {
    if (held.last > settled_through()) bytes += held.bytes;
  }
  return bytes;
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
  const bool has_byte_limit = rules_.outbox_bytes < row.data.size() * 1000;
  const uint64_t waiting = has_byte_limit && head.first_seq > seq() ? unsettled_bytes() : 0;
  for (uint64_t seq = head.first_seq; seq <= head.last_seq(); seq++) {
    Record record;
    const uint64_t waiting_here = waiting + reader.position();
    expect(decode_record(reader, seq, head.first_ts, record), "a record that cannot be read");
    messages += record.kind == RecordKind::kMessage ? 1 : 0;
    if (seq <= this->seq()) {
      const auto place = static_cast<size_t>(seq - head.first_seq);
      commit_again(record, head.hashes.empty() ? kNoIdHash : head.hashes[place]);
    } else {
      commit_new(record, passed_ms, generation);
      expect(record.kind != RecordKind::kMessage || waiting_here < rules_.outbox_bytes,
             record_name(seq) + " was taken with more bytes in the outbox than it holds");
    }
  }
  expect(reader.at_end() && messages == head.messages && head.first_ts == at(head.first_seq).ts &&
             head.last_ts == at(head.last_seq()).ts,
         "a head that does not fit its records");
}

// A segment that is written again may have lost contents, ids that are remembered no more, and
// nothing else.
void Model::commit_again(const Record& record, uint64_t id_hash) {
  Stored& stored = stored_[static_cast<size_t>(record.seq - 1)];
  const std::string what = record_name(record.seq) + " was stored again ";
  expect(record.kind == stored.kind && record.user == stored.user && record.ts == stored.ts &&
             record.target == stored.target && record.subject == stored.subject,
         what + "as another");
  if (!stored.id.empty() && id_hash == kNoIdHash) {
    const Stored& last = stored_.back();
    expect(!is_known(stored, last.messages + 1, last.ids + 1),
           what + "without its id, which is to be remembered");
    stored.is_id_forgotten = true;
  }
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
  stored.reason = record.reason;
  stored.link = link_after(stored_.empty() ? 0 : stored_.back().link, record);
  if (!stored_.empty()) {
    stored.messages = stored_.back().messages;
    stored.ids = stored_.back().ids;
  }
  switch (record.kind) {
    case RecordKind::kMessage: new_message(stored, record, passed_ms, generation); break;
    case RecordKind::kDeletion: deleted(record); break;
    case RecordKind::kModeration:
      expect(record.user.substr(0, 3) == "mod",
             std::string(record.user) + " is no moderator and has moderated");
      moderated(stored);
      break;
  }
  stored_.push_back(std::move(stored));
  central_.resize(stored_.size());
}

// By a moderator, or by the connection that sent the message.
void Model::deleted(const Record& record) {
  expect(record.target > 0 && record.target < record.seq,
         "a deletion of " + record_name(record.target));
  Stored& target = stored_[static_cast<size_t>(record.target - 1)];
  expect(target.kind == RecordKind::kMessage, "a deletion of what is no message");
  expect(target.deletion == 0, record_name(record.target) + " is deleted twice");
  target.deletion = record.seq;
  // Where tokens name the users, each is the author of what any of his connections has sent.
  const bool is_author = rules_.has_tokens ? record.user == target.user
                                           : !record.conn.empty() && record.conn == target.conn;
  expect(record.user.substr(0, 3) == "mod" || is_author,
         std::string(record.user) + " has deleted what another has sent");
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
  // When it was taken, the room's clock showed its ts or less.
  const auto sanctions = sanctions_.find(stored.user);
  if (sanctions != sanctions_.end() && !record.conn.empty()) {
    expect(record.ts >= sanctions->second.muted_until, stored.user + " is muted and was heard");
    // Who has joined since may have done so before a sleep, by a clock that was ahead.
    const auto speaker = speakers_.find(record.conn);
    const bool was_here =
        speaker != speakers_.end() && speaker->second.joined_after < sanctions->second.banned_by;
    expect(!was_here || record.ts >= sanctions->second.banned_until,
           stored.user + " is banned and was heard");
  }
  expect(record.seq - 1 < settled_through() + rules_.outbox,
         record_name(record.seq) + " was taken with a full outbox");
  messages_.push_back(record.seq);
  if (record.conn.empty()) return;
  const auto found = speakers_.find(record.conn);
  if (found == speakers_.end()) return;  // sent before the welcome was heard
  check_speed(found->second, rules_.rate, rules_.burst, passed_ms, generation, "a connection");
  found->second.bytes += record.content.size();
  check_bytes(found->second, passed_ms);
  const auto user = users_.find(record.user);
  if (rules_.user_rate == 0 || user == users_.end()) return;
  check_speed(user->second, rules_.user_rate, rules_.user_burst, passed_ms, generation, "a user");
}

// A new instance knows nothing of what was spent; what it stores may have been taken by the one
// before.
void Model::check_speed(Speaker& speaker, double rate, double burst, double passed_ms,
                        uint64_t generation, std::string_view who) {
  if (speaker.generation != generation) {
    speaker = {
        std::max(speaker.since_ms, speaker.heard_ms), generation, 0, 0, 2, 0, speaker.joined_after};
  }
  speaker.messages++;
  speaker.heard_ms = passed_ms;
  const double allowed = burst * speaker.bursts + rate * (passed_ms - speaker.since_ms) / 1000;
  expect(static_cast<double>(speaker.messages) <= allowed,
         std::string(who) + " has sent " + std::to_string(speaker.messages) +
             " messages, more than " + std::to_string(allowed));
}

// A frame may go beyond what is left.
void Model::check_bytes(const Speaker& speaker, double passed_ms) const {
  if (rules_.bytes == 0) return;
  const double allowed = rules_.bytes_burst * speaker.bursts + rules_.message_bytes +
                         rules_.bytes * (passed_ms - speaker.since_ms) / 1000;
  expect(static_cast<double>(speaker.bytes) <= allowed,
         "a connection has sent messages of " + std::to_string(speaker.bytes) +
             " bytes, more than " + std::to_string(allowed));
}

// An id is remembered while its message is among the newest HISTORY_SIZE or younger than five
// minutes, up to DEDUP_MAX ids.
void Model::check_once(const Stored& stored, uint64_t seq) {
  const auto found = ids_.find({stored.user, stored.id});
  if (found == ids_.end()) return;
  expect(!is_known(at(found->second), stored.messages, stored.ids),
         "the id \"" + stored.id + "\" of " + stored.user + " is stored as " +
             record_name(found->second) + " and as " + record_name(seq));
}

// Whether its id has to be remembered when the next message is number `messages`, and the number
// `ids` of those with an id.
bool Model::is_known(const Stored& before, uint64_t messages, uint64_t ids) const {
  const bool in_history = messages - before.messages <= rules_.history;
  const bool is_young = latest_ms_ - static_cast<double>(before.ts) < kDedupMs;
  return ids - before.ids <= rules_.dedup && (in_history || is_young);
}

// Who has a ban or mute with an end asked for it by its reason: "for SECONDS".
void Model::moderated(const Stored& stored) {
  uint64_t until = UINT64_MAX;
  if (stored.reason.substr(0, 4) == "for ") {
    const auto seconds = json_integer(std::string_view(stored.reason).substr(4));
    expect(stored.until == stored.ts + seconds.value_or(0) * 1000,
           "a ban or mute " + stored.reason + " s from " + std::to_string(stored.ts) + " ends at " +
               std::to_string(stored.until));
    until = stored.until;
  } else {
    expect(stored.until == 0, "a ban or mute for good has an end");
  }
  if (stored.action == ModerationAction::kKick || stored.action == ModerationAction::kBan) {
    sent_away_.insert(stored.subject);
  }
  Sanctions& sanctions = sanctions_[stored.subject];
  switch (stored.action) {
    case ModerationAction::kKick: return;
    case ModerationAction::kBan:
      sanctions.banned_until = until;
      sanctions.banned_by = seq() + 1;
      return;
    case ModerationAction::kUnban: sanctions.banned_until = 0; return;
    case ModerationAction::kMute: sanctions.muted_until = until; return;
    case ModerationAction::kUnmute: sanctions.muted_until = 0; return;
  }
}

bool Model::is_banned(const std::string& user) const {
  const auto found = sanctions_.find(user);
  return found != sanctions_.end() && static_cast<double>(found->second.banned_until) > latest_ms_;
}

bool Model::is_banned_for_good(const std::string& user) const {
  const auto found = sanctions_.find(user);
  return found != sanctions_.end() && found->second.banned_until == UINT64_MAX;
}

bool Model::may_be_banned(const std::string& user, double now_ms) const {
  const auto found = sanctions_.find(user);
  return found != sanctions_.end() && static_cast<double>(found->second.banned_until) > now_ms;
}

void Model::check_epoch(std::string_view epoch) const {
  expect(std::find(epochs_.begin(), epochs_.end(), epoch) != epochs_.end(),
         "the epoch is " + std::string(epoch) + ", which was never stored");
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

void Model::check_in_page(const Object& message, uint64_t records) const {
  const uint64_t seq = message.number("seq");
  // A room that was set back learns that the central store has another record when it sends its
  // own.
  const auto other = lost_.find(seq);
  const bool is_other = other != lost_.end() && message.number("ts") == other->second.ts &&
                        message.text("id") == other->second.id;
  if (is_other) return;
  const Stored& stored = at(seq);
  const std::string what = record_name(seq) + " stands otherwise in a page than it is stored: ";
  expect(stored.kind == RecordKind::kMessage && message.number("ts") == stored.ts &&
             message.text("user") == stored.user,
         what + std::string(message.json()));
  if (message.has("deleted")) {
    expect(stored.deletion > 0 || is_central_deleted(seq),
           record_name(seq) + " stands in a page as deleted, and is not");
    expect(!message.has("content"), record_name(seq) + " is deleted, and a page has its content");
    return;
  }
  expect(stored.deletion == 0 || stored.deletion > records,
         record_name(seq) + " was deleted before the page was made that has its content");
  expect(message.raw("content") == stored.content, what + std::string(message.json()));
}

void Model::check_ack(std::string_view user, std::string_view id, uint64_t seq,
                      uint64_t ids_before) const {
  const Stored& stored = at(seq);
  expect(stored.kind == RecordKind::kMessage && stored.user == user && stored.id == id,
         record_name(seq) + " is acknowledged to " + std::string(user) + " as \"" +
             std::string(id) + "\", and is another");
  expect(ids_before < stored.ids + ids_forgotten_after(seq) + rules_.dedup,
         "the id of " + record_name(seq) + " is remembered behind DEDUP_MAX others");
}

// The oldest are forgotten first. But whoever wakes to a clock that has gone back finds ids young
// again, and counts up to DEDUP_MAX of those that the rows still have.
uint64_t Model::ids_forgotten_after(uint64_t seq) const {
  if (!has_clock_gone_back_) return 0;
  const auto forgotten = std::count_if(stored_.begin() + static_cast<ptrdiff_t>(seq), stored_.end(),
                                       [](const Stored& other) { return other.is_id_forgotten; });
  return static_cast<uint64_t>(forgotten);
}

void Model::check_refusal(const std::string& user, const std::string& id,
                          uint64_t seq_before) const {
  const auto found = ids_.find({user, id});
  if (found == ids_.end() || found->second > seq_before) return;
  const Stored& last = stored_.back();
  expect(!is_known(at(found->second), last.messages + 1, last.ids + 1),
         "the id \"" + id + "\" of " + user + " is stored as " + record_name(found->second) +
             ", and its retry is refused");
}

// The watermark that a new instance knows of was told by the one before.
void Model::check_exception(uint64_t seq, uint64_t generation) const {
  expect(is_refused(seq), "an exception that nobody has refused");
  expect(woken_.first != generation || seq > woken_.second,
         record_name(seq) + " is told as an exception, and the room had woken knowing of it");
}

void Model::check_ledger(uint64_t seq, std::string_view link) const {
  const uint64_t expected = seq == 0 ? 0 : at(seq).link;
  expect(link == std::to_string(expected),
         "the room's state after " + record_name(seq) + " is not what its records amount to");
}

bool Model::is_central(uint64_t seq) const {
  return seq > 0 && seq <= central_.size() && central_[static_cast<size_t>(seq - 1)];
}

bool Model::is_settled(uint64_t seq) const {
  return is_central(seq) || is_refused(seq) || (seq > 0 && seq <= forgotten_through_);
}

uint64_t Model::settled_through() {
  while (is_settled(settled_through_ + 1)) settled_through_++;
  return settled_through_;
}

bool Model::must_hold_after(uint64_t seq) const {
  const auto first = std::upper_bound(messages_.begin(), messages_.end(), seq);
  const auto after = static_cast<uint64_t>(messages_.end() - first);
  return seq >= this->seq() || after < std::min<uint64_t>(rules_.history, messages_.size());
}

// What the instance has in common with the log that is stored now.
uint64_t Model::common_through(uint64_t generation) const {
  uint64_t through = UINT64_MAX;
  for (const Branch& branch : branches_) {
    if (generation < branch.generation) through = std::min(through, branch.seq);
  }
  return through;
}

// A record that the object does not know of any more.
Model::Got Model::got_of_lost(const Object& record, uint64_t seq) {
  Stored stored;
  stored.ts = record.number("ts");
  stored.user = record.text("user");
  stored.content = record.raw("content");
  stored.kind = record.text("type") == "message" ? RecordKind::kMessage : RecordKind::kModeration;
  // What the room has as a dead letter it cannot know to be another record there.
  if (is_central(seq) || is_refused(seq)) return Got::kConflict;
  return lost_.emplace(seq, stored).second ? Got::kNew : Got::kConflict;
}

Model::Got Model::central_got(const Object& record, std::string_view epoch, uint64_t generation) {
  check_epoch(epoch);
  const uint64_t seq = record.number("seq");
  // What comes late to the store of an epoch before changes nothing any more.
  if (epoch != epoch_) return Got::kKnown;
  const bool is_common = seq <= common_through(generation);
  if (!is_common) return got_of_lost(record, seq);
  const Stored& stored = at(seq);
  const std::string_view type = record.text("type");
  const std::string what =
      record_name(seq) + " is forwarded otherwise than it is stored: " + std::string(record.json());
  expect(record.number("ts") == stored.ts, what);
  // A record of a log that was longer may tell of a deletion that nobody knows of any more.
  const bool may_be_deleted = stored.deletion > 0 || common_through(generation) != UINT64_MAX;
  if (type == "message") {
    expect(stored.kind == RecordKind::kMessage && record.text("user") == stored.user, what);
    if (record.has("deleted")) {
      expect(may_be_deleted && !record.has("content"), what);
    } else {
      expect(record.raw("content") == stored.content && record.text("id") == stored.id, what);
    }
  } else if (type == "delete") {
    expect(stored.kind == RecordKind::kDeletion && record.number("target") == stored.target &&
               record.text("by") == stored.user,
           what);
  } else {
    expect(type == "moderation" && stored.kind == RecordKind::kModeration &&
               record.text("user") == stored.subject && record.text("by") == stored.user,
           what);
  }
  if (lost_.count(seq) == 1) return Got::kConflict;
  if (type == "message" && record.has("deleted")) deleted_.insert(seq);
  if (type == "delete") deleted_.insert(stored.target);
  const bool was_there = is_central(seq);
  central_[static_cast<size_t>(seq - 1)] = true;
  return was_there ? Got::kKnown : Got::kNew;
}

}  // namespace edgeroom::roomsim
