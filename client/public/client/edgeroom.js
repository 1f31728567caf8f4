// @ts-check
/**
 * The client of edgeroom: one room, one WebSocket, protocol version 1. docs/SDK.md tells how to
 * use it, and which states it goes through.
 *
 *     import { connect } from "/client/edgeroom.js";
 *     const room = connect("lobby", { user: "ana" });
 *     room.on("record", (record) => console.log(record.seq, record));
 *     const receipt = await room.publish("hello"); // stored by the room
 *     await receipt.confirmed(); // stored by the central API
 *
 * What it promises:
 * - Records arrive in the order of `seq`, each once, over any number of connections. When the room
 *   cannot continue where the client stopped, a `gap` or a `reset` says so before anything else
 *   arrives.
 * - No page of history brings back what was deleted before it came.
 * - A publication is sent again with the same id until the room has answered it, so a lost
 *   connection neither loses nor doubles it. Its receipt tells when the central API has it, too.
 * - A connection that died in silence is noticed and replaced.
 *
 * It needs nothing but the platform: WebSocket, fetch, EventTarget and crypto. It runs in browsers
 * and in Node.
 */

import { abortable } from "./abortable.js";
import { askedWaitMs, isFinalStatus, RoomError, readProblem } from "./problem.js";
import { Requests } from "./requests.js";

export { RoomError };

/** @typedef {import("./problem.js").ErrorCode} ErrorCode */
/** @typedef {import("./problem.js").Problem} Problem */

/**
 * Every time and every limit of the client.
 *
 * @typedef {object} Timing
 * @property {number} connectTimeoutMs from opening a socket to its welcome
 * @property {number} heartbeatIntervalMs between two pings
 * @property {number} heartbeatTimeoutMs for the answer to a ping
 * @property {number} answerTimeoutMs for the answer to a publication or a request
 * @property {number} reasonTimeoutMs for the answer to why an upgrade was refused
 * @property {number} backoffFloorMs the shortest wait before a reconnection; with less
 *   left of a token than that, it is not renewed
 * @property {number} backoffStartMs the longest wait before the first reconnection
 * @property {number} backoffCeilingMs the longest wait before any reconnection
 * @property {number} penaltyMs the shortest wait after the room closed the connection over what
 *   was sent
 * @property {number} stableAfterMs a connection this old has earned a fresh backoff
 * @property {number} resendWithinMs a publication that was sent longer ago is not sent again after a
 *   gap or a reset
 * @property {number} presenceRefreshMs the shortest time between two questions who is here
 * @property {number} renewBeforeMs how long before its end a token is renewed, if it lives for twice
 *   as long
 */

/** @type {Readonly<Timing>} */
export const DEFAULT_TIMING = {
  connectTimeoutMs: 10_000,
  // Below the 60 s after which common proxies drop an idle connection. The room sleeps through it.
  heartbeatIntervalMs: 25_000,
  heartbeatTimeoutMs: 8_000,
  // History may be read through from the central API, which takes longer than the room itself.
  answerTimeoutMs: 15_000,
  reasonTimeoutMs: 5_000,
  backoffFloorMs: 250,
  backoffStartMs: 1_000,
  backoffCeilingMs: 30_000,
  // The same again at once would meet the same end.
  penaltyMs: 5_000,
  // A room that welcomes and drops at once must not be hammered.
  stableAfterMs: 10_000,
  // For so long, at least, a room remembers the id.
  resendWithinMs: 300_000,
  presenceRefreshMs: 3_000,
  renewBeforeMs: 60_000,
};

/** Timers count milliseconds in 31 bits. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The room closes the connection (1009) at a larger frame, so it could never be published. */
const FRAME_BYTES_MAX = 1024 * 1024;
/** Waiting publications. Half of the burst that a room allows by default, so all may be resent. */
const QUEUE_MAX = 200;
/** A publication that has no answer after so many tries is given up. */
const PUBLISH_SENDS_MAX = 8;
/** Messages asked for on joining; the room's own default. */
const HISTORY_LIMIT = 50;
/** The largest room that lists its members by default; above it nobody asks again. */
const PRESENCE_MAX = 100;

/** The room answers exactly these bytes without waking up. */
const PING = '{"type":"ping"}';
const PROTOCOL = "edgeroom.v1";

const CLOSE_NORMAL = 1000;
const CLOSE_FRAME_TOO_LARGE = 1009;
const CLOSE_TOKEN_EXPIRED = 4001;
const CLOSE_REMOVED = 4003;
const CLOSE_FLOODING = 4029;

/**
 * What the room's close codes mean. It says in words why, too.
 *
 * @type {Readonly<Record<number, ErrorCode>>}
 */
const CLOSES = {
  [CLOSE_FRAME_TOO_LARGE]: "frame_too_large",
  1011: "room_failed",
  1012: "restart",
  [CLOSE_TOKEN_EXPIRED]: "token_expired",
  [CLOSE_REMOVED]: "removed",
  4008: "too_slow",
  [CLOSE_FLOODING]: "flooding",
};
/** Coming back is of no use. */
const FINAL_CLOSES = [CLOSE_TOKEN_EXPIRED, CLOSE_REMOVED];
/** Coming back soon is of none. */
const PENALTY_CLOSES = [CLOSE_FRAME_TOO_LARGE, CLOSE_FLOODING];

/** Errors after which the same publication may succeed. */
const RETRYABLE_ERRORS = new Set(["rate_limited", "outbox_full", "internal"]);

/**
 * A message, as a record or in a history. A deleted one has `deleted` and no `content`.
 *
 * @typedef {object} Message
 * @property {number} seq
 * @property {number} ts milliseconds since 1970
 * @property {string} user
 * @property {unknown} [content]
 * @property {string} [id]
 * @property {true} [deleted]
 * @property {string} [by] who deleted it
 */
/** @typedef {Message & { type: "new_message" }} NewMessage */
/**
 * @typedef {object} MessageDeleted
 * @property {"message_deleted"} type
 * @property {number} seq its own
 * @property {number} target the message's
 * @property {string} by
 * @property {number} ts
 */
/**
 * @typedef {object} Moderation
 * @property {"moderation"} type
 * @property {number} seq
 * @property {string} action
 * @property {string} user
 * @property {string} by
 * @property {number} [until]
 * @property {string} [reason]
 * @property {number} ts
 */
/** @typedef {"kick" | "ban" | "unban" | "mute" | "unmute"} Action */
/** @typedef {NewMessage | MessageDeleted | Moderation} RoomRecord */
/**
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {1} v
 * @property {string} room
 * @property {string} conn
 * @property {string} user
 * @property {string} [role] `moderator` or `reader`; other members have none
 * @property {number} [expires] when the token ends, in ms since 1970
 * @property {string} epoch
 * @property {number} seq
 * @property {number} confirmed
 * @property {boolean} recovered
 * @property {number} count
 * @property {number} users
 * @property {Record<string, unknown>} limits
 * @property {number[]} [dead]
 */
/**
 * @typedef {object} History
 * @property {Message[]} messages
 * @property {boolean} more
 * @property {boolean} [partial] the central API could not be reached
 */
/** @typedef {{ user: string, conn: string }} Member */
/**
 * Something that is not kept. One without `user` and `conn` is the room's own.
 *
 * @typedef {{ name: string, user?: string, conn?: string, content?: unknown }} Signal
 */
/** @typedef {"connecting" | "open" | "waiting" | "closed"} State */
/**
 * @typedef {object} StateChange
 * @property {State} state
 * @property {Problem | null} reason why it waits or is closed
 * @property {number | null} retryAtMs when `waiting`: the time of the next try, as of Date.now()
 * @property {boolean} patient when `waiting`: patience was asked for, so `reconnect` is of no use
 */
/**
 * @typedef {object} Receipt
 * @property {string} id
 * @property {string} epoch
 * @property {number} seq
 * @property {boolean} duplicate it was in the room before
 * @property {string} conn the connection that sent it last: without authentication the only one
 *   that may delete it
 * @property {(options?: { signal?: AbortSignal }) => Promise<void>} confirmed resolves when the
 *   central API has stored it; rejects with a RoomError when that cannot be known any more, or for
 *   now: what is a `dead_letter` may be stored yet, and each call looks anew
 */
/**
 * Grows with what the room tells, and no more once another epoch has come.
 *
 * @typedef {{ through: number, refused: Set<number> }} Confirmations
 */
/**
 * What `on` can listen to, with what the listener gets.
 *
 * @typedef {object} RoomEvents
 * @property {StateChange} state
 * @property {Welcome} welcome
 * @property {{ epoch: string, seq: number }} reset what was known before is of no use: the log is
 *   another one, and the client goes on after `seq`
 * @property {{ after: number, seq: number }} gap the records in (after, seq] were not replayed; the
 *   client goes on after `seq`
 * @property {History & { before: number, problem?: Problem }} history the newest messages up to a
 *   reset or a gap; with a `problem` there are none, and it says why
 * @property {RoomRecord} record
 * @property {{ through: number }} confirmed ask `isConfirmed` and `isRefused`
 * @property {{ count: number, users: number }} count
 * @property {{ members: Member[] }} members
 * @property {Signal} signal
 * @property {{ id: string, problem: Problem, retryAtMs: number }} delayed a publication was refused
 *   for now, and will be sent again
 * @property {Problem} error one that no publication and no request is rejected with
 */
/** @typedef {() => string | undefined | Promise<string | undefined>} GiveToken */
/**
 * @typedef {object} ConnectOptions
 * @property {string} [user] the name to take, where authentication is off
 * @property {string | GiveToken} [token] one token, or
 *   a function that gives a fresh one: it is asked for each connection, and before the token ends
 * @property {string} [url] of the edge, `https://…`, with the path it is mounted at, if it is; the
 *   page's own origin by default
 * @property {AbortSignal} [signal] aborted: the room is left, as by `close()`
 * @property {number} [queueMax] how many publications may wait for an answer, or for a connection
 * @property {Partial<Timing>} [timing]
 * @property {new (url: URL, protocols: string[]) => WebSocket} [WebSocket] makes the connections in
 *   place of the platform's own
 */
/**
 * @typedef {object} Publication
 * @property {string} id
 * @property {string} frame
 * @property {number} sends
 * @property {number} sentAtMs when it was sent first; 0 before
 * @property {string} conn the connection that it was sent on last
 * @property {ReturnType<typeof setTimeout>} [answerTimer] set while an answer is due
 * @property {(receipt: Receipt) => void} resolve
 * @property {(error: RoomError) => void} reject
 */
/** @typedef {"retry" | "welcome" | "ping" | "answer" | "hold" | "presence" | "renewal"} Timer */
/** A random id for a publication: 32 hexadecimal digits, also where the page is not secure. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Joins a room. Returns at once; listeners set in the same turn miss nothing.
 *
 * @param {string} room
 * @param {ConnectOptions} [options]
 */
export function connect(room, options = {}) {
  return new EdgeRoom(room, options);
}

/**
 * A frame of the room: an array of one or more typed objects.
 *
 * @param {unknown} data
 * @returns {Array<{ type: string }> | null}
 */
function parseFrame(data) {
  let value;
  try {
    value = JSON.parse(/** @type {string} */ (data));
  } catch {
    return null;
  }
  const isFrame =
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((object) => typeof object?.type === "string");
  return isFrame ? value : null;
}

/**
 * @param {string} frame
 * @param {string} [id] of the publication
 */
function checkLength(frame, id) {
  if (new TextEncoder().encode(frame).length <= FRAME_BYTES_MAX) return;
  const detail = `the frame is over ${FRAME_BYTES_MAX} bytes`;
  throw new RoomError({ code: "too_large", detail, id });
}

/**
 * The frame that publishes `content`, or an error that says why none can.
 *
 * @param {unknown} content
 * @param {string} id
 */
function messageFrame(content, id) {
  const json = JSON.stringify(content);
  if (json === undefined) throw new TypeError("the content has no JSON form");
  const frame = `{"type":"message","id":${JSON.stringify(id)},"content":${json}}`;
  // JSON.stringify escapes a surrogate only when its partner is missing; the room refuses those.
  if (/(?<!\\)(?:\\\\)*\\ud[89a-f]/.test(frame)) {
    const detail = "the message has half a character";
    throw new RoomError({ code: "bad_content", detail, id });
  }
  checkLength(frame, id);
  return frame;
}

/**
 * Whether the record is what a frame of ours asked for.
 *
 * @param {Record<string, any>} frame
 * @param {MessageDeleted | Moderation} record
 */
function asksFor(frame, record) {
  if (record.type === "message_deleted") {
    return frame.type === "delete" && frame.seq === record.target;
  }
  const { action, user, ts, until = ts, reason = "" } = record;
  const { for_s = 0, reason: given = "" } = frame;
  const isSame = frame.action === action && frame.user === user && given === reason;
  return isSame && until - ts === for_s * 1000;
}

/** @type {Problem} */
const CLOSED = { code: "closed", detail: "the room is closed" };
/** @type {Problem} */
const EPOCH_CHANGED = { code: "epoch_changed", detail: "the room's epoch has changed" };

/** One member of one room. See the head of this file. */
export class EdgeRoom extends EventTarget {
  /** @type {string} */ #room;
  /** @type {ConnectOptions} */ #options;
  /** @type {Timing} */ #timing;
  /** @type {State} */ #state = "connecting";
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Welcome | null} of the connection that is open */ #welcome = null;
  /** @type {Pick<Welcome, "user" | "conn" | "role">} who we are, as the room has said last */
  #self = { user: "", conn: "" };
  /** @type {string | null} */ #epoch = null;
  /** The last record seen; recovery goes on after it. */
  #seq = 0;
  /** Where the history asked for on joining ends; null once it has come. */
  /** @type {number | null} */ #historyBefore = null;
  /** What the central API has of the epoch. @type {Confirmations} */
  #confirmations = { through: 0, refused: new Set() };
  /** @type {Set<(closed?: Problem) => void>} look whether what they wait for is known */
  #lookouts = new Set();
  #count = { count: 0, users: 0 };
  /** @type {Map<string, string>} the user of each connection */ #members = new Map();
  /** @type {Map<string, Publication>} in the order of publishing */ #pending = new Map();
  /** @type {Requests} */ #requests;
  /** Questions for history whose answers have not been handed over. */
  #reading = 0;
  /** @type {Map<number, string>} who deleted what meanwhile, by the message's seq */
  #deletedMeanwhile = new Map();
  /** Reconnections since a connection was last stable. */
  #attempts = 0;
  #openedAtMs = 0;
  #retryNotBeforeMs = 0;
  /** What a `reconnect` asked for, until the socket closes. */
  #reconnectAfterMs = 0;
  #presenceAskedAtMs = 0;
  /** @type {Map<Timer, ReturnType<typeof setTimeout>>} that run; of a connection, but for `retry` */
  #timers = new Map();
  #holdUntilMs = 0;
  /** @type {string | undefined} the one in use */ #token;
  /** Ends the listeners on the page, and a question that is under way. */
  #ended = new AbortController();

  /**
   * @param {string} room
   * @param {ConnectOptions} [options]
   */
  constructor(room, options = {}) {
    super();
    this.#room = room;
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#requests = new Requests((frame) => this.#send(frame), this.#timing.answerTimeoutMs);
    this.#watchPage();
    const { signal } = options;
    signal?.addEventListener("abort", () => this.close(), { signal: this.#ended.signal });
    // The first try is a microtask away, so that listeners hear of its failure too.
    queueMicrotask(() => {
      if (signal?.aborted) this.close();
      if (this.#state !== "closed") this.#open();
    });
  }

  get room() {
    return this.#room;
  }
  get state() {
    return this.#state;
  }
  /** The name the room knows us by; empty before the first welcome. */
  get user() {
    return this.#self.user;
  }
  get conn() {
    return this.#self.conn;
  }
  /** Whether the room lets us moderate, as far as it has said. */
  get isModerator() {
    return this.#self.role === "moderator";
  }
  get epoch() {
    return this.#epoch;
  }
  get seq() {
    return this.#seq;
  }
  get count() {
    return { ...this.#count };
  }
  /** Who is here, as far as the room tells: large rooms do not list everybody. */
  get members() {
    return Array.from(this.#members, ([conn, user]) => ({ user, conn }));
  }
  /** Publications that the room has not answered yet. */
  get pending() {
    return this.#pending.size;
  }

  /** Whether the central API has stored this record. */
  isConfirmed(/** @type {number} */ seq) {
    return seq <= this.#confirmations.through && !this.isRefused(seq);
  }

  /** Whether the central API has refused this record; it may still be stored later. */
  isRefused(/** @type {number} */ seq) {
    return this.#confirmations.refused.has(seq);
  }

  /**
   * Listens to one kind of event. Returns a function that stops listening.
   *
   * @template {keyof RoomEvents} K
   * @param {K} type
   * @param {(detail: RoomEvents[K]) => void} listener
   */
  on(type, listener) {
    const handler = (/** @type {Event} */ event) => {
      listener(/** @type {CustomEvent<RoomEvents[K]>} */ (event).detail);
    };
    this.addEventListener(type, handler);
    return () => this.removeEventListener(type, handler);
  }

  /**
   * Publishes a message; resolves when it is durable in the room. While there is no connection it
   * waits in the queue. Give the `id` of a publication that failed to try it again without risk of
   * publishing twice.
   *
   * Aborted before it was sent, it never is. Aborted later, it is not sent again, and whether the
   * room has stored it is unknown.
   *
   * @param {unknown} content anything with a JSON form
   * @param {{ id?: string, signal?: AbortSignal }} [options]
   * @returns {Promise<Receipt>} rejects with a RoomError, or with the signal's reason
   */
  async publish(content, { id = newId(), signal } = {}) {
    const frame = messageFrame(content, id);
    if (this.#state === "closed") throw new RoomError({ ...CLOSED, id });
    // The room could not name a longer one in its refusal.
    if (this.#pending.has(id) || !/^.{1,64}$/su.test(id)) {
      throw new TypeError("the id is not new, or not of 1 to 64 characters");
    }
    const { queueMax = QUEUE_MAX } = this.#options;
    if (this.#pending.size >= queueMax) {
      const detail = `${queueMax} messages are waiting`;
      throw new RoomError({ code: "queue_full", detail, id });
    }
    return abortable(signal, (resolve, reject) => {
      /** @type {Publication} */
      const publication = {
        id,
        frame,
        sends: 0,
        sentAtMs: 0,
        conn: "",
        resolve,
        reject,
      };
      this.#pending.set(id, publication);
      this.#sendPending();
      return () => this.#forget(publication);
    });
  }

  /**
   * Tells the others something that is not kept, such as `typing`. Lost when not connected.
   *
   * @param {string} name
   * @param {unknown} [content]
   * @returns {boolean} whether it was sent
   */
  signal(name, content) {
    const frame = { type: "event", name, content };
    checkLength(JSON.stringify(frame));
    return this.#send(frame);
  }

  /**
   * Asks for messages before or after a record; both bounds are exclusive.
   *
   * @param {{ before?: number, after?: number, limit?: number, signal?: AbortSignal }} [range]
   * @returns {Promise<History>} rejects with a RoomError, or with the signal's reason
   */
  async history({ before, after, limit, signal } = {}) {
    this.#reading += 1;
    try {
      /** @type {History} */
      const { messages, more, partial } = await this.#requests.ask(
        { type: "history", before, after, limit },
        signal,
      );
      const kept = messages.map((message) => this.#withoutDeleted(message));
      return { messages: kept, more, ...(partial && { partial }) };
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#deletedMeanwhile.clear();
    }
  }

  /**
   * Older and older messages, page by page, each page in the order of `seq`. Ends at the beginning
   * of the room, or with a page that is `partial`.
   *
   * @param {{ before?: number, limit?: number, signal?: AbortSignal }} [range] from the newest on,
   *   without `before`
   * @returns {AsyncGenerator<History, void, void>} throws as `history` rejects
   */
  async *pages({ before, limit, signal } = {}) {
    const epoch = this.#epoch;
    for (;;) {
      const page = await this.history({ before, limit, signal });
      // Under another epoch the same seqs are other messages.
      if (this.#epoch !== epoch) throw new RoomError(EPOCH_CHANGED);
      if (page.messages.length > 0 || page.partial) yield page;
      if (!page.more) return;
      before = page.messages[0].seq;
    }
  }

  /**
   * Deletes a message, for everybody and for good; resolves when that is durable. When the
   * connection is lost, or the signal aborted, meanwhile, the outcome is unknown until its record
   * comes.
   *
   * @param {number} seq
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<MessageDeleted>} rejects with a RoomError, or with the signal's reason
   */
  delete(seq, { signal } = {}) {
    return this.#requests.ask({ type: "delete", seq }, signal);
  }

  /**
   * For moderators. Resolves when it is durable; otherwise as `delete`.
   *
   * @param {Action} action
   * @param {string} user
   * @param {{ forS?: number, reason?: string, signal?: AbortSignal }} [options] `forS`: how many
   *   seconds a ban or a mute holds; for good without
   * @returns {Promise<Moderation>} rejects with a RoomError, or with the signal's reason
   */
  moderate(action, user, { forS, reason, signal } = {}) {
    const question = { type: "moderation", action, user, for_s: forS, reason };
    return this.#requests.ask(question, signal);
  }

  /** While waiting: tries again at once, unless the edge asked for patience. */
  reconnect() {
    if (this.#state !== "waiting" || Date.now() < this.#retryNotBeforeMs) return;
    this.#stop("retry");
    this.#open();
  }

  /** Leaves the room for good. What was not answered yet is rejected. */
  close() {
    this.#finish({ code: "left", detail: "the room was left" });
  }

  // --- connection ---

  async #open() {
    this.#setState("connecting");
    const { token } = this.#options;
    if (typeof token !== "function") {
      this.#openWith(token);
      return;
    }
    try {
      this.#openWith(await this.#freshToken(token));
    } catch (error) {
      // Whoever gives tokens may be out of reach just as the room may be.
      const detail = `no token could be had: ${/** @type {Error} */ (error).message}`;
      if (this.#state === "connecting") this.#waitAndRetry({ code: "no_token", detail });
    }
  }

  #freshToken(/** @type {GiveToken} */ give) {
    const inTime = AbortSignal.timeout(this.#timing.connectTimeoutMs);
    return Promise.race([give(), abortable(inTime, () => () => {})]);
  }

  /** Asks for a fresh token before the one in use ends, if there is somebody to ask. */
  #renewBefore(/** @type {number} */ endMs) {
    if (typeof this.#options.token !== "function") return;
    const leftMs = endMs - Date.now();
    const waitMs = Math.max(leftMs / 2, leftMs - this.#timing.renewBeforeMs);
    // So little is left by a clock that is ahead of the room's, and will be of the next token, too. This
    // connection ends with its own.
    if (leftMs < this.#timing.backoffFloorMs) return;
    this.#after("renewal", Math.min(waitMs, TIMER_MAX_MS), () =>
      waitMs > TIMER_MAX_MS ? this.#renewBefore(endMs) : this.#renew(),
    );
  }

  /** If it fails, the connection ends with its token, and the next one has another. */
  async #renew() {
    const socket = this.#socket;
    try {
      const token = await this.#freshToken(/** @type {GiveToken} */ (this.#options.token));
      if (this.#socket !== socket || token === undefined) return;
      const { expires } = await this.#requests.ask({ type: "token", token });
      this.#token = token;
      if (this.#socket === socket) this.#renewBefore(expires);
    } catch (error) {
      if (this.#socket !== socket) return;
      const detail = `the token could not be renewed: ${/** @type {Error} */ (error).message}`;
      this.#emit("error", { code: "no_token", detail });
    }
  }

  #openWith(/** @type {string | undefined} */ token) {
    // It may have been left while the token was fetched.
    if (this.#state !== "connecting") return;
    this.#token = token;
    let socket;
    try {
      const protocols = token ? [PROTOCOL, `bearer.${token}`] : [];
      socket = new (this.#options.WebSocket ?? WebSocket)(this.#socketUrl(), protocols);
    } catch (error) {
      // A name or a token that no URL or header can carry: it will not get better.
      this.#finish({ code: "bad_request", detail: /** @type {Error} */ (error).message });
      return;
    }
    this.#socket = socket;
    let opened = false;
    this.#after("welcome", this.#timing.connectTimeoutMs, () =>
      this.#drop({ code: "timeout", detail: "the room did not answer in time" }),
    );
    socket.onopen = () => {
      opened = true;
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#takeFrame(socket, event.data);
    };
    // Of a refused upgrade Node.js 22 tells nothing but an error.
    socket.onerror = () => {
      if (this.#socket === socket && !opened) this.#takeRefusal();
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      if (opened) this.#takeClose(event.code, event.reason);
      else this.#takeRefusal();
    };
  }

  #endpoint(/** @type {string} */ path) {
    const base = this.#options.url ?? globalThis.location?.origin;
    if (base === undefined) throw new TypeError("the option url is needed outside a page");
    // A URL drops these two as path segments, so the edge would never see them.
    if (/^\.{0,2}$/.test(this.#room)) {
      throw new TypeError(`"${this.#room}" is not the name of a room`);
    }
    const url = new URL(base);
    url.pathname = url.pathname.replace(/\/*$/, `${path}/${encodeURIComponent(this.#room)}`);
    return url;
  }

  #socketUrl() {
    const url = this.#endpoint("/rooms");
    url.protocol = url.protocol.replace("http", "ws");
    if (this.#options.user) url.searchParams.set("user", this.#options.user);
    if (this.#epoch !== null) {
      url.searchParams.set("epoch", this.#epoch);
      url.searchParams.set("after", String(this.#seq));
    }
    return url;
  }

  /** Lets go of the socket; nothing it does later is heard. */
  #detach() {
    const socket = this.#socket;
    this.#socket = null;
    this.#welcome = null;
    for (const timer of this.#timers.keys()) this.#stop(timer);
    this.#holdUntilMs = 0;
    for (const publication of this.#pending.values()) this.#queue(publication);
    this.#requests.refuseAll({ code: "disconnected", detail: "the connection was lost" });
    // Closing one that is closed, or still connecting, is harmless.
    socket?.close(CLOSE_NORMAL);
  }

  /** The connection is of no use any more: replace it. */
  #drop(/** @type {Problem} */ reason) {
    if (this.#state === "closed") return;
    this.#detach();
    this.#waitAndRetry(reason);
  }

  /**
   * @param {number} code
   * @param {string} text
   */
  #takeClose(code, text) {
    /** @type {Problem} */
    const reason = {
      code: CLOSES[code] ?? "disconnected",
      detail: text || `the connection closed with ${code}`,
    };
    const isRenewable = code === CLOSE_TOKEN_EXPIRED && typeof this.#options.token === "function";
    if (FINAL_CLOSES.includes(code) && !isRenewable) {
      this.#finish(reason);
      return;
    }
    if (code === CLOSE_FRAME_TOO_LARGE) this.#failLargest();
    if (PENALTY_CLOSES.includes(code)) reason.retry_after_ms = this.#timing.penaltyMs;
    this.#drop(reason);
  }

  /**
   * Of those without an answer the largest is what the room could not take: frames are handled in
   * order, so the one that ended the connection has none.
   */
  #failLargest() {
    const [largest] = this.#unanswered().sort((a, b) => b.frame.length - a.frame.length);
    const detail = "the room closed the connection over it";
    if (largest) this.#fail(largest, { code: "too_large", detail });
  }

  /** A refused upgrade looks like a lost network, so the edge is asked over HTTP. */
  async #takeRefusal() {
    this.#detach();
    const reason = await this.#askReason();
    if (this.#state !== "connecting" || this.#socket !== null) return;
    if (reason.status !== undefined && isFinalStatus(reason.status)) this.#finish(reason);
    else this.#waitAndRetry(reason);
  }

  /** @returns {Promise<Problem>} */
  async #askReason() {
    const { user } = this.#options;
    const token = this.#token;
    try {
      const url = this.#endpoint("/api/rooms");
      // What was refused may be not the room, but who wants to join it.
      if (user) url.searchParams.set("user", user);
      const response = await fetch(url, {
        headers: token ? { Authorization: `Bearer ${token}` } : {},
        cache: "no-store",
        signal: AbortSignal.any([
          this.#ended.signal,
          AbortSignal.timeout(this.#timing.reasonTimeoutMs),
        ]),
      });
      if (!response.ok) return await readProblem(response);
      return { code: "not_taken", detail: "the room did not take the connection" };
    } catch {
      return { code: "unreachable", detail: "the edge cannot be reached" };
    }
  }

  /** Exponential backoff with full jitter above a floor, so that a crowd does not come as one. */
  #waitAndRetry(/** @type {Problem} */ reason) {
    const timing = this.#timing;
    if (this.#openedAtMs !== 0 && Date.now() - this.#openedAtMs >= timing.stableAfterMs) {
      this.#attempts = 0;
    }
    this.#openedAtMs = 0;
    const ceilingMs = Math.min(
      timing.backoffCeilingMs,
      timing.backoffStartMs * 2 ** this.#attempts,
    );
    this.#attempts += 1;
    const spreadMs = Math.max(0, ceilingMs - timing.backoffFloorMs);
    const jitterMs = timing.backoffFloorMs + Math.random() * spreadMs;
    const askedMs = Math.max(askedWaitMs(reason.retry_after_ms), this.#reconnectAfterMs);
    this.#reconnectAfterMs = 0;
    const retryAtMs = Date.now() + askedMs + jitterMs;
    this.#retryNotBeforeMs = askedMs > 0 ? retryAtMs : 0;
    this.#after("retry", askedMs + jitterMs, () => this.#open());
    this.#setState("waiting", reason, retryAtMs);
  }

  #finish(/** @type {Problem} */ reason) {
    if (this.#state === "closed") return;
    this.#ended.abort();
    this.#detach();
    this.#setState("closed", reason);
    for (const publication of this.#pending.values()) this.#fail(publication, reason);
    for (const look of this.#lookouts) look(reason);
  }

  /**
   * @param {State} state
   * @param {Problem | null} [reason]
   * @param {number | null} [retryAtMs]
   */
  #setState(state, reason = null, retryAtMs = null) {
    this.#state = state;
    const patient = state === "waiting" && this.#retryNotBeforeMs > 0;
    this.#emit("state", { state, reason, retryAtMs, patient });
  }

  /** What the browser knows about the network saves waiting for timers. */
  #watchPage() {
    if (typeof document === "undefined") return;
    const { signal } = this.#ended;
    window.addEventListener("online", () => this.reconnect(), { signal });
    window.addEventListener(
      "offline",
      () => {
        if (this.#socket !== null) this.#drop({ code: "offline", detail: "no network" });
      },
      { signal },
    );
    document.addEventListener(
      "visibilitychange",
      () => {
        if (document.visibilityState !== "visible") return;
        // Timers stand still in a sleeping page: look at once.
        if (this.#state === "open") this.#beat();
        else this.reconnect();
      },
      { signal },
    );
  }

  /** Pings, and gives the connection up when nothing at all comes back. */
  #beat() {
    this.#after("ping", this.#timing.heartbeatIntervalMs, () => this.#beat());
    if (this.#timers.has("answer")) return;
    this.#socket?.send(PING);
    this.#after("answer", this.#timing.heartbeatTimeoutMs, () =>
      this.#drop({ code: "silent", detail: "the connection went silent" }),
    );
  }

  // --- what the room says ---

  /**
   * @param {WebSocket} socket
   * @param {unknown} data
   */
  #takeFrame(socket, data) {
    this.#stop("answer");
    const objects = parseFrame(data);
    if (objects === null) {
      this.#distrust("a frame is not an array of typed objects");
      return;
    }
    for (const object of objects) {
      this.#take(object);
      // A listener may have closed the room, or a record shown that the connection is unsound.
      if (this.#socket !== socket) return;
    }
    this.#sendPending();
  }

  /** The room broke its protocol. A new connection gets what this one withheld. */
  #distrust(/** @type {string} */ detail) {
    /** @type {Problem} */
    const problem = { code: "protocol", detail };
    this.#emit("error", problem);
    this.#drop(problem);
  }

  /** @param {any} object its `type` is a string; unknown types are those of later versions */
  #take(object) {
    switch (object.type) {
      case "welcome":
        return this.#takeWelcome(object);
      case "new_message":
      case "message_deleted":
      case "moderation":
        return this.#takeRecord(object);
      case "ack":
        return this.#settle(object.id, object.seq, true);
      case "message_confirmed":
        return this.#takeConfirmed(object);
      case "room_count":
        return this.#takeCount(object);
      case "join":
      case "leave":
        return this.#takeMember(object);
      case "presence":
        return this.#takePresence(object);
      case "history":
      case "token":
        return this.#requests.answer(object.ref, object);
      case "event":
        return this.#emit("signal", object);
      case "error":
        return this.#takeError(object);
      case "reconnect":
        // The connection goes on until the room closes it.
        this.#reconnectAfterMs = askedWaitMs(object.after_ms);
        return;
    }
  }

  #takeWelcome(/** @type {Welcome} */ welcome) {
    this.#stop("welcome");
    const after = welcome.epoch === this.#epoch ? this.#seq : null;
    const continues = after !== null && after <= welcome.seq;
    const recovered = continues && (welcome.recovered || after === welcome.seq);
    this.#welcome = welcome;
    this.#self = welcome;
    this.#openedAtMs = Date.now();
    if (welcome.epoch !== this.#epoch) {
      this.#epoch = welcome.epoch;
      this.#confirmations = { through: 0, refused: new Set() };
    }
    // After a fault the room may tell less than it had told: the highest is true.
    if (welcome.confirmed >= this.#confirmations.through) {
      this.#confirmations.through = welcome.confirmed;
      this.#confirmations.refused = new Set(welcome.dead);
    }
    if (!recovered) {
      this.#seq = welcome.seq;
      this.#historyBefore = welcome.seq + 1;
      this.#failForgotten();
    }
    this.#beat();
    if (welcome.expires) this.#renewBefore(welcome.expires);
    this.#askPresence();
    this.#setState("open");
    this.#emit("welcome", welcome);
    if (!continues) this.#emit("reset", { epoch: welcome.epoch, seq: welcome.seq });
    else if (!recovered) this.#emit("gap", { after, seq: welcome.seq });
    this.#tellConfirmed();
    this.#takeCount(welcome);
    // A listener may have left the room.
    if (this.#welcome === welcome) this.#askJoinHistory();
  }

  /** The newest messages up to the reset. Asked again when the connection broke before they came. */
  async #askJoinHistory() {
    const before = this.#historyBefore;
    if (before === null) return;
    /** @type {History & { problem?: Problem }} */
    let page = { messages: [], more: false };
    try {
      if (before > 1) page = await this.history({ before, limit: HISTORY_LIMIT });
    } catch (error) {
      const { problem } = /** @type {RoomError} */ (error);
      // A lost connection is no news here: the next welcome asks again.
      if (problem.code === "disconnected" || problem.code === "not_connected") return;
      page = { messages: [], more: true, problem };
    }
    if (this.#historyBefore !== before) return;
    this.#historyBefore = null;
    this.#emit("history", { before, ...page });
  }

  #takeRecord(/** @type {RoomRecord} */ record) {
    if (record.seq <= this.#seq) return;
    if (record.seq !== this.#seq + 1) {
      this.#distrust(`record ${record.seq} came after record ${this.#seq}`);
      return;
    }
    this.#seq = record.seq;
    if (record.type === "message_deleted" && this.#reading > 0) {
      this.#deletedMeanwhile.set(record.target, record.by);
    }
    this.#emit("record", record);
    if (record.type !== "new_message" && record.by === this.user) {
      this.#requests.answerWhere((frame) => asksFor(frame, record), record);
    }
    // Ids are unique for a user only: another's record with the same id is not our answer.
    if (record.type === "new_message" && record.id !== undefined && record.user === this.user) {
      this.#settle(record.id, record.seq, false);
    }
  }

  /** @param {{ epoch: string, through: number, except?: number[], stored?: number[] }} object */
  #takeConfirmed({ epoch, through, except = [], stored = [] }) {
    if (epoch !== this.#epoch) return;
    const confirmations = this.#confirmations;
    confirmations.through = Math.max(confirmations.through, through);
    for (const seq of except) confirmations.refused.add(seq);
    for (const seq of stored) confirmations.refused.delete(seq);
    this.#tellConfirmed();
  }

  #tellConfirmed() {
    this.#emit("confirmed", { through: this.#confirmations.through });
    for (const look of this.#lookouts) look();
  }

  /**
   * @param {{ id: string, seq: number }} record of the epoch that goes on
   * @returns {Receipt["confirmed"]}
   */
  #confirmation({ id, seq }) {
    const confirmations = this.#confirmations;
    return ({ signal } = {}) =>
      abortable(signal, (resolve, reject) => {
        const look = (/** @type {Problem | undefined} */ closed) => {
          const { through, refused } = confirmations;
          /** @type {Problem | undefined} */
          let problem;
          if (refused.has(seq)) {
            problem = { code: "dead_letter", detail: `the central API has refused record ${seq}` };
          } else if (seq > through) {
            problem = confirmations === this.#confirmations ? closed : EPOCH_CHANGED;
            if (problem === undefined) return;
          }
          this.#lookouts.delete(look);
          if (problem === undefined) resolve(undefined);
          else reject(new RoomError({ ...problem, id }));
        };
        this.#lookouts.add(look);
        look(this.#state === "closed" ? CLOSED : undefined);
        return () => this.#lookouts.delete(look);
      });
  }

  /** @param {{ count: number, users: number }} object */
  #setCount({ count, users }) {
    this.#count = { count, users };
    this.#emit("count", this.count);
  }

  /** @param {{ count: number, users: number }} object */
  #takeCount(object) {
    this.#setCount(object);
    const { count } = object;
    // A room that was large for a while told nobody who came and went meanwhile.
    const stale = this.#members.size !== count && count <= PRESENCE_MAX;
    if (stale && !this.#timers.has("presence")) {
      const elapsedMs = performance.now() - this.#presenceAskedAtMs;
      const waitMs = Math.max(0, this.#timing.presenceRefreshMs - elapsedMs);
      const spreadMs = Math.random() * this.#timing.presenceRefreshMs;
      this.#after("presence", waitMs + spreadMs, () => {
        if (this.#members.size !== this.#count.count) this.#askPresence();
      });
    }
  }

  #askPresence() {
    this.#presenceAskedAtMs = performance.now();
    this.#send({ type: "presence" });
  }

  /** @param {{ type: "join" | "leave", user: string, conn: string }} object */
  #takeMember({ type, user, conn }) {
    if (type === "join") this.#members.set(conn, user);
    else this.#members.delete(conn);
    this.#emit("members", { members: this.members });
  }

  /** @param {{ members: Member[], count: number, users: number }} object */
  #takePresence(object) {
    this.#members = new Map(object.members.map(({ conn, user }) => [conn, user]));
    this.#setCount(object);
    this.#emit("members", { members: this.members });
  }

  /**
   * A page may have been read before a deletion that overtook it.
   *
   * @param {Message} message
   * @returns {Message}
   */
  #withoutDeleted(message) {
    const by = this.#deletedMeanwhile.get(message.seq);
    if (by === undefined || message.deleted) return message;
    const { seq, ts, user } = message;
    return { seq, ts, user, deleted: true, by };
  }

  #takeError(/** @type {Problem} */ problem) {
    const publication = this.#pending.get(/** @type {string} */ (problem.id));
    if (publication !== undefined) {
      this.#refuse(publication, problem);
      return;
    }
    if (this.#requests.refuse(problem)) return;
    // With `internal` and no id the room cannot tell what became of what it had taken in: the same
    // id finds out.
    const unknown = problem.code === "internal" && problem.id === undefined;
    const unsure = unknown ? this.#unanswered() : [];
    for (const due of unsure) this.#refuse(due, problem);
    if (unsure.length === 0) this.#emit("error", problem);
  }

  // --- publications ---

  /** Sends every publication that waits for no answer, oldest first, once the room is caught up. */
  #sendPending() {
    const welcome = this.#welcome;
    // Records still to be replayed may answer what would be sent again.
    if (welcome === null || this.#seq < welcome.seq || this.#timers.has("hold")) return;
    for (const publication of [...this.#pending.values()]) {
      if (publication.answerTimer !== undefined) continue;
      if (publication.sends >= PUBLISH_SENDS_MAX) {
        const detail = `the room did not answer in ${PUBLISH_SENDS_MAX} tries`;
        this.#fail(publication, { code: "unanswered", detail });
        continue;
      }
      publication.sends += 1;
      publication.sentAtMs ||= Date.now();
      publication.conn = welcome.conn;
      publication.answerTimer = setTimeout(() => {
        this.#queue(publication);
        this.#sendPending();
      }, this.#timing.answerTimeoutMs);
      this.#socket?.send(publication.frame);
    }
  }

  /** No replay answers them, and a room that has forgotten their ids would store them twice. */
  #failForgotten() {
    const sinceMs = Date.now() - this.#timing.resendWithinMs;
    for (const publication of this.#pending.values()) {
      if (publication.sends === 0 || publication.sentAtMs > sinceMs) continue;
      const detail = "the room did not answer in time";
      this.#fail(publication, { code: "unanswered", detail });
    }
  }

  /**
   * @param {Publication} publication
   * @param {Problem} problem
   */
  #refuse(publication, problem) {
    if (!RETRYABLE_ERRORS.has(problem.code) || publication.sends >= PUBLISH_SENDS_MAX) {
      this.#fail(publication, problem);
      return;
    }
    this.#queue(publication);
    const { backoffFloorMs, backoffStartMs } = this.#timing;
    const askedMs = askedWaitMs(problem.retry_after_ms);
    // Nobody else waits for what this connection may send, so asked for is long enough.
    const spreadMs = askedMs > 0 ? backoffFloorMs : backoffStartMs * 2 ** (publication.sends - 1);
    this.#hold(Math.max(backoffFloorMs, askedMs + Math.random() * spreadMs));
    this.#emit("delayed", { id: publication.id, problem, retryAtMs: this.#holdUntilMs });
  }

  /** All publications wait, so that later ones do not overtake the one that was refused. */
  #hold(/** @type {number} */ waitMs) {
    const untilMs = Date.now() + waitMs;
    if (untilMs <= this.#holdUntilMs) return;
    this.#holdUntilMs = untilMs;
    this.#after("hold", waitMs, () => {
      this.#holdUntilMs = 0;
      this.#sendPending();
    });
  }

  /**
   * @param {Publication} publication
   * @param {Problem} problem
   */
  #fail(publication, problem) {
    this.#forget(publication);
    publication.reject(new RoomError({ ...problem, id: publication.id }));
  }

  /** Publications to which an answer is due. */
  #unanswered() {
    return [...this.#pending.values()].filter(({ answerTimer }) => answerTimer !== undefined);
  }

  #forget(/** @type {Publication} */ publication) {
    this.#queue(publication);
    this.#pending.delete(publication.id);
  }

  /** No answer is due any more. */
  #queue(/** @type {Publication} */ publication) {
    clearTimeout(publication.answerTimer);
    publication.answerTimer = undefined;
  }

  /**
   * @param {string} id
   * @param {number} seq
   * @param {boolean} duplicate
   */
  #settle(id, seq, duplicate) {
    const publication = this.#pending.get(id);
    if (publication === undefined) return;
    this.#forget(publication);
    const epoch = /** @type {string} */ (this.#epoch);
    const receipt = { id, epoch, seq, duplicate, conn: publication.conn };
    // Not enumerable: a receipt can be cloned and compared as the plain data that it is.
    Object.defineProperty(receipt, "confirmed", { value: this.#confirmation(receipt) });
    publication.resolve(/** @type {Receipt} */ (receipt));
  }

  /**
   * @param {Timer} timer in place of one of this name that runs
   * @param {number} waitMs
   * @param {() => void} act
   */
  #after(timer, waitMs, act) {
    this.#stop(timer);
    const due = () => {
      this.#timers.delete(timer);
      act();
    };
    this.#timers.set(timer, setTimeout(due, waitMs));
  }

  #stop(/** @type {Timer} */ timer) {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }

  /** @returns {boolean} false when there is no welcomed connection */
  #send(/** @type {object} */ frame) {
    if (this.#welcome === null || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * @template {keyof RoomEvents} K
   * @param {K} type
   * @param {RoomEvents[K]} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
