// A room's log over HTTP: NDJSON, part by part, at the reader's pace, and no trouble for the room.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { CentralProxy, handOn } from "./central-proxy.js";
import { central, newRoom, startEdge } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */
/** @typedef {Record<string, any>} Line */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** Of a log of many parts (kLogPartBytes is 256 KiB): more than any buffer on the way takes. */
const MESSAGES = 360;
const MESSAGE_BYTES = 60_000;

/** The lines, without the sum that ends each. @param {string} text @returns {Line[]} */
function linesOf(text) {
  assert.ok(text.endsWith("\n"), `the last line is cut: ${text.slice(-100)}`);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      assert.match(line.slice(-30), /,"sum":"[0-9a-f]{16}"}$/);
      const { sum: _, ...rest } = JSON.parse(line);
      return rest;
    });
}

/**
 * That a log is whole, and its records.
 * @param {string} text
 * @param {{room: string, epoch: string, first: number, last: number}} expected
 */
function recordsOf(text, { room, epoch, first, last }) {
  const [header, ...lines] = linesOf(text);
  const end = lines.pop();
  assert.deepEqual(
    [header.type, header.v, header.room, header.epoch, header.first, header.last, header.kind],
    ["log", 1, room, epoch, first, last, "chat"],
  );
  assert.match(header.state, /^[0-9a-f]{16}$/);
  assert.deepEqual(end, { type: "end", records: last - first + 1 });
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
  return lines;
}

/**
 * Reads the beginning of an answer, and no more of it before the rest is asked for.
 * @param {import("node:http").IncomingMessage} response
 * @returns {Promise<() => Promise<{text: string, ending: "end" | "error"}>>}
 */
async function begun(response) {
  /** @type {Buffer[]} */
  const parts = [];
  response.on("data", (part) => parts.push(part));
  await once(response, "data");
  response.pause();
  const ended = new Promise((done) => {
    response.once("end", () => done("end"));
    response.once("error", () => done("error"));
  });
  return async () => {
    response.resume();
    const ending = await ended;
    return { text: String(Buffer.concat(parts)), ending };
  };
}

describe("a room's log", () => {
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

  /** @param {string} room @param {string} [query] @param {RequestInit} [init] */
  const log = (room, query = "", init = {}) =>
    edge.fetch(`/api/rooms/${room}/log${query}`, { headers: MODERATOR, ...init });

  /** A room with every kind of record. */
  async function variedRoom() {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const mo = await edge.join(room, { user: "mo" }, { headers: MODERATOR });
    ana.send('{"type":"message","content":{"b":1e400,"a":"\\u00e9😀"},"id":"i-1"}');
    ana.send({ type: "message", content: "a secret", id: "i-2" });
    await ana.next("new_message", ({ seq }) => seq === 2);
    mo.send({ type: "delete", seq: 2 });
    mo.send({ type: "moderation", action: "mute", user: "eve", for_s: 600, reason: "no 😀" });
    await ana.next("moderation");
    // A line break between tokens must not end the line.
    ana.send('{"type":"message","content":[1,\n2]}');
    await ana.confirmed(5);
    return { room, ana, mo, epoch: /** @type {string} */ (ana.told[0].epoch) };
  }

  it("tells each record in a line, with all that is kept of it, before and after a sleep", async () => {
    const { room, ana, mo, epoch } = await variedRoom();
    const [first, second] = ana.all("new_message");
    const told = [...ana.all("message_deleted"), ...ana.all("moderation")];
    const third = ana.all("new_message")[2];
    /** @type {string[]} */
    const texts = [];
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      const response = await log(room);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/x-ndjson");
      assert.equal(response.headers.get("cache-control"), "no-store");
      const text = await response.text();
      const { conn } = ana.told[0];
      const by = { by: "mo", conn: mo.told[0].conn };
      const records = recordsOf(text, { room, epoch, first: 1, last: 5 });
      assert.deepEqual(records.slice(1), [
        { seq: 2, type: "message", ts: second.ts, user: "ana", deleted: true, by: "mo" },
        { seq: 3, type: "delete", ts: told[0].ts, target: 2, ...by },
        {
          seq: 4,
          type: "moderation",
          ts: told[1].ts,
          action: "mute",
          user: "eve",
          until: told[1].until,
          reason: "no 😀",
          ...by,
        },
        { seq: 5, type: "message", ts: third.ts, user: "ana", content_text: "[1,\n2]", conn },
      ]);
      const line =
        `{"seq":1,"type":"message","ts":${first.ts},"user":"ana","id":"i-1",` +
        `"content":{"b":1e400,"a":"\\u00e9😀"},"conn":"${conn}","sum":"`;
      assert.equal(text.split("\n")[1].slice(0, line.length), line);
      assert.ok(!text.includes("secret"));
      texts.push(text);
    }
    assert.equal(texts[1], texts[0]);
  });

  it("begins after any record", async () => {
    const { room, epoch } = await variedRoom();
    const whole = recordsOf(await (await log(room)).text(), { room, epoch, first: 1, last: 5 });
    for (const seq of [0, 1, 3, 4]) {
      const text = await (await log(room, `?after=${seq}`)).text();
      const records = recordsOf(text, { room, epoch, first: seq + 1, last: 5 });
      assert.deepEqual(records, whole.slice(seq));
    }
    for (const seq of [5, 6, Number.MAX_SAFE_INTEGER - 1]) {
      const [header, end, ...none] = linesOf(await (await log(room, `?after=${seq}`)).text());
      assert.equal(header.first, seq + 1);
      assert.deepEqual([end, none], [{ type: "end", records: 0 }, []]);
    }
  });

  it("is for moderators, and of rooms that were used", async () => {
    const { room } = await variedRoom();
    /** @type {Record<string, string>[]} */
    const others = [{}, { authorization: "Bearer wrong" }];
    for (const headers of others) {
      const response = await log(room, "", { headers });
      assert.equal(response.status, 401);
      assert.doesNotMatch(await response.text(), /ana/);
    }
    const unused = newRoom();
    const response = await log(unused);
    assert.equal(response.status, 404);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.equal((await edge.json(`/api/rooms/${unused}`)).body.epoch, null);
    const used = newRoom();
    const { epoch } = (await edge.join(used)).told[0];
    const text = await (await log(used)).text();
    assert.deepEqual(recordsOf(text, { room: used, epoch, first: 1, last: 0 }), []);
  });
});

describe("a log of many megabytes", () => {
  /** @type {Edge} */
  let edge;
  const room = newRoom();
  /** @type {Client} */
  let ana;
  before(async () => {
    // With no central API behind it the room holds everything. What cannot be forwarded is tried again,
    // and keeps the room awake: here it is not tried for long.
    edge = await startEdge({ centralUrl: "http://127.0.0.1:9" });
    ana = await edge.join(room, { user: "ana" });
    const pad = "x".repeat(MESSAGE_BYTES);
    for (let n = 1; n <= MESSAGES; n++) {
      ana.send({ type: "message", content: { n, pad } });
      if (n % 20 === 0) await ana.next("new_message", ({ seq }) => seq === n);
    }
  });
  after(() => edge.close());

  /** The log as it comes over the connection: the answer, not read yet. @param {string} [method] @returns {Promise<import("node:http").IncomingMessage>} */
  async function slowLog(method = "GET") {
    const path = `/api/rooms/${room}/log`;
    const request = httpRequest(edge.url, { path, method, headers: MODERATOR, agent: false });
    request.on("error", () => {});
    request.end();
    const [response] = await once(request, "response");
    response.on("error", () => {});
    assert.equal(response.statusCode, 200);
    return response;
  }

  /** How long a message takes. */
  async function messageMs() {
    const startedMs = performance.now();
    const ref = crypto.randomUUID();
    ana.send({ type: "event", name: ref });
    await ana.next("event", ({ name }) => name === ref);
    return performance.now() - startedMs;
  }

  it("comes whole", async (t) => {
    const startedMs = performance.now();
    const response = await edge.fetch(`/api/rooms/${room}/log`, { headers: MODERATOR });
    const text = await response.text();
    const { epoch } = ana.told[0];
    const records = recordsOf(text, { room, epoch, first: 1, last: MESSAGES });
    assert.ok(records.every(({ content }, i) => content.n === i + 1));
    assert.ok(records.every(({ content }) => content.pad.length === MESSAGE_BYTES));
    t.diagnostic(`${text.length} bytes in ${Math.round(performance.now() - startedMs)} ms`);
  });

  it("is read by somebody slow as it is when he comes to it, and nobody is disturbed", async () => {
    const response = await slowLog();
    // Enough for the header and the first records; the rest waits in the room.
    const rest = await begun(response);
    const took = [await messageMs(), await messageMs()];
    // What is deleted before it was given out is not given out, and what is new is not in it.
    const path = `/api/rooms/${room}/messages/${MESSAGES}`;
    const deleted = await edge.fetch(path, { method: "DELETE", headers: MODERATOR });
    assert.equal(deleted.status, 200);
    for (const name of ["a", "b", "c"]) {
      ana.send({ type: "message", content: `later ${name}` });
      await ana.next("new_message", ({ content }) => content === `later ${name}`);
      took.push(await messageMs());
    }
    const { text } = await rest();
    const { epoch } = ana.told[0];
    const records = recordsOf(text, { room, epoch, first: 1, last: MESSAGES });
    const { deleted: isDeleted, by } = records[MESSAGES - 1];
    assert.deepEqual([isDeleted, by], [true, "moderator"]);
    assert.equal(records[MESSAGES - 2].content.n, MESSAGES - 1);
    assert.ok(!text.includes("later"));
    const slowest = Math.max(...took);
    assert.ok(slowest < 1500, `an event took ${slowest} ms`);
  });

  it("is read by several at once, each at his own pace", async () => {
    const readers = await Promise.all([1, 2, 3].map(() => slowLog()));
    const texts = readers.map(() => "");
    const read = readers.map(async (response, i) => {
      response.setEncoding("utf8");
      for await (const part of response) {
        texts[i] += part;
        if (i === 0) await new Promise((passed) => setTimeout(passed, 1));
      }
    });
    await Promise.all(read);
    const { seq, epoch } = (await edge.json(`/api/rooms/${room}`)).body;
    for (const text of texts) recordsOf(text, { room, epoch, first: 1, last: seq });
  });

  it("leaves nothing behind when the reader goes away, or never wanted it", async () => {
    for (let n = 0; n < 10; n++) {
      const response = await slowLog();
      await once(response, "data");
      response.destroy();
    }
    for (let n = 0; n < 10; n++) {
      const head = await slowLog("HEAD");
      assert.equal(head.headers["content-type"], "application/x-ndjson");
      let bytes = 0;
      for await (const part of head) bytes += part.length;
      assert.equal(bytes, 0);
    }
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.equal(body.connections, 1);
    assert.ok((await messageMs()) < 1500);
    assert.deepEqual(
      edge.logs.filter((line) => !line.includes('"attempt"') && !line.includes('"forwarding"')),
      [],
    );
  });
});

describe("a log of which the room lets go while it is read", () => {
  it("is cut, and does not look whole", async () => {
    const store = await central();
    const proxy = await CentralProxy.start(store.url);
    const vars = { HISTORY_SIZE: "5", DEDUP_MAX: "1" };
    const edge = await startEdge({ centralUrl: proxy.url, vars });
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const pad = "x".repeat(MESSAGE_BYTES);
    // While nothing can be forwarded the room holds all of it.
    proxy.meet(room, async () => ({ status: 503 }));
    const LOTS = 25;
    for (let lot = 1; lot <= LOTS; lot++) {
      for (let n = 1; n <= 10; n++) ana.send({ type: "message", content: { lot, n, pad } });
      await ana.next("new_message", ({ seq }) => seq === 10 * lot);
    }
    const path = `/api/rooms/${room}/log`;
    const request = httpRequest(edge.url, { path, headers: MODERATOR, agent: false });
    request.end();
    const [response] = await once(request, "response");
    const rest = await begun(response);
    // Then it is free to let go of the oldest with each flush.
    proxy.meet(room, handOn);
    await ana.confirmed(10 * LOTS);
    const last = 12 * LOTS;
    for (let seq = 10 * LOTS + 1; seq <= last; seq++) {
      ana.send({ type: "message", content: seq });
      await ana.next("new_message", (told) => told.seq === seq);
    }
    const { text, ending } = await rest();
    assert.equal(ending, "error");
    assert.ok(!text.includes('"type":"end"'));
    // Whoever asks again gets what there is now.
    const again = await edge.fetch(path, { headers: MODERATOR });
    const [header, ...lines] = linesOf(await again.text());
    assert.ok(header.first > 1, `the room holds ${header.first} to ${header.last}`);
    assert.equal(header.last, last);
    assert.deepEqual(lines.at(-1), { type: "end", records: last - header.first + 1 });
    await edge.close();
    await proxy.close();
    await store.close();
  });
});
