#include "worker/room_request.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/json_scanner.h"
#include "base/json_writer.h"
#include "base/user_limits.h"
#include "base/utf8.h"
#include "worker/limits.h"
#include "worker/url.h"

namespace edgeroom {

namespace {

constexpr bool kForAnybody = false;
constexpr bool kForModerators = true;

// docs/PROTOCOL.md, as a table. HEAD comes with GET.
constexpr RoomMethod kRoomMethods[] = {
    {Route::kJoin, "GET", RoomOperation::kConnect, kForAnybody},
    {Route::kRoom, "GET", RoomOperation::kState, kForAnybody},
    {Route::kMessages, "GET", RoomOperation::kMessages, kForAnybody},
    {Route::kMessages, "POST", RoomOperation::kPublish, kForModerators},
    {Route::kMessage, "DELETE", RoomOperation::kDelete, kForModerators},
    {Route::kModeration, "POST", RoomOperation::kModerate, kForModerators},
    {Route::kDrain, "POST", RoomOperation::kDrain, kForModerators},
    {Route::kLog, "GET", RoomOperation::kLog, kForModerators},
    {Route::kSkip, "POST", RoomOperation::kSkip, kForModerators},
    {Route::kDeadLetters, "GET", RoomOperation::kDeadLetters, kForModerators},
    {Route::kReplay, "POST", RoomOperation::kReplay, kForModerators},
    {Route::kMetrics, "GET", RoomOperation::kMetrics, kForModerators},
};

// A WebSocket is opened by GET and nothing else (RFC 6455, section 4.1).
constexpr bool has_head(Route route) { return route != Route::kJoin; }

// Reads query parameters one after the other and keeps the first error.
class QueryReader {
 public:
  explicit QueryReader(std::string_view query) : query_(query) {}

  std::optional<std::string> text(std::string_view name) {
    Result<std::optional<std::string>> value = query_parameter(query_, name);
    if (value.ok()) return std::move(value.value());
    fail(value.error().detail);
    return std::nullopt;
  }

  std::optional<uint64_t> number(std::string_view name, uint64_t min, uint64_t max) {
    const auto value = text(name);
    if (!value) return std::nullopt;
    const auto number = json_integer(*value);
    if (number && *number >= min && *number <= max) return number;
    fail(std::string(name) + ": must be a whole number from " + std::to_string(min) + " to " +
         std::to_string(max));
    return std::nullopt;
  }

  std::optional<std::string> epoch() {
    auto value = text("epoch");
    if (!value) return std::nullopt;
    const bool good = !value->empty() && value->size() <= kEpochNameBytesMax &&
                      std::all_of(value->begin(), value->end(), [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                               (c >= 'a' && c <= 'z') || c == '-';
                      });
    if (!good) fail("epoch: must be 1 to 64 letters, digits and hyphens");
    return value;
  }

  std::optional<std::string> user(std::string_view key = "user") {
    auto value = text(key);
    if (!value) return std::nullopt;
    const size_t characters = utf8_characters(*value);
    if (characters < 1 || characters > kUserCharactersMax) {
      fail(std::string(key) + ": must have 1 to 128 characters");
    } else if (has_control_character(*value)) {
      fail(std::string(key) + ": must have no control characters");
    }
    return value;
  }

  void fail(std::string detail) {
    if (!error_) error_ = Error{std::move(detail)};
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  std::string_view query_;
  std::optional<Error> error_;
};

void write_number(JsonObjectWriter& object, std::string_view key, std::optional<uint64_t> number) {
  if (number) object.integer(key, *number);
}

// An operation that has no parameter but the room and who asks; `user` may be empty.
std::string plain_operation(std::string_view name, std::string_view room, std::string_view user) {
  std::string out;
  JsonObjectWriter object(out);
  object.string("op", name);
  object.string("room", room);
  if (!user.empty()) object.string("user", user);
  object.close();
  return out;
}

Result<std::string> connect_operation(std::string_view room, std::string_view query,
                                      const Visitor& visitor) {
  QueryReader reader(query);
  // Whom the token names, nobody names himself.
  const auto user = visitor.user.empty() ? reader.user() : std::optional(visitor.user);
  const auto epoch = reader.epoch();
  const auto after = reader.number("after", 0, kSafeIntegerMax);
  if (reader.error()) return *reader.error();
  std::string out;
  JsonObjectWriter object(out);
  object.string("op", "connect");
  object.string("room", room);
  if (user) object.string("user", *user);
  if (visitor.access == Access::kModerate) object.string("role", "moderator");
  if (visitor.access == Access::kRead) object.string("role", "reader");
  if (visitor.expires_ms > 0) {
    object.integer("expires", static_cast<uint64_t>(visitor.expires_ms));
  }
  if (epoch) object.string("epoch", *epoch);
  write_number(object, "after", after);
  object.close();
  return out;
}

// Whoever could not join may ask why: so the name that he would take counts here, too.
Result<std::string> state_operation(std::string_view room, std::string_view query,
                                    const Visitor& visitor) {
  QueryReader reader(query);
  const auto user = visitor.user.empty() ? reader.user() : std::optional(visitor.user);
  if (reader.error()) return *reader.error();
  return plain_operation("state", room, user.value_or(""));
}

Result<std::string> messages_operation(std::string_view room, std::string_view query,
                                       const Visitor& visitor) {
  QueryReader reader(query);
  const auto epoch = reader.epoch();
  const auto after = reader.number("after", 0, kSafeIntegerMax);
  const auto before = reader.number("before", 0, kSafeIntegerMax);
  const auto limit = reader.number("limit", 1, kPageLimitMax);
  if (after && before) reader.fail("before: goes without after; give one of the two");
  if (reader.error()) return *reader.error();
  std::string out;
  JsonObjectWriter object(out);
  object.string("op", "messages");
  object.string("room", room);
  if (!visitor.user.empty()) object.string("user", visitor.user);
  if (epoch) object.string("epoch", *epoch);
  write_number(object, "after", after);
  write_number(object, "before", before);
  write_number(object, "limit", limit);
  object.close();
  return out;
}

// Whoever judges messages elsewhere, later, says of which epoch the message is and who has judged
// it.
Result<std::string> delete_operation(std::string_view room, std::string_view seq,
                                     std::string_view query, const Visitor& visitor) {
  const auto number = json_integer(seq);
  if (!number) return Error{"the message's seq must be a whole number from 0 to 2^53-1"};
  QueryReader reader(query);
  const auto epoch = reader.epoch();
  // Whom the token names, nobody names otherwise.
  const auto by = visitor.user.empty() ? reader.user("by") : std::optional(visitor.user);
  if (reader.error()) return *reader.error();
  std::string out;
  JsonObjectWriter object(out);
  object.string("op", "delete");
  object.string("room", room);
  if (by) object.string("user", *by);
  if (epoch) object.string("epoch", *epoch);
  object.integer("seq", *number);
  object.close();
  return out;
}

Result<std::string> dead_letters_operation(std::string_view room, std::string_view query) {
  QueryReader reader(query);
  const auto after = reader.number("after", 0, kSafeIntegerMax);
  const auto limit = reader.number("limit", 1, kPageLimitMax);
  if (reader.error()) return *reader.error();
  std::string out;
  JsonObjectWriter object(out);
  object.string("op", "dead_letters");
  object.string("room", room);
  write_number(object, "after", after);
  write_number(object, "limit", limit);
  object.close();
  return out;
}

Result<std::string> log_operation(std::string_view room, std::string_view query) {
  QueryReader reader(query);
  const auto after = reader.number("after", 0, kSafeIntegerMax);
  if (reader.error()) return *reader.error();
  std::string out;
  JsonObjectWriter object(out);
  object.string("op", "log");
  object.string("room", room);
  write_number(object, "after", after);
  object.close();
  return out;
}

}  // namespace

const RoomMethod* find_room_method(Route route, std::string_view method) {
  if (method == "HEAD" && has_head(route)) method = "GET";
  for (const RoomMethod& each : kRoomMethods) {
    if (each.route == route && each.method == method) return &each;
  }
  return nullptr;
}

std::string allowed_room_methods(Route route) {
  std::string out;
  for (const RoomMethod& each : kRoomMethods) {
    if (each.route != route) continue;
    if (!out.empty()) out += ", ";
    out += each.method;
    if (each.method == "GET" && has_head(route)) out += ", HEAD";
  }
  return out;
}

Result<std::string> room_operation(RoomOperation operation, const RouteMatch& match,
                                   std::string_view query, const Visitor& visitor) {
  const std::string_view room = match.room;
  switch (operation) {
    case RoomOperation::kConnect: return connect_operation(room, query, visitor);
    case RoomOperation::kState: return state_operation(room, query, visitor);
    case RoomOperation::kMessages: return messages_operation(room, query, visitor);
    case RoomOperation::kPublish: return plain_operation("publish", room, visitor.user);
    case RoomOperation::kDelete: return delete_operation(room, match.seq, query, visitor);
    case RoomOperation::kModerate: return plain_operation("moderate", room, visitor.user);
    case RoomOperation::kDrain: return plain_operation("drain", room, {});
    case RoomOperation::kSkip: return plain_operation("skip", room, {});
    case RoomOperation::kDeadLetters: return dead_letters_operation(room, query);
    case RoomOperation::kReplay: return plain_operation("replay", room, {});
    case RoomOperation::kMetrics: return plain_operation("metrics", room, {});
    case RoomOperation::kLog: break;
  }
  return log_operation(room, query);
}

}  // namespace edgeroom
