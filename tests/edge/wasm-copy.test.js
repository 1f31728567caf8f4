// memcpy and memmove of the modules (base/wasm_copy.cpp), against what the language's own array does.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { before, describe, it } from "node:test";

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const root = resolve(import.meta.dirname, "../..");

// What the module has of its own lies below.
const AT = 128 << 10;
const AREA_BYTES = 2048;
// Each way of copying ends at one of these sizes.
const SIZES = [...Array(70).keys(), 127, 128, 129, 255, 256, 257, 300, 1000];

describe("copying in a module", () => {
  /** @type {Record<"memcpy" | "memmove", (to: number, from: number, size: number) => number>} */
  let copy;
  /** @type {Uint8Array} */
  let area;

  before(async () => {
    const module = await readFile(`${root}/build/${toolchain}-test/base/copy.wasm`);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module));
    copy = /** @type {typeof copy} */ (/** @type {unknown} */ (instance.exports));
    const { memory } = /** @type {{memory: WebAssembly.Memory}} */ (
      /** @type {unknown} */ (instance.exports)
    );
    area = new Uint8Array(memory.buffer, AT, AREA_BYTES);
  });

  /** @param {"memcpy" | "memmove"} by @param {number} to @param {number} from @param {number} size */
  function check(by, to, from, size) {
    area.forEach((_, i) => {
      area[i] = (i * 31 + (i >> 8)) & 0xff;
    });
    const wanted = area.slice();
    wanted.copyWithin(to, from, from + size);
    assert.equal(copy[by](AT + to, AT + from, size), AT + to);
    if (Buffer.compare(area, wanted) === 0) return;
    assert.deepEqual(area, wanted, `${by} of ${size} bytes from ${from} to ${to}`);
  }

  it("copies what does not overlap", () => {
    for (const size of SIZES) {
      for (const shift of [0, 1, 7]) check("memcpy", 3 + shift, 1020, size);
    }
  });

  // Emscripten's memmove for size, given a memcpy that copies the last 16 bytes apart, lost what a
  // queue of segments held: a room trapped after two thousand turns.
  it("moves what overlaps, either way", () => {
    for (const size of SIZES) {
      for (const by of [0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 100]) {
        check("memmove", 200, 200 + by, size);
        check("memmove", 200 + by, 200, size);
      }
    }
  });
});
