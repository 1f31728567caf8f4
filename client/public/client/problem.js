// @ts-check
/** What can go wrong: as the room says it, as the edge says it over HTTP, or of the client's own. */

/** @typedef {RoomCode | ConnectionCode | ClientCode} ErrorCode all that there are */
/**
 * What the room answers to a frame.
 *
 * @typedef {"bad_json" | "bad_frame" | "unknown_type" | "too_large" | "rate_limited" | "muted"
 *   | "content_refused" | "forbidden" | "not_found" | "outbox_full" | "internal"} RoomCode
 */
/**
 * Why there is no connection: as the room closed it, as the edge refused it, or as it was lost.
 *
 * @typedef {"frame_too_large" | "room_failed" | "restart" | "token_expired" | "removed" | "too_slow"
 *   | "flooding" | "refused" | "not_taken" | "unreachable" | "disconnected" | "timeout" | "silent"
 *   | "offline" | "no_token" | "protocol" | "bad_request" | "left"} ConnectionCode
 */
/**
 * What the client says of a publication or a request.
 *
 * @typedef {"bad_content" | "queue_full" | "closed" | "not_connected" | "unanswered" | "dead_letter"
 *   | "epoch_changed"} ClientCode
 */
/**
 * @typedef {object} Problem
 * @property {ErrorCode} code
 * @property {string} detail
 * @property {string} [id] the publication that it is about
 * @property {string} [ref]
 * @property {number} [retry_after_ms]
 * @property {number} [until] when a mute ends by itself, in ms since 1970
 * @property {number} [status] of the HTTP answer, when a request was refused
 */

/** The longest wait that the room or the edge is granted when it asks for one. */
export const ASKED_WAIT_MAX_MS = 300_000;

/** A refused publication or request; `code` says why. */
export class RoomError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail);
    this.name = "RoomError";
    this.problem = problem;
    this.code = problem.code;
  }
}

/** How long the room asks to wait, in ms; 0 when it does not. */
export function askedWaitMs(/** @type {unknown} */ value) {
  return Math.min(Math.max(Number(value) || 0, 0), ASKED_WAIT_MAX_MS);
}

/**
 * What a refused HTTP request says in its problem document.
 *
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
export async function readProblem(response) {
  /** @type {Problem} */
  const problem = {
    code: "refused",
    detail: `the edge answered ${response.status}`,
    status: response.status,
  };
  // Whole seconds; where it is a date instead, the client's own backoff has to do.
  const waitMs = askedWaitMs(Number(response.headers.get("Retry-After")) * 1000);
  if (waitMs > 0) problem.retry_after_ms = waitMs;
  try {
    const body = await response.json();
    const text = body?.detail ?? body?.title;
    if (typeof text === "string" && text !== "") problem.detail = text;
  } catch {
    // Not a problem document (a proxy answered): the status has to do.
  }
  return problem;
}

/** A refusal that the same request would meet again. */
export function isFinalStatus(/** @type {number} */ status) {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}
