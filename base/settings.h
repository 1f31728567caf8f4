// The operator's settings: the Worker's variables as one JSON object, and of them what a room
// needs. Both modules read the same settings, so that the Worker can refuse at the first request
// what a room would refuse later.
//
// No error ever holds a value: a secret may stand in the wrong variable, and errors are answered
// to anybody.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/content_rules.h"
#include "base/result.h"

namespace edgeroom {

// Bounds of the settings. Beyond them a room could not do what the setting promises.
inline constexpr uint64_t kHistorySizeMax = 100'000;
// A batch for the central API is at most 256 KiB (contract, section 5). What is left stays free
// for the other fields of the record and of the batch; a larger message could never be forwarded.
inline constexpr uint64_t kMessageBytesMax = 256U * 1024U - 4096U;
inline constexpr uint64_t kOutboxRecordsMax = 100'000'000;
// Storage of an object is limited to 10 GB by the platform.
inline constexpr uint64_t kOutboxBytesMax = 8ULL << 30U;
// An id costs a room about 70 bytes of its memory.
inline constexpr uint64_t kDedupMax = 250'000;
// Hibernatable WebSockets of one object: the platform's limit.
inline constexpr uint64_t kConnectionsMax = 32'768;
inline constexpr double kMessageRateMax = 1'000'000;
inline constexpr uint64_t kMessageBurstMax = 1'000'000;
inline constexpr uint64_t kMessageLimitBytesMax = 1ULL << 30U;

// The least severe log line that is written.
enum class LogThreshold : uint32_t { kDebug = 0, kInfo = 1, kWarn = 2, kError = 3 };

// How often something may come: `burst` at once, and `rate` a second for long. 0: no limit.
struct FrameLimit {
  double rate = 0;         // frames a second
  double burst = 0;        // frames
  double bytes = 0;        // bytes a second, both ways
  double bytes_burst = 0;  // bytes

  [[nodiscard]] bool is_any() const { return rate > 0 || bytes > 0; }
};

// What a room does with a setting that is not given stands here.
struct RoomSettings {
  uint32_t history_size = 100;              // HISTORY_SIZE, messages
  uint32_t message_bytes_max = 65'536;      // MESSAGE_BYTES_MAX
  uint64_t outbox_records_max = 1'000'000;  // OUTBOX_RECORDS_MAX
  uint64_t outbox_bytes_max = 1ULL << 30U;  // OUTBOX_BYTES_MAX
  uint32_t dedup_max = 100'000;             // DEDUP_MAX, ids
  uint32_t presence_max = 100;              // PRESENCE_MAX, connections; 0: no join and leave
  uint32_t connections_max = 10'000;        // ROOM_CONNECTIONS_MAX
  FrameLimit connection_limit = {200, 400, 4U << 20U, 32U << 20U};  // MESSAGE_LIMITS connection
  FrameLimit user_limit = {};                                       // MESSAGE_LIMITS user, none
  ContentRules content_rules;                                       // CONTENT_RULES, none
  bool needs_token = false;                      // AUTH is jwt: tokens name the users
  bool may_compress = false;                     // WEBSOCKET_COMPRESSION, on or off
  LogThreshold log_level = LogThreshold::kInfo;  // LOG_LEVEL: debug, info, warn or error
};

// Variables by name. A string is held as its text, any other JSON value as its JSON text, so that
// a number, or the value of a JSON variable, reads as if it had been written as a string. A null
// counts as not set.
class SettingMap {
 public:
  static Result<SettingMap> parse(std::string_view json);

  // Null when it is not set. Valid as long as the map.
  [[nodiscard]] const std::string* find(std::string_view name) const;

  // The setting as a whole number between the bounds, or `fallback` when it is not set.
  [[nodiscard]] Result<uint64_t> whole_number(std::string_view name, uint64_t fallback,
                                              uint64_t min, uint64_t max) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

Result<RoomSettings> parse_room_settings(const SettingMap& settings);
// `json`: all variables as one JSON object; those that concern no room are not looked at.
Result<RoomSettings> parse_room_settings(std::string_view json);

// LOG_LEVEL alone.
Result<LogThreshold> parse_log_level(const SettingMap& settings);

// The value of a JSON number that has no sign, no exponent and at most 15 digits, which every
// build reads as the same double.
std::optional<double> parse_decimal(std::string_view number);

}  // namespace edgeroom
