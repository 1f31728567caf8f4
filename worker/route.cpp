#include "worker/route.h"

#include <algorithm>

#include "worker/limits.h"

namespace edgeroom {

namespace {

// Removes `prefix` from the front of `text`, if it stands there.
bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// `rest` is what follows /api/rooms/.
RouteMatch match_room_route(std::string_view rest) {
  const size_t slash = rest.find('/');
  const std::string_view room = rest.substr(0, slash);
  if (slash == std::string_view::npos) return {Route::kRoom, room, {}};
  std::string_view resource = rest.substr(slash);
  if (resource == "/messages") return {Route::kMessages, room, {}};
  if (resource == "/moderation") return {Route::kModeration, room, {}};
  if (resource == "/drain") return {Route::kDrain, room, {}};
  if (resource == "/log") return {Route::kLog, room, {}};
  if (resource == "/skip") return {Route::kSkip, room, {}};
  if (resource == "/dead-letters") return {Route::kDeadLetters, room, {}};
  if (resource == "/metrics") return {Route::kMetrics, room, {}};
  if (resource == "/dead-letters/replay") return {Route::kReplay, room, {}};
  if (take_prefix(resource, "/messages/") && !resource.empty() &&
      resource.find('/') == std::string_view::npos) {
    return {Route::kMessage, room, resource};
  }
  return {Route::kRooms, room, {}};
}

}  // namespace

RouteMatch match_route(std::string_view path) {
  if (path == "/health") return {Route::kHealth, {}, {}};
  if (path == "/") return {Route::kPage, {}, {}};
  std::string_view rest = path;
  if (take_prefix(rest, "/rooms/")) {
    const bool is_join = rest.find('/') == std::string_view::npos;
    return is_join ? RouteMatch{Route::kJoin, rest, {}} : RouteMatch{};
  }
  if (path == "/api/rooms") return {Route::kRooms, {}, {}};
  if (take_prefix(rest, "/api/rooms/")) return match_room_route(rest);
  if (take_prefix(rest, "/api/")) return {Route::kApi, {}, {}};
  if (take_prefix(rest, "/assets/")) return {Route::kAssets, {}, {}};
  if (take_prefix(rest, "/client/")) return {Route::kPage, {}, {}};
  return {};
}

std::string_view route_name(Route route) {
  switch (route) {
    case Route::kHealth: return "health";
    case Route::kJoin: return "join";
    case Route::kRoom: return "room";
    case Route::kMessages: return "messages";
    case Route::kMessage: return "message";
    case Route::kModeration: return "moderation";
    case Route::kDrain: return "drain";
    case Route::kLog: return "log";
    case Route::kSkip: return "skip";
    case Route::kDeadLetters: return "dead-letters";
    case Route::kReplay: return "replay";
    case Route::kMetrics: return "metrics";
    case Route::kRooms: return "rooms";
    case Route::kApi: return "api";
    case Route::kAssets: return "assets";
    case Route::kPage: return "page";
    case Route::kOther: break;
  }
  return "other";
}

bool is_room_name(std::string_view name) {
  if (name.empty() || name.size() > kRoomNameBytesMax || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '~' || c == '-';
  });
}

}  // namespace edgeroom
