// One instance of one of edgeroom's modules, and the ways in and out of its memory.
//
// The module owns its memory. Text and bytes go in through the buffer of `<prefix>_input`, which
// holds until the next call, and come out as copies: a view of WebAssembly memory never leaves
// this file, because the next call may move or overwrite what it shows.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A call that trapped, or any call after it. The instance must be thrown away. */
export class TrapError extends Error {
  /** @param {string} prefix @param {unknown} cause */
  constructor(prefix, cause) {
    super(`the ${prefix} module trapped: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.name = "TrapError";
  }
}

export class WasmHost {
  #prefix;
  #exports;
  #memory;
  /** @type {Uint8Array} */
  #bytes;
  /** @type {DataView} */
  #view;
  /** @type {TrapError | null} */
  #trap = null;

  /**
   * @param {WebAssembly.Module} module
   * @param {string} prefix what the module's exports start with: "room" or "edge"
   * @param {number} abiVersion the version that the generated layout was made for
   */
  constructor(module, prefix, abiVersion) {
    const instance = new WebAssembly.Instance(module, {});
    this.#prefix = prefix;
    this.#exports = /** @type {Record<string, (...args: number[]) => number>} */ (
      /** @type {unknown} */ (instance.exports)
    );
    this.#memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.call("_initialize");
    const version = this.call(`${prefix}_abi_version`);
    if (version !== abiVersion) {
      throw new Error(
        `${prefix}.wasm has ABI version ${version}, the shim was made for ${abiVersion}: build again`,
      );
    }
  }

  /**
   * Calls an export. A trap poisons the instance: this call and all later ones throw TrapError.
   * @param {string} name the export's whole name
   * @param {number[]} args
   */
  call(name, ...args) {
    if (this.#trap) throw this.#trap;
    try {
      return this.#exports[name](...args);
    } catch (error) {
      this.#trap = new TrapError(this.#prefix, error);
      throw this.#trap;
    }
  }

  /**
   * Copies text or bytes into the module's input buffer.
   * @param {string | ArrayBuffer | Uint8Array} data
   * @returns {number} its size in bytes, or -1 when the module refuses a buffer so large
   */
  write(data) {
    if (typeof data === "string") {
      // A UTF-16 code unit takes at most three bytes of UTF-8.
      const address = this.#input(data.length * 3);
      if (address === 0) return -1;
      return encoder.encodeInto(data, this.#bytes.subarray(address)).written;
    }
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    const address = this.#input(bytes.length);
    if (address === 0) return -1;
    this.#bytes.set(bytes, address);
    return bytes.length;
  }

  /** @param {number} size */
  #input(size) {
    const address = this.call(`${this.#prefix}_input`, size);
    this.refresh();
    return address;
  }

  /** Rebuilds the views after memory has grown: call it before reading what a call left. */
  refresh() {
    if (this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = new Uint8Array(this.#memory.buffer);
      this.#view = new DataView(this.#memory.buffer);
    }
  }

  /** @param {number} address */
  u32(address) {
    return this.#view.getUint32(address, true);
  }

  /** @param {number} address */
  i32(address) {
    return this.#view.getInt32(address, true);
  }

  /** @param {number} address */
  f64(address) {
    return this.#view.getFloat64(address, true);
  }

  /** A copy of `size` bytes as text. @param {number} address @param {number} size */
  text(address, size) {
    return decoder.decode(this.#bytes.subarray(address, address + size));
  }

  /** A copy of `size` bytes. @param {number} address @param {number} size */
  copy(address, size) {
    return this.#bytes.slice(address, address + size);
  }

  /** Bytes of WebAssembly memory that the instance holds; it never gives any back. */
  get memoryBytes() {
    return this.#memory.buffer.byteLength;
  }
}
