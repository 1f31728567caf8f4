// The boundary of the room's module: events in, effects out. docs/ABI.md tells it as a story.
//
// The host calls `room_input(size)`, writes the event's payload there, and calls `room_event`.
// That returns how many effects the event has, or a negative RoomStatus when the call was
// refused. The effects stand where `room_output()` says, and are valid, like their
// data, until the next call. The host carries them all out, in order, before the next event.
//
// js-shim/abi.generated.js is made from this file by scripts/gen-abi.js.
#pragma once

#include <cstdint>

namespace edgeroom {

inline constexpr uint32_t kRoomAbiVersion = 3;

// What happened. `target` and `number` are the arguments of room_event, `payload` is what stands
// in the input buffer.
enum class EventType : uint32_t {
  // Before all others, once. target, number: a random seed of 64 bits, low and high half.
  // payload: the room's name, a line feed, the settings as one JSON object of strings. A host that
  // was woken by an alarm may not know the name and leaves it empty: the state row has it.
  kStart = 1,
  // A stored state row. target: its id. payload: its bytes.
  kRestoreState = 2,
  // A stored segment. target: its slot. payload: its head.
  kRestoreSegment = 3,
  // A socket that outlived the instance. target: the host's handle for it. payload: attachment.
  kRestoreConnection = 4,
  // All that was stored has been given; the room may work.
  kRestored = 5,
  // Somebody wants to join. target: the handle the socket would have. payload: the operation
  // `connect` as the Worker made it (JSON). Answered by kAccept or kRespond.
  kConnect = 6,
  // A WebSocket message. target: handle. number: a FrameKind. payload: the message.
  kFrame = 7,
  // A socket is gone. target: handle. number: close code.
  kClosed = 8,
  // The end of the event-loop turn that kScheduleFlush asked for.
  kFlush = 9,
  // The time that kTimer asked for has come.
  kTimer = 10,
  // The storage alarm fired.
  kAlarm = 11,
  // An HTTP request. target: the host's number for it. payload: the operation (JSON), and behind
  // a line feed the request's body, if it has one. number: a FrameKind; kOversize for a body that
  // is too large, and left out. Answered by kRespond, now or at the end of the turn.
  kRequest = 12,
  // One segment that kLoad asked for. target: slot. payload: its data.
  kLoaded = 13,
  // All segments that kLoad asked for have been given.
  kLoadEnd = 14,
  // The outcome of kForward. target: the attempt. number: HTTP status, 0 for no answer. payload:
  // the Retry-After header, a line feed, the Date header, a line feed, the body.
  kAttemptResult = 15,
  // The instance before this one trapped. On a frame of a connection, which must be told: target:
  // its handle; after kRestored. payload: when that happened to this connection before, and now (ms
  // since 1970, whole numbers, a line each); empty when others may be to blame. Or on an event that
  // is nobody's: target: 0. number: its EventType; right after kStart.
  kTrapped = 16,
  // The answer to kFetch. target: its number. number: HTTP status, 0 for no answer. payload: body.
  kFetched = 17,
  // For a room that does not exist yet: it becomes the copy of an exported log (rooms/log_text.h),
  // whose records follow by kRecord. payload: the log's header.
  kImport = 18,
  // The next record of that log, appended and told as it is. payload: its line.
  kRecord = 19,
  // What kVerifyToken has found out. target: handle. payload: as EdgeRequestLine::kVerified in
  // worker/abi.h.
  kVerified = 20,
  // Right after kStart: the instance before this one could not be restored, and this one stands in
  // for it. It is given the same as for a restore, kRestored included, and refuses none of it.
  // target: the EventType that failed. number: that event's target. payload: the RoomStatus of its
  // refusal, or 0 for a trap; a line feed; the record that was at work (Output::working_seq), or 0;
  // a line feed; how many instances in a row could not be restored. Should it trap as well, one
  // more is given kStart, kHeld, the open sockets and kRestored, and no stored row.
  kHeld = 21,
  // The answer to kMeasure. number: 1 when the platform tells how much waits for a socket, else 0.
  // payload: of each socket (when it tells, of those alone for which at least as much waits as
  // kMeasure says) three u32: its handle, the bytes that wait, and for how many ms it has not
  // pinged; UINT32_MAX for never.
  kMeasured = 22,
};

enum class FrameKind : uint32_t {
  kText = 0,
  kBinary = 1,
  // Larger than the input buffer may be; no payload.
  kOversize = 2,
};

// What the host must do. Fields that are not named are zero.
enum class EffectType : uint32_t {
  // Send a text message. target: handle. data: UTF-8.
  kSend = 1,
  // Send one text message to every accepted socket. data: UTF-8.
  kBroadcast = 2,
  // Close a socket. target: handle. value: close code. data: reason (UTF-8, <= 123 bytes).
  kClose = 3,
  // Accept the socket of this kConnect. target: handle. value: 1 to let it compress its messages
  // (permessage-deflate), 0 to forbid it. data: its attachment.
  kAccept = 4,
  // Write a segment, over whatever is in its slot. target: slot. value: 1 when it holds what the
  // turn has brought (kKeepFrame). data: head. extra: data.
  kPutSegment = 5,
  // Write a state row. target: id. data: bytes.
  kPutState = 6,
  // Read segments and give each by kLoaded, then kLoadEnd, before any other event. Always the
  // last effect of its list. target: number of slots. data: the slots, u32 each.
  kLoad = 7,
  // Send kFlush after value ms (>= 0), when the messages that have arrived by then have been given.
  // target: how often the host is then to look again first for what has arrived.
  kScheduleFlush = 8,
  // Send kTimer after value ms (>= 0), instead of any earlier request; never, when negative.
  kTimer = 9,
  // Set the storage alarm to the time value (ms since 1970), instead of any earlier one.
  kAlarm = 10,
  // POST a batch to the central API. target: attempt. value: timeout in ms. data: body. extra:
  // the Idempotency-Key, and, if it is not 0, behind a line feed how many ms the time in the
  // signature is to be ahead of the host's clock (a whole number, or one below 0).
  kForward = 11,
  // Answer an HTTP request, whole, or a refused kConnect. target: its number. value: status. data:
  // body. extra: content type; behind it further headers, each a line feed and `name: value`.
  kRespond = 12,
  // Write a log line. value: a LogLevel. data: a JSON object.
  kLog = 13,
  // Keep the message of this kFrame until a segment that holds the turn is written or the turn has
  // ended: should the instance trap before, the next one must be given it again.
  kKeepFrame = 14,
  // A part of the answer to an HTTP request: status 200, application/x-ndjson. When the client has
  // taken it, the same number asks for the rest by another kRequest. target: the number. data: the
  // part. extra: that request's operation. The last part is a kRespond; one with a status of 400
  // or more says that there is no rest to be had.
  kRespondPart = 15,
  // GET from the central API. target: a number for kFetched. value: timeout in ms. data: path and
  // query, to be put behind PERSIST_URL. extra: as of kForward, but for the key.
  kFetch = 16,
  // Verify a token and answer by kVerified. target: handle. data: the token.
  kVerifyToken = 17,
  // Replace a socket's attachment. target: handle. data: the attachment.
  kAttach = 18,
  // Tell by kMeasured what was sent to the sockets and waits. value: bytes.
  kMeasure = 19,
  // Drop this instance, restore another one, and give that one the event that has led to this. The
  // last effect of its list. Once an event: if the other asks for it as well, nothing is done.
  kRebuild = 20,
  // Delete a segment's row. target: slot.
  kDropSegment = 21,
  // How forwarding stands, for whoever watches all rooms: told when it changes, and with every
  // attempt that goes wrong. data: a JSON object (docs/OPERATIONS.md).
  kForwardingState = 22,
};

enum class LogLevel : uint32_t { kDebug = 0, kInfo = 1, kWarn = 2, kError = 3 };

// Why a call was refused. Unless it says otherwise, the state is as it was.
enum class RoomStatus : int32_t {
  kNotStarted = -1,    // an event before kStart, or kStart twice
  kUnknownEvent = -2,  // no EventType
  kBadPayload = -3,    // the payload is not what the event's type says
  kOutOfOrder = -4,    // kLoaded without kLoad, or another event between the two
  kCorrupt = -5,       // what was stored cannot be read; the instance must be thrown away
};

// `data` and `extra` are offsets from Output::data.
struct Effect {
  uint32_t type;
  uint32_t target;
  uint32_t data;
  uint32_t data_size;
  uint32_t extra;
  uint32_t extra_size;
  double value;
};
static_assert(sizeof(Effect) == 32);

// Where the last event's effects stand: addresses in the module's memory.
struct Output {
  uint32_t effects;
  uint32_t data;
  uint32_t count;
  // From kStart on: where a double stands that tells the seq of the record that the room's state is
  // being made of, 0 for none. To be read after a trap too.
  uint32_t working_seq;
};
static_assert(sizeof(Output) == 16);

}  // namespace edgeroom
