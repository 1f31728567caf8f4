// Frames that were changed at random, given to every build of the core: WebAssembly looks at texts
// sixteen bytes at once by other instructions than the native build, and all must find the same in
// them, to the byte.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EffectType, EventType, FrameKind } from "../../js-shim/abi.generated.js";
import { openBuilds } from "./runner/builds.js";

const SEED = 20261122;
const FRAMES = 4000;
const FRAMES_A_TURN = 20;
/** Most frames are changed at a few places; every so many-th is left as it is. */
const CHANGES_MAX = 3;
const WHOLE_ONE_IN = 4;

const encoder = new TextEncoder();

const SETTINGS = JSON.stringify({
  PERSIST_URL: "https://api.example",
  PERSIST_AUTH: "none",
  // Floods are another matter, and nothing is stored for good.
  MESSAGE_LIMITS: '{"connection":{"rate":1000000,"burst":1000000}}',
  CONTENT_RULES: '{"words":["heck*","grüße"]}',
});

/** Numbers from 0 to n - 1: mulberry32. @param {number} seed */
function dice(seed) {
  let state = seed;
  return (/** @type {number} */ n) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % n;
  };
}

const roll = dice(SEED);
/** @template T @param {readonly T[]} from @returns {T} */
const pick = (from) => from[roll(from.length)];

const PIECES = [
  "plain text ",
  "Grüße ",
  "こんにちは",
  "😀",
  '"',
  "\\",
  "\n",
  "\u0001",
  "é",
  "heck",
  "~",
  "\u0800",
];
const BYTES = [
  0, 0x1f, 0x20, 0x22, 0x5c, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff,
];

function text() {
  return Array.from({ length: roll(12) }, () => pick(PIECES)).join("");
}

/** @param {number} depth @returns {unknown} */
function value(depth) {
  switch (roll(depth > 3 ? 5 : 7)) {
    case 0:
      return text();
    case 1:
      return roll(1e6) / (1 + roll(1000)) - 500;
    case 2:
      return pick([true, false, null]);
    case 3:
      return "x".repeat(roll(100));
    case 4:
      return text() + text();
    case 5:
      return Array.from({ length: roll(4) }, () => value(depth + 1));
    default:
      return Object.fromEntries(Array.from({ length: roll(4) }, () => [text(), value(depth + 1)]));
  }
}

function frame() {
  const type = pick(["message", "message", "message", "event", "ping", "history", text()]);
  const members = {
    type,
    id: pick([undefined, text()]),
    ref: pick([undefined, text()]),
    name: text(),
  };
  const ascii = roll(3) === 0;
  const json = JSON.stringify({ ...members, content: value(0) });
  // JSON may be written in escapes alone.
  return ascii
    ? json.replaceAll(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : json;
}

/** @param {Uint8Array} bytes */
function changed(bytes) {
  const out = [...bytes];
  for (let changes = 1 + roll(CHANGES_MAX); changes > 0; changes--) {
    const at = roll(out.length + 1);
    switch (roll(4)) {
      case 0:
        out.splice(at, 1);
        break;
      case 1:
        out.splice(at, 0, pick(BYTES));
        break;
      case 2:
        out[Math.min(at, out.length - 1)] = pick(BYTES);
        break;
      default:
        out.length = Math.max(1, at);
    }
  }
  return new Uint8Array(out);
}

test("frames that were changed at random are the same to every build", async () => {
  const builds = openBuilds().map(({ name, instance }) => ({ name, room: instance() }));
  const nowMs = Date.UTC(2027, 0, 15);
  /** Data by slot. @type {Map<number, Uint8Array>} */
  const segments = new Map();
  /** Every kind of thing that was told. @type {Record<string, number>} */
  const told = {};
  /** @param {number} type @param {number} target @param {number} number @param {Uint8Array} payload */
  const give = async (type, target, number, payload) => {
    const event = { type, target, number, nowMs, payload };
    const answers = await Promise.all(builds.map(({ room }) => room.event(event)));
    for (const [i, answer] of answers.entries()) {
      assert.deepEqual(answer, answers[0], `${builds[i].name}: ${JSON.stringify([...payload])}`);
    }
    for (const { data } of answers[0].effects) {
      const [, what] =
        /^\[\{"type":"(?:error","code":")?(\w+)/.exec(Buffer.from(data).toString()) ?? [];
      if (what) told[what] = (told[what] ?? 0) + 1;
    }
    const { status, effects } = answers[0];
    assert.ok(status >= 0, `event ${type} was refused with ${status}`);
    for (const effect of effects) {
      if (effect.type === EffectType.putSegment) segments.set(effect.target, effect.extra);
    }
    return effects.find((effect) => effect.type === EffectType.load);
  };
  /** @param {number} type @param {number} target @param {number} number @param {Uint8Array} payload */
  const giveAndLoad = async (type, target, number, payload) => {
    let load = await give(type, target, number, payload);
    while (load) {
      for (const slot of new Uint32Array(new Uint8Array(load.data).buffer)) {
        await give(EventType.loaded, slot, 0, segments.get(slot) ?? new Uint8Array());
      }
      load = await give(EventType.loadEnd, 0, 0, new Uint8Array());
    }
  };
  try {
    await give(EventType.start, 1, 2, encoder.encode(`lobby\n${SETTINGS}`));
    await give(EventType.restored, 0, 0, new Uint8Array());
    const join = encoder.encode(JSON.stringify({ op: "connect", room: "lobby", user: "ana" }));
    await give(EventType.connect, 1, 0, join);
    for (let i = 0; i < FRAMES; i++) {
      const whole = encoder.encode(frame());
      const bytes = roll(WHOLE_ONE_IN) === 0 ? whole : changed(whole);
      await giveAndLoad(EventType.frame, 1, FrameKind.text, bytes);
      if (i % FRAMES_A_TURN !== FRAMES_A_TURN - 1) continue;
      await giveAndLoad(EventType.flush, 0, 0, new Uint8Array());
    }
  } finally {
    for (const { room } of builds) room.end();
  }
  for (const what of ["new_message", "bad_json", "bad_frame", "unknown_type", "content_refused"]) {
    assert.ok(
      (told[what] ?? 0) > 10,
      `${what} was told ${told[what]} times: ${JSON.stringify(told)}`,
    );
  }
});
