// What a client asks of a room, checked and made into the operation that the room understands:
// JSON, the member "op" first, members that were not given left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "worker/route.h"
#include "worker/visitor.h"

namespace edgeroom {

// "user" is who asks, by his token; of a join and of the state, where no token says it, whom the
// query names.
enum class RoomOperation : uint8_t {
  kConnect,      // {"op":"connect","room","user"?,"role"?,"expires"?,"epoch"?,"after"?}
  kState,        // {"op":"state","room","user"?}
  kMessages,     // {"op":"messages","room","user"?,"epoch"?,"after"?,"before"?,"limit"?}
  kPublish,      // {"op":"publish","room","user"?}; the request's body goes with it
  kDelete,       // {"op":"delete","room","user"?,"seq"}
  kModerate,     // {"op":"moderate","room","user"?}; the request's body goes with it
  kDrain,        // {"op":"drain","room"}
  kLog,          // {"op":"log","room","after"?}
  kSkip,         // {"op":"skip","room"}; the request's body goes with it
  kDeadLetters,  // {"op":"dead_letters","room","after"?,"limit"?}
  kReplay,       // {"op":"replay","room"}
  kMetrics,      // {"op":"metrics","room"}
};

// What a route of rooms does by one method.
struct RoomMethod {
  Route route;
  std::string_view method;
  RoomOperation operation;
  // Nobody but moderators may, whatever the room.
  bool is_for_moderators;
};

// Null when the route does not answer to the method. HEAD is answered as GET is, but for a join.
const RoomMethod* find_room_method(Route route, std::string_view method);

// The methods of a route of rooms, as in the header Allow: "GET, HEAD, POST".
std::string allowed_room_methods(Route route);

// The operation, its parameters taken from the path and the query. `match.room` must be a room's
// name; `visitor` is who asks. An error names the parameter that is wrong.
Result<std::string> room_operation(RoomOperation operation, const RouteMatch& match,
                                   std::string_view query, const Visitor& visitor);

}  // namespace edgeroom
