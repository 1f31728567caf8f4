// @ts-check
/** What can go wrong: as the room says it, as the edge says it over HTTP, or of the client's own. */

/**
 * @typedef {object} Problem
 * @property {string} code the room's error code, or one of the client's own
 * @property {string} detail
 * @property {string} [id] the publication that it is about
 * @property {string} [ref]
 * @property {number} [retry_after_ms]
 * @property {number} [status] of the HTTP answer, when a request was refused
 */

/** The longest wait that the room or the edge is granted when it asks for one. */
export const ASKED_WAIT_MAX_MS = 300_000;

/** A refused publication or request; `problem.code` says why. */
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
 * @param {string | null} header of an HTTP answer, in whole seconds
 * @returns {number | undefined} milliseconds
 */
function retryAfterMs(header) {
  if (header === null || !/^\d+$/.test(header.trim())) return undefined;
  return askedWaitMs(Number(header) * 1000);
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
  const waitMs = retryAfterMs(response.headers.get("Retry-After"));
  if (waitMs !== undefined) problem.retry_after_ms = waitMs;
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
