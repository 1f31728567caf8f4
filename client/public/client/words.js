// @ts-check
/**
 * What the codes of the room mean, in words for people.
 *
 * @import { StateChange } from "./edgeroom.js"
 * @import { Problem } from "./problem.js"
 */

/** @type {Readonly<Record<string, string>>} */
const PROBLEMS = Object.freeze({
  rate_limited: "You are sending faster than this room allows",
  too_large: "That message is too large for this room",
  muted: "You are muted in this room",
  content_refused: "This room does not take that message",
  forbidden: "You are not allowed to do that here",
  outbox_full: "The room takes no more messages until the central API has caught up",
  not_found: "That message is not in this room",
  internal: "The room had a problem of its own",
  bad_json: "The room could not read what this page sent",
  bad_frame: "The room could not read what this page sent",
  unknown_type: "The room does not know what this page asked for",
  // The client's own.
  bad_content: "That message cannot be sent",
  queue_full: "Too many messages are waiting to be sent",
  unanswered: "The room did not answer",
  protocol: "The connection was not sound and is being replaced",
  token_expired: "Your access has expired",
  removed: "You were removed from this room",
  bad_request: "This room cannot be joined",
  offline: "You are offline",
  restart: "The room is being restarted",
  disconnected: "The connection was lost",
  silent: "The connection was lost",
  timeout: "The room does not answer",
  unreachable: "The room cannot be reached",
});

/** @type {Readonly<Record<number, string>>} */
const REFUSALS = Object.freeze({
  400: "This room cannot be joined",
  401: "This room needs an access token",
  403: "You may not enter this room",
  404: "There is no room here",
  429: "Too many connections for now",
  503: "The room cannot take anyone for now",
});

/** Details that say no more than the words already do. */
const PLAIN = new Set(["offline", "disconnected", "silent", "timeout", "unreachable"]);

/** @param {Problem} problem */
export function problemWords(problem) {
  const { code, detail, status } = problem;
  const words =
    (status === undefined ? PROBLEMS[code] : REFUSALS[status]) ??
    (status === undefined ? `The room answered ${code}` : `The room refused (${status})`);
  if (PLAIN.has(code) || detail === "") return `${words}.`;
  return `${words}: ${detail.replace(/\.$/, "")}.`;
}

/**
 * The short form for the top bar.
 *
 * @param {StateChange} change
 * @param {boolean} wasLive whether this room has been entered before
 */
export function stateWords({ state, reason, retryAtMs }, wasLive) {
  switch (state) {
    case "connecting":
      return wasLive ? "Reconnecting…" : "Connecting…";
    case "open":
      return "Live";
    case "waiting": {
      const seconds = Math.max(0, Math.ceil(((retryAtMs ?? 0) - Date.now()) / 1000));
      return `${wasLive ? "Reconnecting" : "Trying again"} in ${seconds} s`;
    }
    case "closed":
      if (reason?.code === "removed") return "Removed";
      return reason?.code === "token_expired" ? "Expired" : "Refused";
  }
}

/** @param {string[]} names */
export function typingWords(names) {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return "Several people are typing…";
}

/**
 * @param {number} number
 * @param {string} one
 * @param {string} many
 */
export function plural(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
