// One room.wasm without a Worker around it, to be asked what no Worker tells: how much memory its
// instance holds. Of the effects it carries out those without which a room does not go on.

import { readFile } from "node:fs/promises";
import {
  Effect,
  EffectType,
  EventType,
  FrameKind,
  Output,
  ROOM_ABI_VERSION,
} from "../../js-shim/abi.generated.js";
import { WasmHost } from "../../js-shim/wasm-host.js";

export class WasmRoom {
  #host;
  #nowMs = 1_800_000_000_000;
  /** Their data, by slot. @type {Map<number, Uint8Array>} */
  #segments = new Map();
  /** The attempts that wait for an answer. @type {number[]} */
  attempts = [];

  /** @param {WasmHost} host */
  constructor(host) {
    this.#host = host;
  }

  /** A room that was never used. @param {string} path of the module @param {object} [settings] */
  static async start(path, settings = {}) {
    const module = new WebAssembly.Module(await readFile(path));
    const room = new WasmRoom(new WasmHost(module, "room", ROOM_ABI_VERSION));
    room.event(EventType.start, 1, 2, `lobby\n${JSON.stringify(settings)}`);
    room.event(EventType.restored);
    return room;
  }

  get memoryBytes() {
    return this.#host.memoryBytes;
  }

  /** @param {number} ms */
  pass(ms) {
    this.#nowMs += ms;
  }

  /** @param {number} socket @param {string} user */
  join(socket, user) {
    const operation = JSON.stringify({ op: "connect", room: "lobby", user });
    this.event(EventType.connect, socket, 0, operation);
  }

  /** @param {number} socket @param {object} frame */
  frame(socket, frame) {
    this.event(EventType.frame, socket, FrameKind.text, JSON.stringify(frame));
  }

  flush() {
    this.event(EventType.flush);
  }

  /**
   * @param {number} type @param {number} [target] @param {number} [number]
   * @param {string | Uint8Array} [payload]
   */
  event(type, target = 0, number = 0, payload = "") {
    const host = this.#host;
    const size = host.write(payload);
    const count = host.call("room_event", type, target, number, this.#nowMs, size);
    if (count < 0) throw new Error(`the room refused event ${type} with status ${count}`);
    const output = host.call("room_output");
    host.refresh();
    const data = host.u32(output + Output.data);
    /** @type {Uint32Array | null} */
    let slots = null;
    for (let i = 0; i < count; i++) {
      const at = host.u32(output + Output.effects) + i * Effect.SIZE;
      const target = host.u32(at + Effect.target);
      switch (host.u32(at + Effect.type)) {
        case EffectType.forward:
          this.attempts.push(target);
          break;
        case EffectType.putSegment: {
          const size = host.u32(at + Effect.extraSize);
          this.#segments.set(target, host.copy(data + host.u32(at + Effect.extra), size));
          break;
        }
        case EffectType.dropSegment:
          this.#segments.delete(target);
          break;
        case EffectType.load:
          slots = new Uint32Array(host.copy(data + host.u32(at + Effect.data), target * 4).buffer);
          break;
      }
    }
    if (!slots) return;
    for (const slot of slots) {
      this.event(EventType.loaded, slot, 0, this.#segments.get(slot));
    }
    this.event(EventType.loadEnd);
  }
}
