// An honest client and a flood at the same time, over real sockets, for a few windows: the one never
// hears of limits, the other gets its own and no more.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newRoom, startEdge } from "./harness.js";
import { limitsOf } from "./rate-fields.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** One request: when it was sent and answered, in ms, and how. @typedef {{ sent: number, answered: number, response: Response }} Visit */

const LIMIT = 30;
const WINDOW_MS = 3000;
const WINDOWS = 2;
const TIME_MS = WINDOWS * WINDOW_MS + WINDOW_MS / 4;
const POLICIES = [{ name: "ip", key: "ip", limit: LIMIT, window_s: WINDOW_MS / 1000 }];

/** @param {Edge} edge @param {string} room @param {string} address @returns {Promise<Visit>} */
async function visit(edge, room, address) {
  const sent = performance.now();
  const response = await edge.fetch(`/api/rooms/${room}`, {
    headers: { "cf-connecting-ip": address },
  });
  await response.arrayBuffer();
  return { sent, answered: performance.now(), response };
}

/** At 80 % of the limit, and never faster to make up for what took longer. @param {Edge} edge @param {string} room @param {number} end */
async function steady(edge, room, end) {
  const interval = WINDOW_MS / LIMIT / 0.8;
  /** @type {Visit[]} */
  const visits = [];
  while (performance.now() < end) {
    visits.push(await visit(edge, room, "203.0.113.1"));
    await sleep(interval);
  }
  return visits;
}

/** As fast as it is answered. @param {Edge} edge @param {string} room @param {number} end */
async function flood(edge, room, end) {
  /** @type {Visit[]} */
  const visits = [];
  while (performance.now() < end) visits.push(await visit(edge, room, "2001:db8::1"));
  return visits;
}

/** @param {Visit[]} visits @param {number} status */
const having = (visits, status) => visits.filter(({ response }) => response.status === status);

describe("an honest client and a flood, in real time", () => {
  it("are told apart", async () => {
    const edge = await startEdge({ vars: { RATE_LIMITS: JSON.stringify(POLICIES) } });
    try {
      const room = newRoom();
      const end = performance.now() + TIME_MS;
      const [honest, greedy] = await Promise.all([steady(edge, room, end), flood(edge, room, end)]);
      assert.ok(
        honest.length > LIMIT / 2,
        `only ${honest.length} honest requests: nothing is shown`,
      );
      assert.equal(having(honest, 200).length, honest.length);
      for (const { response } of honest) assert.ok(limitsOf(response)[0].r >= 1);

      const admitted = having(greedy, 200);
      const denied = having(greedy, 429);
      assert.equal(denied.length, greedy.length - admitted.length);
      assert.ok(denied.length > LIMIT / 2, `only ${greedy.length} requests are no flood`);
      // Each request was decided between its being sent and answered: no window has more than it may…
      for (let i = 0; i + LIMIT < admitted.length; i++) {
        const span_ms = admitted[i + LIMIT].answered - admitted[i].sent;
        assert.ok(span_ms >= WINDOW_MS, `${LIMIT + 1} were admitted within ${span_ms} ms`);
      }
      // … and it has that much: whoever asks all the time is let in as soon as there is room.
      assert.ok(admitted.length >= WINDOWS * LIMIT, `only ${admitted.length} were admitted`);
      assert.deepEqual(
        greedy.slice(0, LIMIT + 1).map(({ response }) => response.status),
        [...new Array(LIMIT).fill(200), 429],
      );
      assert.deepEqual(edge.logs, []);
    } finally {
      await edge.close();
    }
  });
});
