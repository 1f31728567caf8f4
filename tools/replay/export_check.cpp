#include "tools/replay/export_check.h"

#include <utility>

#include "base/json_writer.h"

namespace edgeroom::replay {

namespace {

// Lines that wait to be compared are few enough to be held.
constexpr size_t kWaitingBytesMax = 1U << 20U;

constexpr size_t kDifferencesKept = 5;

constexpr uint32_t kStatusOk = 200;

// Takes the first line off `text`.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

void ExportCheck::given(std::string_view line) {
  lines_.emplace_back(line);
  bytes_ += line.size();
}

void ExportCheck::before_flush(Host& host) {
  if (lines_.size() >= history_size_ || bytes_ >= kWaitingBytesMax) check(host);
}

// Of what is flushed.
void ExportCheck::check(Host& host) {
  if (flushed_ == 0) return;
  std::string operation;
  JsonObjectWriter object(operation);
  object.string("op", "log");
  object.string("room", header_.room);
  object.string("epoch", header_.epoch);
  object.integer("after", checked_);
  object.integer("through", checked_ + flushed_);
  object.close();
  const Host::Answer answer = host.ask(operation);
  if (!host.fault().empty()) return;
  if (answer.status == kStatusOk) {
    compare(answer.body);
  } else {
    differ({checked_ + 1, "the room does not give it any more", lines_.front(), answer.body});
  }
  for (; flushed_ > 0; flushed_--) {
    bytes_ -= lines_.front().size();
    lines_.pop_front();
    checked_++;
  }
}

void ExportCheck::compare(std::string_view exported) {
  for (size_t i = 0; i < flushed_; i++) {
    const std::string_view line = take_line(exported);
    if (line == lines_[i]) continue;
    differ({checked_ + 1 + i, "the record is another one", lines_[i], std::string(line)});
  }
}

void ExportCheck::finish(Host& host, bool is_whole) {
  check(host);
  if (host.fault().empty()) check_header(host, is_whole);
}

void ExportCheck::check_header(Host& host, bool is_whole) {
  std::string operation;
  JsonObjectWriter object(operation);
  object.string("op", "log");
  object.integer("after", checked_);
  object.close();
  const Host::Answer answer = host.ask(operation);
  std::string_view text = answer.body;
  const auto parsed = parse_log_header(take_line(text));
  if (!parsed.ok()) {
    differ({0, "the room gives no log: " + parsed.error().detail, "", ""});
    return;
  }
  const LogHeader& header = parsed.value();
  const auto same = [this](const std::string& what, const std::string& recorded,
                           const std::string& replayed) {
    if (recorded != replayed) differ({0, what, recorded, replayed});
  };
  same("the room's name", header_.room, header.room);
  same("the epoch", header_.epoch, header.epoch);
  same("the kind of room", header_.kind, header.kind);
  same("the newest seq", std::to_string(checked_), std::to_string(header.last));
  if (is_whole) same("the state", header_.state_digest, header.state_digest);
}

void ExportCheck::differ(Difference difference) {
  count_++;
  if (differences_.size() < kDifferencesKept) differences_.push_back(std::move(difference));
}

}  // namespace edgeroom::replay
