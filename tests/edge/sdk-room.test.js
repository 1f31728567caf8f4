// The SDK with a real room: what it asks for is answered as it says, and what the central API does
// with a record is what a receipt tells.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect } from "../../client/public/client/edgeroom.js";
import { CentralProxy, handOn } from "./central-proxy.js";
import { central, newRoom, STORE_PATIENCE_MS, startEdge } from "./harness.js";

/** @typedef {import("../../client/public/client/edgeroom.js").EdgeRoom} EdgeRoom */
/** @typedef {import("../../client/public/client/edgeroom.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./central-proxy.js").Meeting} Meeting */

const MODERATOR = "test-moderator";
const TIMING = { backoffFloorMs: 1, backoffStartMs: 5, backoffCeilingMs: 20 };

/** Rooms that let go of nearly everything that is confirmed. */
const FORGETFUL = { HISTORY_SIZE: "10", DEDUP_MAX: "1" };

/** @type {Meeting} */
const refuseAll = async (passing) => {
  if (passing.method !== "POST") return passing.handOn();
  const { v, room, epoch, records } = JSON.parse(String(passing.body));
  const results = records.map((/** @type {{seq: number}} */ { seq }) => {
    return { seq, status: "rejected", code: "INVALID" };
  });
  return { status: 200, body: JSON.stringify({ v, room, epoch, results }) };
};

/** @type {Meeting} */
const beAway = async () => ({ status: 503, headers: { "retry-after": "1" } });

describe("the SDK", { timeout: 240_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Awaited<ReturnType<typeof startEdge>>} */
  let edge;
  const leave = new AbortController();
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url, vars: FORGETFUL, withoutPages: true });
  });
  after(async () => {
    leave.abort();
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** Comes into a room, and is welcomed. @param {string} name @param {ConnectOptions} options */
  async function enter(name, options) {
    const { signal } = leave;
    const room = connect(name, { url: edge.url, timing: TIMING, signal, ...options });
    await /** @type {Promise<void>} */ (
      new Promise((opened, failed) => {
        room.on("state", ({ state, reason }) => {
          if (state === "open") opened();
          if (state === "closed") failed(new Error(JSON.stringify(reason)));
        });
      })
    );
    return room;
  }

  it("moderates: each call is answered by its record, or refused", async () => {
    const name = newRoom();
    const mod = await enter(name, { user: "mod", token: MODERATOR });
    const eve = await enter(name, { user: "eve" });
    assert.deepEqual([mod.isModerator, eve.isModerator], [true, false]);
    const muted = await mod.moderate("mute", "eve", { forS: 3600, reason: 'enough "noise" 😀' });
    assert.deepEqual(muted, {
      type: "moderation",
      seq: 1,
      action: "mute",
      user: "eve",
      by: "mod",
      until: muted.ts + 3_600_000,
      reason: 'enough "noise" 😀',
      ts: muted.ts,
    });
    await assert.rejects(eve.publish("let me"), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.problem.until], ["muted", muted.until]);
      return true;
    });
    assert.equal((await mod.moderate("unmute", "eve")).seq, 2);
    const { seq } = await eve.publish("thanks");
    await assert.rejects(eve.moderate("kick", "mod"), { name: "RoomError", code: "forbidden" });
    await assert.rejects(eve.delete(99), { code: "not_found" });
    await assert.rejects(mod.moderate("ban", "eve", { forS: 0 }), { code: "bad_frame" });
    assert.deepEqual((await mod.delete(seq)).target, seq);
    await assert.rejects(mod.delete(seq), { code: "not_found" });
    const removed = new Promise((resolve) => {
      eve.on("state", ({ state, reason }) => state === "closed" && resolve(reason?.code));
    });
    assert.equal((await mod.moderate("kick", "eve")).action, "kick");
    assert.equal(await removed, "removed");
    assert.equal((await mod.moderate("ban", "eve", { forS: 60 })).until !== undefined, true);
    await assert.rejects(enter(name, { user: "eve" }), /"status":403/);
    assert.equal((await mod.moderate("unban", "eve")).action, "unban");
    // Whoever sends himself away hears of it before he goes.
    assert.equal((await mod.moderate("kick", "mod")).user, "mod");
  });

  it("pages through all there ever was, and says where the store cannot be reached", async () => {
    const name = newRoom();
    const ana = await enter(name, { user: "ana" });
    const receipts = [];
    for (let n = 1; n <= 55; n++) {
      const receipt = await ana.publish(n);
      receipts.push(receipt);
      // What is confirmed the room lets go of with the next flush, and not before.
      if (n % 11 === 0) await receipt.confirmed();
    }
    const found = [];
    let pages = 0;
    for await (const { messages, partial } of ana.pages({ limit: 7 })) {
      assert.equal(partial, undefined);
      found.unshift(...messages.map(({ content }) => content));
      pages += 1;
    }
    assert.deepEqual(
      found,
      receipts.map((_, index) => index + 1),
    );
    assert.equal(pages, 8);

    proxy.meet(name, beAway);
    const some = await Array.fromAsync(ana.pages({ limit: 7 }));
    assert.deepEqual([some.at(-1)?.partial, some.at(-1)?.more], [true, false]);
    assert.ok(some.slice(0, -1).every(({ partial }) => partial === undefined));
    assert.ok(some.flatMap(({ messages }) => messages).length >= 10);
    proxy.meet(name, handOn);
  });

  it("tells of a dead letter, and that it is stored in the end", async () => {
    const name = newRoom();
    const signal = AbortSignal.timeout(STORE_PATIENCE_MS);
    const ana = await enter(name, { user: "ana" });
    const good = await ana.publish("good");
    await good.confirmed({ signal });
    proxy.meet(name, refuseAll);
    const bad = await ana.publish("bad");
    await assert.rejects(bad.confirmed({ signal }), { name: "RoomError", code: "dead_letter" });
    assert.deepEqual([ana.isRefused(bad.seq), ana.isConfirmed(bad.seq)], [true, false]);
    // Who comes later is told as well.
    const late = await enter(name, { user: "late" });
    assert.deepEqual([late.isRefused(bad.seq), late.isConfirmed(good.seq)], [true, true]);
    proxy.meet(name, handOn);
    const stored = new Promise((resolve) => {
      late.on("confirmed", () => late.isConfirmed(bad.seq) && resolve(true));
    });
    const replayed = await edge.fetch(`/api/rooms/${name}/dead-letters/replay`, {
      method: "POST",
      headers: { authorization: `Bearer ${MODERATOR}` },
    });
    assert.equal(replayed.status, 202);
    await stored;
    await (await ana.publish("later")).confirmed({ signal });
    await bad.confirmed({ signal });
    assert.equal(ana.isRefused(bad.seq), false);
  });

  it("finds out by its id what became of a publication that was given up", async () => {
    const ana = await enter(newRoom(), { user: "ana" });
    const giveUp = new AbortController();
    const given = ana.publish("once", { id: "i", signal: giveUp.signal });
    giveUp.abort();
    await assert.rejects(given, { name: "AbortError" });
    const receipt = await ana.publish("once", { id: "i" });
    assert.equal(receipt.seq, 1);
    const { messages } = await ana.history();
    assert.deepEqual(
      messages.map(({ content }) => content),
      ["once"],
    );
  });
});
