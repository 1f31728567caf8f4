// @ts-check
/**
 * What the room says of itself over HTTP, asked for again and again while somebody looks. The
 * requests are the visitor's own, and limited: when few are left it waits until there are more.
 *
 * @import { Problem } from "./problem.js"
 */
import { readProblem } from "./problem.js";

export const INTERVAL_MS = 3_000;
/** No answer takes longer from a room that is well. */
const TIMEOUT_MS = 10_000;
/** Of the requests that are allowed, so much is left for joining and reading. */
const HEADROOM_MIN = 0.25;
const RATE_LIMITED = 429;

/**
 * @typedef {object} RoomStatus
 * @property {string | null} epoch
 * @property {number} seq
 * @property {number} confirmed
 * @property {number} connections
 * @property {number} users
 * @property {Outbox} outbox
 */
/**
 * @typedef {object} Outbox
 * @property {number} pending
 * @property {number} oldest_ms
 * @property {number} dead
 * @property {boolean} blocked
 * @property {number} [attempts] in a row that have failed
 * @property {"closed" | "open" | "half_open"} [breaker]
 */
/**
 * Of the policy that is nearest to its end.
 *
 * @typedef {{ left: number, quota: number, resetS: number }} Headroom
 */
/**
 * @typedef {object} StatusReport
 * @property {RoomStatus | null} status null: there was no answer, or a refusal
 * @property {Headroom | null} headroom null: there is no limit, or it is not known
 * @property {Problem | null} problem
 * @property {number} waitMs until the next question
 */

export class StatusPoll {
  #url;
  /** @type {Record<string, string>} */ #headers;
  /** @type {(report: StatusReport) => void} */ #tell;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #isPatient = false;
  #ended = new AbortController();

  /**
   * @param {string} room
   * @param {string} token "" for none
   * @param {(report: StatusReport) => void} tell
   */
  constructor(room, token, tell) {
    this.#url = `/api/rooms/${encodeURIComponent(room)}`;
    this.#headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
    this.#tell = tell;
    this.#ask();
  }

  /** Something has happened that is worth a look, unless patience was asked for. */
  askNow() {
    if (this.#timer === undefined || this.#isPatient) return;
    clearTimeout(this.#timer);
    this.#ask();
  }

  stop() {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  async #ask() {
    this.#timer = undefined;
    const answer = await this.#answer();
    if (this.#ended.signal.aborted) return;
    const report = { ...answer, waitMs: waitMs(answer) };
    this.#tell(report);
    this.#isPatient = report.waitMs > INTERVAL_MS;
    this.#timer = setTimeout(() => this.#ask(), report.waitMs);
  }

  /** @returns {Promise<Omit<StatusReport, "waitMs">>} */
  async #answer() {
    try {
      const response = await fetch(this.#url, {
        headers: this.#headers,
        cache: "no-store",
        signal: AbortSignal.any([this.#ended.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const headroom = readHeadroom(response.headers);
      if (!response.ok) return { status: null, headroom, problem: await readProblem(response) };
      const status = await response.json();
      if (typeof status?.outbox?.pending === "number") return { status, headroom, problem: null };
    } catch {
      // No network, or something between us and the edge that answers in its place.
    }
    const detail = "the edge cannot be reached";
    return { status: null, headroom: null, problem: { code: "unreachable", detail } };
  }
}

/** @param {Omit<StatusReport, "waitMs">} answer */
function waitMs({ headroom, problem }) {
  if (problem?.status === RATE_LIMITED) {
    return Math.max(INTERVAL_MS, problem.retry_after_ms ?? 0);
  }
  if (headroom === null || headroom.left > headroom.quota * HEADROOM_MIN) return INTERVAL_MS;
  return Math.max(INTERVAL_MS, headroom.resetS * 1000);
}

/**
 * The RateLimit headers (draft-ietf-httpapi-ratelimit-headers): an item for each policy.
 *
 * @param {Headers} headers
 * @returns {Headroom | null}
 */
export function readHeadroom(headers) {
  const policies = readItems(headers.get("RateLimit-Policy"));
  /** @type {Headroom | null} */
  let least = null;
  for (const [name, { r, t = 0 }] of readItems(headers.get("RateLimit"))) {
    const quota = policies.get(name)?.q;
    if (r === undefined || quota === undefined) continue;
    if (least === null || r / quota < least.left / least.quota) {
      least = { left: r, quota, resetS: t };
    }
  }
  return least;
}

/**
 * A list of strings with parameters (RFC 9651), as far as those of numbers go.
 *
 * @param {string | null} text
 * @returns {Map<string, Record<string, number>>}
 */
function readItems(text) {
  const items = new Map();
  for (const [, name, parameters] of (text ?? "").matchAll(/"((?:[^"\\]|\\.)*)"([^,"]*)/g)) {
    const numbers = [...parameters.matchAll(/;\s*([a-z]+)=(\d+)/g)];
    items.set(name, Object.fromEntries(numbers.map(([, key, digits]) => [key, Number(digits)])));
  }
  return items;
}
