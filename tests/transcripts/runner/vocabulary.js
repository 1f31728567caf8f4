// How events and effects are called in a transcript. The names of the types come from rooms/abi.h;
// what is said here of a type only makes it easier to read. A type of which nothing is said is
// shown with all its fields: target, value (or number), data, extra.

import { EffectType, EventType, LogLevel, RoomStatus } from "../../../js-shim/abi.generated.js";
import { showPayload } from "./payload.js";

/** @typedef {import("./builds.js").Effect} Effect */

/** @typedef {(value: number, baseMs: number) => string} Show */

/**
 * What a type calls its fields; those that are not named must be zero or empty, or else they are
 * shown under the names they have in the ABI.
 * @typedef {object} EffectWords
 * @property {string} [target]
 * @property {string} [value]
 * @property {Show} [show] of the value
 * @property {boolean} [zeros] whether a target and a value of 0 are shown
 * @property {string} [data] empty: it needs no name
 * @property {string} [extra]
 */

/** @type {Record<string, EffectWords>} */
const EFFECTS = {
  send: { target: "socket", data: "" },
  broadcast: { data: "" },
  close: { target: "socket", value: "code", data: "" },
  accept: { target: "socket", data: "" },
  putSegment: { target: "slot", value: "turn", data: "head", extra: "data" },
  dropSegment: { target: "slot" },
  putState: { target: "id", data: "" },
  load: {},
  scheduleFlush: { target: "looks", value: "after", show: showDelay, zeros: false },
  timer: { value: "after", show: showDelay },
  alarm: { value: "at", show: showTime },
  forward: { target: "attempt", value: "timeout", show: showDelay, data: "body", extra: "key" },
  respond: { target: "request", value: "status", data: "", extra: "type" },
  log: { value: "level", show: showLevel, data: "" },
  keepFrame: {},
  respondPart: { target: "request", value: "status", data: "", extra: "next" },
  measure: { value: "bytes" },
  forwardingState: { data: "" },
  rebuild: {},
  fetch: { target: "read", value: "timeout", show: showDelay, data: "" },
  verifyToken: { target: "socket", data: "" },
  attach: { target: "socket", data: "" },
};

/** What events call target and number. @type {Record<string, { target?: string, number?: string }>} */
const EVENTS = {
  restoreState: { target: "id" },
  restoreSegment: { target: "slot" },
  restoreConnection: { target: "socket" },
  connect: { target: "socket" },
  frame: { target: "socket" },
  closed: { target: "socket", number: "code" },
  request: { target: "request" },
  loaded: { target: "slot" },
  attemptResult: { target: "attempt", number: "status" },
  trapped: { target: "socket" },
  fetched: { target: "read", number: "status" },
  verified: { target: "socket" },
  measured: { number: "tells" },
};

/** @param {string} event */
export function eventWords(event) {
  const words = EVENTS[event] ?? {};
  return { target: words.target ?? "target", number: words.number ?? "number" };
}

/** The number of an event type; undefined for a name that the ABI has not. @param {string} name */
export function eventType(name) {
  return /** @type {Record<string, number>} */ (EventType)[name];
}

/** @param {number} type */
export function eventName(type) {
  return nameIn(EventType, type) ?? String(type);
}

/** @param {number} status a negative one */
export function showRefusal(status) {
  return `! ${nameIn(RoomStatus, status) ?? `refused ${status}`}`;
}

/** Lines of at most this, where a payload can be moved to a line of its own. */
const COLUMNS = 100;

/**
 * The lines that show an effect.
 * @param {Effect} effect
 * @param {number} baseMs the time that others are told from
 * @returns {string[]}
 */
export function showEffect(effect, baseMs) {
  const name = nameIn(EffectType, effect.type);
  if (name === "load" && isPlainLoad(effect)) {
    return [`< load slots=${slotsOf(effect).join() || "none"}`];
  }
  // Of a type that has no words of its own everything is shown.
  const words = (name && EFFECTS[name]) || { target: "target", value: "value" };
  const line = ["<", name ?? `effect${effect.type}`];
  const { zeros = true } = words;
  if ((words.target && zeros) || effect.target !== 0) {
    line.push(`${words.target ?? "target"}=${effect.target}`);
  }
  if ((words.value && zeros) || !Object.is(effect.value, 0)) {
    const show = words.show ?? showNumber;
    line.push(`${words.value ?? "value"}=${show(effect.value, baseMs)}`);
  }
  return layOut(line.join(" "), [
    ...labelled(words.data ?? "data", effect.data),
    ...labelled(words.extra ?? "extra", effect.extra),
  ]);
}

/**
 * The lines of a head with what belongs to it: one line, if that is short and all has no label.
 * @param {string} head
 * @param {string[]} payloads
 */
export function layOut(head, payloads) {
  const whole = [head, ...payloads].join(" ");
  const isPlain = payloads.length === 1 && /^[|"\d]/.test(payloads[0]);
  if (isPlain && whole.length <= COLUMNS) return [whole];
  return [head, ...payloads.map((payload) => `  ${payload}`)];
}

/**
 * @param {string} label empty for none
 * @param {Uint8Array} bytes
 * @returns {string[]} nothing when there are none
 */
export function labelled(label, bytes) {
  if (bytes.length === 0) return [];
  return showPayload(bytes).map((line) => (label === "" ? line : `${label} ${line}`));
}

/** A load as the ABI wants it, so that its slots say all there is in it. @param {Effect} effect */
function isPlainLoad(effect) {
  return (
    effect.data.length === effect.target * 4 &&
    effect.extra.length === 0 &&
    Object.is(effect.value, 0)
  );
}

/** The slots that a `load` asks for. @param {Effect} effect */
export function slotsOf({ data }) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const slots = [];
  for (let at = 0; at + 4 <= data.length; at += 4) slots.push(view.getUint32(at, true));
  return slots;
}

/** @param {number} value */
function showNumber(value) {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** @param {number} value */
function showDelay(value) {
  return value === -1 ? "never" : `${showNumber(value)}ms`;
}

/** @param {number} value @param {number} baseMs */
export function showTime(value, baseMs) {
  const sinceMs = value - baseMs;
  return `@${sinceMs < 0 ? "" : "+"}${sinceMs}ms`;
}

/** @param {number} value */
function showLevel(value) {
  return nameIn(LogLevel, value) ?? showNumber(value);
}

/** @param {Readonly<Record<string, number>>} names @param {number} number */
function nameIn(names, number) {
  return Object.keys(names).find((name) => names[name] === number);
}
