// The way to the central API over real requests: how they are signed, and what becomes of a room that
// the central store knows otherwise.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AwsClient } from "aws4fetch";
import { startCentral } from "../../central/local.js";
import { CentralProxy } from "./central-proxy.js";
import { CREDENTIALS, central, newRoom, startEdge, temporaryFolder, until } from "./harness.js";
import { fromCentral, walkForwards } from "./pages.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

/** Rooms whose clock can be set ahead of everybody else's. */
const CLOCK_ENTRY = `
  import worker from "./index.js";
  const now = Date.now;
  let aheadMs = 0;
  Date.now = () => now() + aheadMs;
  export { Room } from "./index.js";
  export default {
    fetch(request, env, ctx) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname !== "/test/clock") return worker.fetch(request, env, ctx);
      aheadMs = Number(searchParams.get("aheadMs"));
      return new Response();
    },
  };`;

/** @param {Edge} edge @param {string} room */
async function stateOf(edge, room) {
  return (await edge.json(`/api/rooms/${room}`)).body;
}

/** Says two messages, and waits until they are confirmed. @param {Edge} edge */
async function twoMessages(edge) {
  const room = newRoom();
  const ana = await edge.join(room, { user: "ana" });
  ana.send({ type: "message", content: "one" });
  ana.send({ type: "message", content: "two" });
  await ana.confirmed(2);
  return room;
}

describe("requests to the central API", { timeout: 300_000 }, () => {
  it("rotation: two secrets are taken for a while, and of a revoked one nothing", async () => {
    const [old, young] = ["the-secret-of-last-year", "the-secret-of-this-year"];
    const stateDir = await temporaryFolder();
    const edgeState = await temporaryFolder();
    /** @param {string[]} secrets @param {number} port */
    const startStore = (secrets, port) =>
      startCentral(/** @type {any} */ ({ auth: "hmac", secrets, port, stateDir }));
    /** @param {string} secret @param {string} url */
    const startWith = (secret, url) =>
      startEdge({
        centralUrl: url,
        stateDir: edgeState,
        vars: { PERSIST_AUTH: "hmac", PERSIST_SECRET: secret },
      });
    const room = newRoom();
    /** @param {Edge} edge @param {number} seq */
    const say = async (edge, seq) => {
      const ana = await edge.join(room, { user: "ana" });
      ana.send({ type: "message", content: seq });
      return ana;
    };
    let store = await startStore([old, young], 0);
    const port = Number(new URL(store.url).port);
    let edge = await startWith(old, store.url);
    try {
      await (await say(edge, 1)).confirmed(1);
      await edge.close();
      edge = await startWith(young, store.url);
      await (await say(edge, 2)).confirmed(2);
      await store.close();
      store = await startStore([young], port);
      await (await say(edge, 3)).confirmed(3);
      // Whoever has not heard of it is refused, and loses nothing.
      await edge.close();
      edge = await startWith(old, store.url);
      await say(edge, 4);
      const state = await until(
        () => stateOf(edge, room),
        ({ outbox }) => outbox.blocked,
      );
      // What was confirmed last may not have been stored as such.
      assert.equal(state.confirmed + state.outbox.pending, 4);
      assert.ok(state.outbox.pending >= 1);
      assert.equal(state.outbox.dead, 0);
    } finally {
      await edge.close();
      await store.close();
    }
  });

  for (const auth of ["hmac", "bearer"]) {
    it(`are taken with ${auth}, and refused with another secret`, async () => {
      const secret = "a-secret-that-both-sides-know";
      const store = await startCentral(
        /** @type {any} */ ({
          auth,
          secrets: [secret],
          port: 0,
          stateDir: await temporaryFolder(),
        }),
      );
      const vars = { PERSIST_AUTH: auth, PERSIST_SECRET: secret };
      const edge = await startEdge({ centralUrl: store.url, vars });
      const stranger = await startEdge({
        centralUrl: store.url,
        vars: { ...vars, PERSIST_SECRET: "another-secret-of-somebody" },
      });
      try {
        const room = await twoMessages(edge);
        // Pages are signed, too.
        const page = await edge.json(`/api/rooms/${room}/messages?after=0`);
        assert.deepEqual(
          page.body.messages.map((/** @type {any} */ message) => message.content),
          ["one", "two"],
        );
        const refused = newRoom();
        const eve = await stranger.join(refused, { user: "eve" });
        eve.send({ type: "message", content: "one" });
        const state = await until(
          () => stateOf(stranger, refused),
          ({ outbox }) => outbox.blocked,
        );
        assert.deepEqual([state.confirmed, state.outbox.dead], [0, 0]);
      } finally {
        await Promise.all([edge.close(), stranger.close()]);
        await store.close();
      }
    });
  }

  it("are signed by the central API's clock when ours is ten minutes off", async () => {
    const store = await central();
    const edge = await startEdge({ centralUrl: store.url, entry: CLOCK_ENTRY });
    try {
      await edge.fetch("/test/clock?aheadMs=600000");
      await twoMessages(edge);
      assert.ok(
        edge.logs.some((line) => line.includes("s ahead of ours")),
        edge.logs.join("\n"),
      );
    } finally {
      await edge.close();
      await store.close();
    }
  });
});

describe("a clock that jumps back by an hour", { timeout: 300_000 }, () => {
  it("is corrected once more, and blocks nobody", async () => {
    const store = await central();
    const edge = await startEdge({ centralUrl: store.url, entry: CLOCK_ENTRY });
    try {
      const room = newRoom();
      await edge.fetch("/test/clock?aheadMs=3600000");
      const ana = await edge.join(room, { user: "ana" });
      ana.send({ type: "message", content: 1 });
      await ana.confirmed(1);
      // What is signed now bears a time as far in the past as it was in the future.
      await edge.fetch("/test/clock?aheadMs=0");
      for (let seq = 2; seq <= 102; seq++) ana.send({ type: "message", content: seq });
      await ana.confirmed(102);
      const { outbox } = await stateOf(edge, room);
      assert.deepEqual([outbox.dead, outbox.blocked, outbox.attempts], [0, false, 0]);
      const corrections = edge.logs.filter((line) => line.includes("s ahead of ours"));
      assert.equal(corrections.length, 2, edge.logs.join("\n"));
    } finally {
      await edge.close();
      await store.close();
    }
  });
});

describe("a room that the central store knows otherwise", { timeout: 300_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;

  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url });
  });

  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  it("goes on under a new epoch, says so, and loses nothing on either side", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: "one", id: "a-1" });
    await ana.confirmed(1);
    const { epoch } = ana.told[0];
    // What a room that was set back does not know of any more.
    const lost = { seq: 2, type: "message", ts: Date.now(), user: "ana", content: "lost" };
    const aws = new AwsClient({ ...CREDENTIALS, service: "execute-api", retries: 0 });
    const answer = await aws.fetch(`${store.url}/v1/batches`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ v: 1, room, epoch, records: [lost] }),
    });
    assert.equal(answer.status, 200, await answer.text());

    ana.send({ type: "message", content: "two", id: "a-2" });
    await ana.next("reconnect");
    const back = await edge.join(room, { user: "ana", epoch, after: 1 });
    const welcome = back.told[0];
    assert.ok(welcome.epoch > epoch);
    assert.deepEqual([welcome.recovered, welcome.seq], [false, 2]);
    await back.confirmed(2);
    assert.ok(
      edge.logs.some((line) => line.includes('"event":"new_epoch"') && line.includes(room)),
    );

    /** @param {string} of */
    const contents = async (of) =>
      (await walkForwards(fromCentral(store.url, room, of))).map(({ content }) => content);
    assert.deepEqual(await contents(epoch), ["one", "lost"]);
    assert.deepEqual(await contents(welcome.epoch), ["one", "two"]);
    // Its people's messages are known by their ids as before, and after a sleep.
    await edge.evict(room);
    back.send({ type: "message", content: "two", id: "a-2" });
    const ack = await back.next("ack");
    assert.deepEqual([ack.seq, ack.duplicate], [2, true]);
    const state = await stateOf(edge, room);
    assert.deepEqual([state.epoch, state.confirmed], [welcome.epoch, 2]);
  });
});
