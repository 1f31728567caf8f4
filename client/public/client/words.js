// @ts-check
/**
 * What the codes of the room mean, in words for people.
 *
 * @import { Moderation, StateChange } from "./edgeroom.js"
 * @import { Problem } from "./problem.js"
 */
import { untilWords } from "./times.js";

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
  room_failed: "The room had a problem of its own",
  frame_too_large: "Something that was sent is too large for this room",
  flooding: "Too much was sent from here",
  too_slow: "This page could not keep up with the room",
  not_taken: "The room did not take the connection",
  disconnected: "The connection was lost",
  not_connected: "There is no connection to the room right now",
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

/** What a refused deletion means; for the rest a problem is what it is elsewhere. */
const DELETION_PROBLEMS = Object.freeze({
  forbidden: "You may not delete this message.",
  not_found: "It is not in this room any more.",
});

/** @type {Readonly<Record<string, string>>} */
const MODERATION = Object.freeze({
  kick: "removed",
  ban: "banned",
  unban: "unbanned",
  mute: "muted",
  unmute: "unmuted",
});

/** Those whose details are for the people in the room, not for its developers. */
const EXPLAINED = new Set([
  "content_refused",
  "removed",
  "token_expired",
  "bad_content",
  "bad_request",
  "bad_json",
  "bad_frame",
]);

/** @param {Problem} problem */
export function problemWords(problem) {
  const { code, detail, status } = problem;
  const words =
    (status === undefined ? PROBLEMS[code] : REFUSALS[status]) ??
    (status === undefined ? `The room answered ${code}` : `The room refused (${status})`);
  const isExplained = status !== undefined || EXPLAINED.has(code) || !Object.hasOwn(PROBLEMS, code);
  if (!isExplained || detail === "") return `${words}.`;
  return `${words}: ${detail.replace(/\.$/, "")}.`;
}

/** @param {Problem} problem with a deletion */
export function deletionWords(problem) {
  const { code } = problem;
  return code === "forbidden" || code === "not_found"
    ? DELETION_PROBLEMS[code]
    : problemWords(problem);
}

/**
 * What a moderator did; names stand for themselves.
 *
 * @param {Moderation} record
 * @returns {(string | { user: string })[]}
 */
export function moderationWords({ action, user, by, until, reason }) {
  const done = Object.hasOwn(MODERATION, action) ? ` ${MODERATION[action]} ` : `: ${action} `;
  const time = until === undefined ? "" : ` ${untilWords(until)}`;
  return [{ user: by }, done, { user }, reason === undefined ? time : `${time}: ${reason}`];
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

/** A short duration, as a figure. */
export function durationWords(/** @type {number} */ ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
