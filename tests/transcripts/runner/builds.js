// The three builds of the room's core behind one interface: an instance takes an event and gives
// its effects.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Effect as EffectRecord,
  Output,
  ROOM_ABI_VERSION,
} from "../../../js-shim/abi.generated.js";
import { TrapError, WasmHost } from "../../../js-shim/wasm-host.js";
import { ROOT } from "../../../scripts/command.js";

/**
 * @typedef {object} Effect
 * @property {number} type
 * @property {number} target
 * @property {number} value
 * @property {Uint8Array} data
 * @property {Uint8Array} extra
 */

/**
 * @typedef {object} Event
 * @property {number} type
 * @property {number} target
 * @property {number} number
 * @property {number} nowMs
 * @property {Uint8Array} payload
 */

/** What room_event returned, and the effects. @typedef {{ status: number, effects: Effect[] }} Answer */

/**
 * One room. An event that makes it trap, and any event after that, throws TrapError.
 * @typedef {object} Instance
 * @property {(event: Event) => Promise<Answer>} event
 * @property {() => void} end
 */

/** @typedef {{ name: string, instance: () => Instance }} Build */

export const PIPE = "build/native-asan/tools/room_pipe";

/**
 * The toolchains whose modules are played: both, unless EDGEROOM_TOOLCHAIN names one.
 * @returns {string[]}
 */
function toolchains() {
  const chosen = process.env.EDGEROOM_TOOLCHAIN;
  return chosen ? [chosen] : ["wasi", "emscripten"];
}

/** Arguments of scripts/build, each for one of the builds. @returns {string[][]} */
export function neededBuilds() {
  return [["--target", "room_pipe", "native-asan"], ...toolchains().map((name) => [name])];
}

/** All builds there are. @returns {Build[]} */
export function openBuilds() {
  return [nativeBuild(), ...toolchains().map(wasmBuild)];
}

/** @param {string} file below the repository */
function built(file) {
  const path = join(ROOT, file);
  if (!existsSync(path)) {
    throw new Error(`${file} is not there: run scripts/test transcripts, which builds it`);
  }
  return path;
}

/** @param {string} toolchain @returns {Build} */
function wasmBuild(toolchain) {
  const bytes = readFileSync(built(`build/modules/${toolchain}/room.wasm`));
  const module = new WebAssembly.Module(bytes);
  return { name: toolchain, instance: () => new WasmInstance(module) };
}

/** @param {string} [pipe] the program, below the repository @returns {Build} */
export function nativeBuild(pipe = PIPE) {
  const program = built(pipe);
  return { name: "native", instance: () => new PipeInstance(program) };
}

/** @implements {Instance} */
class WasmInstance {
  #host;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    this.#host = new WasmHost(module, "room", ROOM_ABI_VERSION);
  }

  /** @param {Event} event @returns {Promise<Answer>} */
  async event({ type, target, number, nowMs, payload }) {
    const size = this.#host.write(payload);
    if (size < 0) throw new Error(`the module takes no payload of ${payload.length} bytes`);
    const status = this.#host.call("room_event", type, target, number, nowMs, size);
    return { status, effects: status > 0 ? this.#effects() : [] };
  }

  #effects() {
    const host = this.#host;
    const output = host.call("room_output");
    host.refresh();
    const records = host.u32(output + Output.effects);
    const data = host.u32(output + Output.data);
    const count = host.u32(output + Output.count);
    return Array.from({ length: count }, (_, i) => {
      const at = records + i * EffectRecord.SIZE;
      /** @param {number} start @param {number} size offsets of two fields */
      const bytes = (start, size) => host.copy(data + host.u32(at + start), host.u32(at + size));
      return {
        type: host.u32(at + EffectRecord.type),
        target: host.u32(at + EffectRecord.target),
        value: host.f64(at + EffectRecord.value),
        data: bytes(EffectRecord.data, EffectRecord.dataSize),
        extra: bytes(EffectRecord.extra, EffectRecord.extraSize),
      };
    });
  }

  end() {}
}

/** Bytes of an event before its payload, without its size: see tools/room_pipe.cpp. */
const EVENT_HEAD_BYTES = 20;

/** @implements {Instance} */
class PipeInstance {
  #process;
  #stderr = "";
  /** What has come of the answers. @type {Buffer} */
  #received = Buffer.alloc(0);
  /** The event that waits for its answer. @type {PromiseWithResolvers<Answer> | null} */
  #waiting = null;
  /** @type {TrapError | null} */
  #ended = null;

  /** @param {string} program */
  constructor(program) {
    this.#process = spawn(program, [], { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdout.on("data", (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#take();
    });
    this.#process.stderr.setEncoding("utf8").on("data", (text) => {
      this.#stderr += text;
    });
    // Written to after its end: "close" tells why that came.
    this.#process.stdin.on("error", () => {});
    this.#process.once("error", (error) => this.#end(error.message));
    this.#process.once("close", (code, signal) => {
      this.#end(`room_pipe ended with ${signal ?? `exit code ${code}`}\n${this.#stderr}`.trimEnd());
    });
  }

  /** @param {Event} event @returns {Promise<Answer>} */
  async event({ type, target, number, nowMs, payload }) {
    if (this.#ended) throw this.#ended;
    const head = Buffer.alloc(4 + EVENT_HEAD_BYTES);
    head.writeUInt32LE(EVENT_HEAD_BYTES + payload.length, 0);
    head.writeUInt32LE(type, 4);
    head.writeUInt32LE(target, 8);
    head.writeUInt32LE(number, 12);
    head.writeDoubleLE(nowMs, 16);
    this.#waiting = Promise.withResolvers();
    this.#process.stdin.write(Buffer.concat([head, payload]));
    return this.#waiting.promise;
  }

  end() {
    this.#process.stdin.end();
  }

  #take() {
    if (this.#received.length < 4) return;
    const end = 4 + this.#received.readUInt32LE(0);
    if (this.#received.length < end) return;
    const answer = readAnswer(this.#received.subarray(4, end));
    this.#received = this.#received.subarray(end);
    this.#waiting?.resolve(answer);
    this.#waiting = null;
  }

  /** @param {string} reason */
  #end(reason) {
    this.#ended = new TrapError("native", reason);
    this.#waiting?.reject(this.#ended);
    this.#waiting = null;
  }
}

/** Bytes of an effect before its data. */
const EFFECT_HEAD_BYTES = 24;

/** @param {Buffer} bytes @returns {Answer} */
function readAnswer(bytes) {
  const status = bytes.readInt32LE(0);
  /** @type {Effect[]} */
  const effects = [];
  let at = 4;
  while (at < bytes.length) {
    const dataAt = at + EFFECT_HEAD_BYTES;
    const extraAt = dataAt + bytes.readUInt32LE(at + 16);
    const end = extraAt + bytes.readUInt32LE(at + 20);
    effects.push({
      type: bytes.readUInt32LE(at),
      target: bytes.readUInt32LE(at + 4),
      value: bytes.readDoubleLE(at + 8),
      data: new Uint8Array(bytes.subarray(dataAt, extraAt)),
      extra: new Uint8Array(bytes.subarray(extraAt, end)),
    });
    at = end;
  }
  if (at !== bytes.length || effects.length !== Math.max(status, 0)) {
    throw new Error(`room_pipe's answer says ${status} effects and holds ${effects.length}`);
  }
  return { status, effects };
}
