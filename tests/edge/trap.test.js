// What a trap costs: the frame that did it, and nothing else. Runs a build of the room's module
// that traps on demand.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CentralProxy } from "./central-proxy.js";
import { central, newRoom, startEdge, until } from "./harness.js";
import { refusal } from "./refusal.js";

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const roomModule = resolve(import.meta.dirname, `../../build/${toolchain}-test/rooms/room.wasm`);

describe("a room whose instance traps", { timeout: 200_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Awaited<ReturnType<typeof startEdge>>} */
  let edge;

  before(async () => {
    assert.ok(existsSync(roomModule), `${roomModule} is missing: scripts/build ${toolchain}-test`);
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url, roomModule });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
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

  it("gives the turn's frames again, and does without those that trap then", async () => {
    const room = newRoom();
    const [ana, bob, eve] = await Promise.all(
      ["ana", "bob", "eve"].map((user) => edge.join(room, { user })),
    );
    ana.send({ type: "message", content: "one" });
    await ana.confirmed(1);
    ana.send({ type: "message", content: "two" });
    bob.send({ type: "message", content: "test: trap again" });
    ana.send({ type: "message", content: "three" });
    bob.send({ type: "message", content: "test: trap again, too" });
    ana.send({ type: "history", ref: "h" });
    eve.send("test: trap");
    ana.send({ type: "message", content: "four" });
    await ana.next("new_message", (told) => told.content === "four");
    assert.deepEqual(
      ana.all("new_message").map(({ seq, content }) => [seq, content]),
      [
        [1, "one"],
        [2, "two"],
        [3, "three"],
        [4, "four"],
      ],
    );
    assert.deepEqual(ana.all("error"), []);
    assert.equal(ana.all("history").length, 1);
    await bob.next("error");
    await bob.next("error");
    assert.deepEqual(
      bob.all("error").map(({ code }) => code),
      ["internal", "internal"],
    );
  });

  it("costs a frame that wants more memory than there is no more than another", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    ana.send({ type: "message", content: "kept" });
    eve.send("test: exhaust memory");
    assert.equal((await eve.next("error")).code, "internal");
    assert.equal((await ana.next("new_message")).content, "kept");
    assert.deepEqual(ana.all("error"), []);
  });

  it("closes a connection whose frames trap again and again, and no other", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    const traps = () =>
      edge.logs.filter((line) => line.includes('"event":"trap"') && line.includes(room)).length;
    for (let i = 1; i <= 50; i++) {
      eve.send("test: trap");
      ana.send({ type: "message", content: i });
    }
    assert.equal((await eve.closed).code, 1011);
    assert.equal(eve.all("error").length, 5);
    await ana.next("new_message", (told) => told.content === 50);
    assert.deepEqual(
      ana.all("new_message").map(({ content }) => content),
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    assert.deepEqual(ana.all("error"), []);
    assert.equal(traps(), 5);
    // It may come back.
    const again = await edge.join(room, { user: "eve" });
    again.send({ type: "message", content: "sorry" });
    await again.next("new_message");
  });

  it("refuses a join that traps, and fails a request that does, once each", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const address = `${edge.url.replace("http", "ws")}/rooms/${room}?user=test:%20trap`;
    const { status, headers } = await refusal(address);
    assert.equal(status, 503);
    assert.equal(headers["retry-after"], "1");
    const published = await edge.json(`/api/rooms/${room}/messages`, {
      method: "POST",
      headers: { authorization: "Bearer test-moderator" },
      body: JSON.stringify({ content: "test: trap" }),
    });
    assert.equal(published.status, 503);
    ana.send({ type: "message", content: "goes on" });
    assert.equal((await ana.next("new_message")).seq, 1);
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.equal(body.connections, 1);
    const traps = edge.logs.filter((line) => line.includes('"trap"') && line.includes(room));
    assert.deepEqual(
      traps.map((line) => JSON.parse(line).during),
      ["connect", "request"],
    );
  });

  it("does not send the same batch again at once when the answer to it traps", async () => {
    const room = newRoom();
    let sent = 0;
    let isPoisoned = true;
    proxy.meet(room, (passing) => {
      sent++;
      return isPoisoned ? Promise.resolve({ status: 200, body: "test: trap" }) : passing.handOn();
    });
    const ana = await edge.join(room, { user: "ana" });
    // More than a batch may hold: what waits after that would be sent without delay.
    for (let i = 0; i < 120; i++) ana.send({ type: "message", content: i });
    await until(
      async () => edge.logs.filter((line) => line.includes("attemptResult") && line.includes(room)),
      (lines) => lines.length > 0,
    );
    const before = sent;
    await pause(3000);
    assert.ok(sent - before <= 1, `${sent - before} more attempts within 3 s`);
    isPoisoned = false;
    await until(
      () => edge.json(`/api/rooms/${room}`),
      ({ body }) => body.confirmed === 120,
      60_000,
    );
  });

  it("does not touch another room of the same isolate", async () => {
    const [bad, good] = [newRoom(), newRoom()];
    const eve = await edge.join(bad, { user: "eve" });
    const ana = await edge.join(good, { user: "ana" });
    for (let i = 1; i <= 20; i++) {
      if (i % 5 === 0) eve.send("test: trap");
      ana.send({ type: "message", content: i });
    }
    await ana.next("new_message", (o) => o.seq === 20);
    await eve.next("error");
    assert.equal(ana.all("error").length, 0);
    eve.send({ type: "message", content: "well again" });
    await eve.next("new_message");
  });
});
