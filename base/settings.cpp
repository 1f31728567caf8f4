#include "base/settings.h"

#include <array>
#include <utility>

#include "base/json_scanner.h"
#include "base/json_writer.h"

namespace edgeroom {

namespace {

// More digits than a double holds exactly would be rounded differently by different libraries.
constexpr size_t kDecimalDigitsMax = 15;

Error must_be(std::string_view name, std::string_view what) {
  return Error{std::string(name) + " must be " + std::string(what)};
}

std::string range_text(uint64_t min, uint64_t max) {
  std::string text = "a whole number from ";
  append_json_integer(text, min);
  text += " to ";
  append_json_integer(text, max);
  return text;
}

// Reads whole-number settings one after the other and keeps the first error.
class NumberSettings {
 public:
  explicit NumberSettings(const SettingMap& settings) : settings_(settings) {}

  template <typename T>
  void read(std::string_view name, uint64_t min, uint64_t max, T& out) {
    const Result<uint64_t> number = settings_.whole_number(name, out, min, max);
    if (number.ok()) {
      out = static_cast<T>(number.value());
    } else if (!error_) {
      error_ = number.error();
    }
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  const SettingMap& settings_;
  std::optional<Error> error_;
};

// One of MESSAGE_LIMITS: {"rate":…,"burst":…,"bytes":…,"bytes_burst":…}.
class FrameLimitReader {
 public:
  // `name`: connection or user. `out`: what holds where nothing is said.
  FrameLimitReader(std::string_view name, FrameLimit& out) : name_(name), out_(out) {}

  std::optional<Error> read(std::string_view json) {
    JsonObjectReader reader(json);
    JsonMember member;
    while (reader.next(member)) {
      if (auto error = read_member(member)) return error;
    }
    if (reader.fault()) return must_be("MESSAGE_LIMITS: " + std::string(name_), "an object");
    if (!has_rate_ || !has_burst_) return needs("rate", "burst");
    if (has_bytes_ && out_.bytes > 0 && !has_bytes_burst_) return needs("bytes", "bytes_burst");
    if (has_bytes_burst_ && !has_bytes_) return needs("bytes", "bytes_burst");
    return std::nullopt;
  }

 private:
  std::optional<Error> read_member(const JsonMember& member) {
    if (member.key == "rate") return read_rate(member);
    if (member.key == "burst") {
      return whole(member, 1, kMessageBurstMax, out_.burst, has_burst_);
    }
    if (member.key == "bytes") {
      return whole(member, 0, kMessageLimitBytesMax, out_.bytes, has_bytes_);
    }
    if (member.key == "bytes_burst") {
      return whole(member, 1, kMessageLimitBytesMax, out_.bytes_burst, has_bytes_burst_);
    }
    return Error{"MESSAGE_LIMITS: unknown option " + path(member.key)};
  }

  std::optional<Error> read_rate(const JsonMember& member) {
    const std::optional<double> rate =
        member.kind == JsonKind::kNumber ? parse_decimal(member.value) : std::nullopt;
    if (!rate || *rate <= 0 || *rate > kMessageRateMax) {
      return must_be("MESSAGE_LIMITS: " + path("rate"), "a number above 0, at most 1000000");
    }
    out_.rate = *rate;
    has_rate_ = true;
    return std::nullopt;
  }

  std::optional<Error> whole(const JsonMember& member, uint64_t min, uint64_t max, double& out,
                             bool& is_given) {
    const std::optional<uint64_t> number =
        member.kind == JsonKind::kNumber ? json_integer(member.value) : std::nullopt;
    if (!number || *number < min || *number > max) {
      return must_be("MESSAGE_LIMITS: " + path(member.key), range_text(min, max));
    }
    out = static_cast<double>(*number);
    is_given = true;
    return std::nullopt;
  }

  [[nodiscard]] std::string path(std::string_view option) const {
    return std::string(name_) + "." + std::string(option);
  }

  [[nodiscard]] Error needs(std::string_view one, std::string_view other) const {
    return Error{"MESSAGE_LIMITS: " + std::string(name_) + " needs both " + std::string(one) +
                 " and " + std::string(other)};
  }

  std::string_view name_;
  FrameLimit& out_;
  bool has_rate_ = false;
  bool has_burst_ = false;
  bool has_bytes_ = false;
  bool has_bytes_burst_ = false;
};

std::optional<Error> read_message_limits(const SettingMap& settings, RoomSettings& out) {
  const std::string* text = settings.find("MESSAGE_LIMITS");
  if (text == nullptr) return std::nullopt;
  JsonObjectReader reader(*text);
  JsonMember member;
  while (reader.next(member)) {
    const bool is_user = member.key == "user";
    if (!is_user && member.key != "connection") {
      return Error{"MESSAGE_LIMITS: unknown option " + std::string(member.key)};
    }
    FrameLimitReader limit(member.key, is_user ? out.user_limit : out.connection_limit);
    if (std::optional<Error> error = limit.read(member.value)) return error;
  }
  if (reader.fault()) {
    return must_be("MESSAGE_LIMITS",
                   R"(a JSON object such as {"connection":{"rate":200,"burst":400}})");
  }
  return std::nullopt;
}

}  // namespace

Result<SettingMap> SettingMap::parse(std::string_view json) {
  SettingMap map;
  JsonObjectReader reader(json);
  JsonMember member;
  while (reader.next(member)) {
    if (member.kind == JsonKind::kNull) continue;
    const bool is_string = member.kind == JsonKind::kString;
    map.values_.insert_or_assign(std::string(member.key), is_string ? json_unescape(member.value)
                                                                    : std::string(member.value));
  }
  if (reader.fault()) return Error{"the settings are not one JSON object"};
  return map;
}

const std::string* SettingMap::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

Result<uint64_t> SettingMap::whole_number(std::string_view name, uint64_t fallback, uint64_t min,
                                          uint64_t max) const {
  const std::string* text = find(name);
  if (text == nullptr) return fallback;
  JsonCursor cursor(*text);
  JsonKind kind = JsonKind::kNull;
  const bool is_number = cursor.value(kind, 0) && cursor.at_end() && kind == JsonKind::kNumber;
  const std::optional<uint64_t> number = is_number ? json_integer(*text) : std::nullopt;
  if (!number || *number < min || *number > max) return must_be(name, range_text(min, max));
  return *number;
}

Result<RoomSettings> parse_room_settings(const SettingMap& settings) {
  RoomSettings out;
  NumberSettings numbers(settings);
  numbers.read("HISTORY_SIZE", 1, kHistorySizeMax, out.history_size);
  numbers.read("MESSAGE_BYTES_MAX", 1, kMessageBytesMax, out.message_bytes_max);
  numbers.read("OUTBOX_RECORDS_MAX", 1, kOutboxRecordsMax, out.outbox_records_max);
  numbers.read("OUTBOX_BYTES_MAX", 1, kOutboxBytesMax, out.outbox_bytes_max);
  numbers.read("DEDUP_MAX", 1, kDedupMax, out.dedup_max);
  numbers.read("PRESENCE_MAX", 0, kConnectionsMax, out.presence_max);
  numbers.read("ROOM_CONNECTIONS_MAX", 1, kConnectionsMax, out.connections_max);
  if (numbers.error()) return *numbers.error();
  if (std::optional<Error> error = read_message_limits(settings, out)) return *error;
  if (const std::string* rules = settings.find("CONTENT_RULES")) {
    Result<ContentRules> content_rules = ContentRules::parse(*rules);
    if (!content_rules.ok()) return content_rules.error();
    out.content_rules = std::move(content_rules.value());
  }
  if (const std::string* compression = settings.find("WEBSOCKET_COMPRESSION")) {
    if (*compression != "on" && *compression != "off") {
      return must_be("WEBSOCKET_COMPRESSION", "on or off");
    }
    out.may_compress = *compression == "on";
  }
  const Result<LogThreshold> log_level = parse_log_level(settings);
  if (!log_level.ok()) return log_level.error();
  out.log_level = log_level.value();
  const std::string* auth = settings.find("AUTH");
  out.needs_token = auth != nullptr && *auth == "jwt";
  return out;
}

Result<RoomSettings> parse_room_settings(std::string_view json) {
  const Result<SettingMap> settings = SettingMap::parse(json);
  if (!settings.ok()) return settings.error();
  return parse_room_settings(settings.value());
}

Result<LogThreshold> parse_log_level(const SettingMap& settings) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  const std::string* text = settings.find("LOG_LEVEL");
  if (text == nullptr) return LogThreshold::kInfo;
  for (size_t i = 0; i < kNames.size(); i++) {
    if (*text == kNames[i]) return static_cast<LogThreshold>(i);
  }
  return must_be("LOG_LEVEL", "debug, info, warn or error");
}

std::optional<double> parse_decimal(std::string_view number) {
  double value = 0;
  double scale = 1;
  size_t digits = 0;
  bool fraction = false;
  for (const char c : number) {
    if (c == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9' || ++digits > kDecimalDigitsMax) return std::nullopt;
    value = value * 10 + (c - '0');
    if (fraction) scale *= 10;
  }
  if (digits == 0) return std::nullopt;
  return value / scale;
}

}  // namespace edgeroom
