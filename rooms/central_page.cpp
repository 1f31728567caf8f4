#include "rooms/central_page.h"

#include "base/json_scanner.h"
#include "rooms/limits.h"

namespace edgeroom {

namespace {

bool read_integer(const JsonMember& member, uint64_t& out) {
  const auto number = json_integer(member.value);
  if (member.kind != JsonKind::kNumber || !number) return false;
  out = *number;
  return true;
}

bool read_boolean(const JsonMember& member, bool& out) {
  out = member.kind == JsonKind::kTrue;
  return out || member.kind == JsonKind::kFalse;
}

bool read_message_member(const JsonMember& member, CentralMessage& out, bool& has_content) {
  if (member.key == "seq") return read_integer(member, out.seq);
  if (member.key == "ts") return read_integer(member, out.ts);
  if (member.key == "deleted") return read_boolean(member, out.deleted);
  if (member.key == "content") has_content = true;
  if (member.key == "user") {
    if (member.kind != JsonKind::kString) return false;
    out.user = json_unescape(member.value);
  }
  return true;
}

bool read_message(std::string_view json, CentralMessage& out) {
  out.json = json;
  bool has_content = false;
  JsonObjectReader reader(json);
  JsonMember member;
  while (reader.next(member)) {
    if (!read_message_member(member, out, has_content)) return false;
  }
  return !reader.fault() && !reader.wrong_root() && out.seq > 0 && has_content != out.deleted;
}

bool read_messages(std::string_view array, std::vector<CentralMessage>& out) {
  JsonCursor cursor(array);
  if (!cursor.expect('[', "array")) return false;
  cursor.skip_space();
  if (cursor.peek() == ']') return true;
  for (;;) {
    cursor.skip_space();
    const size_t start = cursor.position();
    JsonKind kind = JsonKind::kNull;
    if (!cursor.value(kind)) return false;
    CentralMessage message;
    if (!read_message(cursor.since(start), message)) return false;
    if (!out.empty() && out.back().seq >= message.seq) return false;
    out.push_back(std::move(message));
    cursor.skip_space();
    if (cursor.peek() == ']') return true;
    if (!cursor.expect(',', "comma")) return false;
  }
}

bool read_name(const JsonMember& member, std::string_view expected) {
  return member.kind == JsonKind::kString && json_unescape(member.value) == expected;
}

}  // namespace

std::optional<CentralPage> parse_central_page(std::string_view body, std::string_view room,
                                              std::string_view epoch) {
  CentralPage page;
  bool has_room = false;
  bool has_epoch = false;
  bool has_messages = false;
  bool has_more = false;
  JsonObjectReader reader(body);
  JsonMember member;
  while (reader.next(member)) {
    if (member.key == "room") has_room = read_name(member, room);
    if (member.key == "epoch") has_epoch = read_name(member, epoch);
    if (member.key == "more") has_more = read_boolean(member, page.more);
    if (member.key != "messages") continue;
    if (member.kind != JsonKind::kArray || has_messages) return std::nullopt;
    has_messages = read_messages(member.value, page.messages);
  }
  if (reader.fault() || reader.wrong_root()) return std::nullopt;
  if (!has_room || !has_epoch || !has_messages || !has_more) return std::nullopt;
  return page;
}

std::string central_page_path(std::string_view room, std::string_view epoch,
                              std::optional<uint64_t> after, std::optional<uint64_t> before,
                              size_t limit) {
  // Rooms and epochs are of characters that need no escape in a URL (worker/route.h, epoch.h).
  std::string path = "/v1/rooms/";
  path.append(room).append("/messages?epoch=").append(epoch);
  if (after) path.append("&after=").append(std::to_string(*after));
  if (before) path.append("&before=").append(std::to_string(*before));
  return path.append("&limit=").append(std::to_string(limit));
}

}  // namespace edgeroom
