// A room from which ten thousand are banned serves the others as any room does: it keeps those out, wakes
// from as few rows, and says what the matter is when it can ban nobody more.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { CentralProxy } from "./central-proxy.js";
import { newRoom, search, startEdge } from "./harness.js";
import { refusal } from "./refusal.js";
import { ROWS_ENTRY } from "./rows-entry.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */

const MODERATOR = { authorization: "Bearer test-moderator" };

const BANS = 10_000;

/** So many are sent before it is waited for them. */
const CHUNK = 500;

/**
 * Messages of one measurement, each sent when the one before has come, and how often it is taken: enough
 * for the rows of the bans to be given up, a few with each.
 */
const TALK = 140;
const ROUNDS = 5;

/** Stored rows that a room keeps although nobody needs them any more (rooms/log.cpp). */
const RING_ROWS = 1024;

/** Bans users, by frames, while somebody talks. @param {Client} mod @param {Client} ana @param {string[]} users */
async function banAll(mod, ana, users) {
  for (let from = 0; from < users.length; from += CHUNK) {
    const chunk = users.slice(from, from + CHUNK);
    for (const user of chunk) mod.send({ type: "moderation", action: "ban", user });
    ana.send({ type: "message", content: from });
    const last = chunk.at(-1);
    await Promise.all([
      mod.next("moderation", (told) => told.user === last),
      ana.next("new_message", (told) => told.content === from),
    ]);
  }
}

/** @param {Client} client */
async function talk(client) {
  const started = performance.now();
  for (let n = 0; n < TALK; n++) {
    const id = crypto.randomUUID();
    client.send({ type: "message", content: n, id });
    await client.next("new_message", (told) => told.id === id);
  }
  return performance.now() - started;
}

/** @param {number} n */
const banned = (n) => `banned-${n}`;

describe("a room from which many are banned", { timeout: 300_000 }, () => {
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;
  before(async () => {
    proxy = await CentralProxy.start("http://127.0.0.1:9");
    edge = await startEdge({
      centralUrl: proxy.url,
      // Ids are forgotten soon: for five minutes of them no row would be given up.
      vars: {
        MESSAGE_LIMITS: '{"connection":{"rate":100000,"burst":100000}}',
        DEDUP_MAX: "100",
      },
      entry: ROWS_ENTRY,
    });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
  });

  /** A room with ana and a moderator in it, whose central API is quick. */
  async function open() {
    const room = newRoom();
    proxy.meet(room, async ({ body }) => {
      const { v, epoch, records } = JSON.parse(String(body));
      const results = records.map((/** @type {{seq: number}} */ { seq }) => ({
        seq,
        status: "stored",
      }));
      return { status: 200, body: JSON.stringify({ v, room, epoch, results }) };
    });
    const ana = await edge.join(room, { user: "ana" });
    const mod = await edge.join(room, { user: "mod" }, { headers: MODERATOR });
    return { room, ana, mod };
  }

  /** @param {string} room @param {string} user */
  async function joinStatus(room, user) {
    const query = search({ user });
    return (await refusal(`${edge.url.replace("http", "ws")}/rooms/${room}?${query}`)).status;
  }

  /** Rows read and written since the room woke. @param {string} room */
  const rowsOf = async (room) => (await edge.json(`/test/rows?room=${room}`)).body;

  /** Rows that a room reads to wake and to say how it is. @param {string} room */
  async function rowsToWake(room) {
    await edge.evict(room);
    assert.equal((await edge.json(`/api/rooms/${room}`)).status, 200);
    return (await rowsOf(room)).read;
  }

  it("keeps them out, and serves the others as one with few bans does", async (t) => {
    const small = await open();
    await banAll(small.mod, small.ana, [banned(1)]);
    const large = await open();
    const users = Array.from({ length: BANS }, (_, n) => banned(n));
    const started = performance.now();
    await banAll(large.mod, large.ana, users);
    t.diagnostic(`${BANS} bans in ${Math.round(performance.now() - started)} ms`);

    const keepsOut = async () => {
      for (let n = 0; n < BANS; n += 500) {
        assert.equal(await joinStatus(large.room, banned(n)), 403, banned(n));
      }
      await (await edge.join(large.room, { user: "anybody" })).close();
    };
    await keepsOut();

    const paces = { large: Infinity, small: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      paces.large = Math.min(paces.large, await talk(large.ana));
      paces.small = Math.min(paces.small, await talk(small.ana));
    }
    t.diagnostic(`${TALK} messages: ${Math.round(paces.large)} ms, ${Math.round(paces.small)} ms`);
    // Times on a busy machine; what they cost is counted below.
    assert.ok(paces.large < 4 * paces.small, `${paces.large} ms, and ${paces.small} ms with few`);

    await large.ana.confirmed(large.ana.all("new_message").at(-1)?.seq);
    await small.ana.confirmed(small.ana.all("new_message").at(-1)?.seq);
    const rows = [await rowsToWake(large.room), await rowsToWake(small.room)];
    t.diagnostic(`rows read to wake: ${rows[0]}, ${rows[1]} with few`);
    assert.ok(rows[0] <= RING_ROWS + rows[1], `${rows[0]} rows, and ${rows[1]} with few`);
    await keepsOut();
    await talk(large.ana);
    await talk(small.ana);
    const written = [(await rowsOf(large.room)).written, (await rowsOf(small.room)).written];
    t.diagnostic(`rows written for ${TALK} messages: ${written[0]}, ${written[1]} with few`);
    assert.ok(written[0] < 1.5 * written[1], `${written[0]} rows, and ${written[1]} with few`);
    large.ana.send({ type: "message", content: "awake" });
    await large.ana.next("new_message", (told) => told.content === "awake");
  });

  it("says so when it can ban nobody more, and can again when somebody was let in", async () => {
    const { room, ana, mod } = await open();
    // The longest names there are fill a mebibyte soonest.
    const users = Array.from({ length: 2100 }, (_, n) => `${"𝒳".repeat(120)}${n}`);
    for (const [n, user] of users.entries()) {
      mod.send({ type: "moderation", action: "ban", user, ref: `${n}` });
    }
    const { ref: first, ...refused } = await mod.next("error");
    const full = {
      type: "error",
      code: "forbidden",
      detail: "as many users as the room can remember are banned or muted (1048576 bytes of names)",
    };
    assert.deepEqual(refused, full);
    const at = Number(first);
    assert.ok(at > 1900, `full with ${at}`);
    const moderate = (/** @type {string} */ action, /** @type {string} */ user) =>
      edge.json(`/api/rooms/${room}/moderation`, {
        method: "POST",
        headers: MODERATOR,
        body: JSON.stringify({ action, user }),
      });
    for (const action of ["ban", "mute"]) {
      const { status, headers, body } = await moderate(action, "eve");
      assert.equal(status, 503);
      assert.equal(headers.get("content-type"), "application/problem+json");
      assert.equal(body.detail, full.detail);
    }
    // It is as full after a sleep, and knows them all.
    const seq = ana.all("moderation").length;
    await ana.confirmed(seq);
    await edge.evict(room);
    for (const user of [users[0], users[at - 1]]) assert.equal(await joinStatus(room, user), 403);
    await (await edge.join(room, { user: "eve" })).close();
    assert.equal((await moderate("ban", "eve")).status, 503);
    assert.equal((await moderate("kick", "eve")).status, 200);
    assert.equal((await moderate("unban", users[0])).status, 200);
    assert.equal((await moderate("ban", "eve")).status, 200);
    assert.equal(await joinStatus(room, "eve"), 403);
    assert.equal((await moderate("ban", "mallory")).status, 200);
    ana.send({ type: "message", content: "as ever" });
    await ana.next("new_message", (told) => told.content === "as ever");
  });
});
