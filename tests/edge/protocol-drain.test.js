// A room that is drained: everybody is told to come back, has time to, and misses nothing.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { central, newRoom, startEdge, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** How long a socket stays usable (kDrainMs). */
const DRAIN_MS = 1000;

describe("a room that is drained", { concurrency: true }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  /** @param {string} room */
  const drain = (room) =>
    edge.json(`/api/rooms/${room}/drain`, { method: "POST", headers: MODERATOR });

  it("lets everybody finish, closes with 1012, and everybody comes back to everything", async () => {
    const room = newRoom();
    const members = await Promise.all(
      ["ana", "ana", "bob", "cleo"].map((user) => edge.join(room, { user })),
    );
    const [ana, , bob] = members;
    const { epoch } = ana.told[0];
    ana.send({ type: "message", content: "before" });
    await bob.next("new_message");
    const startedMs = performance.now();
    const { status, body } = await drain(room);
    assert.deepEqual([status, body], [200, { connections: 4, after_ms: DRAIN_MS }]);
    const reconnect = { type: "reconnect", after_ms: DRAIN_MS };
    for (const member of members) assert.deepEqual(await member.next("reconnect"), reconnect);
    // What was under way gets through, for everybody.
    ana.send({ type: "message", content: "still", id: "still" });
    bob.send({ type: "message", content: "here" });
    for (const member of members) {
      await member.next("new_message", ({ content }) => content === "here");
      assert.deepEqual(
        member
          .all("new_message")
          .map(({ content }) => content)
          .toSorted(),
        ["before", "here", "still"],
      );
    }
    bob.send({ type: "presence" });
    assert.equal((await bob.next("presence")).count, 4);
    // One who comes back at once is not sent away with the others.
    const early = await edge.join(room, { user: "bob", epoch, after: 3 });
    assert.equal(early.told[0].recovered, true);
    for (const member of members) {
      assert.deepEqual(await member.closed, { code: 1012, reason: "drained" });
      assert.deepEqual(member.all("reconnect"), [reconnect]);
    }
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= DRAIN_MS, `closed after ${tookMs} ms`);
    await until(
      async () => (await edge.json(`/api/rooms/${room}`)).body,
      ({ connections }) => connections === 1,
    );
    assert.equal(early.socket.readyState, early.socket.OPEN);
    assert.deepEqual(early.all("reconnect"), []);
    early.send({ type: "message", content: "after" });
    await early.next("new_message", ({ seq }) => seq === 4);
    for (const seq of [0, 1, 3]) {
      const back = await edge.join(room, { user: "ana", epoch, after: seq });
      assert.deepEqual([back.told[0].epoch, back.told[0].recovered], [epoch, true]);
      await back.next("new_message", (told) => told.seq === 4);
      assert.deepEqual(
        back.all("new_message"),
        bob.all("new_message").slice(seq).concat(early.all("new_message")),
      );
      back.send({ type: "message", content: "again", id: "still" });
      assert.equal((await back.next("ack")).seq, ana.all("new_message").find(({ id }) => id)?.seq);
    }
  });

  it("is drained again while it drains, and tells nobody twice", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    assert.equal((await drain(room)).body.connections, 1);
    await ana.next("reconnect");
    const bob = await edge.join(room, { user: "bob" });
    assert.equal((await drain(room)).body.connections, 2);
    await bob.next("reconnect");
    assert.equal((await ana.closed).code, 1012);
    assert.equal((await bob.closed).code, 1012);
    assert.equal(ana.all("reconnect").length, 1);
    assert.equal(bob.all("reconnect").length, 1);
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.equal(body.connections, 0);
  });

  it("wakes for it, and sleeps again when all have gone", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: 1 });
    await ana.confirmed(1);
    await edge.evict(room);
    assert.equal((await drain(room)).body.connections, 1);
    await ana.next("reconnect");
    assert.equal((await ana.closed).code, 1012);
    const back = await edge.join(room, { user: "ana", epoch: ana.told[0].epoch, after: 1 });
    assert.deepEqual([back.told[0].recovered, back.told[0].count], [true, 1]);
    await edge.evict(room);
    back.send({ type: "message", content: 2 });
    await back.next("new_message", ({ seq }) => seq === 2);
  });

  it("may have nobody in it, and makes no room of one that was never used", async () => {
    const room = newRoom();
    const { status, body } = await drain(room);
    assert.deepEqual([status, body], [200, { connections: 0, after_ms: DRAIN_MS }]);
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.epoch, null);
    const ana = await edge.join(room, { user: "ana" });
    await new Promise((passed) => setTimeout(passed, DRAIN_MS + 200));
    assert.equal(ana.socket.readyState, ana.socket.OPEN);
    assert.deepEqual(ana.all("reconnect"), []);
  });

  it("is drained by moderators alone", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    for (const headers of [undefined, { authorization: "Bearer wrong" }]) {
      const init = { method: "POST", headers };
      assert.equal((await edge.fetch(`/api/rooms/${room}/drain`, init)).status, 401);
    }
    ana.send({ type: "presence" });
    await ana.next("presence");
    assert.deepEqual(ana.all("reconnect"), []);
  });
});
