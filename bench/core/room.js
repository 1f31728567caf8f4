// A room for benchmarks: the module that ships, driven through its ABI as js-shim/room-runtime.js
// drives it, with storage and a central API that take no time. What it does for them is not timed by
// whoever asks for frames and flushes alone.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Effect,
  EffectType,
  EventType,
  FrameKind,
  Output,
  ROOM_ABI_VERSION,
} from "../../js-shim/abi.generated.js";
import { WasmHost } from "../../js-shim/wasm-host.js";
import { RawHost } from "./raw-host.js";

const modules = join(import.meta.dirname, "../../build/modules");

/** Limits that never speak, but are asked. */
const SETTINGS = {
  PERSIST_URL: "https://api.example",
  PERSIST_AUTH: "none",
  PRESENCE_MAX: "0",
  MESSAGE_LIMITS: JSON.stringify({
    connection: { rate: 1e6, burst: 1e6, bytes: 2 ** 30, bytes_burst: 2 ** 30 },
  }),
};

/** @param {string} toolchain wasi or emscripten */
export function compileRoom(toolchain) {
  return new WebAssembly.Module(readFileSync(join(modules, toolchain, "room.wasm")));
}

/** @typedef {Record<"state" | "heads" | "attachments", Map<number, Uint8Array>>} Stored */

export class BenchRoom {
  #host;
  /** Data of the segments by slot. @type {Map<number, Uint8Array>} */
  #segments = new Map();
  /** Slots that the core wants to read. @type {Uint32Array | null} */
  #wanted = null;
  /** Batches that wait for their answer. @type {{attempt: number, body: Uint8Array}[]} */
  #batches = [];
  nowMs = Date.UTC(2026, 10, 22);
  /** What outlives the instance, by row, slot and socket. @type {Stored} */
  stored = { state: new Map(), heads: new Map(), attachments: new Map() };
  /** The frame that was broadcast last. */
  told = "";
  /** Records that are confirmed. */
  confirmed = 0;

  /** @param {WebAssembly.Module} module @param {{isRaw?: boolean, from?: BenchRoom}} [how] */
  constructor(module, { isRaw = false, from } = {}) {
    this.#host = isRaw ? new RawHost(module) : new WasmHost(module, "room", ROOM_ABI_VERSION);
    this.event(EventType.start, 1, 2, `lobby\n${JSON.stringify(SETTINGS)}`);
    if (from) this.#restore(from);
    this.event(EventType.restored);
    if (!from) this.join(1);
  }

  /** Everything that a room is given on waking, of another one. @param {BenchRoom} from */
  #restore(from) {
    const { state, heads, attachments } = from.stored;
    this.stored = from.stored;
    this.#segments = from.#segments;
    this.nowMs = from.nowMs;
    for (const [id, data] of state) this.event(EventType.restoreState, id, 0, data);
    for (const [slot, head] of heads) this.event(EventType.restoreSegment, slot, 0, head);
    for (const [handle, attachment] of attachments) {
      this.event(EventType.restoreConnection, handle, 0, attachment);
    }
  }

  /** @param {number} handle of the socket */
  join(handle) {
    const user = handle === 1 ? "ana" : `user-${handle}`;
    const operation = JSON.stringify({ op: "connect", room: "lobby", user });
    this.event(EventType.connect, handle, 0, operation);
    this.serve();
  }

  /** Time goes on, and what was due has been done: no frame starts a batch. @param {number} ms */
  pass(ms) {
    this.nowMs += ms;
    this.event(EventType.timer);
    this.serve();
  }

  /** One message of the one socket, with all that the shim does for it. @param {string} text */
  frame(text) {
    const host = this.#host;
    this.apply(this.#call(EventType.frame, 1, FrameKind.text, host.write(text)));
  }

  /**
   * Puts a frame into the input buffer, to be given again and again with another number in it. What
   * gives it does nothing else: no text crosses, and no effect is read. Of a raw room alone.
   * @param {string} text @param {number} digitsAt where its number begins @param {number} digits
   * @returns {(number: number) => void}
   */
  stand(text, digitsAt, digits) {
    if (!(this.#host instanceof RawHost)) throw new Error("the room is no raw one");
    const size = this.#host.write(text);
    const { memory, exports } = this.#host;
    const input = exports.room_input(size);
    const event = exports.room_event;
    const { nowMs } = this;
    let view = new Uint8Array(memory.buffer, input, size);
    return (number) => {
      if (view.byteLength === 0) view = new Uint8Array(memory.buffer, input, size);
      for (let i = digitsAt + digits - 1, left = number; i >= digitsAt; i--) {
        view[i] = 48 + (left % 10);
        left = Math.floor(left / 10);
      }
      if (event(EventType.frame, 1, FrameKind.text, nowMs, size) < 0) throw new Error("refused");
    };
  }

  /** What a flush leaves is not read. @returns {number} effects */
  flushOnly() {
    return this.#call(EventType.flush, 0, 0, 0);
  }

  flush() {
    this.apply(this.flushOnly());
  }

  /** @param {number} type @param {number} target @param {number} number @param {number} size */
  #call(type, target, number, size) {
    const count = this.#host.call("room_event", type, target, number, this.nowMs, size);
    if (count < 0) throw new Error(`the room refused event ${type} with status ${count}`);
    return count;
  }

  /**
   * An event and its effects.
   * @param {number} type @param {number} [target] @param {number} [number]
   * @param {string | Uint8Array} [payload]
   */
  event(type, target = 0, number = 0, payload) {
    const size = payload === undefined ? 0 : this.#host.write(payload);
    this.apply(this.#call(type, target, number, size));
  }

  /** Carries effects out: copies what is sent and stored. @param {number} count */
  apply(count) {
    if (count === 0) return;
    const host = this.#host;
    const output = host.call("room_output");
    host.refresh();
    const records = host.u32(output + Output.effects);
    const base = host.u32(output + Output.data);
    for (let i = 0; i < count; i++) {
      const at = records + i * Effect.SIZE;
      const target = host.u32(at + Effect.target);
      const data = base + host.u32(at + Effect.data);
      const size = host.u32(at + Effect.dataSize);
      switch (host.u32(at + Effect.type)) {
        case EffectType.send:
        case EffectType.broadcast:
          this.told = host.text(data, size);
          break;
        case EffectType.putSegment: {
          this.stored.heads.set(target, host.copy(data, size));
          const extra = base + host.u32(at + Effect.extra);
          this.#segments.set(target, host.copy(extra, host.u32(at + Effect.extraSize)));
          break;
        }
        case EffectType.dropSegment:
          this.stored.heads.delete(target);
          this.#segments.delete(target);
          break;
        case EffectType.putState:
          this.stored.state.set(target, host.copy(data, size));
          break;
        case EffectType.accept:
          this.stored.attachments.set(target, host.copy(data, size));
          break;
        case EffectType.load:
          this.#wanted = new Uint32Array(host.copy(data, size).buffer);
          break;
        case EffectType.forward:
          this.#batches.push({ attempt: target, body: host.copy(data, size) });
          break;
      }
    }
  }

  /** Does for the core what it waits for: reads segments, and answers batches. */
  serve() {
    for (;;) {
      const slots = this.#wanted;
      const batch = slots ? undefined : this.#batches.shift();
      if (slots) {
        this.#wanted = null;
        for (const slot of slots) this.event(EventType.loaded, slot, 0, this.#segments.get(slot));
        this.event(EventType.loadEnd);
      } else if (batch) {
        this.event(EventType.attemptResult, batch.attempt, 200, this.#answer(batch.body));
      } else {
        return;
      }
    }
  }

  /** All of a batch is stored. @param {Uint8Array} body */
  #answer(body) {
    const { room, epoch, records } = JSON.parse(new TextDecoder().decode(body));
    const results = records.map((/** @type {{seq: number}} */ { seq }) => ({
      seq,
      status: "stored",
    }));
    this.confirmed += records.length;
    return `\n\n${JSON.stringify({ v: 1, room, epoch, results })}`;
  }
}
