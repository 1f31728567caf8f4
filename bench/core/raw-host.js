// An instance of the module with nothing around it, for what is to be measured without the ways in
// and out: those of js-shim/wasm-host.js, and no more of it than a benchmark needs.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class RawHost {
  /** @param {WebAssembly.Module} module */
  constructor(module) {
    const { exports } = new WebAssembly.Instance(module, {});
    this.exports = /** @type {Record<string, (...args: number[]) => number>} */ (
      /** @type {unknown} */ (exports)
    );
    this.memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    this.exports._initialize();
  }

  /** @param {string} name @param {number[]} args */
  call(name, ...args) {
    return this.exports[name](...args);
  }

  /** @param {string | Uint8Array} data */
  write(data) {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    new Uint8Array(this.memory.buffer).set(bytes, this.exports.room_input(bytes.length));
    return bytes.length;
  }

  refresh() {}

  /** @param {number} address */
  u32(address) {
    return new DataView(this.memory.buffer).getUint32(address, true);
  }

  /** @param {number} address @param {number} size */
  text(address, size) {
    return decoder.decode(new Uint8Array(this.memory.buffer, address, size));
  }

  /** @param {number} address @param {number} size */
  copy(address, size) {
    return new Uint8Array(this.memory.buffer).slice(address, address + size);
  }
}
