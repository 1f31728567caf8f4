// Readers that do not take what they are sent: closed with 4008 before it costs the others memory,
// and whole again by recovery. When they are closed in detail: tests/unit/room_readers_test.cpp.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { newRoom, startEdge, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */

/** Enough to fill what the systems on both ends hold for a socket, and more than a slow reader may. */
const MESSAGE_BYTES = 60_000;
const FOR_SLOW = 100;
const FOR_TOO_MUCH = 600;

/** @param {Client} client @param {number} messages @param {number} [first] */
async function talk(client, messages, first = 1) {
  for (let seq = first; seq < first + messages; seq++) {
    client.send({ type: "message", content: `${seq} ${"x".repeat(MESSAGE_BYTES)}` });
    // Not more at once than a client may have on its way.
    if (seq % 20 === 0) await client.next("new_message", (o) => o.seq === seq);
  }
}

/** @param {Client} client */
function seqs(client) {
  return client.all("new_message").map(({ seq }) => seq);
}

/** @param {number} first @param {number} last */
function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe("a reader that does not read", { concurrency: true }, () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    const vars = {
      HISTORY_SIZE: "1000",
      MESSAGE_LIMITS: '{"connection":{"rate":100000,"burst":100000}}',
    };
    edge = await startEdge({ vars });
  });
  after(() => edge.close());

  it("is closed with 4008 after a while, and misses nothing when it comes back", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    bob.socket.pause();
    await talk(ana, FOR_SLOW);
    await ana.next("leave", (o) => o.user === "bob");
    // The others have everything, and go on.
    await talk(ana, 20, FOR_SLOW + 1);
    assert.deepEqual(seqs(ana), range(1, FOR_SLOW + 20));

    bob.socket.resume();
    assert.deepEqual(await bob.closed, { code: 4008, reason: "too slow a reader" });
    const seen = seqs(bob);
    assert.deepEqual(seen, range(1, seen.length));
    const { epoch } = bob.all("welcome")[0];
    const again = await edge.join(room, { user: "bob", epoch, after: seen.length });
    assert.equal(again.all("welcome")[0].recovered, true);
    await again.next("new_message", (o) => o.seq === FOR_SLOW + 20);
    assert.deepEqual(seqs(again), range(seen.length + 1, FOR_SLOW + 20));
    await until(
      async () => edge.logs.filter((line) => line.includes(room)),
      (lines) => lines.some((line) => line.includes('"slow_readers"')),
    );
  });

  it("is closed at once when far too much waits for it", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    bob.socket.pause();
    const started = performance.now();
    const talked = talk(ana, FOR_TOO_MUCH);
    await ana.next("leave", (o) => o.user === "bob");
    const waited = performance.now() - started;
    await talked;
    assert.deepEqual(seqs(ana), range(1, FOR_TOO_MUCH));
    bob.socket.resume();
    assert.equal((await bob.closed).code, 4008);
    // Told by the sequence, not by the clock: it was closed while they were still talking, before
    // the last of what was sent could have reached it.
    assert.ok(seqs(bob).length < FOR_TOO_MUCH, `${seqs(bob).length} messages in ${waited} ms`);
  });

  it("stays when it goes on in time", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    bob.socket.pause();
    const paused = performance.now();
    await talk(ana, FOR_SLOW);
    await pause(Math.max(0, paused + 5000 - performance.now()));
    bob.socket.resume();
    await bob.next("new_message", (o) => o.seq === FOR_SLOW);
    await pause(8000);
    assert.deepEqual(seqs(bob), range(1, FOR_SLOW));
    bob.send({ type: "message", content: "still here" });
    await ana.next("new_message", (o) => o.content === "still here");
  });
});
