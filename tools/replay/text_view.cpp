#include "tools/replay/text_view.h"

#include <algorithm>

#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "tools/replay/effect_words.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// SGR parameters (ECMA-48).
constexpr std::string_view kBold = "1";
constexpr std::string_view kDim = "2";
constexpr std::string_view kRed = "31";
constexpr std::string_view kGreen = "32";
constexpr std::string_view kYellow = "33";

constexpr size_t kUserColumnsMax = 20;
constexpr size_t kOffsetColumns = 10;  // +99999999 s
constexpr size_t kLabelColumns = 8;    // forwards
constexpr size_t kGap = 2;

// Of a line that differs, before the place where it does.
constexpr size_t kBeforeDifference = 24;

// A message of a page of history, as GET …/messages answers it.
struct PageMessage {
  LogLine line;  // what of it is a record

  bool read(std::string_view json) {
    JsonObjectReader reader(json);
    JsonMember member;
    Record& record = line.record;
    while (reader.next(member)) {
      if (member.key == "seq") record.seq = json_integer(member.value).value_or(0);
      if (member.key == "ts") record.ts = json_integer(member.value).value_or(0);
      if (member.key == "user") line.user = json_unescape(member.value);
      if (member.key == "by") line.by = json_unescape(member.value);
      if (member.key == "content") record.content = member.value;
      if (member.key == "deleted") record.deleted = true;
    }
    record.user = line.user;
    record.by = line.by;
    return !reader.fault();
  }
};

}  // namespace

void TextView::put(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), screen_.out);
  std::fputc('\n', screen_.out);
}

std::string TextView::paint(std::string_view colour, std::string_view text) const {
  if (!screen_.colour) return std::string(text);
  return std::string("\x1b[").append(colour).append("m").append(text).append("\x1b[0m");
}

void TextView::put_dim(std::string_view line) { put(paint(kDim, line)); }

void TextView::put_row(const Record& record) {
  const std::string row = record_row(record, columns_);
  if (record.kind == RecordKind::kMessage) {
    put(record.deleted ? paint(kRed, row) : row);
  } else {
    put(paint(record.kind == RecordKind::kDeletion ? kRed : kYellow, row));
  }
}

std::string TextView::margin(const std::string& offset) const {
  return std::string(columns_.seq + kGap, ' ') + right(offset, kOffsetColumns) +
         std::string(kGap, ' ');
}

std::string TextView::offset(const Step& step) const { return later(step.at_ms - record_ms_); }

size_t TextView::text_columns() const {
  return rest_of(columns_.width,
                 columns_.seq + kGap + kOffsetColumns + kGap + kLabelColumns + kGap);
}

void TextView::begin(const LogSummary& log) {
  header_ = log.header;
  header_.snapshot.clear();
  cut_ = log.cut;
  columns_.seq = std::to_string(header_.last).size();
  columns_.user = std::clamp<size_t>(log.user_columns, 1, kUserColumnsMax);
  columns_.width = screen_.width;
  const std::string room =
      visible(header_.room) + ", " + visible(header_.kind) + ", epoch " + visible(header_.epoch);
  put(paint(kBold, room));
  std::string line =
      log.records == 0 ? "no records" : seqs(header_.first, header_.first + log.records - 1);
  if (log.records > 0)
    line += ", " + utc_time(log.first_ts) + " to " + utc_time(log.last_ts) + " UTC";
  put(line);
  line = "confirmed " + std::to_string(header_.confirmed);
  if (log.header.snapshot.empty()) {
    line += ", no snapshot";
  } else {
    line += ", snapshot through " + std::to_string(header_.snapshot_through);
  }
  put(line + ", state " + visible(header_.state_digest));
  if (!cut_.empty()) put(paint(kRed, "The log was cut short: " + cut_ + "."));
  put("");
}

void TextView::started(const Host& host) {
  digest_ = host.state().digest();
  if (!options_.state || !options_.shows(header_.first)) return;
  state(host);
  put("");
}

void TextView::on_step(const Step& step, const EffectList& effects, const Host& host) {
  const bool is_record = step.event == EventType::kRecord;
  if (is_record) record_ms_ = step.at_ms;
  const bool before_first = step.seq < header_.first;
  if (before_first) record_ms_ = step.at_ms;
  if (keeps_effects_ && !before_first) {
    if (is_record && !turn_.empty() && turn_.back().empty()) turn_.clear();
    if (is_record) turn_.push_back(record_row(*step.record, columns_));
    full(step, effects, turn_);
    // Marks the end of a turn.
    if (step.event == EventType::kFlush) turn_.emplace_back();
  }
  if (!shows_all_ && !options_.shows(before_first ? header_.first : step.seq)) return;
  if (is_record) put_row(*step.record);
  if (options_.effects == Detail::kFull) {
    std::vector<std::string> lines;
    full(step, effects, lines);
    for (const std::string& line : lines) put_dim(line);
  } else if (options_.effects == Detail::kWords && !before_first) {
    words(step, effects, host);
  }
  if (is_record && options_.state) state_change(host);
}

void TextView::words(const Step& step, const EffectList& effects, const Host& host) {
  const size_t columns = text_columns();
  for (const Effect& effect : effects.records()) {
    const EffectWords words = effect_words(effect, effects, step, host, columns);
    if (words.label.empty()) continue;
    put_dim(margin(offset(step)) + column(words.label, kLabelColumns) + "  " + words.text);
  }
}

void TextView::full(const Step& step, const EffectList& effects,
                    std::vector<std::string>& lines) const {
  const std::string margin_of_effects = margin("");
  std::string event = margin(offset(step)) + "> " + event_name(step.event);
  if (step.event == EventType::kRecord) event += " | " + visible(step.line);
  if (step.event == EventType::kAttemptResult)
    event += ": " + seqs(step.first, step.last) + " stored";
  lines.push_back(std::move(event));
  for (const Effect& effect : effects.records()) {
    for (const std::string& line : effect_lines(effect, effects)) {
      lines.push_back(margin_of_effects + line);
    }
  }
}

void TextView::state_change(const Host& host) {
  const std::string digest = host.state().digest();
  std::string line = margin("") + column("state", kLabelColumns) + "  " + digest_;
  line += digest == digest_ ? ", unchanged" : " -> " + digest;
  if (host.seq() <= header_.snapshot_through) line += " (the snapshot's: it holds this record)";
  put_dim(line);
  if (digest == digest_) return;
  for (const std::string& each : state_lines(look_at(host.state()))) {
    put_dim(margin("") + std::string(kLabelColumns + kGap, ' ') + each);
  }
  digest_ = digest;
}

void TextView::stopped(const Record& record, const Host& host) {
  put(paint(kBold, "break before " + record_row(record, columns_)));
  state(host);
}

void TextView::next_record(const Record& record) {
  put(paint(kBold, "next"));
  put_row(record);
}

void TextView::state(const Host& host) {
  const uint64_t seq = host.seq();
  std::string line = "state " + host.state().digest();
  if (seq < header_.snapshot_through) {
    line += ", the snapshot's, after seq " + std::to_string(header_.snapshot_through);
  } else {
    line += ", after seq " + std::to_string(seq);
  }
  put(line);
  for (const std::string& each : state_lines(look_at(host.state()))) put("  " + each);
}

void TextView::history(Host& host, uint64_t count) {
  std::string operation;
  JsonObjectWriter object(operation);
  object.string("op", "messages");
  object.string("room", header_.room);
  object.integer("limit", count);
  object.close();
  const Host::Answer answer = host.ask(operation);
  std::string_view messages;
  JsonObjectReader reader(answer.body);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key == "messages") messages = member.value;
  }
  JsonCursor cursor(messages);
  bool is_empty = true;
  if (!cursor.expect('[', "no array")) return;
  while (cursor.peek() != ']') {
    if (!is_empty && !cursor.expect(',', "no comma")) return;
    is_empty = false;
    const size_t start = cursor.position();
    JsonKind kind = JsonKind::kNull;
    PageMessage message;
    if (!cursor.value(kind) || !message.read(cursor.since(start))) return;
    put_row(message.line.record);
  }
  if (is_empty) put("no messages yet");
}

void TextView::last_turn() {
  if (turn_.empty()) put("nothing yet");
  for (const std::string& line : turn_) {
    if (!line.empty()) put(line);
  }
}

void TextView::difference(const Difference& difference) {
  std::string title = difference.seq == 0 ? "" : "seq " + std::to_string(difference.seq) + ": ";
  put(paint(kRed, "DIFFERS  " + title + difference.what));
  const std::string& recorded = difference.recorded;
  const std::string& replayed = difference.replayed;
  const size_t shorter = std::min(recorded.size(), replayed.size());
  const auto place = std::mismatch(
      recorded.begin(), recorded.begin() + static_cast<std::ptrdiff_t>(shorter), replayed.begin());
  const auto same = static_cast<size_t>(place.first - recorded.begin());
  const size_t start = same < kBeforeDifference ? 0 : same - kBeforeDifference;
  const size_t columns = rest_of(columns_.width, 11);
  const std::string before = start == 0 ? "" : "...";
  put("  recorded  " + before + shown(std::string_view(recorded).substr(start), columns));
  put("  replayed  " + before + shown(std::string_view(replayed).substr(start), columns));
}

void TextView::end(const Outcome& outcome) {
  put("");
  if (!outcome.fault.empty()) put(paint(kRed, outcome.fault));
  for (const Difference& each : *outcome.differences) difference(each);
  std::string line = "replayed " + count_of(outcome.replayed, "record");
  if (!outcome.fault.empty()) {
    put(line + ", and then no more");
    return;
  }
  const bool is_same = outcome.difference_count == 0;
  line += ", state " + outcome.digest;
  if (!is_same) {
    put(paint(kRed, line + ": " + count_of(outcome.difference_count, "difference")));
  } else if (!cut_.empty()) {
    put(paint(kRed, line + ": as recorded so far, but the log was cut short"));
  } else {
    put(paint(kGreen, line + " as recorded"));
  }
}

}  // namespace edgeroom::replay
