#include "tools/replay/words.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace edgeroom::replay {

namespace {

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";
constexpr std::string_view kHexDigits = "0123456789abcdef";

struct Range {
  uint32_t first;
  uint32_t last;
};

// Control and format characters and the separators of lines: none of them can be seen.
constexpr std::array<Range, 13> kUnseen = {{{0x00, 0x1F},
                                            {0x7F, 0x9F},
                                            {0xAD, 0xAD},
                                            {0x061C, 0x061C},
                                            {0x180E, 0x180E},
                                            {0x200B, 0x200F},
                                            {0x2028, 0x202E},
                                            {0x2060, 0x206F},
                                            {0xE000, 0xF8FF},
                                            {0xFEFF, 0xFEFF},
                                            {0xFFF0, 0xFFFB},
                                            {0xFFFE, 0xFFFF},
                                            {0xE0000, 0x10FFFF}}};

constexpr std::array<Range, 6> kCombining = {{{0x0300, 0x036F},
                                              {0x1AB0, 0x1AFF},
                                              {0x1DC0, 0x1DFF},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F},
                                              {0xFE20, 0xFE2F}}};

constexpr std::array<Range, 11> kWide = {{{0x1100, 0x115F},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0xA4CF},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1F64F},
                                          {0x1F680, 0x1FAFF},
                                          {0x20000, 0x3FFFD}}};

template <size_t kSize>
bool is_in(const std::array<Range, kSize>& ranges, uint32_t point) {
  return std::any_of(ranges.begin(), ranges.end(), [point](const Range& range) {
    return point >= range.first && point <= range.last;
  });
}

struct CodePoint {
  uint32_t point = 0;
  size_t bytes = 1;
  bool is_valid = false;
};

// The code point at the beginning of `text`, which is not empty; one byte where there is none.
CodePoint first_of(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  uint32_t point = lead & (0xFFU >> (bytes + 1));
  for (size_t i = 1; i < bytes; i++) {
    if ((byte(i) & 0xC0U) != 0x80U) return {};
    point = point << 6U | (byte(i) & 0x3FU);
  }
  return {point, bytes, true};
}

void append_hex(std::string& out, uint32_t value, unsigned digits) {
  for (unsigned i = digits; i-- > 0;) out.push_back(kHexDigits[value >> (4 * i) & 0xFU]);
}

void append_escape(std::string& out, uint32_t point) {
  if (point < 0x10000) {
    out.append("\\u");
    append_hex(out, point, 4);
    return;
  }
  const uint32_t offset = point - 0x10000;
  out.append("\\u");
  append_hex(out, 0xD800 + (offset >> 10U), 4);
  out.append("\\u");
  append_hex(out, 0xDC00 + (offset & 0x3FFU), 4);
}

size_t columns_of_point(uint32_t point) {
  if (point < kCombining.front().first) return 1;
  if (is_in(kCombining, point)) return 0;
  return is_in(kWide, point) ? 2 : 1;
}

std::string padded_number(uint64_t value, size_t digits) {
  std::string text = std::to_string(value);
  return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

struct Date {
  uint64_t year;
  uint64_t month;
  uint64_t day;
};

// The civil date of a day since 1970-01-01. Years begin in March, so that the day that comes and
// goes is their last; 400 of them have 146,097 days, and their months' lengths repeat every five.
Date date_of(uint64_t days) {
  const uint64_t day = days + 719'468;  // since 0000-03-01
  const uint64_t era = day / 146'097;
  const uint64_t of_era = day % 146'097;
  const uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month_from_march = (5 * of_year + 2) / 153;
  const uint64_t of_month = of_year - (153 * month_from_march + 2) / 5 + 1;
  const uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, of_month};
}

}  // namespace

std::string utc_time(uint64_t ms) {
  constexpr uint64_t kMsPerDay = 86'400'000;
  const Date date = date_of(ms / kMsPerDay);
  const uint64_t of_day = ms % kMsPerDay;
  return padded_number(date.year, 4) + "-" + padded_number(date.month, 2) + "-" +
         padded_number(date.day, 2) + " " + padded_number(of_day / 3'600'000, 2) + ":" +
         padded_number(of_day / 60'000 % 60, 2) + ":" + padded_number(of_day / 1000 % 60, 2) + "." +
         padded_number(of_day % 1000, 3);
}

std::string later(double ms) {
  constexpr double kShownAsMsMax = 9999;
  if (ms <= 0) return "";
  const bool in_ms = ms <= kShownAsMsMax;
  const auto value = static_cast<uint64_t>(in_ms ? ms : ms / 1000);
  return "+" + std::to_string(value) + (in_ms ? " ms" : " s");
}

std::string visible(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint next = first_of(text);
    if (next.point >= 0x20 && next.point < 0x7F) {
      out.push_back(text.front());
    } else if (!next.is_valid) {
      out.append("\\x");
      append_hex(out, static_cast<unsigned char>(text.front()), 2);
    } else if (is_in(kUnseen, next.point)) {
      append_escape(out, next.point);
    } else {
      out.append(text.substr(0, next.bytes));
    }
    text.remove_prefix(next.bytes);
  }
  return out;
}

size_t columns_of(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const CodePoint next = first_of(text);
    columns += columns_of_point(next.point);
    text.remove_prefix(next.bytes);
  }
  return columns;
}

std::string fit(std::string_view text, size_t columns) {
  // No text has more columns than bytes.
  if (columns == 0 || text.size() <= columns) return std::string(text);
  size_t used = 0;
  size_t cut = 0;  // where the text ends if … must follow
  for (size_t at = 0; at < text.size();) {
    const CodePoint next = first_of(text.substr(at));
    used += columns_of_point(next.point);
    if (used > columns) return std::string(text.substr(0, cut)).append(kEllipsis);
    at += next.bytes;
    if (used < columns) cut = at;
  }
  return std::string(text);
}

std::string shown(std::string_view text, size_t columns) {
  // So many bytes fill the columns, unless most of them are combining characters.
  constexpr size_t kBytesPerColumn = 16;
  const std::string_view start =
      columns == 0 ? text : text.substr(0, std::max(columns, columns * kBytesPerColumn));
  std::string out = visible(start);
  if (start.size() < text.size()) out.append(kEllipsis);
  return fit(out, columns);
}

std::string column(std::string_view text, size_t columns) {
  std::string out = fit(text, columns);
  out.append(columns - std::min(columns, columns_of(out)), ' ');
  return out;
}

std::string right(std::string_view text, size_t columns) {
  return std::string(columns - std::min(columns, columns_of(text)), ' ').append(text);
}

std::string quoted(std::string_view bytes) {
  std::string out = "\"";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out.append(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    } else if (byte >= 0x20 && byte < 0x7F) {
      out.push_back(c);
    } else {
      out.append("\\x");
      append_hex(out, byte, 2);
    }
  }
  out.push_back('"');
  return out;
}

std::string count_of(uint64_t count, std::string_view noun) {
  return std::to_string(count).append(" ").append(noun).append(count == 1 ? "" : "s");
}

std::string seqs(uint64_t first, uint64_t last) {
  if (first == last) return "seq " + std::to_string(first);
  return "seqs " + std::to_string(first) + "-" + std::to_string(last);
}

}  // namespace edgeroom::replay
