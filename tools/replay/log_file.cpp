#include "tools/replay/log_file.h"

#include <algorithm>
#include <utility>

#include "base/json_scanner.h"
#include "rooms/limits.h"
#include "tools/replay/words.h"

namespace edgeroom::replay {

namespace {

// What is read of the file at once.
constexpr size_t kReadBytes = 64U << 10U;

// A record's line goes into the room by its input buffer, and so does the header.
constexpr size_t kLineBytesMax = kInputBytesMax;

// Whoever saved an answer that was an error has this in the file.
std::string problem_in(std::string_view line) {
  std::string status;
  std::string detail;
  JsonObjectReader reader(line);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key == "status" && member.kind == JsonKind::kNumber) status = member.value;
    if (member.key == "detail" && member.kind == JsonKind::kString) {
      detail = json_unescape(member.value);
    }
  }
  if (reader.fault() || status.empty() || detail.empty()) return "";
  return "no log but an error, " + status + ": " + visible(detail);
}

}  // namespace

bool LogFile::refill() {
  buffer_.resize(kReadBytes);
  position_ = 0;
  const size_t got = source_->read(buffer_.data(), buffer_.size());
  buffer_.resize(got);
  return got > 0;
}

// Reads into line_.
LogFile::Read LogFile::read_line() {
  line_.clear();
  for (;;) {
    if (position_ == buffer_.size() && !refill()) {
      if (!source_->fault().empty()) return Read::kFailed;
      if (line_.empty()) return Read::kEnd;
      line_number_++;
      return Read::kUnfinishedLine;
    }
    const size_t end = buffer_.find('\n', position_);
    const size_t stop = std::min(end, buffer_.size());
    line_.append(buffer_, position_, stop - position_);
    position_ = end == std::string::npos ? stop : stop + 1;
    if (line_.size() > kLineBytesMax) {
      line_number_++;
      return Read::kTooLong;
    }
    if (end == std::string::npos) continue;
    line_number_++;
    return Read::kLine;
  }
}

Error LogFile::at_line(const std::string& what) const {
  return Error{"line " + std::to_string(line_number_) + ": " + what};
}

Error LogFile::unreadable(Read read) const {
  if (read == Read::kTooLong) {
    return at_line("longer than " + std::to_string(kLineBytesMax) +
                   " bytes, the most that a line of a log can have");
  }
  return Error{"the log cannot be read beyond line " + std::to_string(line_number_) + ": " +
               source_->fault()};
}

Result<LogSummary> LogFile::check() {
  LogSummary summary;
  if (!to_start()) {
    return Error{"the log cannot be read from its beginning: " + source_->fault()};
  }
  if (auto error = check_header(summary)) return *error;
  if (auto error = check_records(summary)) return *error;
  records_left_ = summary.records;
  return summary;
}

std::optional<Error> LogFile::check_header(LogSummary& summary) {
  const Read read = read_line();
  if (read == Read::kEnd) return Error{"the file is empty"};
  if (read == Read::kTooLong || read == Read::kFailed) return unreadable(read);
  auto header = parse_log_header(line_);
  if (!header.ok()) {
    const std::string problem = problem_in(line_);
    return at_line(problem.empty() ? header.error().detail : problem);
  }
  summary.header = std::move(header.value());
  summary.header_line = line_;
  return std::nullopt;
}

std::optional<Error> LogFile::check_records(LogSummary& summary) {
  LogLine line;
  for (;;) {
    const Read read = read_line();
    const bool is_unfinished = read == Read::kUnfinishedLine;
    if (read == Read::kTooLong || read == Read::kFailed) return unreadable(read);
    if (read == Read::kEnd) {
      cut_short("without its end", summary);
      return std::nullopt;
    }
    const auto end = parse_log_end(line_);
    if (end && end->ok()) return check_end(end->value(), summary);
    const auto error = end ? end->error() : parse_log_line(line_, line);
    if (error && is_unfinished) {
      cut_short("inside line " + std::to_string(line_number_), summary);
      return std::nullopt;
    }
    if (error) return at_line(error->detail);
    if (auto misplaced = check_record(summary, line.record)) return misplaced;
    if (summary.records == 0) summary.first_ts = line.record.ts;
    summary.last_ts = line.record.ts;
    summary.user_columns = std::max(summary.user_columns, columns_of(visible(line.record.user)));
    summary.records++;
  }
}

void LogFile::cut_short(const std::string& how, LogSummary& summary) const {
  const uint64_t last = summary.header.first + summary.records - 1;
  const std::string where =
      summary.records == 0 ? "before its first record" : "after seq " + std::to_string(last);
  summary.cut = "it ends " + where + " of " + std::to_string(summary.header.last) + ", " + how;
}

std::optional<Error> LogFile::check_record(const LogSummary& summary, const Record& record) const {
  const uint64_t expected = summary.header.first + summary.records;
  const std::string seq = std::to_string(record.seq);
  if (record.seq > summary.header.last) {
    return at_line("\"seq\" is " + seq + ", beyond the header's \"last\", " +
                   std::to_string(summary.header.last));
  }
  if (record.seq != expected) {
    return at_line("\"seq\" is " + seq + " where " + std::to_string(expected) + " must come: " +
                   (record.seq > expected ? "what is between them is missing, or comes later"
                                          : "it comes twice, or too late"));
  }
  if (record.ts < summary.last_ts) return at_line("\"ts\" is before that of the line before");
  return std::nullopt;
}

// The end has been read. `records`: how many it says there are.
std::optional<Error> LogFile::check_end(uint64_t records, LogSummary& summary) {
  const std::string says = "\"records\" is " + std::to_string(records) + ", and there " +
                           (summary.records == 1 ? "is " : "are ") +
                           std::to_string(summary.records);
  if (records < summary.records) return at_line(says);
  if (records > summary.records) {
    summary.cut = "line " + std::to_string(line_number_) + " says that there are " +
                  count_of(records, "record") + ", and there " +
                  (summary.records == 1 ? "is " : "are ") + std::to_string(summary.records);
  }
  const uint64_t last = summary.header.first + records - 1;
  if (last != summary.header.last) {
    return at_line(says + "; the header's \"last\" is " + std::to_string(summary.header.last) +
                   ", which makes " +
                   std::to_string(summary.header.last + 1 - summary.header.first));
  }
  const Read read = read_line();
  if (read == Read::kFailed) return unreadable(read);
  if (read != Read::kEnd) return at_line("the log has ended, and this follows");
  return std::nullopt;
}

bool LogFile::to_start() {
  buffer_.clear();
  position_ = 0;
  line_number_ = 0;
  return source_->rewind();
}

bool LogFile::rewind() { return to_start() && read_line() != Read::kFailed; }

std::optional<std::string_view> LogFile::next() {
  if (records_left_ == 0) return std::nullopt;
  const Read read = read_line();
  if (read != Read::kLine && read != Read::kUnfinishedLine) return std::nullopt;
  records_left_--;
  return line_;
}

}  // namespace edgeroom::replay
