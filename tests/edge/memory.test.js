// How much WebAssembly memory a room holds. An instance never gives any back, and all rooms of an
// isolate share 128 MB.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { WasmRoom } from "./wasm-room.js";

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const roomModule = resolve(import.meta.dirname, `../../build/modules/${toolchain}/room.wasm`);

const KIB = 1024;

/** @param {WasmRoom} room @param {number} people */
function joinAll(room, people) {
  for (let i = 1; i <= people; i++) room.join(i, `user-${i}`);
  room.flush();
}

describe("the memory of a room", () => {
  it("is 256 KiB at most while little happens", async () => {
    const room = await WasmRoom.start(roomModule);
    joinAll(room, 10);
    for (let n = 0; n < 100; n++) {
      room.frame(1 + (n % 10), { type: "message", id: `${n}`, content: "x".repeat(200) });
      room.flush();
    }
    assert.ok(room.memoryBytes <= 256 * KIB, `${room.memoryBytes / KIB} KiB`);
  });

  it("stays small after a burst, and large messages", async () => {
    const room = await WasmRoom.start(roomModule);
    joinAll(room, 50);
    for (let n = 0; n < 1000; n++) {
      room.pass(4);
      room.frame(1 + (n % 50), { type: "message", id: `${n}`, content: "x".repeat(200) });
      if (n % 100 === 99) room.flush();
    }
    const burst = room.memoryBytes;
    assert.ok(burst <= 512 * KIB, `${burst / KIB} KiB after the burst`);
    for (let n = 0; n < 100; n++) {
      room.pass(10);
      room.frame(1 + (n % 50), { type: "message", content: "x".repeat(60_000) });
      if (n % 50 === 49) room.flush();
    }
    // Two frames of a turn's size, what they are made of, and the largest input.
    assert.ok(room.memoryBytes <= 8192 * KIB, `${room.memoryBytes / KIB} KiB after large messages`);
    const large = room.memoryBytes;
    for (let n = 0; n < 100; n++) {
      room.pass(10);
      room.frame(1 + (n % 50), { type: "message", content: "x".repeat(60_000) });
      if (n % 50 === 49) room.flush();
    }
    assert.equal(room.memoryBytes, large, "it grows with every burst");
  });
});
