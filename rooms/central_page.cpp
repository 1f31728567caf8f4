#include "rooms/central_page.h"

#include <utility>

#include "base/json_scanner.h"

namespace edgeroom {

namespace {

struct Value {
  std::string_view text;
  JsonKind kind = JsonKind::kNull;
};

bool read_value(JsonCursor& cursor, Value& out) {
  const size_t start = cursor.position();
  if (!cursor.value(out.kind)) return false;
  out.text = cursor.since(start);
  return true;
}

// Moves over an object and gives each member's name to `take`, which moves over its value. A page
// is read member by member, because a content may be nested as deeply as the scanner goes at once.
template <typename Take>
bool read_object(JsonCursor& cursor, Take take) {
  if (!cursor.expect('{', "expected an object")) return false;
  cursor.skip_space();
  if (cursor.peek() == '}') return cursor.expect('}', "");
  for (;;) {
    cursor.skip_space();
    const size_t start = cursor.position();
    if (!cursor.string()) return false;
    const std::string name = json_unescape(cursor.since(start));
    cursor.skip_space();
    if (!cursor.expect(':', "expected ':'")) return false;
    cursor.skip_space();
    if (!take(name)) return false;
    cursor.skip_space();
    if (cursor.peek() == '}') return cursor.expect('}', "");
    if (!cursor.expect(',', "expected ',' or '}'")) return false;
  }
}

// False when the member has been there before: nobody could say which one is meant.
bool first_time(bool& seen) { return !std::exchange(seen, true); }

bool read_integer(const Value& value, uint64_t& out) {
  const auto number = json_integer(value.text);
  if (number) out = *number;
  return number.has_value();
}

bool read_boolean(const Value& value, bool& out) {
  out = value.kind == JsonKind::kTrue;
  return out || value.kind == JsonKind::kFalse;
}

bool read_text(const Value& value, std::string& out) {
  if (value.kind != JsonKind::kString) return false;
  out = json_unescape(value.text);
  return true;
}

bool read_name(const Value& value, std::string_view expected) {
  std::string name;
  return read_text(value, name) && name == expected;
}

bool read_message(JsonCursor& cursor, CentralMessage& out) {
  bool has_seq = false;
  bool has_ts = false;
  bool has_user = false;
  bool has_deleted = false;
  bool has_content = false;
  const size_t start = cursor.position();
  const bool is_object = read_object(cursor, [&](const std::string& name) {
    Value value;
    if (!read_value(cursor, value)) return false;
    if (name == "seq") return first_time(has_seq) && read_integer(value, out.seq);
    if (name == "ts") return first_time(has_ts) && read_integer(value, out.ts);
    if (name == "user") return first_time(has_user) && read_text(value, out.user);
    if (name == "deleted") return first_time(has_deleted) && read_boolean(value, out.deleted);
    return name != "content" || first_time(has_content);
  });
  if (!is_object) return false;
  out.json = cursor.since(start);
  return out.seq > 0 && has_ts && has_user && has_content != out.deleted;
}

bool read_messages(JsonCursor& cursor, const HistoryQuery& query,
                   std::vector<CentralMessage>& out) {
  if (!cursor.expect('[', "expected an array")) return false;
  cursor.skip_space();
  if (cursor.peek() == ']') return cursor.expect(']', "");
  for (;;) {
    cursor.skip_space();
    CentralMessage message;
    if (!read_message(cursor, message)) return false;
    const bool is_next = out.empty() || message.seq > out.back().seq;
    if (!is_next || !query.contains(message.seq)) return false;
    out.push_back(std::move(message));
    cursor.skip_space();
    if (cursor.peek() == ']') return cursor.expect(']', "");
    if (!cursor.expect(',', "expected ',' or ']'")) return false;
  }
}

}  // namespace

std::optional<CentralPage> parse_central_page(std::string_view body, std::string_view room,
                                              std::string_view epoch, const HistoryQuery& query) {
  CentralPage page;
  bool has_room = false;
  bool has_epoch = false;
  bool has_messages = false;
  bool has_more = false;
  JsonCursor cursor(body);
  cursor.skip_space();
  const bool is_page = read_object(cursor, [&](const std::string& name) {
    if (name == "messages") {
      return first_time(has_messages) && read_messages(cursor, query, page.messages);
    }
    Value value;
    if (!read_value(cursor, value)) return false;
    if (name == "room") return first_time(has_room) && read_name(value, room);
    if (name == "epoch") return first_time(has_epoch) && read_name(value, epoch);
    return name != "more" || (first_time(has_more) && read_boolean(value, page.more));
  });
  cursor.skip_space();
  if (!is_page || !cursor.at_end()) return std::nullopt;
  if (!has_room || !has_epoch || !has_messages || !has_more) return std::nullopt;
  // Whoever pages while there is more would ask for the same page again and again.
  if (page.more && page.messages.empty()) return std::nullopt;
  return page;
}

std::string central_page_path(std::string_view room, std::string_view epoch,
                              const HistoryQuery& query) {
  // Rooms and epochs are of characters that need no escape in a URL (worker/route.h, epoch.h).
  std::string path = "/v1/rooms/";
  path.append(room).append("/messages?epoch=").append(epoch);
  if (query.after) path.append("&after=").append(std::to_string(*query.after));
  if (query.before) path.append("&before=").append(std::to_string(*query.before));
  return path.append("&limit=").append(std::to_string(query.limit));
}

}  // namespace edgeroom
