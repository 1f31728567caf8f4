/**
 * Every maximum and every waiting time of the central API, with its reason.
 * What the contract with the edge fixes must not be changed on one side only.
 */

/** Records in one batch. Fixed by the contract. */
export const BATCH_RECORDS_MAX = 100;

/** UTF-8 bytes of one batch. Fixed by the contract; also keeps every item below DynamoDB's 400 KB. */
export const BATCH_BYTES_MAX = 256 * 1024;

/** The sort key holds a seq as 15 digits, and 15 digits are still exact in a double. */
export const SEQ_DIGITS = 15;
export const SEQ_MAX = 10 ** SEQ_DIGITS - 1;

/** Characters of an epoch. Far more than the edge uses; keeps the sort key below its 1,024 bytes. */
export const EPOCH_LENGTH_MAX = 64;

/** Characters of a client's message id. Fixed by the contract. */
export const ID_LENGTH_MAX = 64;

/** Characters of a user's name. Above any name the edge lets in, so it only stops nonsense. */
export const USER_LENGTH_MAX = 1024;

/** Characters of the reason of a moderation. */
export const REASON_LENGTH_MAX = 4096;

/** Characters of a member's name that are repeated in an error. */
export const FIELD_NAME_LENGTH_MAX = 64;

/** Messages in one page of a room. Fixed by the contract. */
export const PAGE_MESSAGES_MAX = 100;
export const PAGE_MESSAGES_DEFAULT = 50;

/**
 * UTF-16 units of message content in one page. A room takes 3 MiB at most (js-shim/central.js), and
 * AWS Lambda answers with 6 MB; a unit takes up to three bytes (a quote is escaped once more in
 * Lambda's answer, other characters have three in UTF-8). A page is cut here, so that the names and
 * ids have room too, and says `more`.
 */
export const PAGE_CONTENT_UNITS_MAX = 768 * 1024;

/**
 * Partition keys that a room's records go round, by `seq`. DynamoDB writes at most 1,000 units a second
 * to one; see docs/decisions/0008-item-a-record.md. Part of every key that is stored: never changed.
 */
export const SHARDS = 16;

/** Items asked of one partition key at once. A page of a room without gaps never needs as many. */
export const QUERY_ITEMS_MAX = PAGE_MESSAGES_MAX + 1;

/** Writes of one batch under way at the same time: below the SDK's 50 sockets, enough to hide the latency. */
export const STORE_WRITES_MAX = 32;

/**
 * One request to DynamoDB normally takes under 20 ms. A second attempt is made at once (within a
 * second when throttled); all further ones are the edge's, which waits longer in between.
 */
export const STORE_CONNECT_TIMEOUT_MS = 1_000;
export const STORE_REQUEST_TIMEOUT_MS = 3_000;
export const STORE_ATTEMPTS_MAX = 2;

/** The edge gives up on a request after 10 s. What is not stored by then is answered as `retry`. */
export const STORE_DEADLINE_MS = 7_000;

/** HEAD is moved after that, so that one write that hangs does not stop it; still within the 10 s. */
export const HEAD_DEADLINE_MS = 2_000;

/** What a caller is told to wait when nothing could be stored. */
export const RETRY_AFTER_S = 5;

/**
 * What EventBridge takes in one request: ten events, and 256 KB in all. An event's content is left
 * out above a bit less, for EventBridge adds to it before it delivers it, again within 256 KB.
 */
export const EVENTS_MAX = 10;
export const EVENTS_BYTES_MAX = 250_000;
export const EVENT_BYTES_MAX = 240_000;

/** Bytes of a request body that the local endpoint reads at all. */
export const REQUEST_BYTES_MAX = 1024 * 1024;

/** How far a signature's date may be from the clock. The same on AWS. */
export const CLOCK_SKEW_MAX_MS = 5 * 60 * 1_000;

/** A client of the local endpoint has this long to send its headers, and its whole request. */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;

/** Longer than the pools of the usual clients keep a connection, so the client closes it first. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/**
 * In an outage on purpose a request waits so long for its end, as behind a gateway that queues. Rooms
 * wait ever longer between two attempts, so in a short outage one is mostly here when it ends.
 */
export const OUTAGE_PATIENCE_MS = 2_000;

/** What a caller is told to wait then: no longer than it would by itself. */
export const OUTAGE_RETRY_AFTER_S = 1;

/** Requests under way have this long when the local endpoint is told to end. */
export const SHUTDOWN_GRACE_MS = 3_000;

/** The local DynamoDB makes its table within a turn or two; only a broken one takes this long. */
export const TABLE_CREATE_TIMEOUT_MS = 5_000;
export const TABLE_CREATE_POLL_MS = 5;
