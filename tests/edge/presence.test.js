// Who is here: one person in several tabs, crowds that come and go at once, and those who are gone
// without a word.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import WebSocket from "ws";
import { Cable } from "./cable.js";
import { Client, newRoom, startEdge, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const PRESENCE_MAX = 50;
const CROWD = 300;

/** @param {Edge} edge @param {string} room @param {number} count @param {number} users */
async function hasPeople(edge, room, count, users) {
  const { body } = await until(
    () => edge.json(`/api/rooms/${room}`),
    (answer) => answer.body.connections === count,
  );
  assert.equal(body.users, users);
}

/** @param {Client} client @param {number} count @param {number} users */
async function isTold(client, count, users) {
  const told = await until(
    async () => client.all("room_count").at(-1),
    (each) => each?.count === count,
  );
  assert.equal(told?.users, users);
}

describe("presence", { concurrency: true }, () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    edge = await startEdge({ vars: { PRESENCE_MAX: String(PRESENCE_MAX) } });
  });
  after(async () => {
    await edge.close();
  });

  it("counts somebody in several tabs once among the users, and each tab", async () => {
    const room = newRoom();
    const bob = await edge.join(room, { user: "bob" });
    /** @type {Client[]} */
    const tabs = [];
    for (let n = 1; n <= 3; n++) {
      tabs.push(await edge.join(room, { user: "ana" }));
      const [welcome] = tabs[n - 1].told;
      assert.deepEqual([welcome.count, welcome.users], [n + 1, 2]);
    }
    await isTold(bob, 4, 2);
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      bob.send({ type: "presence" });
      const presence = await bob.next("presence");
      assert.deepEqual([presence.count, presence.users], [4, 2]);
      assert.equal(presence.members.length, 4);
      assert.deepEqual(
        new Set(presence.members.map((/** @type {any} */ member) => member.conn)),
        new Set([bob, ...tabs].map(({ told: [welcome] }) => welcome.conn)),
      );
    }
    await tabs[0].close();
    await isTold(bob, 3, 2);
    await tabs[1].close();
    await isTold(bob, 2, 2);
    await tabs[2].close();
    await isTold(bob, 1, 1);
    assert.deepEqual(
      bob.all("leave").map(({ user, conn }) => [user, conn]),
      tabs.map(({ told: [welcome] }) => ["ana", welcome.conn]),
    );
  });

  it("tells little of a crowd that comes and goes at once", async (t) => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    await isTold(ana, 1, 1);
    /** What ana is told while `happens`, until she knows the count. @param {number} count @param {() => Promise<unknown>} happens */
    const toldWhile = async (count, happens) => {
      const [objects, frames] = [ana.told.length, ana.frames.length];
      const startedMs = performance.now();
      await happens();
      await isTold(ana, count, count);
      const tookMs = performance.now() - startedMs;
      const told = ana.told.slice(objects);
      const sum = (/** @type {string} */ type) => told.filter((each) => each.type === type).length;
      const counts = sum("room_count");
      // The time is from before the first to after the last of them. A millisecond is what clocks
      // that count whole ones may disagree by.
      assert.ok((counts - 1) * 999 <= tookMs, `${counts} room_count in ${tookMs} ms`);
      t.diagnostic(`told ${told.length} in ${ana.frames.length - frames} frames, ${tookMs} ms`);
      return { joins: sum("join"), leaves: sum("leave"), others: told.length - counts };
    };
    /** @type {Client[]} */
    let crowd = [];
    const came = await toldWhile(1 + CROWD, async () => {
      const joins = Array.from({ length: CROWD }, (_, n) => edge.join(room, { user: `user-${n}` }));
      crowd = await Promise.all(joins);
    });
    // Her own was told before.
    assert.deepEqual(came, { joins: PRESENCE_MAX - 1, leaves: 0, others: PRESENCE_MAX - 1 });
    const went = await toldWhile(1, () => Promise.all(crowd.map((client) => client.close())));
    assert.deepEqual(went, { joins: 0, leaves: PRESENCE_MAX, others: PRESENCE_MAX });

    // A count that changes and changes back within its second is told once, as it is.
    const late = await edge.join(room, { user: "late" });
    await isTold(ana, 2, 2);
    assert.equal(ana.all("join").at(-1)?.user, "late");
    await late.close();
    await isTold(ana, 1, 1);
  });

  it("does not count for long who is gone without a word", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    /** Several come, and their network is cut. @param {(cable: Cable) => void} cut */
    const gone = async (cut) => {
      const cable = await Cable.lay(edge.url);
      for (let n = 1; n <= 5; n++) {
        const client = new Client(`${cable.url.replace("http", "ws")}/rooms/${room}?user=x`, {});
        await client.opened;
        await client.next("welcome");
      }
      await hasPeople(edge, room, 6, 2);
      cut(cable);
      return cable;
    };
    for (const sleeps of [false, true]) {
      // A connection that breaks is noticed, also while the room sleeps.
      const cable = await gone(() => {});
      if (sleeps) await edge.evict(room);
      await cable.close();
      await hasPeople(edge, room, 1, 1);
      await isTold(ana, 1, 1);
    }
    // A network that is dead tells nothing. What is said meanwhile reaches everybody else, and whoever
    // comes back by another way is one user with the ghosts.
    const dead = await gone((cable) => cable.goDead("up", "down"));
    const back = await edge.join(room, { user: "x" });
    await hasPeople(edge, room, 7, 2);
    for (let n = 1; n <= 20; n++) ana.send({ type: "message", content: "x".repeat(50_000) });
    await back.next("new_message", ({ seq }) => seq === 20);
    assert.deepEqual(
      back.all("new_message").map(({ seq }) => seq),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    await dead.close();
    await hasPeople(edge, room, 2, 2);
    await isTold(ana, 2, 2);
  });

  it("does not count, when it wakes, whom it sent away and who does not answer", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const cable = await Cable.lay(edge.url);
    const client = new Client(`${cable.url.replace("http", "ws")}/rooms/${room}?user=x`, {});
    await client.opened;
    await client.next("welcome");
    await isTold(ana, 2, 2);
    // The close frame does not arrive, so the socket never gets beyond closing.
    cable.goDead("down");
    client.send("x".repeat((1 << 20) + 1));
    await isTold(ana, 1, 1);
    await edge.evict(room);
    await hasPeople(edge, room, 1, 1);
    ana.send({ type: "presence" });
    assert.equal((await ana.next("presence")).members.length, 1);
    await cable.close();
    await hasPeople(edge, room, 1, 1);
    assert.deepEqual(
      ana.all("leave").map(({ user }) => user),
      ["x"],
    );
  });

  it("forgets who was cut off while joining", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    for (let n = 1; n <= 3; n++) ana.send({ type: "message", content: "x".repeat(50_000) });
    await ana.next("new_message", ({ seq }) => seq === 3);
    const cable = await Cable.lay(edge.url);
    const query = `user=x&epoch=${epoch}&after=0`;
    for (let n = 0; n < 25; n++) {
      // In the upgrade, its answer, the welcome or the replay.
      cable.cutNextAfter({ down: 1 + n * 40 });
      const address = `${cable.url.replace("http", "ws")}/rooms/${room}?${query}`;
      const socket = new WebSocket(address, { perMessageDeflate: false });
      socket.on("error", () => {});
      await new Promise((closed) => socket.on("close", closed));
    }
    await hasPeople(edge, room, 1, 1);
    await isTold(ana, 1, 1);
    ana.send({ type: "presence" });
    assert.equal((await ana.next("presence")).members.length, 1);
    await cable.close();
  });
});
