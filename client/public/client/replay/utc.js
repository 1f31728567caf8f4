// @ts-check
/** Times as scripts/replay tells them: in UTC, so that those who look at a log from afar agree. */

const TIME_MAX_MS = 8_640_000_000_000_000;
const SHOWN_AS_MS_MAX = 9_999;

/** `2027-01-15 08:00:00.000`. @param {number} ms since 1970 */
export function utc(ms) {
  if (!(Math.abs(ms) <= TIME_MAX_MS)) return `${ms} ms`;
  return new Date(ms).toISOString().replace("T", " ").slice(0, -1);
}

/** `08:00:00.000`. @param {number} ms since 1970 */
export function utcClock(ms) {
  return utc(ms).split(" ").at(-1) ?? "";
}

/** `+100 ms`, `+75 s`; nothing for not at all. @param {number} ms */
export function later(ms) {
  if (ms <= 0) return "";
  return ms <= SHOWN_AS_MS_MAX ? `+${Math.trunc(ms)} ms` : `+${Math.trunc(ms / 1000)} s`;
}
