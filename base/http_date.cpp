#include "base/http_date.h"

#include <array>
#include <cstdint>

namespace edgeroom {

namespace {

constexpr std::string_view kDays = "MonTueWedThuFriSatSun";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr size_t kNameCharacters = 3;
constexpr std::string_view kExample = "Sun, 06 Nov 1994 08:49:37 GMT";

// Where `name` stands among `names`, from 1; 0 when it does not.
uint32_t place_of(std::string_view name, std::string_view names) {
  for (size_t at = 0; at < names.size(); at += kNameCharacters) {
    if (names.substr(at, kNameCharacters) == name) {
      return static_cast<uint32_t>(at / kNameCharacters) + 1;
    }
  }
  return 0;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool has_form_of_example(std::string_view text) {
  if (text.size() != kExample.size()) return false;
  for (size_t i = 0; i < text.size(); i++) {
    const char expected = kExample[i];
    if (is_digit(expected)
            ? !is_digit(text[i])
            : (expected == ' ' || expected == ',' || expected == ':') && text[i] != expected) {
      return false;
    }
  }
  return text.substr(text.size() - kNameCharacters) == "GMT";
}

uint32_t number_at(std::string_view text, size_t at, size_t digits) {
  uint32_t value = 0;
  for (const char c : text.substr(at, digits)) value = value * 10 + static_cast<uint32_t>(c - '0');
  return value;
}

bool is_leap(uint32_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

uint32_t days_in(uint32_t month, uint32_t year) {
  constexpr std::array<uint32_t, 12> kDaysOfMonths = {31, 28, 31, 30, 31, 30,
                                                      31, 31, 30, 31, 30, 31};
  return kDaysOfMonths[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// Days from 1970-01-01 to the first of January.
int64_t days_before(uint32_t year) {
  const auto before = static_cast<int64_t>(year) - 1;
  constexpr int64_t kDaysBefore1970 = 719'162;
  return before * 365 + before / 4 - before / 100 + before / 400 - kDaysBefore1970;
}

}  // namespace

std::optional<double> parse_http_date(std::string_view text) {
  if (!has_form_of_example(text) || place_of(text.substr(0, kNameCharacters), kDays) == 0) {
    return std::nullopt;
  }
  const uint32_t day = number_at(text, 5, 2);
  const uint32_t month = place_of(text.substr(8, kNameCharacters), kMonths);
  const uint32_t year = number_at(text, 12, 4);
  const uint32_t hour = number_at(text, 17, 2);
  const uint32_t minute = number_at(text, 20, 2);
  const uint32_t second = number_at(text, 23, 2);
  // A second of 60 is a leap second.
  if (month == 0 || year == 0 || day == 0 || day > days_in(month, year) || hour > 23 ||
      minute > 59 || second > 60) {
    return std::nullopt;
  }
  int64_t days = days_before(year) + day - 1;
  for (uint32_t m = 1; m < month; m++) days += days_in(m, year);
  const int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return static_cast<double>(seconds) * 1000;
}

}  // namespace edgeroom
