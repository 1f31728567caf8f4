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

// {"rate":…,"burst":…} of MESSAGE_LIMITS.
std::optional<Error> read_connection_limit(std::string_view json, RoomSettings& out) {
  JsonObjectReader reader(json);
  JsonMember member;
  bool has_rate = false;
  bool has_burst = false;
  while (reader.next(member)) {
    if (member.key == "rate") {
      const std::optional<double> rate =
          member.kind == JsonKind::kNumber ? parse_decimal(member.value) : std::nullopt;
      if (!rate || *rate <= 0 || *rate > kMessageRateMax) {
        return must_be("MESSAGE_LIMITS: connection.rate", "a number above 0, at most 1000000");
      }
      out.message_rate = *rate;
      has_rate = true;
    } else if (member.key == "burst") {
      const std::optional<uint64_t> burst =
          member.kind == JsonKind::kNumber ? json_integer(member.value) : std::nullopt;
      if (!burst || *burst < 1 || *burst > kMessageBurstMax) {
        return must_be("MESSAGE_LIMITS: connection.burst", range_text(1, kMessageBurstMax));
      }
      out.message_burst = static_cast<double>(*burst);
      has_burst = true;
    } else {
      return Error{"MESSAGE_LIMITS: unknown option connection." + std::string(member.key)};
    }
  }
  if (reader.fault()) return must_be("MESSAGE_LIMITS: connection", "an object");
  if (!has_rate || !has_burst) {
    return Error{"MESSAGE_LIMITS: connection needs both rate and burst"};
  }
  return std::nullopt;
}

std::optional<Error> read_message_limits(const SettingMap& settings, RoomSettings& out) {
  const std::string* text = settings.find("MESSAGE_LIMITS");
  if (text == nullptr) return std::nullopt;
  JsonObjectReader reader(*text);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key != "connection") {
      return Error{"MESSAGE_LIMITS: unknown option " + std::string(member.key)};
    }
    if (std::optional<Error> error = read_connection_limit(member.value, out)) return error;
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
