// @ts-check
/**
 * replay.wasm: the core and scripts/replay, for a browser. What its exports do stands in
 * tools/replay/exports.cpp.
 */

const ABI_VERSION = 1;
/** Of a log. The module holds all of it; scripts/replay takes a log of any size. */
export const LOG_BYTES_MAX = 256 * 1024 * 1024;

/**
 * @typedef {object} Exports
 * @property {WebAssembly.Memory} memory
 * @property {() => void} _initialize
 * @property {() => number} replay_abi_version
 * @property {(size: number) => number} replay_input
 * @property {(logSize: number, argumentsSize: number) => number} replay_begin
 * @property {(records: number) => number} replay_run
 * @property {() => number} replay_output
 */

/** What replay_begin and replay_run answer. */
const UNUSABLE = -1;
const GOES_ON = 1;

/** The log, or what was asked of it, makes no sense; in words that name the line. */
export class UnusableLog extends Error {}
/** The module is not there, or is another one. */
export class NoModule extends Error {}

/**
 * Fetches and compiles the module.
 *
 * @param {string | URL} url
 */
export async function fetchModule(url) {
  const response = await fetch(url);
  if (response.status === 404) {
    throw new NoModule(
      "replay.wasm, the room's core for the browser, is not built: scripts/build puts it beside this page",
    );
  }
  if (!response.ok) throw new NoModule(`replay.wasm cannot be fetched: ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** One replay of one log. */
export class Replay {
  #exports;
  #encoder = new TextEncoder();

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    const { exports } = new WebAssembly.Instance(module);
    this.#exports = /** @type {Exports} */ (/** @type {unknown} */ (exports));
    this.#exports._initialize();
    const version = this.#exports.replay_abi_version();
    if (version !== ABI_VERSION) {
      throw new NoModule(
        `replay.wasm is of version ${version} and this page of ${ABI_VERSION}: scripts/build makes both fit`,
      );
    }
  }

  /**
   * Reads all of the log and checks it.
   *
   * @param {Blob} log
   * @param {string[]} options of scripts/replay
   * @returns {Promise<Uint8Array>} the first lines, valid until the next call
   */
  async begin(log, options) {
    const given = this.#encoder.encode(options.join("\n"));
    const address = this.#exports.replay_input(log.size + given.length);
    if (address === 0) throw new UnusableLog(tooLarge(log.size));
    const input = new Uint8Array(this.#exports.memory.buffer, address, log.size + given.length);
    let size = 0;
    for (const reader = log.stream().getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      input.set(value, size);
      size += value.length;
    }
    input.set(given, size);
    const status = this.#exports.replay_begin(size, given.length);
    if (status === UNUSABLE) throw new UnusableLog(new TextDecoder().decode(this.#output()));
    return this.#output();
  }

  /**
   * Goes on by so many records.
   *
   * @param {number} records
   * @returns {{ lines: Uint8Array, goesOn: boolean }} the lines are valid until the next call
   */
  run(records) {
    const status = this.#exports.replay_run(records);
    return { lines: this.#output(), goesOn: status === GOES_ON };
  }

  #output() {
    const at = this.#exports.replay_output();
    const { buffer } = this.#exports.memory;
    const [data = 0, size = 0] = new Uint32Array(buffer, at, 2);
    return new Uint8Array(buffer, data, size);
  }
}

/** @param {number} bytes */
export function tooLarge(bytes) {
  const mebibytes = (/** @type {number} */ number) => Math.ceil(number / (1024 * 1024));
  return `a log of ${mebibytes(bytes)} MiB is more than the ${mebibytes(LOG_BYTES_MAX)} MiB that this page holds; scripts/replay takes logs of any size`;
}
