// Which part of the Worker a path belongs to (contract, section 2).
#pragma once

#include <cstdint>
#include <string_view>

namespace edgeroom {

enum class Route : uint8_t {
  kHealth,       // /health
  kJoin,         // /rooms/{room}
  kRoom,         // /api/rooms/{room}
  kMessages,     // /api/rooms/{room}/messages
  kMessage,      // /api/rooms/{room}/messages/{seq}
  kModeration,   // /api/rooms/{room}/moderation
  kDrain,        // /api/rooms/{room}/drain
  kLog,          // /api/rooms/{room}/log
  kSkip,         // /api/rooms/{room}/skip
  kDeadLetters,  // /api/rooms/{room}/dead-letters
  kReplay,       // /api/rooms/{room}/dead-letters/replay
  kMetrics,      // /api/rooms/{room}/metrics
  kRooms,        // /api/rooms and whatever else is below it: never proxied
  kApi,          // any other /api/…
  kAssets,       // /assets/…
  kPage,         // / and /client/…
  kOther,
};

struct RouteMatch {
  Route route = Route::kOther;
  // The path's segment for the room, not yet checked: a view of the path.
  std::string_view room;
  // The path's segment for the message, not yet checked.
  std::string_view seq;
};

// `path` is normalised (worker/url.h).
RouteMatch match_route(std::string_view path);

// The name of a route in policies with the key "route".
std::string_view route_name(Route route);

// What a room may be called: [A-Za-z0-9._~-]{1,128}, but not "." and "..".
bool is_room_name(std::string_view name);

}  // namespace edgeroom
