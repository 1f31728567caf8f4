// The boundary of the Worker's module: a request in, a decision out. docs/ABI.md tells it as a
// story.
//
// The host calls `edge_input(size)` for a buffer, writes there and calls at once. A call returns
// how many records it left, or a negative EdgeStatus when it was refused and nothing changed. The
// records stand where `edge_output()` says; they and the texts they point to are valid until the
// next call. No call waits for anything, has a clock or draws a random number of its own.
//
//   uint32_t edge_abi_version()
//   uint32_t edge_output()                 the address of the EdgeOutput
//   uint32_t edge_input(size)              an address, or 0: kEdgeInputBytesMax is exceeded
//   int32_t  edge_configure(size, seed_low, seed_high)                 1 EdgeConfiguration
//   int32_t  edge_request(size, now_ms)                                1 EdgeDecision
//   int32_t  edge_pass_headers(set, status, size)                      1 EdgePassedHeaders
//   int32_t  edge_kv_plan(now_ms)                                      n EdgeKvOperation
//   int32_t  edge_kv_result(operation, outcome, size, now_ms)          no record
//
// js-shim/abi.generated.js is made from this file by scripts/gen-abi.js.
#pragma once

#include <cstdint>

namespace edgeroom {

inline constexpr uint32_t kEdgeAbiVersion = 2;

// The largest input: a request's line and headers, which the platform limits to some 100 KB, or
// all settings. Three times as much is asked for when text is written, one byte of UTF-16 taking
// up to three of UTF-8.
inline constexpr uint32_t kEdgeInputBytesMax = 1U << 20U;

// Why a call was refused. The state is as it was.
enum class EdgeStatus : int32_t {
  kNotConfigured = -1,     // a call before edge_configure
  kBadInput = -2,          // the size is not what edge_input gave, or the lines are too few
  kUnknownOperation = -3,  // a KV result that nobody waits for, or not any more
};

// What stands in the input of edge_request: one text, a line each, in this order, joined by line
// feeds (no method, URL or header value holds one). A header that was not sent is an empty line.
enum class EdgeRequestLine : uint32_t {
  kMethod = 0,
  kUrl = 1,            // absolute, as the platform gives it
  kClientAddress = 2,  // CF-Connecting-IP
  kOrigin = 3,
  kUpgrade = 4,
  kProtocols = 5,  // Sec-WebSocket-Protocol
  kAuthorization = 6,
  kCorsMethod = 7,   // Access-Control-Request-Method
  kCorsHeaders = 8,  // Access-Control-Request-Headers
  // Empty at first. When the decision was kVerifyToken, the same request comes again with what was
  // found: "good " and the token's payload as JSON, "bad " and why the token is no good, or "none "
  // and why nobody can tell. Of the rate limits only those by user count it then.
  kVerified = 9,
  // When the request comes again, what EdgeDecision said of these two the first time.
  kTraceparent = 10,
  kRay = 11,  // CF-Ray
};
inline constexpr uint32_t kEdgeRequestLines = 12;

// What the host must do with a request.
enum class EdgeAction : uint32_t {
  kRespond = 1,   // answer with status, headers and body
  kJoinRoom = 2,  // hand the WebSocket to the room, with the operation `body`
  kAskRoom = 3,   // ask the room, with the operation `body`
  kPage = 4,      // answer from the static files
  // Verify the token `body` (signature, times, issuer, audience) and give the request again. The
  // headers are to be set on the answer that comes of it.
  kVerifyToken = 5,
  kApi = 6,     // send the request on to `url`, and its answer back
  kAssets = 7,  // the same, through the cache, where it stands under `cache_key`
};

enum class EdgeLogLevel : uint32_t { kNone = 0, kDebug = 1, kInfo = 2, kWarn = 3, kError = 4 };

// Where the last call's records stand: addresses in the module's memory.
struct EdgeOutput {
  uint32_t records;
  uint32_t data;
  uint32_t count;
};
static_assert(sizeof(EdgeOutput) == 12);

// Texts are offsets from EdgeOutput::data and sizes in bytes; an absent one has size 0.
struct EdgeDecision {
  uint32_t action;   // an EdgeAction
  uint32_t status;   // kRespond
  uint32_t headers;  // lines `name: value`, each ended by a line feed: to be set on the answer
  uint32_t headers_size;
  // kRespond: the body. kJoinRoom, kAskRoom: the operation, JSON. kPage: the problem to answer
  // with 404 when there is no such file.
  uint32_t body;
  uint32_t body_size;
  uint32_t room;  // kJoinRoom, kAskRoom: the room's name
  uint32_t room_size;
  uint32_t protocol;  // kJoinRoom: the subprotocol agreed on
  uint32_t protocol_size;
  uint32_t log;  // a JSON object to be written as one log line
  uint32_t log_size;
  uint32_t log_level;  // an EdgeLogLevel; kNone: nothing to log
  uint32_t kv_due;     // 1: call edge_kv_plan when the answer is on its way
  uint32_t url;        // kApi, kAssets
  uint32_t url_size;
  uint32_t cache_key;  // kAssets: an absolute URL
  uint32_t cache_key_size;
  // kApi, kAssets: lines as in `headers`, to be set on the request that is sent on, after
  // edge_pass_headers; with an empty value: not to be sent.
  uint32_t onward;
  uint32_t onward_size;
  uint32_t timeout_ms;  // kApi, kAssets: until the origin's answer must have begun
  // For whatever is logged, counted or sent because of this request.
  uint32_t request_id;
  uint32_t request_id_size;
  uint32_t traceparent;
  uint32_t traceparent_size;
  uint32_t route;  // the name that policies have for it (worker/route.h)
  uint32_t route_size;
  uint32_t policy;  // the rate limit that refused the request; empty: none did
  uint32_t policy_size;
};
static_assert(sizeof(EdgeDecision) == 116);

// Which headers edge_pass_headers is asked about: lines `name: value` in the input, each ended by a
// line feed. `status` is that of an answer.
enum class EdgeHeaderSet : uint32_t {
  kApiRequest = 1,
  kApiAnswer = 2,
  kAssetRequest = 3,
  kAssetAnswer = 4,
};

struct EdgePassedHeaders {
  uint32_t headers;  // the lines that pass
  uint32_t headers_size;
  uint32_t status;  // of an answer: 0: its status and body pass; else this and `body` instead
  uint32_t body;
  uint32_t body_size;
  uint32_t cacheable;  // kAssetRequest: 1: the cache may answer; kAssetAnswer: 1: it may keep it
};
static_assert(sizeof(EdgePassedHeaders) == 24);

// What edge_configure found.
struct EdgeConfiguration {
  uint32_t ready;   // 0: a setting is missing or malformed; every request is answered so
  uint32_t secret;  // what the key for kHash is made from; empty: there is nothing to hash
  uint32_t secret_size;
  uint32_t log;  // as in EdgeDecision
  uint32_t log_size;
  uint32_t log_level;
  uint32_t log_threshold;  // the least severe EdgeLogLevel that the host is to write
  uint32_t location;       // where rooms are to be made, a location hint; empty: none
  uint32_t location_size;
  uint32_t jurisdiction;  // that rooms are in; empty: none
  uint32_t jurisdiction_size;
};
static_assert(sizeof(EdgeConfiguration) == 44);

// What the rate limiter wants of KV, in the background. Each operation is answered by
// edge_kv_result, in any order, or never: then it is forgotten after a while.
enum class EdgeKvOperationType : uint32_t {
  // HMAC-SHA-256 of `name` under a key made from EdgeConfiguration's secret; 32 bytes are its
  // result. The text may hold an address: it goes nowhere else.
  kHash = 1,
  // Read `name`. All that are planned at once go in one bulk read. Its result is the value.
  kGet = 2,
  // Write `value` under `name`, to expire after ttl_s.
  kPut = 3,
};

// An operation without a result for so long is given up, by the core and by the host: KV may hang.
inline constexpr uint32_t kKvPatienceMs = 5000;

enum class EdgeKvOutcome : uint32_t {
  kDone = 0,     // for kHash and kGet the result stands in the input buffer
  kMissing = 1,  // kGet: there is no such key
  kFailed = 2,
};

struct EdgeKvOperation {
  uint32_t type;  // an EdgeKvOperationType
  uint32_t id;
  uint32_t name;
  uint32_t name_size;
  uint32_t value;
  uint32_t value_size;
  uint32_t ttl_s;
};
static_assert(sizeof(EdgeKvOperation) == 28);

}  // namespace edgeroom
