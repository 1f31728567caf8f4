// @ts-check
/** Two states of a room side by side. */
import { utc } from "./utc.js";

/**
 * As scripts/replay --json --state tells it: until when, in ms since 1970; null is for good.
 *
 * @typedef {object} State
 * @property {string} digest
 * @property {Record<string, number | null>} banned
 * @property {Record<string, number | null>} muted
 * @property {string} kind
 * @property {string} own what the behaviour has saved, as hexadecimal digits
 */
/**
 * What of a state is shown in a row. `user`: whom it is about.
 *
 * @typedef {object} DiffRow
 * @property {"added" | "removed" | "changed" | "same"} change
 * @property {string} name
 * @property {string | null} user
 * @property {string} before empty for what is not there
 * @property {string} after
 */

/** Of what a behaviour has saved. */
const OWN_BYTES_SHOWN = 256;

/**
 * What has changed comes first.
 *
 * @param {State} before
 * @param {State} after
 * @returns {DiffRow[]}
 */
export function diffOf(before, after) {
  const rows = [
    ...userRows("banned", before.banned, after.banned),
    ...userRows("muted", before.muted, after.muted),
    row(after.kind, null, ownWords(before.own), ownWords(after.own), before.own !== after.own),
  ].filter((each) => each.before !== "" || each.after !== "");
  const changed = rows.filter(({ change }) => change !== "same");
  return [...changed, ...rows.filter(({ change }) => change === "same")];
}

/**
 * @param {string} name
 * @param {Record<string, number | null>} before
 * @param {Record<string, number | null>} after
 */
function userRows(name, before, after) {
  const users = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...users]
    .sort()
    .map((user) => row(name, user, untilWords(own(before, user)), untilWords(own(after, user))));
}

/**
 * @param {Record<string, number | null>} entries
 * @param {string} name
 */
function own(entries, name) {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}

/**
 * @param {string} name
 * @param {string | null} user
 * @param {string} before
 * @param {string} after
 * @param {boolean} [differs] where the words are cut
 * @returns {DiffRow}
 */
function row(name, user, before, after, differs = before !== after) {
  const change = !differs ? "same" : before === "" ? "added" : after === "" ? "removed" : "changed";
  return { change, name, user, before, after };
}

/** @param {number | null | undefined} until */
function untilWords(until) {
  if (until === undefined) return "";
  return until === null ? "for good" : `until ${utc(until)}`;
}

/** Bytes as the terminal shows them: what is no printable ASCII stands as \xNN. @param {string} hex */
function ownWords(hex) {
  const count = hex.length / 2;
  if (count === 0) return "";
  let text = "";
  for (let at = 0; at < Math.min(count, OWN_BYTES_SHOWN); at++) {
    const digits = hex.slice(2 * at, 2 * at + 2);
    const byte = Number.parseInt(digits, 16);
    const isPlain = byte >= 0x20 && byte < 0x7f;
    text += isPlain ? String.fromCharCode(byte).replace(/["\\]/, "\\$&") : `\\x${digits}`;
  }
  return `${count} ${count === 1 ? "byte" : "bytes"} "${text}"${count > OWN_BYTES_SHOWN ? "…" : ""}`;
}
