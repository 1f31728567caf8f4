// A room that cannot be restored: it traps on what it has stored, or cannot read it. It must not try
// again at every join, must say what is wrong, and must come back whole. Runs a build of the room's
// module that traps on demand, and in which the waits of such a room are a thirtieth.

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import { CentralProxy, handOn } from "./central-proxy.js";
import { builtModule, central, newRoom, startEdge, temporaryFolder, until } from "./harness.js";
import { refusal } from "./refusal.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const roomModule = builtModule(`${toolchain}-test`, "rooms/room.wasm");

const MODERATOR = { authorization: "Bearer test-moderator" };

/** After which a held room tries again: at an event, and by its alarm. */
const RETRY_MS = 2000;
const ALARM_MS = 10_000;

/** How many lines of the log are of this event and room. @param {Edge} edge @param {string} event @param {string} room */
const lines = (edge, event, room) =>
  edge.logs.filter((line) => line.includes(`"event":"${event}"`) && line.includes(room)).length;

/** The same once there are any: they come a little after all else. @param {Edge} edge @param {string} event @param {string} room */
const linesSoon = (edge, event, room) =>
  until(
    async () => lines(edge, event, room),
    (count) => count > 0,
  );

/** @param {Edge} edge @param {string} room @param {string} path @param {unknown} body */
function post(edge, room, path, body) {
  const init = { method: "POST", headers: MODERATOR, body: JSON.stringify(body) };
  return edge.json(`/api/rooms/${room}/${path}`, init);
}

/** A record on which this build traps when it wakes; its seq. @param {Edge} edge @param {string} room */
async function poison(edge, room) {
  const reason = "test: fail when restored";
  const { body } = await post(edge, room, "moderation", { action: "mute", user: "eve", reason });
  return body.seq;
}

describe("a room that cannot be restored", { timeout: 300_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;

  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url, roomModule });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  it("is held: closed, refused and explained, until a moderator skips the record", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: "before" });
    await ana.confirmed(1);
    assert.equal(await poison(edge, room), 2);
    ana.send({ type: "message", content: "after" });
    await ana.confirmed(3);
    const { epoch } = ana.all("welcome")[0];
    await edge.evict(room);
    const other = newRoom();
    const bob = await edge.join(other, { user: "bob" });
    const started = Date.now();

    ana.send({ type: "message", content: "lost", id: "x" });
    assert.deepEqual(await ana.closed, { code: 1011, reason: "the room cannot be restored" });
    const state = await edge.json(`/api/rooms/${room}`);
    assert.equal(state.status, 200);
    const { failed, ...rest } = state.body;
    assert.deepEqual(rest, {
      room,
      epoch,
      seq: 3,
      confirmed: 3,
      connections: 0,
      users: 0,
      outbox: {
        pending: 0,
        oldest_ms: 0,
        dead: 0,
        blocked: false,
        attempts: 0,
        breaker: "open",
      },
    });
    assert.equal(failed.seq, 2);
    assert.equal(failed.reason, "the module trapped when it made the room's state of record 2");

    const refused = await refusal(`${edge.url.replace("http", "ws")}/rooms/${room}?user=ana`);
    assert.equal(refused.status, 503);
    assert.match(String(refused.headers["retry-after"]), /^[12]$/);
    assert.equal(JSON.parse(refused.body).status, 503);
    for (const path of ["messages", "log"]) {
      const answer = await edge.json(`/api/rooms/${room}/${path}`, { headers: MODERATOR });
      assert.equal(answer.status, 503, path);
      assert.match(String(answer.headers.get("retry-after")), /^[12]$/);
    }
    assert.equal((await post(edge, room, "messages", { content: 1 })).status, 503);

    // However many ask, and the others do not feel it.
    const asked = await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        bob.send({ type: "message", content: i });
        return edge.json(`/api/rooms/${room}`);
      }),
    );
    await bob.next("new_message", (told) => told.seq === 200);
    const most = 1 + Math.floor((Date.now() - started) / RETRY_MS);
    const tries = Math.max(...asked.map(({ body }) => body.failed.tries));
    assert.ok(tries <= most, `${tries} tries, and time for ${most}`);
    assert.ok(lines(edge, "trap", room) <= most, `${lines(edge, "trap", room)} traps`);
    assert.equal(await linesSoon(edge, "held", room), 1);
    assert.equal(lines(edge, "reset", room), 0);

    for (const [body, status, says] of /** @type {[unknown, number, RegExp][]} */ ([
      [{ seq: 1 }, 409, /record 1 is not the one that failed; that is 2/],
      [{}, 400, /seq: is missing/],
      [{ seq: "2" }, 400, /seq: must be a whole number/],
      [[], 400, /one JSON object/],
    ])) {
      const answer = await post(edge, room, "skip", body);
      assert.equal(answer.status, status);
      assert.match(answer.body.detail, says);
    }
    const nobody = await edge.json(`/api/rooms/${room}/skip`, { method: "POST", body: "{}" });
    assert.equal(nobody.status, 401);

    const skipped = await post(edge, room, "skip", { seq: 2 });
    assert.equal(skipped.status, 200);
    assert.deepEqual(skipped.body, { seq: 2, restored: true });
    const again = await edge.join(room, { user: "eve", epoch, after: 1 });
    assert.equal(again.told[0].recovered, true);
    await again.next("new_message", (told) => told.seq === 3);
    assert.deepEqual(
      again.told.filter((told) => told.seq > 0 && told.type !== "welcome").map((told) => told.type),
      ["moderation", "new_message"],
    );
    // The record that is left out has muted nobody.
    again.send({ type: "message", content: "I may" });
    await again.confirmed(4);
    const { body } = await edge.json(`/api/rooms/${room}/messages`);
    assert.deepEqual(
      body.messages.map((/** @type {{content: string}} */ { content }) => content),
      ["before", "after", "I may"],
    );
    const log = await edge.fetch(`/api/rooms/${room}/log`, { headers: MODERATOR });
    const [header] = (await log.text()).split("\n");
    assert.deepEqual(JSON.parse(header).skipped, [2]);
    assert.equal((await post(edge, room, "skip", { seq: 4 })).status, 409);

    await edge.evict(room);
    again.send({ type: "message", content: "and sleep" });
    await again.confirmed(5);
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.failed, undefined);
  });

  it("tries again by itself while something waits to be forwarded, and not too often", async () => {
    const room = newRoom();
    let isAway = true;
    // With a pause so long that the room has nothing under way, for one that has cannot be evicted,
    // and over when it has been tried again.
    const away = { status: 503, headers: { "retry-after": "10" } };
    proxy.meet(room, (passing) => (isAway ? Promise.resolve(away) : passing.handOn()));
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: "must arrive" });
    await ana.next("new_message");
    const seq = await poison(edge, room);
    await edge.evict(room);
    ana.send({ type: "presence" });
    assert.equal((await ana.closed).code, 1011);
    // Nobody asks. The alarm that the room had set before is one of those that come.
    const first = await linesSoon(edge, "trap", room);
    assert.equal(first, 1);
    const started = Date.now();
    await until(
      async () => lines(edge, "trap", room),
      (count) => count >= 3,
      4 * ALARM_MS,
    );
    assert.ok(Date.now() - started >= ALARM_MS, "it tried again too soon");
    isAway = false;
    assert.equal((await post(edge, room, "skip", { seq })).body.restored, true);
    await until(
      () => edge.json(`/api/rooms/${room}`),
      ({ body }) => body.confirmed === 2,
    );
    proxy.meet(room, handOn);
  });

  it("comes back by itself when what failed has passed", async () => {
    // As after a deployment that mends it. What is stored is mended here.
    const stateDir = await temporaryFolder();
    const options = { centralUrl: store.url, roomModule, stateDir };
    const room = newRoom();
    let own = await startEdge(options);
    try {
      const ana = await own.join(room, { user: "ana" });
      ana.send({ type: "message", content: "kept" });
      await ana.confirmed(1);
      await poison(own, room);
      for (const [table, key, says] of [
        ["state", "id = 0", "state row 0 cannot be read"],
        ["segments", "slot = 0", "the head of the segment in slot 0 cannot be read"],
      ]) {
        const column = table === "state" ? "data" : "head";
        await own.close();
        const good = await edit(stateDir, table, column, key, new Uint8Array([0x63]));
        own = await startEdge(options);
        const { status, body } = await own.json(`/api/rooms/${room}`);
        assert.equal(status, 200);
        assert.equal(body.failed.reason, says);
        assert.equal(body.failed.seq, undefined);
        const skip = await post(own, room, "skip", { seq: 1 });
        assert.equal(skip.status, 409);
        assert.match(skip.body.detail, /no record is to blame/);
        await own.close();
        await edit(stateDir, table, column, key, good);
        own = await startEdge(options);
      }
      assert.equal((await own.json(`/api/rooms/${room}`)).body.failed.seq, 2);
      assert.equal((await post(own, room, "skip", { seq: 2 })).body.restored, true);
      const { body } = await own.json(`/api/rooms/${room}/messages`);
      assert.equal(body.messages[0].content, "kept");
    } finally {
      await own.close();
    }
  });

  it("is not held for a segment that only some ask for: those are told", async () => {
    const stateDir = await temporaryFolder();
    const options = { centralUrl: store.url, roomModule, stateDir };
    const room = newRoom();
    let own = await startEdge(options);
    try {
      const first = await own.join(room, { user: "ana" });
      for (const seq of [1, 2]) {
        first.send({ type: "message", content: seq });
        await first.confirmed(seq);
      }
      const { epoch } = first.told[0];
      await own.close();
      await edit(stateDir, "segments", "data", "slot = 0", new Uint8Array([0x63]));
      own = await startEdge(options);
      const ana = await own.join(room, { user: "ana", epoch, after: 1 });
      const bob = await own.join(room, { user: "bob" });
      ana.send({ type: "history" });
      assert.equal((await ana.next("error")).code, "internal");
      assert.equal((await own.json(`/api/rooms/${room}/messages`)).status, 503);
      bob.send({ type: "message", content: 3 });
      assert.equal((await ana.next("new_message", (told) => told.content === 3)).seq, 3);
      const { body } = await own.json(`/api/rooms/${room}`);
      assert.deepEqual([body.failed, body.seq, body.connections], [undefined, 3, 2]);
      assert.deepEqual(bob.all("error"), []);
      assert.equal(lines(own, "reset", room), 0);
      await until(
        async () => lines(own, "corrupt", room),
        (count) => count === 2,
      );
    } finally {
      await own.close();
    }
  });
});

/**
 * Puts other bytes into a row of the only room; those that were there.
 * @param {string} stateDir @param {string} table @param {string} column @param {string} where
 * @param {Uint8Array} bytes
 * @returns {Promise<Uint8Array>}
 */
async function edit(stateDir, table, column, where, bytes) {
  const names = await readdir(stateDir, { recursive: true });
  for (const name of names.filter((each) => each.endsWith(".sqlite"))) {
    const database = new DatabaseSync(join(stateDir, name));
    try {
      const has = database.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get("segments");
      if (!has) continue;
      const row = database.prepare(`SELECT ${column} AS was FROM ${table} WHERE ${where}`).get();
      database.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${where}`).run(bytes);
      return /** @type {Uint8Array} */ (row?.was);
    } finally {
      database.close();
    }
  }
  return assert.fail(`no room is stored in ${stateDir}`);
}
