// What a trap costs: the frame that did it, and nothing else. Runs a build of the room's module
// that traps on demand.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { central, newRoom, startEdge } from "./harness.js";

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const roomModule = resolve(import.meta.dirname, `../../build/${toolchain}-test/rooms/room.wasm`);

describe("a room whose instance traps", () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Awaited<ReturnType<typeof startEdge>>} */
  let edge;

  before(async () => {
    assert.ok(existsSync(roomModule), `${roomModule} is missing: scripts/build ${toolchain}-test`);
    store = await central();
    edge = await startEdge({ centralUrl: store.url, roomModule });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("tells the sender, keeps what the others sent in that turn, and goes on", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    ana.send({ type: "message", content: "stored before" });
    await ana.confirmed(1);
    ana.send({ type: "message", content: "same turn, before", id: "a" });
    eve.send("test: trap");
    ana.send({ type: "message", content: "same turn, after", id: "b" });
    assert.equal((await eve.next("error")).code, "internal");
    await ana.next("new_message", (o) => o.seq === 3);
    assert.deepEqual(
      ana.all("new_message").map((o) => [o.seq, o.content]),
      [
        [1, "stored before"],
        [2, "same turn, before"],
        [3, "same turn, after"],
      ],
    );
    assert.deepEqual(ana.all("error"), []);
    await ana.confirmed(3);
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.deepEqual([body.seq, body.connections, body.users], [3, 2, 2]);
    assert.ok(
      edge.logs.some((line) => line.includes('"event":"trap"') && line.includes(room)),
      `no log line names the trap:\n${edge.logs.join("\n")}`,
    );
  });

  it("tells every sender of the turn when the flush traps, and stores none of it", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    ana.send({ type: "message", content: "stored before" });
    await ana.confirmed(1);
    eve.send("test: trap at the flush");
    eve.send({ type: "message", content: "lost, and told so", id: "e" });
    await eve.next("error", (o) => o.code === "internal");
    eve.send({ type: "message", content: "again", id: "e" });
    const again = await ana.next("new_message", (o) => o.seq === 2);
    assert.equal(again.content, "again");
  });

  it("does not answer twice what it had answered before the trap", async () => {
    // All frames of a turn were given to the new instance, also those that were done with: a
    // history was sent twice, and a message that had been refused was stored after all.
    const room = newRoom();
    const eve = await edge.join(room, { user: "eve" });
    eve.send({ type: "history", ref: "h" });
    eve.send({ type: "message", id: "bad", content: "x".repeat(70_000) });
    eve.send("test: trap");
    eve.send({ type: "message", content: "end" });
    await eve.next("new_message");
    assert.deepEqual(
      eve.all("error").map((o) => o.code),
      ["too_large", "internal"],
    );
    assert.equal(eve.all("history").length, 1);
  });

  it("does not touch another room of the same isolate", async () => {
    const [bad, good] = [newRoom(), newRoom()];
    const eve = await edge.join(bad, { user: "eve" });
    const ana = await edge.join(good, { user: "ana" });
    for (let i = 1; i <= 20; i++) {
      eve.send("test: trap");
      ana.send({ type: "message", content: i });
    }
    await ana.next("new_message", (o) => o.seq === 20);
    await eve.next("error");
    assert.equal(ana.all("error").length, 0);
    eve.send({ type: "message", content: "well again" });
    await eve.next("new_message");
  });
});
