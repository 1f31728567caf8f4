#include "examples/poll/poll.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "base/settings.h"
#include "base/utf8.h"

namespace edgeroom {

namespace {

// state := version:u8 closed:u8 first_vote_ms:varint
//          choices:varint (text:sized votes:varint) * choices
//          voters:varint (user:sized choice:varint seq:varint) * voters
//
// `choice` counts the choices from 0. Both lists are in the order of their texts.
constexpr uint8_t kStateVersion = 1;

// --- settings ---

// The elements of a JSON array of strings; nothing when it is none, or empty.
std::optional<std::vector<std::string>> parse_texts(std::string_view json) {
  JsonCursor cursor(json);
  std::vector<std::string> texts;
  cursor.skip_space();
  if (!cursor.expect('[', "expected an array")) return std::nullopt;
  do {
    cursor.skip_space();
    const size_t start = cursor.position();
    if (!cursor.string()) return std::nullopt;
    texts.push_back(json_unescape(cursor.since(start)));
    cursor.skip_space();
  } while (cursor.peek() == ',' && cursor.expect(',', "expected ','"));
  if (!cursor.expect(']', "expected ']'")) return std::nullopt;
  cursor.skip_space();
  if (!cursor.at_end()) return std::nullopt;
  return texts;
}

bool is_line(std::string_view text, size_t characters_max) {
  return !text.empty() && !has_control_character(text) && utf8_characters(text) <= characters_max;
}

bool are_options(const std::vector<std::string>& texts) {
  const std::set<std::string> different(texts.begin(), texts.end());
  return different.size() == texts.size() && texts.size() >= kPollOptionsMin &&
         texts.size() <= kPollOptionsMax &&
         std::all_of(texts.begin(), texts.end(), [](const std::string& text) {
           return is_line(text, kPollOptionCharactersMax);
         });
}

// --- messages ---

// What a message votes for; nothing when it is no vote.
std::optional<std::string> parse_vote(std::string_view content) {
  JsonObjectReader reader(content);
  JsonMember member;
  std::optional<std::string> choice;
  while (reader.next(member)) {
    const bool is_vote = member.key == "vote" && member.kind == JsonKind::kString;
    if (!is_vote || choice) return std::nullopt;
    choice = json_unescape(member.value);
  }
  if (reader.fault()) return std::nullopt;
  return choice;
}

// The room's own message. on_message lets nobody else send one like it.
bool is_result(const Record& record, std::string_view room_user) {
  if (record.user != room_user || !record.conn.empty()) return false;
  JsonObjectReader reader(record.content);
  JsonMember member;
  return reader.next(member) && member.key == "result";
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  out.push_back('[');
  for (const std::string& text : texts) {
    if (&text != &texts.front()) out.push_back(',');
    append_json_string(out, text);
  }
  out.push_back(']');
}

}  // namespace

Result<PollSettings> parse_poll_settings(const SettingMap& settings) {
  PollSettings out;
  const std::string* question = settings.find("POLL_QUESTION");
  if (question == nullptr) return Error{"POLL_QUESTION is missing: what the poll asks"};
  if (!is_line(*question, kPollQuestionCharactersMax)) {
    return Error{"POLL_QUESTION must be one line of 1 to 200 characters"};
  }
  out.question = *question;
  const std::string* options = settings.find("POLL_OPTIONS");
  if (options == nullptr) {
    return Error{R"(POLL_OPTIONS is missing: a JSON array such as ["red","blue"])"};
  }
  auto texts = parse_texts(*options);
  if (!texts || !are_options(*texts)) {
    return Error{
        "POLL_OPTIONS must be a JSON array of 2 to 20 different texts, each one line of 1 to 100 "
        "characters"};
  }
  out.options = std::move(*texts);
  const auto seconds = settings.whole_number("POLL_SECONDS", 0, 1, kPollSecondsMax);
  if (!seconds.ok()) return seconds.error();
  out.seconds = seconds.value();
  const auto room = parse_room_settings(settings);
  if (!room.ok()) return room.error();
  if (room.value().message_bytes_max < kPollResultBytesMax) {
    return Error{"MESSAGE_BYTES_MAX must be " + std::to_string(kPollResultBytesMax) +
                 " or more, for the result of a poll"};
  }
  return out;
}

// --- deciding ---

void Poll::on_join(const Member& /*member*/, double now_ms, Reply& reply) const {
  std::string content;
  JsonObjectWriter object(content);
  object.string("question", settings_.question);
  object.key("options");
  append_texts(content, settings_.options);
  object.raw("tally", tally(is_closed(now_ms)));
  object.close();
  reply.tell("poll", content);
}

Verdict Poll::on_message(const Member& member, std::string_view content, double now_ms) const {
  if (is_closed(now_ms)) return Verdict::refuse("the poll is closed");
  const auto choice = parse_vote(content);
  if (!choice || !is_option(*choice)) {
    std::string detail = R"("content" must be {"vote":TEXT}, with one of these texts: )";
    append_texts(detail, settings_.options);
    return Verdict::refuse(std::move(detail));
  }
  if (!fits(member.user, *choice)) return Verdict::refuse("the poll takes no more voters");
  std::string vote;
  JsonObjectWriter object(vote);
  object.string("vote", *choice);
  object.close();
  return Verdict::rewrite(std::move(vote));
}

Verdict Poll::on_event(const Member& /*member*/, std::string_view name,
                       std::string_view /*content*/, double now_ms, Reply& reply) const {
  if (name != "tally") return Verdict::refuse(R"(a poll knows one event: "tally")");
  reply.tell("tally", tally(is_closed(now_ms)));
  return Verdict::handled();
}

double Poll::deadline_ms() const {
  if (closed_ || first_vote_ms_ == 0 || settings_.seconds == 0) {
    return std::numeric_limits<double>::infinity();
  }
  return static_cast<double>(first_vote_ms_ + settings_.seconds * 1000);
}

void Poll::on_timer(double /*now_ms*/, Reply& reply) const {
  std::string message;
  JsonObjectWriter object(message);
  object.key("result");
  JsonObjectWriter result(message);
  result.string("question", settings_.question);
  result.key("options");
  append_texts(message, settings_.options);
  result.raw("tally", tally(true));
  result.close();
  object.close();
  reply.publish(message);
}

void Poll::on_flush(Reply& reply) const { reply.tell_all("tally", tally(closed_)); }

bool Poll::is_closed(double now_ms) const { return closed_ || now_ms >= deadline_ms(); }

bool Poll::is_option(std::string_view choice) const {
  const auto& options = settings_.options;
  return std::find(options.begin(), options.end(), choice) != options.end();
}

bool Poll::fits(std::string_view user, std::string_view choice) const {
  const bool is_voter = votes_.find(user) != votes_.end();
  if (!is_voter &&
      (votes_.size() >= kPollVotersMax || name_bytes_ + user.size() > kPollNameBytesMax)) {
    return false;
  }
  const bool is_choice = counts_.find(choice) != counts_.end();
  return is_choice || choice_bytes_ + choice.size() + kPollChoiceBytes <= kPollChoiceBytesMax;
}

std::string Poll::tally(bool closed) const {
  std::string out;
  JsonObjectWriter object(out);
  object.key("votes");
  out.push_back('[');
  for (const std::string& option : settings_.options) {
    if (&option != &settings_.options.front()) out.push_back(',');
    const auto found = counts_.find(option);
    append_json_integer(out, found == counts_.end() ? 0 : found->second);
  }
  out.push_back(']');
  object.boolean("closed", closed);
  const double deadline = deadline_ms();
  if (!closed && std::isfinite(deadline)) {
    object.integer("closes_at", static_cast<uint64_t>(deadline));
  }
  object.close();
  return out;
}

// --- the state ---

void Poll::on_record(const Record& record) {
  if (closed_) return;
  if (record.kind == RecordKind::kDeletion) {
    const auto deleted = std::find_if(votes_.begin(), votes_.end(), [&record](const auto& vote) {
      return vote.second.seq == record.target;
    });
    if (deleted != votes_.end()) take_back(deleted);
    return;
  }
  if (record.kind != RecordKind::kMessage) return;
  if (is_result(record, name())) {
    closed_ = true;
    votes_.clear();
    name_bytes_ = 0;
    return;
  }
  const auto choice = parse_vote(record.content);
  if (!choice || !fits(record.user, *choice)) return;
  const auto before = votes_.find(record.user);
  if (before != votes_.end()) take_back(before);
  add(record.user, {*choice, record.seq});
  if (first_vote_ms_ == 0) first_vote_ms_ = record.ts;
}

void Poll::add(std::string_view user, Vote vote) {
  if (++counts_[vote.choice] == 1) choice_bytes_ += vote.choice.size() + kPollChoiceBytes;
  name_bytes_ += user.size();
  votes_.emplace(user, std::move(vote));
}

void Poll::take_back(VotesByUser::iterator vote) {
  const auto count = counts_.find(vote->second.choice);
  if (--count->second == 0) {
    choice_bytes_ -= count->first.size() + kPollChoiceBytes;
    counts_.erase(count);
  }
  name_bytes_ -= vote->first.size();
  votes_.erase(vote);
}

void Poll::save(ByteWriter& out) const {
  out.u8(kStateVersion);
  out.u8(closed_ ? 1 : 0);
  out.varint(first_vote_ms_);
  out.varint(counts_.size());
  std::map<std::string_view, uint64_t> numbers;
  for (const auto& [choice, count] : counts_) {
    numbers.emplace(choice, numbers.size());
    out.sized(choice);
    out.varint(count);
  }
  out.varint(votes_.size());
  for (const auto& [user, vote] : votes_) {
    out.sized(user);
    out.varint(numbers[vote.choice]);
    out.varint(vote.seq);
  }
}

bool Poll::restore(ByteReader& in) {
  if (in.u8() != kStateVersion) return false;
  closed_ = in.u8() != 0;
  first_vote_ms_ = in.varint();
  CountsByChoice counts;
  std::vector<std::string> choices;
  for (uint64_t left = in.varint(); in.ok() && left > 0; left--) {
    choices.emplace_back(in.sized());
    counts[choices.back()] = in.varint();
  }
  for (uint64_t left = in.varint(); in.ok() && left > 0; left--) {
    const std::string_view user = in.sized();
    const uint64_t choice = in.varint();
    if (choice >= choices.size()) return false;
    add(user, {choices[static_cast<size_t>(choice)], in.varint()});
  }
  // Of a closed poll the counts are all that is left.
  if (closed_) counts_.swap(counts);
  return in.ok() && (closed_ || counts == counts_);
}

Result<std::unique_ptr<Behaviour>> make_behaviour(const SettingMap& settings) {
  auto poll = parse_poll_settings(settings);
  if (!poll.ok()) return poll.error();
  return std::unique_ptr<Behaviour>(std::make_unique<Poll>(std::move(poll.value())));
}

}  // namespace edgeroom
