// What a client asks of a room, checked and made into the operation that the room understands:
// JSON, the member "op" first, members that were not given left out.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace edgeroom {

// The subprotocol that rooms speak.
inline constexpr std::string_view kSubprotocol = "edgeroom.v1";

// {"op":"connect","room":…,"user"?,"epoch"?,"after"?} from the query of /rooms/{room}.
Result<std::string> connect_operation(std::string_view room, std::string_view query);

// {"op":"state","room":…}
std::string state_operation(std::string_view room);

// {"op":"messages","room":…,"epoch"?,"after"?,"before"?,"limit"?} from the query of
// /api/rooms/{room}/messages.
Result<std::string> messages_operation(std::string_view room, std::string_view query);

// {"op":"publish","room":…}; the request's body goes with it.
std::string publish_operation(std::string_view room);

// {"op":"delete","room":…,"seq":…}, if `seq` is a whole number.
Result<std::string> delete_operation(std::string_view room, std::string_view seq);

// The subprotocol to answer to Sec-WebSocket-Protocol, empty when none was offered. A client that
// offers only others would drop the connection, so that is an error.
Result<std::string_view> agree_on_protocol(std::string_view offered);

}  // namespace edgeroom
