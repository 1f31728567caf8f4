// Operations: what the Worker asks of a room, already routed and checked there. JSON text in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/claims.h"

namespace edgeroom {

enum class OperationKind : uint8_t {
  kConnect,      // join with a WebSocket
  kState,        // GET /api/rooms/{room}
  kMessages,     // GET /api/rooms/{room}/messages
  kPublish,      // POST /api/rooms/{room}/messages, by a moderator
  kDelete,       // DELETE /api/rooms/{room}/messages/{seq}, by a moderator
  kModerate,     // POST /api/rooms/{room}/moderation, by a moderator
  kDrain,        // POST /api/rooms/{room}/drain, by a moderator
  kLog,          // GET /api/rooms/{room}/log, by a moderator
  kSkip,         // POST /api/rooms/{room}/skip, by a moderator
  kDeadLetters,  // GET /api/rooms/{room}/dead-letters, by a moderator
  kReplay,       // POST /api/rooms/{room}/dead-letters/replay, by a moderator
  kMetrics,      // GET /api/rooms/{room}/metrics, by a moderator
};

// What a request is called in logs: its X-Request-Id, and the trace-id of its traceparent.
struct RequestNames {
  std::string request;
  std::string trace;
};

struct Operation {
  OperationKind kind = OperationKind::kState;
  // Who asks; empty: nobody knows, and of kConnect the room makes up a name.
  std::string user;
  Access access = Access::kPublish;  // of kConnect: "role", "moderator" or "reader"
  std::optional<uint64_t> expires;   // of kConnect: when the token does, ms since 1970
  std::string epoch;  // of kConnect, kMessages, kDelete and the rest of a kLog; empty: not given
  std::optional<uint64_t> after;
  std::optional<uint64_t> before;
  std::optional<uint64_t> limit;
  std::optional<uint64_t> seq;      // of kDelete
  std::optional<uint64_t> through;  // of the rest of a kLog: its last record…
  uint64_t records = 0;             // … and how many were given already
  RequestNames names;
};

// What it is called in an operation's text: "state".
std::string_view operation_name(OperationKind kind);

// Nothing when the text is no operation: the Worker and the room do not fit together.
std::optional<Operation> parse_operation(std::string_view json);

}  // namespace edgeroom
