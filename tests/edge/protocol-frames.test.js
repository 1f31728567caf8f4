// What else the protocol promises of frames and codes, over real sockets: answers that carry the ref
// of their question, limits and what comes beyond them, rooms that are full, and rooms that fail.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CentralProxy, handOn } from "./central-proxy.js";
import { central, newRoom, startEdge, temporaryFolder, until } from "./harness.js";
import { fromCentral } from "./pages.js";
import { refusal } from "./refusal.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */
/** @typedef {import("./harness.js").Client} Client */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** @param {Edge} edge @param {string} room @param {unknown} body */
function publish(edge, room, body) {
  const init = { method: "POST", headers: MODERATOR, body: JSON.stringify(body) };
  return edge.json(`/api/rooms/${room}/messages`, init);
}

describe("frames", { concurrency: true }, () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    edge = await startEdge();
  });
  after(() => edge.close());

  it("are answered with the ref of the question, whatever the answer", async () => {
    const ana = await edge.join(newRoom(), { user: "ana" });
    ana.send({ type: "message", content: 1, id: "i" });
    await ana.next("new_message");
    const long = "é".repeat(64);
    /** @type {[Record<string, unknown>, string, string?][]} */
    const questions = [
      [{ type: "history" }, "history"],
      [{ type: "presence" }, "presence"],
      [{ type: "ping" }, "pong"],
      [{ type: "message", content: 1, id: "i" }, "ack"],
      [{ type: "message" }, "error", "bad_frame"],
      [{ type: "message", content: "x".repeat(65_536) }, "error", "too_large"],
      [{ type: "event" }, "error", "bad_frame"],
      [{ type: "history", limit: 0 }, "error", "bad_frame"],
      [{ type: "delete", seq: 7 }, "error", "not_found"],
      [{ type: "moderation", action: "kick", user: "ana" }, "error", "forbidden"],
      [{ type: "token", token: "t" }, "error", "forbidden"],
      [{ type: "shout" }, "error", "unknown_type"],
    ];
    for (const ref of ["r", "", long]) {
      for (const [question, type, code] of questions) {
        ana.send({ ...question, ref });
        const told = await ana.next(type);
        // An empty one says nothing.
        assert.equal(told.ref, ref === "" ? undefined : ref, JSON.stringify(question));
        assert.equal(told.code, code);
      }
    }
    for (const [question, type] of questions) {
      ana.send(question);
      assert.ok(!("ref" in (await ana.next(type))));
    }
    ana.send({ type: "presence", ref: `${long}é` });
    const { code, ref } = await ana.next("error");
    assert.deepEqual([code, ref], ["bad_frame", undefined]);
  });

  it("may hold members that nobody knows, and none twice that somebody does", async () => {
    const ana = await edge.join(newRoom(), { user: "ana" });
    ana.send(
      '{"x":{"type":"ping"},"type":"message","content":1,"x":2,"seq":3,"before":4,"name":"n"}',
    );
    const { content, seq } = await ana.next("new_message");
    assert.deepEqual([content, seq], [1, 1]);
    for (const frame of [
      '{"type":"message","content":1,"content":2}',
      '{"type":"message","content":1,"c\\u006fntent":2}',
      '{"type":"presence","ref":"a","ref":"a"}',
      '{"type":"delete","seq":1,"seq":1}',
      '{"type":"token","token":"a","token":"a"}',
    ]) {
      ana.send(frame);
      const { code, detail } = await ana.next("error");
      assert.equal(code, "bad_frame", frame);
      assert.match(detail, /given twice/);
    }
  });

  it("of an event need no content, and it comes to its sender as to everybody", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    const { conn } = ana.told[0];
    const name = "é😀".repeat(32);
    ana.send({ type: "event", name, id: "i", ref: "r" });
    for (const client of [ana, bob]) {
      assert.deepEqual(await client.next("event"), { type: "event", name, user: "ana", conn });
    }
    for (const bad of ["", `${name}x`, 7]) {
      ana.send({ type: "event", name: bad });
      assert.equal((await ana.next("error")).code, "bad_frame");
    }
    ana.send({ type: "event", name: "x", content: null });
    assert.equal((await bob.next("event")).content, null);
    assert.equal(bob.all("event").length, 2);
  });

  it("with a token are refused where nobody asks for one", async () => {
    const ana = await edge.join(newRoom(), { user: "ana" });
    for (const token of ["test-moderator", "x", "é".repeat(5000)]) {
      ana.send({ type: "token", token, ref: "t" });
      const { code, detail, ref } = await ana.next("error");
      assert.deepEqual([code, ref], ["forbidden", "t"]);
      assert.ok(!detail.includes(token));
    }
    for (const members of [{}, { token: "" }, { token: 7 }, { token: null }]) {
      ana.send({ type: "token", ...members });
      const { code, detail } = await ana.next("error");
      assert.equal(code, "bad_frame");
      assert.match(detail, /"token"/);
    }
    // It makes nobody a moderator.
    ana.send({ type: "moderation", action: "kick", user: "ana" });
    assert.equal((await ana.next("error")).code, "forbidden");
  });

  it("with an id that is in the same flush are answered by its message alone", async () => {
    const ana = await edge.join(newRoom(), { user: "ana" });
    for (let n = 1; n <= 20; n++) {
      const frame = { type: "message", content: n, id: `i-${n}` };
      for (let again = 0; again < 3; again++) ana.send(frame);
    }
    ana.send({ type: "presence" });
    await ana.next("presence");
    await ana.next("new_message", ({ seq }) => seq === 20);
    const told = ana.all("new_message");
    assert.deepEqual(
      told.map(({ seq, id }) => [seq, id]),
      Array.from({ length: 20 }, (_, i) => [i + 1, `i-${i + 1}`]),
    );
    // Whatever was in the flush after: the answer names what was told already.
    for (const ack of ana.all("ack")) {
      const { seq } = told.find(({ id }) => id === ack.id) ?? {};
      assert.deepEqual(ack, { type: "ack", id: ack.id, seq, duplicate: true });
      const place = (/** @type {string} */ type) =>
        ana.told.findIndex((each) => each.type === type && each.id === ack.id);
      assert.ok(place("new_message") < place("ack"));
    }
  });
});

describe("frames that come too fast", () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    const limits = { connection: { rate: 1, burst: 4 } };
    edge = await startEdge({ vars: { MESSAGE_LIMITS: JSON.stringify(limits) } });
  });
  after(() => edge.close());

  it("are refused with the time to wait, and taken after it", async () => {
    const ana = await edge.join(newRoom(), { user: "ana" });
    const { limits } = ana.told[0];
    assert.deepEqual([limits.messages_per_s, limits.message_burst], [1, 4]);
    for (let n = 1; n <= 6; n++) {
      ana.send({ type: "message", content: n, id: `i-${n}`, ref: `r-${n}` });
    }
    const refused = await ana.next("error");
    assert.deepEqual([refused.code, refused.id, refused.ref], ["rate_limited", "i-5", "r-5"]);
    assert.ok(
      refused.retry_after_ms > 0 && refused.retry_after_ms <= 1000,
      `${refused.retry_after_ms}`,
    );
    const { retry_after_ms } = await ana.next("error");
    await pause(retry_after_ms);
    ana.send({ type: "message", content: 5, id: "i-5" });
    await ana.next("new_message", ({ id }) => id === "i-5");
    assert.deepEqual(
      ana.all("new_message").map(({ seq, id }) => [seq, id]),
      [1, 2, 3, 4, 5].map((n) => [n, `i-${n}`]),
    );
  });

  it("close the connection with 4029 after a hundred warnings, and no other's", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    // Every frame counts, whatever it is.
    const frames = ["not JSON", '{"type":"ping" }', new Uint8Array([1]), '{"type":"presence"}'];
    for (let n = 0; n < 150; n++) eve.send(frames[n % frames.length]);
    assert.deepEqual(await eve.closed, { code: 4029, reason: "flooding" });
    const warnings = eve.all("error").filter(({ code }) => code === "rate_limited");
    assert.equal(warnings.length, 100);
    await ana.next("leave", ({ user }) => user === "eve");
    ana.send({ type: "message", content: "undisturbed" });
    await ana.next("new_message");
    assert.deepEqual(ana.all("error"), []);
    // The exact ping is the platform's and counts for nothing.
    const bob = await edge.join(room, { user: "bob" });
    for (let n = 0; n < 200; n++) bob.send('{"type":"ping"}');
    await until(
      async () => bob.all("pong").length,
      (count) => count === 200,
    );
    assert.deepEqual(bob.all("error"), []);
  });
});

describe("a room that is full", () => {
  it("lets nobody more in, says so before the upgrade, and has room again", async () => {
    const edge = await startEdge({ vars: { ROOM_CONNECTIONS_MAX: "2" } });
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    await edge.join(room, { user: "bob" });
    const address = `${edge.url.replace("http", "ws")}/rooms/${room}?user=cleo`;
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      const { status, headers, body } = await refusal(address);
      assert.equal(status, 503);
      assert.equal(headers["content-type"], "application/problem+json");
      assert.match(JSON.parse(body).detail, /2 connections.*ROOM_CONNECTIONS_MAX/);
    }
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.connections, 2);
    assert.deepEqual(
      ana.all("join").map(({ user }) => user),
      ["ana", "bob"],
    );
    await ana.close();
    await until(
      async () => (await edge.json(`/api/rooms/${room}`)).body.connections,
      (count) => count === 1,
    );
    await edge.join(room, { user: "cleo" });
    await edge.close();
  });
});

describe("a room and a central API that does not take what it is given", {
  concurrency: true,
}, () => {
  /** @type {Central} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
  });
  after(async () => {
    await proxy.close();
    await store.close();
  });

  it("has a limit to what waits: outbox_full, and nothing that was accepted is lost", async () => {
    const edge = await startEdge({ centralUrl: proxy.url, vars: { OUTBOX_RECORDS_MAX: "3" } });
    const room = newRoom();
    proxy.meet(room, async () => ({ status: 503 }));
    const ana = await edge.join(room, { user: "ana" });
    const eve = await edge.join(room, { user: "eve" });
    for (let n = 1; n <= 3; n++) ana.send({ type: "message", content: n });
    await ana.next("new_message", ({ seq }) => seq === 3);
    ana.send({ type: "message", content: 4, id: "i", ref: "r" });
    const { code, id, ref } = await ana.next("error");
    assert.deepEqual([code, id, ref], ["outbox_full", "i", "r"]);
    const refused = await publish(edge, room, { content: 4 });
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("content-type"), "application/problem+json");
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.outbox.pending, 3);
    // Events wait for nobody, and a moderator can act all the same.
    eve.send({ type: "event", name: "typing" });
    await ana.next("event");
    const body = JSON.stringify({ action: "kick", user: "eve" });
    const init = { method: "POST", headers: MODERATOR, body };
    assert.equal((await edge.json(`/api/rooms/${room}/moderation`, init)).status, 200);
    assert.equal((await eve.closed).code, 4003);
    const path = `/api/rooms/${room}/messages/1`;
    const deleted = await edge.fetch(path, { method: "DELETE", headers: MODERATOR });
    assert.equal(deleted.status, 200);
    proxy.meet(room, handOn);
    await ana.confirmed(5);
    ana.send({ type: "message", content: 4, id: "i" });
    await ana.confirmed(6);
    const { messages } = await fromCentral(store.url, room, ana.told[0].epoch)({ after: 0 });
    assert.deepEqual(
      messages.map(({ seq, content }) => [seq, content]),
      [
        [1, undefined],
        [2, 2],
        [3, 3],
        [6, 4],
      ],
    );
    await edge.close();
  });

  it("names what was refused for good: except, dead, and in the room's state", async () => {
    const edge = await startEdge({ centralUrl: proxy.url });
    const room = newRoom();
    /** Refuses what asks for it. @param {any} record */
    const resultOf = ({ seq, content }) =>
      content === "poison"
        ? { seq, status: "rejected", code: "TOO_LARGE" }
        : { seq, status: "stored" };
    proxy.meet(room, async ({ body }) => {
      const { v, epoch, records } = JSON.parse(String(body));
      const answer = { v, room, epoch, results: records.map(resultOf) };
      return { status: 200, body: JSON.stringify(answer) };
    });
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    for (const content of ["one", "poison", "three"]) ana.send({ type: "message", content });
    const first = await ana.confirmed(3);
    assert.deepEqual(first, { type: "message_confirmed", epoch, through: 3, except: [2] });
    ana.send({ type: "message", content: "four" });
    const second = await ana.confirmed(4);
    assert.deepEqual(second, { type: "message_confirmed", epoch, through: 4 });
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      const late = await edge.join(room, { epoch, after: 4 });
      assert.deepEqual([late.told[0].confirmed, late.told[0].dead], [4, [2]]);
      await late.close();
      const { outbox, confirmed } = (await edge.json(`/api/rooms/${room}`)).body;
      assert.deepEqual([confirmed, outbox.dead, outbox.pending], [4, 1, 0]);
    }
    // Here it is not refused: everybody has it.
    const back = await edge.join(room, { epoch, after: 1 });
    assert.equal((await back.next("new_message")).content, "poison");
    await edge.close();
  });
});

describe("a room that fails", () => {
  it("closes its sockets with 1011, says why, and is the only one that does", async () => {
    const store = await central();
    const stateDir = await temporaryFolder();
    const edge = await startEdge({ centralUrl: store.url, stateDir });
    const [bad, good] = [newRoom(), newRoom()];
    const ana = await edge.join(bad, { user: "ana" });
    const bob = await edge.join(bad, { user: "bob" });
    ana.send({ type: "message", content: 1 });
    await ana.confirmed(1);
    await edge.evict(bad);
    // What is stored of it is damaged while it sleeps. Only its own file is there yet.
    const folder = join(stateDir, "do/edgeroom-Room");
    const [file] = readdirSync(folder).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
    const database = new DatabaseSync(join(folder, file));
    database.exec("UPDATE segments SET head = x'ff'");
    database.close();
    const cleo = await edge.join(good, { user: "cleo" });
    ana.send({ type: "message", content: 2 });
    for (const { closed } of [ana, bob]) assert.equal((await closed).code, 1011);
    assert.deepEqual([ana.all("error"), ana.all("ack")], [[], []]);
    const { status, body } = await edge.json(`/api/rooms/${bad}`);
    assert.equal(status, 200);
    assert.equal(body.failed.reason, "the head of the segment in slot 0 cannot be read");
    const joining = await refusal(`${edge.url.replace("http", "ws")}/rooms/${bad}`);
    assert.equal(joining.status, 503);
    assert.doesNotMatch(joining.body, /segment|refused|status -/);
    const lines = await until(
      async () => edge.logs.map((line) => JSON.parse(line)),
      (all) => all.some(({ event }) => event === "held"),
    );
    assert.equal(lines.find(({ event }) => event === "held").room, bad);
    cleo.send({ type: "message", content: "well" });
    await cleo.confirmed(1);
    await edge.close();
    await store.close();
  });
});
