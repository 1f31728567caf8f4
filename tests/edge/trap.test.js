// What a trap costs: the frame that did it, and nothing else. Runs a build of the room's module
// that traps on demand.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CentralProxy } from "./central-proxy.js";
import { builtModule, central, newRoom, startEdge, until } from "./harness.js";
import { refusal } from "./refusal.js";
import { inOneTurn, TURN_ENTRY } from "./turn.js";

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const roomModule = builtModule(`${toolchain}-test`, "rooms/room.wasm");

describe("a room whose instance traps", { timeout: 300_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Awaited<ReturnType<typeof startEdge>>} */
  let edge;

  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url, roomModule, entry: TURN_ENTRY });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** The log's lines of traps in a room, once there are so many: they come a little after all else. @param {string} room @param {number} count */
  async function traps(room, count) {
    const lines = await until(
      async () =>
        edge.logs.filter((line) => line.includes('"event":"trap"') && line.includes(room)),
      ({ length }) => length >= count,
    );
    assert.equal(lines.length, count, lines.join("\n"));
    return lines.map((line) => JSON.parse(line));
  }

  it("tells the sender, keeps what the others sent in that turn, and goes on", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    ana.send({ type: "message", content: "stored before" });
    await ana.confirmed(1);
    await inOneTurn(edge, [
      [ana, { type: "message", content: "same turn, before", id: "a" }],
      [eve, "test: trap"],
      [ana, { type: "message", content: "same turn, after", id: "b" }],
    ]);
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
    const [trap] = await traps(room, 1);
    assert.deepEqual([trap.level, trap.room, trap.during], ["error", room, "frame"]);
  });

  it("tells every sender of the turn when the flush traps, and stores none of it", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    ana.send({ type: "message", content: "stored before" });
    await ana.confirmed(1);
    await inOneTurn(edge, [
      [eve, "test: trap at the flush", { type: "message", content: "lost, and told so", id: "e" }],
    ]);
    await eve.next("error", (o) => o.code === "internal");
    eve.send({ type: "message", content: "again", id: "e" });
    const again = await ana.next("new_message", (o) => o.seq === 2);
    assert.equal(again.content, "again");
  });

  it("tells who has sent a message once more in that turn, too", async () => {
    // Over another connection, the first being lost: nobody told that one, and the other is gone.
    const room = newRoom();
    const lost = await edge.join(room, { user: "ana" });
    const back = await edge.join(room, { user: "ana" });
    const message = { type: "message", content: "lost, and told so", id: "a" };
    await inOneTurn(edge, [
      [lost, message],
      [back, message, "test: trap at the flush"],
    ]);
    await lost.next("error", (o) => o.code === "internal");
    await back.next("error", (o) => o.code === "internal");
    back.send(message);
    assert.equal((await back.next("new_message")).seq, 1);
  });

  it("does not answer twice what it had answered before the trap", async () => {
    // All frames of a turn were given to the new instance, also those that were done with: a
    // history was sent twice, and a message that had been refused was stored after all.
    const room = newRoom();
    const eve = await edge.join(room, { user: "eve" });
    await inOneTurn(edge, [
      [
        eve,
        { type: "history", ref: "h" },
        { type: "message", id: "bad", content: "x".repeat(70_000) },
        "test: trap",
        { type: "message", content: "end" },
      ],
    ]);
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
    await inOneTurn(edge, [
      [ana, { type: "message", content: "two" }],
      [bob, { type: "message", content: "test: trap again" }],
      [ana, { type: "message", content: "three" }],
      [bob, { type: "message", content: "test: trap again, too" }],
      [ana, { type: "history", ref: "h" }],
      [eve, "test: trap"],
      [ana, { type: "message", content: "four" }],
    ]);
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
    // One flush took them all: its frame tells all three.
    const [turn] = ana.frames.filter((frame) => frame.includes('"two"'));
    assert.match(turn, /"two".*"three".*"four"/);
    await bob.next("error");
    await bob.next("error");
    for (const [client, errors] of /** @type {const} */ ([
      [bob, 2],
      [eve, 1],
    ])) {
      assert.deepEqual(
        client.all("error").map(({ code }) => code),
        Array.from({ length: errors }, () => "internal"),
      );
    }
    await traps(room, 3);
  });

  it("costs a frame that wants more memory than there is no more than another", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    await inOneTurn(edge, [
      [ana, { type: "message", content: "kept" }],
      [eve, "test: exhaust memory"],
    ]);
    assert.equal((await eve.next("error")).code, "internal");
    assert.equal((await ana.next("new_message")).content, "kept");
    assert.deepEqual(ana.all("error"), []);
  });

  it("closes a connection whose frames trap again and again, and no other", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
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
    await traps(room, 5);
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
    assert.deepEqual(
      (await traps(room, 2)).map(({ during }) => during),
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
    await pause(3000);
    // Those that were on their way together when the first of them was answered.
    assert.ok(sent <= 4, `${sent} attempts within 3 s`);
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
