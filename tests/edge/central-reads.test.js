// A room holds the newest messages and the central API all of them: whoever reads sees one log,
// without a seam, and the same text from both. With the real central API behind it, which can be
// killed, and on the way to it whatever may happen.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { AwsClient } from "aws4fetch";
import { CentralProcess } from "./central-process.js";
import { CentralProxy, handOn, neverAnswer } from "./central-proxy.js";
import { CREDENTIALS, newRoom, search, startEdge, until } from "./harness.js";
import { bySocket, fromCentral, overHttp, walkBackwards, walkForwards } from "./pages.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */
/** @typedef {import("./central-proxy.js").Meeting} Meeting */
/** @typedef {{limit: number, after?: number, before?: number, epoch?: string}} Query */

const MODERATOR = { authorization: "Bearer test-moderator" };
const FORGETFUL = { HISTORY_SIZE: "5", DEDUP_MAX: "1" };

/** How long the room waits for the central API (kCentralReadTimeoutMs), and what a busy machine adds. */
const TIMEOUT_MS = 5000;
const SLACK_MS = 2500;

/** What a parser, or a writer, would change. */
const TEXTS = [
  "1e400",
  "-0.0e-0",
  "12345678901234567890",
  '{"b":1,"a":2,"":3}',
  '{"a":1,"a":2,"\\u0061":3}',
  '{ "2" : [ 1 ,\t2 ] , "1" : { } }',
  '"😀 𝒳 \\uD83D\\uDE00 \\/ é e\u0301 \u2028"',
  '{"seq":7,"type":"message","deleted":true,"content":{"content":null}}',
  '"\\"}],\\"more\\":true,\\"messages\\":[{"',
  "null",
];

/** A message as any page must show it. @typedef {{seq: number, text: string}} Shown */

/**
 * A room that has let go of most of its messages: the central API has them all.
 * @param {Edge} edge
 * @param {{room?: string, lots?: number, perLot?: number}} [size]
 */
async function longRoom(edge, { room = newRoom(), lots = 10, perLot = 5 } = {}) {
  const ana = await edge.join(room, { user: "ana" });
  await publishLots(ana, lots, perLot);
  return { room, ana, epoch: /** @type {string} */ (ana.told[0].epoch), truth: truthOf(ana) };
}

/** Each lot is confirmed before the next: then a room forgets. @param {Client} client @param {number} lots @param {number} perLot */
async function publishLots(client, lots, perLot) {
  for (let lot = 0; lot < lots; lot++) {
    const told = client.all("new_message").length;
    for (let n = told; n < told + perLot; n++) {
      const id = n % 3 === 0 ? `,"id":"i-${n}"` : "";
      client.send(`{"type":"message","content":${TEXTS[n % TEXTS.length]}${id}}`);
    }
    await client.confirmed(await lastSeq(client, told + perLot));
  }
}

/** @param {Client} client @param {number} messages */
async function lastSeq(client, messages) {
  const told = await until(
    async () => client.all("new_message"),
    (all) => all.length === messages,
  );
  return told[messages - 1].seq;
}

/** All that a client was told, as pages must show it: with the content as it was sent. @param {Client} client @returns {Shown[]} */
function truthOf(client) {
  const deletions = new Map(client.all("message_deleted").map((told) => [told.target, told.by]));
  return client.all("new_message").map(({ seq, ts, user, id }, n) => {
    const by = deletions.get(seq);
    const head = JSON.stringify({ seq, ts, user, id: by === undefined ? id : undefined });
    const rest =
      by === undefined
        ? `"content":${TEXTS[n % TEXTS.length]}}`
        : `"deleted":true,"by":${JSON.stringify(by)}}`;
    return { seq, text: `${head.slice(0, -1)},${rest}` };
  });
}

/**
 * What a page must hold, as text.
 * @param {Shown[]} truth
 * @param {Query} query
 */
function expectedPage(truth, { after, before = Number.MAX_SAFE_INTEGER, limit }) {
  const inside = truth.filter(({ seq }) => seq < before && seq > (after ?? 0));
  const page = after === undefined ? inside.slice(-limit) : inside.slice(0, limit);
  const texts = page.map(({ text }) => text).join(",");
  return `"messages":[${texts}],"more":${inside.length > page.length}`;
}

/** Reads a page as text. @typedef {(query: Query) => Promise<string>} ReadText */

/** @param {Edge} edge @param {string} room @returns {ReadText} */
function textOverHttp(edge, room) {
  return async (query) => {
    const response = await edge.fetch(`/api/rooms/${room}/messages?${search({ ...query })}`);
    assert.equal(response.status, 200);
    return response.text();
  };
}

/** @param {Client} client @returns {ReadText} */
function textBySocket(client) {
  return async (query) => {
    const ref = crypto.randomUUID();
    client.send({ type: "history", ref, ...query });
    await client.next("history", (told) => told.ref === ref);
    const frame = client.frames.find((each) => each.includes(ref));
    return /** @type {string} */ (frame);
  };
}

/** @param {string} url of the central API @param {string} path */
function signedGet(url, path) {
  const aws = new AwsClient({ ...CREDENTIALS, service: "execute-api", retries: 0 });
  return aws.fetch(url + path);
}

/** The seq of the oldest message that the room holds itself, asked for while it has nobody to ask. @param {Edge} edge @param {CentralProxy} proxy @param {string} room */
async function oldestHeld(edge, proxy, room) {
  proxy.meet(room, async () => ({ status: 503 }));
  const page = await overHttp(edge.url, room)({ limit: 100 });
  proxy.meet(room, handOn);
  assert.equal(page.partial, true);
  return page.messages[0].seq;
}

// At once, because most of it is waiting.
describe("reading on from the central API", { concurrency: true }, () => {
  describe("a log of which the room holds the end", { concurrency: true }, () => {
    /** @type {CentralProcess} */
    let store;
    /** @type {CentralProxy} */
    let proxy;
    /** @type {Edge} */
    let edge;
    before(async () => {
      store = await CentralProcess.start();
      proxy = await CentralProxy.start(store.url);
      edge = await startEdge({ centralUrl: proxy.url, vars: FORGETFUL });
    });
    after(async () => {
      await edge.close();
      await proxy.close();
      await store.kill();
    });

    it("is read as one, back and forth, by socket and over HTTP, as the text that was sent", async () => {
      const { room, ana, epoch, truth } = await longRoom(edge, { lots: 12 });
      const last = truth.length;
      const oldest = await oldestHeld(edge, proxy, room);
      assert.ok(oldest > 30 && oldest <= last - 5, `the room holds from ${oldest} on`);
      const near = [-2, -1, 0, 1, 2].map((offset) => oldest + offset);
      const bounds = [0, 1, 2, 20, ...near, last - 1, last, last + 1, Number.MAX_SAFE_INTEGER];
      /** @type {Query[]} */
      const queries = [1, 7, 100].flatMap((limit) => [
        { limit },
        ...bounds.flatMap((bound) => [
          { after: bound, limit },
          { before: bound, limit },
        ]),
      ]);
      const isRead = async (/** @type {ReadText} */ read) => {
        for (const query of queries) {
          const text = await read(query);
          const expected = expectedPage(truth, query);
          assert.ok(text.includes(expected), `${JSON.stringify(query)}: ${text}\n${expected}`);
          assert.ok(!text.includes('"partial"'), text);
        }
      };
      await isRead(textOverHttp(edge, room));
      await edge.evict(room);
      await isRead(textBySocket(ana));
      const named = await textOverHttp(edge, room)({ epoch, before: oldest + 2, limit: 5 });
      assert.ok(named.includes(expectedPage(truth, { before: oldest + 2, limit: 5 })), named);
      // Whoever walks through it comes by every message once.
      const all = truth.map(({ seq }) => seq);
      const [byHttp, byFrame] = [overHttp(edge.url, room), bySocket(ana)];
      for (const walked of [
        await walkForwards(byHttp, 1),
        await walkBackwards(byFrame, 1),
        await walkForwards(byFrame, 4),
        await walkBackwards(byHttp, 100),
      ]) {
        assert.deepEqual(
          walked.map(({ seq }) => seq),
          all,
        );
      }
    });

    it("shows deletions of either part at once, before the central API knows of them", async () => {
      const { room, ana } = await longRoom(edge);
      const oldest = await oldestHeld(edge, proxy, room);
      const { epoch } = ana.told[0];
      const path = `/api/rooms/${room}/messages`;
      const read = [textOverHttp(edge, room), textBySocket(ana)];
      // Nothing reaches the central API. It is tried again every few seconds, after a sleep as well.
      /** @type {Meeting} */
      const unheard = async (passing) =>
        passing.method === "POST"
          ? { status: 503, headers: { "retry-after": "2" } }
          : passing.handOn();
      proxy.meet(room, unheard);
      const gone = [2, oldest - 1, oldest, oldest + 3];
      for (const seq of gone) {
        const { status, body } = await edge.json(`${path}/${seq}`, {
          method: "DELETE",
          headers: MODERATOR,
        });
        assert.deepEqual([status, body.target, body.epoch], [200, seq, epoch]);
        // Before anybody could have been told of it in any other way.
        for (const readText of read) {
          const text = await readText({ after: seq - 1, limit: 1 });
          assert.match(text, new RegExp(`{"seq":${seq},[^{}]*"deleted":true,"by":"moderator"}`));
        }
      }
      assert.deepEqual(
        ana.all("message_deleted").map(({ target }) => target),
        gone,
      );
      const truth = truthOf(ana);
      assert.ok(
        (await oldestHeld(edge, proxy, room)) > gone[1],
        "the room holds what was to be old",
      );
      proxy.meet(room, unheard);
      for (const sleeps of [false, true]) {
        if (sleeps) await edge.evict(room);
        for (const readText of read) {
          for (const query of [{ limit: 100 }, { after: 0, limit: 100 }]) {
            const text = await readText(query);
            assert.ok(text.includes(expectedPage(truth, query)), text);
          }
        }
        // Who was deleted is deleted: by whomever it is tried again.
        for (const seq of gone) {
          const again = await edge.fetch(`${path}/${seq}`, {
            method: "DELETE",
            headers: MODERATOR,
          });
          assert.equal(again.status, 404);
        }
        // The central API itself has not heard of it.
        const stored = await walkForwards(fromCentral(store.url, room, epoch));
        assert.ok(stored.every((message) => !message.deleted));
      }
      // Then it has, and says the same.
      proxy.meet(room, handOn);
      await edge.evict(room);
      ana.send({ type: "presence" });
      await ana.confirmed(truth.length + gone.length);
      const stored = await signedGet(
        store.url,
        `/v1/rooms/${room}/messages?epoch=${epoch}&after=0&limit=100`,
      );
      const storedText = await stored.text();
      assert.ok(storedText.includes(expectedPage(truth, { after: 0, limit: 100 })), storedText);
      for (const readText of read) {
        const text = await readText({ after: 0, limit: 100 });
        assert.ok(text.includes(expectedPage(truth, { after: 0, limit: 100 })), text);
      }
    });

    it("is deleted from by a moderator's socket as well, and by nobody else", async () => {
      const { room, ana } = await longRoom(edge);
      const eve = await edge.join(room, { user: "eve" }, { headers: MODERATOR });
      // Its author is gone: what is left of him is his name.
      ana.send({ type: "delete", seq: 1, ref: "mine" });
      const refused = await ana.next("error");
      assert.deepEqual([refused.code, refused.ref], ["not_found", "mine"]);
      eve.send({ type: "delete", seq: 1, ref: "a" });
      const told = await ana.next("message_deleted");
      assert.deepEqual([told.target, told.by], [1, "eve"]);
      for (const [seq, ref] of /** @type {[number, string][]} */ ([
        [1, "again"],
        [0, "nothing"],
        [told.seq, "a deletion"],
        [told.seq + 7, "not yet"],
      ])) {
        eve.send({ type: "delete", seq, ref });
        const error = await eve.next("error", (each) => each.ref === ref);
        assert.equal(error.code, "not_found", ref);
      }
      await ana.confirmed(told.seq);
      const [message] = (await fromCentral(store.url, room, ana.told[0].epoch)({ after: 0 }))
        .messages;
      assert.deepEqual([message.seq, message.deleted, message.by], [1, true, "eve"]);
      // Without the central API nobody knows whether there is such a message.
      proxy.meet(room, async () => ({ status: 500 }));
      eve.send({ type: "delete", seq: 2, ref: "unknown" });
      const unknown = await eve.next("error", (each) => each.ref === "unknown");
      assert.equal(unknown.code, "internal");
      const path = `/api/rooms/${room}/messages/2`;
      const overRequest = await edge.fetch(path, { method: "DELETE", headers: MODERATOR });
      assert.equal(overRequest.status, 503);
      assert.equal(overRequest.headers.get("content-type"), "application/problem+json");
      proxy.meet(room, handOn);
      const later = await edge.fetch(path, { method: "DELETE", headers: MODERATOR });
      assert.equal(later.status, 200);
    });

    it("does not show what was deleted, and confirmed as deleted, while its page was on its way", async () => {
      const { room, ana } = await longRoom(edge);
      const { promise: released, resolve: release } = Promise.withResolvers();
      // Until the room lets go of nothing more: else the page would be read again.
      const eve = await edge.join(room, { user: "eve" }, { headers: MODERATOR });
      for (let n = 0; n < 8; n++) {
        eve.send({ type: "moderation", action: "kick", user: "nobody" });
        await ana.confirmed((await ana.next("moderation")).seq);
      }
      const oldest = await oldestHeld(edge, proxy, room);
      let held = 0;
      proxy.meet(room, async (passing) => {
        const answer = await passing.handOn();
        if (passing.method !== "GET") return answer;
        held++;
        await released;
        return answer;
      });
      ana.send({ type: "history", after: 0, limit: 3, ref: "early" });
      await until(
        async () => held,
        (count) => count === 1,
      );
      // The answer of the central API is made, and holds it still.
      proxy.meet(room, handOn);
      eve.send({ type: "delete", seq: 2 });
      const told = await ana.next("message_deleted");
      await ana.confirmed(told.seq);
      release(undefined);
      const early = await ana.next("history", ({ ref }) => ref === "early");
      assert.deepEqual(
        early.messages.map((/** @type {any} */ { seq, deleted }) => [seq, deleted ?? false]),
        [
          [1, false],
          [2, true],
          [3, false],
        ],
      );
      assert.equal(await oldestHeld(edge, proxy, room), oldest);
    });

    it("has no hole while it moves on: pages are whole however slow the central API is", async (t) => {
      // More than is said while a page is read.
      const HISTORY_SIZE = 30;
      const vars = { ...FORGETFUL, HISTORY_SIZE: String(HISTORY_SIZE) };
      const busy = await startEdge({ centralUrl: proxy.url, vars });
      const { room, ana } = await longRoom(busy, { lots: 20 });
      proxy.meet(room, async (passing) => {
        if (passing.method === "GET") await pause(250);
        return passing.handOn();
      });
      // Every flush lets go of what was the oldest.
      let goesOn = true;
      let spoken = ana.all("new_message").length;
      const speaks = async () => {
        const bob = await busy.join(room, { user: "bob" });
        while (goesOn) {
          // The newest id is remembered, and its message with it (DEDUP_MAX).
          const content = TEXTS[spoken++ % TEXTS.length];
          ana.send(`{"type":"message","content":${content},"id":"m-${spoken}"}`);
          await bob.next("new_message");
          // A page takes a quarter of a second, and several times that on a busy machine.
          await pause(60);
        }
      };
      const speaking = speaks();
      const carol = await busy.join(room, { user: "carol" });
      /** Whose page is whole, as far as anybody knew when it was asked for. @param {ReadText} readText @param {Query} query */
      const isWhole = async (readText, query) => {
        const text = await readText(query);
        assert.ok(!text.includes('"partial"'), `${JSON.stringify(query)}: ${text}`);
        const expected = expectedPage(truthOf(ana), query).replace(/,"more":.*/, "");
        assert.ok(text.includes(expected), `${JSON.stringify(query)}: ${text}\n${expected}`);
      };
      try {
        for (const readText of [textOverHttp(busy, room), textBySocket(carol)]) {
          for (let round = 0; round < 2; round++) {
            const newest = /** @type {number} */ (ana.all("new_message").at(-1)?.seq);
            await isWhole(readText, { after: 0, limit: 7 });
            await isWhole(readText, { after: newest - 80, limit: 20 });
            await isWhole(readText, { before: newest - HISTORY_SIZE + 5, limit: 20 });
            await isWhole(readText, { before: newest + 1, limit: 80 });
            const text = await readText({ limit: 80 });
            assert.ok(!text.includes('"partial"'), text);
            const seqs = [...text.matchAll(/{"seq":(\d+),"ts"/g)].map(([, seq]) => Number(seq));
            const expected = Array.from({ length: 80 }, (_, i) => seqs[0] + i);
            assert.deepEqual(seqs, expected);
          }
        }
      } finally {
        goesOn = false;
        await speaking;
        proxy.meet(room, handOn);
      }
      const oldest = await oldestHeld(busy, proxy, room);
      t.diagnostic(`${spoken} messages, of which the room holds those from ${oldest} on`);
      assert.ok(oldest > 100, "it moved on");
      await busy.close();
    });

    it("gives out old epochs, which only the central API has", async () => {
      const { room, epoch, truth } = await longRoom(edge, { lots: 3 });
      // The same room, and nothing of what it had stored.
      const other = await startEdge({ centralUrl: proxy.url, vars: FORGETFUL });
      const bob = await other.join(room, { user: "bob" });
      const newEpoch = bob.told[0].epoch;
      assert.ok(newEpoch > epoch, "epochs sort by time");
      await publishLots(bob, 4, 5);
      const [oldRead, newRead] = [textOverHttp(other, room), textOverHttp(other, room)];
      for (const query of [
        { limit: 100 },
        { limit: 1 },
        { after: 3, limit: 4 },
        { before: 8, limit: 4 },
        { after: 0, limit: 1 },
        { before: 2, limit: 100 },
      ]) {
        const old = await oldRead({ epoch, ...query });
        assert.ok(old.includes(expectedPage(truth, query)), old);
        assert.ok(old.startsWith(`{"room":"${room}","epoch":"${epoch}",`), old);
        const own = await newRead({ epoch: newEpoch, ...query });
        assert.ok(own.includes(expectedPage(truthOf(bob), query)), own);
        assert.equal(await newRead(query), own);
      }
      // A deletion of this epoch is none of another, though the seq is the same.
      const path = `/api/rooms/${room}/messages/2`;
      proxy.meet(room, async (passing) =>
        passing.method === "POST" ? { status: 503 } : passing.handOn(),
      );
      const deleted = await other.fetch(path, { method: "DELETE", headers: MODERATOR });
      assert.equal(deleted.status, 200);
      assert.ok(
        (await oldRead({ epoch, limit: 100 })).includes(expectedPage(truth, { limit: 100 })),
      );
      assert.match(await newRead({ after: 1, limit: 1 }), /"seq":2,[^{}]*"deleted":true/);
      proxy.meet(room, handOn);

      const unknown = { epoch: "01ARZ3NDEKTSV4RRFFQ69G5FAV", limit: 100 };
      assert.ok((await oldRead(unknown)).endsWith('"messages":[],"more":false}'));
      // Also of a room that this edge has never seen; and reading makes no room of it.
      const third = await startEdge({ centralUrl: proxy.url });
      const seen = await textOverHttp(third, room)({ epoch, limit: 100 });
      assert.ok(seen.includes(expectedPage(truth, { limit: 100 })), seen);
      assert.equal((await third.json(`/api/rooms/${room}`)).body.epoch, null);
      proxy.meet(room, async () => ({ status: 500 }));
      const without = await oldRead({ epoch, limit: 100 });
      assert.ok(without.endsWith('"messages":[],"more":false,"partial":true}'), without);
      proxy.meet(room, handOn);
      await third.close();
      await other.close();
    });
  });

  describe("a central API that cannot be reached", { concurrency: false }, () => {
    /** @type {CentralProcess} */
    let store;
    /** @type {CentralProxy} */
    let proxy;
    /** @type {Edge} */
    let edge;
    /** @typedef {Awaited<ReturnType<typeof longRoom>> & {held: Shown[]}} HalfRoom */
    /** @type {HalfRoom} */
    let half;
    before(async () => {
      store = await CentralProcess.start();
      proxy = await CentralProxy.start(store.url);
      edge = await startEdge({ centralUrl: proxy.url, vars: FORGETFUL });
      half = await halfRoom();
    });
    after(async () => {
      await edge.close();
      await proxy.close();
      await store.kill();
    });

    /** A room, and what it holds of its messages. @returns {Promise<HalfRoom>} */
    async function halfRoom() {
      const long = await longRoom(edge, { lots: 4 });
      proxy.meet(long.room, async () => ({ status: 503 }));
      const { messages } = await overHttp(edge.url, long.room)({ limit: 100 });
      proxy.meet(long.room, handOn);
      assert.ok(messages.length >= 5 && messages.length < long.truth.length);
      return { ...long, held: long.truth.slice(-messages.length) };
    }

    /**
     * That the room answers with what it holds, and says so; and is whole again afterwards.
     * @param {HalfRoom} half
     * @param {Meeting} meeting
     * @returns {Promise<number>} how long the answers took, in ms
     */
    async function isPartial({ room, ana, truth, held }, meeting) {
      proxy.meet(room, meeting);
      const startedMs = performance.now();
      const texts = await Promise.all(
        [textOverHttp(edge, room), textBySocket(ana)].flatMap((read) => [
          read({ limit: 100 }),
          read({ after: 0, limit: 100 }),
        ]),
      );
      const tookMs = performance.now() - startedMs;
      for (const text of texts) {
        const expected = `${expectedPage(held, { limit: 100 })},"partial":true`;
        assert.ok(text.includes(expected), `${text}\n${expected}`);
      }
      // What the room holds itself is not a matter of the central API.
      const own = await textOverHttp(edge, room)({ limit: held.length - 1 });
      const ownExpected = expectedPage(truth, { limit: held.length - 1 });
      assert.ok(own.includes(ownExpected) && !own.includes('"partial"'), own);
      proxy.meet(room, handOn);
      const whole = await textBySocket(ana)({ limit: 100 });
      assert.ok(whole.includes(expectedPage(truth, { limit: 100 })), whole);
      return tookMs;
    }

    /** Of the page that the central API gives, something else is made. @param {(text: string) => string} change @returns {Meeting} */
    const changed = (change) => async (passing) => {
      const answer = await passing.handOn();
      return { status: 200, body: change(String(answer.body)) };
    };

    /** @type {[string, Meeting][]} */
    const quick = [
      ["forbids it", async () => ({ status: 403, body: '{"message":"Forbidden"}' })],
      ["fails", async () => ({ status: 500, body: "oops" })],
      ["is busy", async () => ({ status: 503, headers: { "retry-after": "120" } })],
      ["has moved", async () => ({ status: 302, headers: { location: "/elsewhere" } })],
      [
        "has moved, and says it all the same",
        async (passing) => ({
          ...(await passing.handOn()),
          status: 307,
          headers: { location: passing.url },
        }),
      ],
      [
        "is a web page",
        async () => ({
          status: 200,
          headers: { "content-type": "text/html" },
          body: "<!doctype html><title>Sign in</title>",
        }),
      ],
      ["says nothing", async () => ({ status: 200 })],
      ["says null", changed(() => "null")],
      ["is cut off", changed((text) => text.slice(0, -2))],
      ["talks on", changed((text) => `${text} and so on`)],
      ["talks of another room", changed((text) => text.replace('"room":"room-', '"room":"moor-'))],
      ["talks of another epoch", changed((text) => text.replace(/"epoch":"0/, '"epoch":"1'))],
      ["knows no more", changed((text) => text.replace(/,"more":.*/, "}"))],
      ["counts backwards", changed((text) => text.replace(/"seq":2,/, '"seq":9,'))],
      ["repeats itself", changed((text) => text.replace(/"seq":2,/, '"seq":1,'))],
      ["keeps the content to itself", changed((text) => text.replaceAll('"content"', '"c"'))],
      [
        "hangs up",
        async (passing) => {
          passing.response.destroy();
          return undefined;
        },
      ],
      [
        "hangs up in the middle",
        async (passing) => {
          const { body } = await passing.handOn();
          passing.response.writeHead(200, { "content-length": String(body).length + 100 });
          passing.response.write(body);
          passing.response.destroy();
          return undefined;
        },
      ],
      // More than any page may have: it is not even read.
      ["talks too much", async () => ({ status: 200, body: " ".repeat((3 << 20) + 1) })],
    ];
    for (const [what, meeting] of quick) {
      it(`because it ${what}: the page is what the room holds, at once`, async () => {
        const tookMs = await isPartial(half, meeting);
        assert.ok(tookMs < TIMEOUT_MS - 1000, `${tookMs} ms`);
      });
    }

    /** @type {[string, Meeting][]} */
    const slow = [
      ["never answers", neverAnswer],
      [
        "stops in the middle",
        async (passing) => {
          passing.response.writeHead(200, { "content-type": "application/json" });
          passing.response.write('{"v":1,"room":');
          return undefined;
        },
      ],
      [
        "drips",
        async (passing) => {
          const { body } = await passing.handOn();
          for (const character of String(body)) {
            if (passing.response.destroyed) break;
            passing.response.write(character);
            await pause(20);
          }
          return undefined;
        },
      ],
    ];
    describe("and is waited for", { concurrency: true }, () => {
      it("because it is slow: the page is what the room holds, after the time-out", async (t) => {
        const rooms = await Promise.all(slow.map(halfRoom));
        const took = await Promise.all(slow.map(([, meeting], i) => isPartial(rooms[i], meeting)));
        for (const [i, [what]] of slow.entries()) {
          t.diagnostic(`it ${what}: ${Math.round(took[i])} ms`);
          assert.ok(took[i] > TIMEOUT_MS - 1000, what);
          assert.ok(took[i] < TIMEOUT_MS + SLACK_MS, what);
        }
      });

      /** @type {[string, Meeting][]} */
      const unhurried = [
        [
          "slow",
          async (passing) => {
            await pause(200);
            return passing.handOn();
          },
        ],
        ["silent", neverAnswer],
      ];
      for (const [what, meeting] of unhurried) {
        it(`is asked little by a hundred at once when it is ${what}: all are answered, nobody is disturbed`, async (t) => {
          const { room, ana, truth } = await longRoom(edge, { lots: 4 });
          const carol = await edge.join(room, { user: "carol" });
          const startedMs = performance.now();
          let [now, most, asked] = [0, 0, 0];
          proxy.meet(room, async (passing) => {
            if (passing.method === "POST") return passing.handOn();
            asked++;
            now++;
            // Later there are some of whom the room knows that they come too late, and we do not.
            if (performance.now() - startedMs < TIMEOUT_MS / 2) most = Math.max(most, now);
            const answer = await meeting(passing);
            if (answer) now--;
            return answer;
          });
          for (let n = 0; n < 100; n++)
            carol.send({ type: "history", after: 0, limit: 3, ref: `${n}` });
          const answered = until(
            async () => carol.all("history").length,
            (count) => count === 100,
          ).then(() => performance.now() - startedMs);
          /** How long a message took that was sent meanwhile. @type {number[]} */
          const took = [];
          let isDone = false;
          answered.finally(() => {
            isDone = true;
          });
          while (!isDone) {
            const sentMs = performance.now();
            ana.send({ type: "message", content: null });
            await ana.next("new_message", ({ seq }) => seq === truth.length + took.length + 1);
            took.push(performance.now() - sentMs);
            await pause(50);
          }
          const tookMs = await answered;
          const answers = carol.all("history");
          const refs = new Set(answers.map(({ ref }) => ref));
          assert.equal(refs.size, 100, "each is answered once");
          const whole = answers.filter(({ partial }) => !partial);
          for (const { messages, more } of whole) {
            assert.deepEqual(
              messages.map((/** @type {any} */ { seq }) => seq),
              [1, 2, 3],
            );
            assert.equal(more, true);
          }
          assert.ok(whole.length > 0 === (what === "slow"), `${whole.length} whole answers`);
          assert.ok(most <= 2, `${most} reads at once`);
          assert.ok(tookMs < TIMEOUT_MS + SLACK_MS, `the last was answered after ${tookMs} ms`);
          const slowest = Math.max(...took);
          assert.ok(slowest < 2000, `a message took ${slowest} ms`);
          assert.deepEqual(carol.all("error"), []);
          t.diagnostic(
            `${what}: ${whole.length} whole in ${Math.round(tookMs)} ms, ${asked} reads, ` +
              `${took.length} messages meanwhile, the slowest took ${Math.round(slowest)} ms`,
          );
          proxy.meet(room, handOn);
          const page = await textBySocket(carol)({ after: 0, limit: 3 });
          assert.ok(page.includes(expectedPage(truth, { after: 0, limit: 3 })), page);
        });
      }
    });

    it("is nobody's trouble who has gone meanwhile", async () => {
      const { room, ana, truth } = await longRoom(edge, { lots: 4 });
      const { promise: released, resolve: release } = Promise.withResolvers();
      let waiting = 0;
      proxy.meet(room, async (passing) => {
        waiting++;
        await released;
        return passing.handOn();
      });
      const carol = await edge.join(room, { user: "carol" });
      const dan = await edge.join(room, { user: "dan" });
      const aborted = new AbortController();
      const path = `/api/rooms/${room}/messages?after=0`;
      const request = edge.fetch(path, { signal: aborted.signal });
      carol.send({ type: "history", after: 0, limit: 3 });
      await until(
        async () => waiting,
        (count) => count === 2,
      );
      for (const ref of ["1", "2", "3"]) {
        carol.send({ type: "history", after: 0, limit: 3, ref });
        dan.send({ type: "history", after: 0, limit: 3, ref });
      }
      dan.send({ type: "presence" });
      await dan.next("presence");
      aborted.abort();
      await assert.rejects(request);
      carol.socket.terminate();
      await ana.next("leave", ({ user }) => user === "carol");
      release(undefined);
      await until(
        async () => dan.all("history").length,
        (count) => count === 3,
      );
      for (const { messages, partial } of dan.all("history")) {
        assert.equal(partial, undefined);
        assert.equal(messages.length, 3);
      }
      const { body } = await edge.json(`/api/rooms/${room}`);
      assert.deepEqual([body.connections, body.seq], [2, truth.length]);
      proxy.meet(room, handOn);
      await edge.evict(room);
      assert.ok(
        (await textBySocket(ana)({ limit: 100 })).includes(expectedPage(truth, { limit: 100 })),
      );
    });
  });

  describe("a central API that is killed", () => {
    it("is missed at once, and back when it is", async () => {
      const store = await CentralProcess.start();
      const edge = await startEdge({ centralUrl: store.url, vars: FORGETFUL });
      const { room, ana, truth } = await longRoom(edge);
      const read = [textOverHttp(edge, room), textBySocket(ana)];
      const whole = expectedPage(truth, { after: 0, limit: 100 });
      for (const readText of read) {
        assert.ok((await readText({ after: 0, limit: 100 })).includes(whole));
      }
      await store.kill();
      for (const readText of read) {
        const startedMs = performance.now();
        const text = await readText({ limit: 100 });
        assert.ok(performance.now() - startedMs < TIMEOUT_MS - 1000);
        assert.match(text, /"more":false,"partial":true/);
        const { length } = [...text.matchAll(/"ts":\d+/g)];
        assert.ok(length >= 5 && length < truth.length, `${length} messages`);
        const held = truth.slice(-length);
        assert.ok(text.includes(expectedPage(held, { limit: 100 })), text);
      }
      // What is said meanwhile is kept.
      ana.send(`{"type":"message","content":${TEXTS[truth.length % TEXTS.length]}}`);
      await ana.next("new_message", ({ seq }) => seq === truth.length + 1);
      await store.start();
      await ana.confirmed(truth.length + 1);
      for (const readText of read) {
        const query = { after: 0, limit: 100 };
        const text = await readText(query);
        assert.ok(text.includes(expectedPage(truthOf(ana), query)), text);
      }
      await edge.close();
      await store.kill();
    });
  });
});
