import { Effect } from "./abi.generated.js";

/** @typedef {import("./wasm-host.js").WasmHost} WasmHost */

/**
 * An effect of the room's core, while it is carried out: its text and bytes are copied out of the
 * module's memory when they are asked for, which must be before the next event.
 */
export class AppliedEffect {
  #host;
  #data;
  #dataSize;
  #extra;
  #extraSize;

  /**
   * @param {WasmHost} host
   * @param {number} at where the effect stands in the module's memory
   * @param {number} data what its offsets are counted from
   */
  constructor(host, at, data) {
    this.#host = host;
    this.type = host.u32(at + Effect.type);
    this.target = host.u32(at + Effect.target);
    this.value = host.f64(at + Effect.value);
    this.#data = data + host.u32(at + Effect.data);
    this.#dataSize = host.u32(at + Effect.dataSize);
    this.#extra = data + host.u32(at + Effect.extra);
    this.#extraSize = host.u32(at + Effect.extraSize);
  }

  text() {
    return this.#host.text(this.#data, this.#dataSize);
  }

  bytes() {
    return this.#host.copy(this.#data, this.#dataSize);
  }

  extraText() {
    return this.#host.text(this.#extra, this.#extraSize);
  }

  extraBytes() {
    return this.#host.copy(this.#extra, this.#extraSize);
  }
}
