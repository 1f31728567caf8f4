// What each effect of the room's core does on the platform: one function each.

import { EffectType, EventType, LogLevel } from "./abi.generated.js";
import { writePoint } from "./analytics.js";
import { joined } from "./bounded-body.js";
import { getPage, postBatch } from "./central.js";
import { verifyToken } from "./token.js";

/** @typedef {import("./room-runtime.js").RoomRuntime} RoomRuntime */

/** @typedef {import("./applied-effect.js").AppliedEffect} AppliedEffect */

const encoder = new TextEncoder();

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS segments (slot INTEGER PRIMARY KEY, head BLOB NOT NULL, data BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
`;

/** @type {Record<number, (room: RoomRuntime, effect: AppliedEffect) => void>} */
const effects = {
  [EffectType.send]: send,
  [EffectType.broadcast]: broadcast,
  [EffectType.close]: close,
  [EffectType.accept]: accept,
  [EffectType.putSegment]: putSegment,
  [EffectType.dropSegment]: dropSegment,
  [EffectType.putState]: putState,
  [EffectType.load]: load,
  [EffectType.scheduleFlush]: scheduleFlush,
  [EffectType.timer]: timer,
  [EffectType.alarm]: alarm,
  [EffectType.forward]: forward,
  [EffectType.respond]: respond,
  [EffectType.log]: log,
  [EffectType.keepFrame]: keepFrame,
  [EffectType.respondPart]: respondPart,
  [EffectType.fetch]: fetchCentral,
  [EffectType.verifyToken]: verify,
  [EffectType.attach]: attach,
  [EffectType.rebuild]: rebuild,
  [EffectType.measure]: measure,
  [EffectType.forwardingState]: forwardingState,
};

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
export function applyEffect(room, effect) {
  effects[effect.type](room, effect);
}

/** @param {WebSocket | undefined} socket @param {string} text */
function sendTo(socket, text) {
  try {
    socket?.send(text);
  } catch (error) {
    // A socket whose close is under way takes no more; its close event comes. It is cheaper to be
    // told so than to look before each of thousands.
    if (socket?.readyState === WebSocket.OPEN) throw error;
  }
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function send(room, effect) {
  sendTo(room.sockets.get(effect.target), effect.text());
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function broadcast(room, effect) {
  const text = effect.text();
  for (const socket of room.sockets.values()) sendTo(socket, text);
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function close(room, effect) {
  const socket = room.sockets.get(effect.target);
  room.removeSocket(effect.target);
  // A client that does not answer the close may go on sending, and wake the room with it: by then it
  // must not be somebody again who was sent away.
  socket?.serializeAttachment(null);
  if (socket?.readyState === WebSocket.OPEN) socket.close(effect.value, effect.text());
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function accept(room, effect) {
  const socket = /** @type {WebSocket} */ (room.joining);
  room.joining = null;
  room.mayCompress = effect.value === 1;
  room.ctx.acceptWebSocket(socket);
  socket.serializeAttachment(effect.bytes());
  room.addSocket(effect.target, socket);
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function putSegment(room, effect) {
  const { sql } = room.ctx.storage;
  sql.exec(
    "INSERT OR REPLACE INTO segments (slot, head, data) VALUES (?, ?, ?)",
    effect.target,
    effect.bytes(),
    effect.extraBytes(),
  );
  if (effect.value === 1) room.turnStored();
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function dropSegment(room, effect) {
  room.ctx.storage.sql.exec("DELETE FROM segments WHERE slot = ?", effect.target);
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function putState(room, effect) {
  const { sql } = room.ctx.storage;
  // The room's first write is a state row. Before it the object has no tables: looking at a room
  // that was never used stores nothing.
  if (!room.hasSchema) sql.exec(SCHEMA);
  room.hasSchema = true;
  sql.exec("INSERT OR REPLACE INTO state (id, data) VALUES (?, ?)", effect.target, effect.bytes());
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function load(room, effect) {
  const bytes = effect.bytes();
  const slots = new Uint32Array(bytes.buffer, 0, effect.target);
  const { sql } = room.ctx.storage;
  for (const slot of slots) {
    const row = sql.exec("SELECT data FROM segments WHERE slot = ?", slot).one();
    room.event(EventType.loaded, slot, 0, /** @type {ArrayBuffer} */ (row.data));
  }
  room.event(EventType.loadEnd, 0, 0);
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function scheduleFlush(room, effect) {
  if (room.flushScheduled) return;
  room.flushScheduled = true;
  endTurn(room, effect.target, effect.value);
}

/**
 * A timer, even one of no time, runs after the messages that have already arrived: they share the
 * flush. Those that the platform has read but not yet handed over come before the next timer.
 * @param {RoomRuntime} room @param {number} looks further ones @param {number} ms
 */
function endTurn(room, looks, ms) {
  setTimeout(() => (looks === 0 ? room.flush() : endTurn(room, looks - 1, 0)), ms);
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function timer(room, effect) {
  clearTimeout(room.timer);
  if (effect.value >= 0) {
    room.timer = setTimeout(() => room.background(EventType.timer), effect.value);
  }
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function alarm(room, effect) {
  room.ctx.waitUntil(room.ctx.storage.setAlarm(effect.value));
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function forward(room, effect) {
  const attempt = effect.target;
  const [key = "", clockOffsetMs] = effect.extraText().split("\n");
  const options = { timeoutMs: effect.value, clockOffsetMs: Number(clockOffsetMs ?? 0) };
  const answered = postBatch(room.env, effect.text(), key, options);
  whenAnswered(room, answered, (answer) => {
    const headers = encoder.encode(`${answer.retryAfter}\n${answer.date}\n`);
    const payload = joined([headers, answer.body]);
    room.background(EventType.attemptResult, attempt, answer.status, payload);
  });
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function fetchCentral(room, effect) {
  const number = effect.target;
  const options = { timeoutMs: effect.value, clockOffsetMs: Number(effect.extraText()) };
  whenAnswered(room, getPage(room.env, effect.text(), options), (answer) => {
    room.background(EventType.fetched, number, answer.status, answer.body);
  });
}

/**
 * @template T
 * @param {RoomRuntime} room
 * @param {Promise<T>} answered
 * @param {(answer: T) => void} tell
 */
function whenAnswered(room, answered, tell) {
  const { generation } = room;
  room.ctx.waitUntil(
    answered.then((answer) => {
      // An instance that was rebuilt has asked again, or nobody waits any more.
      if (room.generation === generation) tell(answer);
    }),
  );
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function verify(room, effect) {
  const handle = effect.target;
  whenAnswered(room, verifyToken(room.env, effect.text()), (verdict) => {
    room.background(EventType.verified, handle, 0, verdict);
  });
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function attach(room, effect) {
  room.sockets.get(effect.target)?.serializeAttachment(effect.bytes());
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function respond(room, effect) {
  const [contentType, ...more] = effect.extraText().split("\n");
  const headers = new Headers({ "content-type": contentType });
  for (const line of more) {
    const [, name, value] = /** @type {RegExpExecArray} */ (/^([^:]+): (.*)$/.exec(line));
    headers.set(name, value);
  }
  room.answers.answer(effect.target, effect.value, headers, effect.text());
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function respondPart(room, effect) {
  room.answers.part(effect.target, effect.text(), effect.extraText());
}

/** What an amount or a time is that does not fit, or that there is none of. */
const UINT32_MAX = 0xffffffff;

/** Whether the platform tells what was sent and waits. */
const tellsBacklog = "bufferedAmount" in WebSocket.prototype;

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function measure(room, effect) {
  const least = effect.value;
  // When the effects of this event are all carried out.
  queueMicrotask(() => {
    const told = [];
    for (const [handle, socket] of room.sockets) {
      const bytes = tellsBacklog ? /** @type {any} */ (socket).bufferedAmount : 0;
      if (tellsBacklog && bytes < least) continue;
      told.push(handle, Math.min(bytes, UINT32_MAX), silentMs(room, socket));
    }
    const payload = new Uint8Array(new Uint32Array(told).buffer);
    room.background(EventType.measured, 0, tellsBacklog ? 1 : 0, payload);
  });
}

/** @param {RoomRuntime} room @param {WebSocket} socket */
function silentMs(room, socket) {
  const pinged = tellsBacklog ? null : room.ctx.getWebSocketAutoResponseTimestamp(socket);
  return pinged ? Math.min(Math.max(0, Date.now() - pinged.getTime()), UINT32_MAX) : UINT32_MAX;
}

/** @param {RoomRuntime} room */
function rebuild(room) {
  room.wantRebuild();
}

/** @param {RoomRuntime} room */
function keepFrame(room) {
  room.keepFrame();
}

/** @param {RoomRuntime} _room @param {AppliedEffect} effect */
function log(_room, effect) {
  const names = Object.keys(LogLevel);
  const line = { level: names[effect.value], ...JSON.parse(effect.text()) };
  console.log(JSON.stringify(line));
}

/** @param {RoomRuntime} room @param {AppliedEffect} effect */
function forwardingState(room, effect) {
  const dataset = /** @type {AnalyticsEngineDataset | undefined} */ (room.env.ANALYTICS);
  if (!dataset) return;
  const { event, room: name, state, detail = "", epoch, ...counts } = JSON.parse(effect.text());
  const { pending, oldest_ms, dead, attempts } = counts;
  writePoint(
    dataset,
    name,
    [event, name, state, detail, epoch],
    [pending, oldest_ms, dead, attempts],
  );
}
