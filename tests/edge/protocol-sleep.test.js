// Whatever a room has done, it sleeps afterwards by itself, its sockets staying open, and nothing
// wakes it but somebody who wants something of it. With the platform's own hibernation.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CentralProxy, handOn, neverAnswer } from "./central-proxy.js";
import { central, newRoom, startEdge, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */

const MODERATOR = { authorization: "Bearer test-moderator" };

/**
 * The safety alarm comes 8 s after the first of the messages, unless it is asleep by then; the
 * platform lets an object sleep that has been idle for 10 s; and nothing may wake it for a while.
 */
const LEFT_ALONE_MS = 24_000;

/** The last message of a room, which holds about ten of them. */
const LAST = 25;

describe("a room that has", { concurrency: true }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    const vars = { LOG_LEVEL: "debug", HISTORY_SIZE: "5", DEDUP_MAX: "1" };
    edge = await startEdge({ centralUrl: proxy.url, vars });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** How often a room has been woken, as it says itself. @param {string} room */
  const wakes = (room) =>
    edge.logs.filter((line) => line.includes('"event":"restored"') && line.includes(room)).length;

  /** A room with more messages than it holds. */
  async function usedRoom() {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    for (let seq = 5; seq <= LAST; seq += 5) {
      for (let n = 1; n <= 5; n++) ana.send({ type: "message", content: n });
      await ana.confirmed(seq);
    }
    return { room, ana };
  }

  /** @param {string} path @param {RequestInit} [init] */
  const moderator = (path, init = {}) => edge.json(path, { headers: MODERATOR, ...init });

  /**
   * What rooms have done before they are left alone. Who is there then, if it is not ana any more.
   * @type {Record<string, (room: string, ana: Client) => Promise<Client | void>>}
   */
  const deeds = {
    "done nothing more": async () => {},

    "read on from the central API": async (room, ana) => {
      let asked = 0;
      proxy.meet(room, (passing) => {
        asked++;
        return passing.handOn();
      });
      const { body } = await edge.json(`/api/rooms/${room}/messages?after=0&limit=3`);
      assert.equal(body.partial, undefined);
      ana.send({ type: "history", after: 0, limit: 3 });
      assert.equal((await ana.next("history")).messages.length, 3);
      assert.equal(asked, 2);
    },

    "waited in vain for the central API": async (room, ana) => {
      proxy.meet(room, neverAnswer);
      for (let n = 0; n < 5; n++) ana.send({ type: "history", after: 0 });
      const { body } = await edge.json(`/api/rooms/${room}/messages?after=0`);
      assert.equal(body.partial, true);
      await until(
        async () => ana.all("history").length,
        (count) => count === 5,
      );
      proxy.meet(room, handOn);
    },

    "been left by somebody who had asked": async (room) => {
      let asked = 0;
      proxy.meet(room, async (passing) => {
        asked++;
        await pause(300);
        return passing.handOn();
      });
      const bob = await edge.join(room, { user: "bob" });
      for (let n = 0; n < 5; n++) bob.send({ type: "history", after: 0 });
      await until(
        async () => asked,
        (count) => count === 2,
      );
      bob.socket.terminate();
      await pause(600);
      proxy.meet(room, handOn);
    },

    "given out its log": async (room) => {
      const response = await edge.fetch(`/api/rooms/${room}/log`, { headers: MODERATOR });
      assert.match(await response.text(), /"type":"end"/);
    },

    "given out a part of a log that nobody read to its end": async (room, ana) => {
      const pad = "x".repeat(60_000);
      for (let n = 1; n <= 60; n++) ana.send({ type: "message", content: pad });
      await ana.confirmed(LAST + 60);
      for (let n = 0; n < 3; n++) {
        const path = `/api/rooms/${room}/log`;
        const request = httpRequest(edge.url, { path, headers: MODERATOR, agent: false });
        request.on("error", () => {});
        request.end();
        const [response] = await once(request, "response");
        response.on("error", () => {});
        await once(response, "data");
        response.destroy();
      }
    },

    "been asked for its log by HEAD": async (room) => {
      for (let n = 0; n < 3; n++) {
        const init = { method: "HEAD", headers: MODERATOR };
        assert.equal((await edge.fetch(`/api/rooms/${room}/log`, init)).status, 200);
      }
    },

    "sent somebody away": async (room, ana) => {
      const bob = await edge.join(room, { user: "bob" });
      const body = JSON.stringify({ action: "kick", user: "bob" });
      await moderator(`/api/rooms/${room}/moderation`, {
        method: "POST",
        body,
        headers: MODERATOR,
      });
      assert.equal((await bob.closed).code, 4003);
      await ana.confirmed(LAST + 1);
    },

    "muted and banned somebody, which ends while it sleeps": async (room, ana) => {
      for (const action of ["mute", "ban"]) {
        const body = JSON.stringify({ action, user: action, for_s: 14 });
        await moderator(`/api/rooms/${room}/moderation`, {
          method: "POST",
          body,
          headers: MODERATOR,
        });
      }
      await ana.confirmed(LAST + 2);
    },

    "deleted what only the central API had": async (room, ana) => {
      const { status } = await moderator(`/api/rooms/${room}/messages/1`, {
        method: "DELETE",
        headers: MODERATOR,
      });
      assert.equal(status, 200);
      await ana.confirmed(LAST + 1);
    },

    "been drained, and joined again": async (room, ana) => {
      await moderator(`/api/rooms/${room}/drain`, { method: "POST", headers: MODERATOR });
      assert.equal((await ana.closed).code, 1012);
      return edge.join(room, { user: "ana", epoch: ana.told[0].epoch, after: LAST });
    },
  };

  for (const [what, deed] of Object.entries(deeds)) {
    it(`${what} sleeps`, async () => {
      const { room, ana } = await usedRoom();
      const client = (await deed(room, ana)) ?? ana;
      const before = wakes(room);
      await pause(LEFT_ALONE_MS);
      // The platform answers for it.
      client.send('{"type":"ping"}');
      await client.next("pong");
      assert.equal(wakes(room), before, "something has woken it");
      client.send({ type: "presence" });
      const { count } = await client.next("presence");
      assert.equal(count, 1);
      await until(
        async () => wakes(room),
        (count) => count === before + 1,
      );
    });
  }
});
