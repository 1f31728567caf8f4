// Rate limiting at the Worker, in workerd with its KV.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";
import { newRoom, startEdge, until } from "./harness.js";
import { parseItems } from "./rate-fields.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const ROOM_STATE = `/api/rooms/${newRoom()}`;

/** @param {Edge} edge @param {string} address @param {Record<string, string>} [headers] */
function from(edge, address, headers = {}) {
  return edge.fetch(ROOM_STATE, { headers: { "cf-connecting-ip": address, ...headers } });
}

/**
 * What an isolate that has admitted `units` in this epoch writes when it sees a burst, for every
 * slot and for the two spans of time in which it may be read (worker/mailboxes.h).
 * @param {string} prefix of the key's names in KV
 * @param {number} units
 * @param {number} window_s
 * @returns {[string, string][]}
 */
function reportOf(prefix, units, window_s) {
  const epoch_ms = (window_s * 1000) / 4;
  const burst_ms = epoch_ms / 5;
  const now = Date.now();
  const first = Math.floor(now / epoch_ms) - 7;
  const burst = Math.floor(now / burst_ms);
  const value = `1.0badcafe.${first}.0.0.0.0.0.0.0.${units}`;
  return [burst, burst + 1].flatMap((index) =>
    [0, 1, 2, 3].map(
      (slot) => /** @type {[string, string]} */ ([`${prefix}:b${index}:${slot}`, value]),
    ),
  );
}

describe("the default policy", () => {
  /** @type {Edge} */
  let edge;

  before(async () => {
    edge = await startEdge({ without: ["RATE_LIMITS"] });
  });
  after(() => edge.close());

  it("admits 100 requests a minute for each address, and says so", async () => {
    for (let i = 1; i <= 100; i++) {
      const response = await from(edge, "203.0.113.1");
      assert.equal(response.status, 200);
      assert.deepEqual(parseItems(response.headers.get("ratelimit-policy")), [
        { name: "ip", q: 100, w: 60 },
      ]);
      const [limit] = parseItems(response.headers.get("ratelimit"));
      assert.equal(limit.r, 100 - i);
      assert.ok(limit.t >= 1 && limit.t <= 60);
    }
    const denied = await from(edge, "203.0.113.1");
    assert.equal(denied.status, 429);
    assert.equal(denied.headers.get("content-type"), "application/problem+json");
    const retryAfter = denied.headers.get("retry-after") ?? "";
    assert.match(retryAfter, /^\d+$/);
    const [limit] = parseItems(denied.headers.get("ratelimit"));
    assert.deepEqual(limit, { name: "ip", r: 0, t: Number(retryAfter) });
    const body = /** @type {{status: number, detail: string}} */ (await denied.json());
    assert.equal(body.status, 429);
    assert.match(body.detail, /"ip"/);
    assert.doesNotMatch(JSON.stringify(body), /203\.0\.113/);
  });

  it("goes by CF-Connecting-IP alone, and by the IPv4 in an IPv6", async () => {
    const forged = { "x-forwarded-for": "198.51.100.77", "x-real-ip": "198.51.100.77" };
    for (let i = 1; i <= 100; i++) {
      assert.equal((await from(edge, "203.0.113.3", forged)).status, 200);
    }
    assert.equal((await from(edge, "203.0.113.3", { "x-forwarded-for": "192.0.2.1" })).status, 429);
    assert.equal((await from(edge, "::ffff:203.0.113.3", forged)).status, 429);
    assert.equal((await from(edge, "64:ff9b::cb00:7103", forged)).status, 429);
    assert.equal((await from(edge, "203.0.113.4", forged)).status, 200);
  });

  it("denies a socket before there is one, and leaves other paths alone", async () => {
    const headers = { "cf-connecting-ip": "203.0.113.1" };
    const socket = new WebSocket(`${edge.url.replace("http", "ws")}/rooms/${newRoom()}`, [], {
      headers,
    });
    const status = await new Promise((done, failed) => {
      socket.on("unexpected-response", (_request, response) => done(response.statusCode));
      socket.on("open", () => failed(new Error("the socket was accepted")));
    });
    assert.equal(status, 429);
    assert.equal((await edge.fetch("/health", { headers })).status, 200);
    assert.equal((await edge.fetch("/", { headers })).status, 200);
  });

  it("has told KV, and no address", async () => {
    const kv = await edge.mf.getKVNamespace("RATE_LIMIT");
    const keys = await until(
      async () => (await kv.list()).keys,
      (found) => found.length > 0,
    );
    for (const { name } of keys) {
      assert.match(name, /^rl1:ip:[0-9a-f]{32}:[cb]\d+:\d+$/);
      const value = String(await kv.get(name));
      assert.match(value, /^1\.[0-9a-f]{8}(\.\d+){9}$/);
      assert.doesNotMatch(name + value, /203\.0\.113/);
    }
    assert.deepEqual(edge.logs, []);
  });
});

describe("a policy of one's own", () => {
  it("lets in again after Retry-After, and not before", async () => {
    const policies = [{ name: "few", key: "ip", limit: 3, window_s: 2 }];
    const edge = await startEdge({ vars: { RATE_LIMITS: JSON.stringify(policies) } });
    try {
      const started = Date.now();
      for (let i = 0; i < 3; i++) assert.equal((await from(edge, "203.0.113.1")).status, 200);
      const denied = await from(edge, "203.0.113.1");
      assert.equal(denied.status, 429);
      const wait_s = Number(denied.headers.get("retry-after"));
      assert.ok(wait_s === 1 || wait_s === 2, `Retry-After: ${wait_s}`);
      const again = await until(
        () => from(edge, "203.0.113.1"),
        (response) => response.status === 200,
      );
      assert.equal(again.status, 200);
      const waited_ms = Date.now() - started;
      assert.ok(waited_ms >= 2000, `let in after ${waited_ms} ms`);
    } finally {
      await edge.close();
    }
  });

  it("may look at rooms and methods, several at once", async () => {
    const policies = [
      { name: "room", key: ["ip", "room"], limit: 2, window_s: 60 },
      { name: "all", key: "ip", limit: 3, window_s: 60, match: { path: "/*", method: "GET" } },
    ];
    const edge = await startEdge({ vars: { RATE_LIMITS: JSON.stringify(policies) } });
    try {
      const room = newRoom();
      const first = await edge.fetch(`/api/rooms/${room}`);
      assert.deepEqual(
        parseItems(first.headers.get("ratelimit")).map(({ name, r }) => [name, r]),
        [
          ["room", 1],
          ["all", 2],
        ],
      );
      assert.equal((await edge.fetch(`/api/rooms/${room}`)).status, 200);
      const denied = await edge.json(`/api/rooms/${room}`);
      assert.equal(denied.status, 429);
      assert.equal(denied.body.policy, "room");
      assert.equal((await edge.fetch(`/api/rooms/${newRoom()}`)).status, 200);
      assert.equal((await edge.json("/nothing")).body.policy, "all");
    } finally {
      await edge.close();
    }
  });

  it("counts each route of a room by itself, and those who guess tokens", async () => {
    const policies = [{ name: "route", key: ["ip", "route"], limit: 2, window_s: 60 }];
    const edge = await startEdge({ vars: { RATE_LIMITS: JSON.stringify(policies) } });
    try {
      for (const [method, path] of [
        ["POST", "moderation"],
        ["POST", "drain"],
        ["GET", "log"],
      ]) {
        /** @type {number[]} */
        const statuses = [];
        for (const guess of ["a", "b", "test-moderator"]) {
          const headers = { authorization: `Bearer ${guess}` };
          const response = await edge.fetch(`${ROOM_STATE}/${path}`, { method, headers });
          statuses.push(response.status);
        }
        assert.deepEqual(statuses, [401, 401, 429], path);
      }
    } finally {
      await edge.close();
    }
  });

  it("counts what other isolates report", async () => {
    const policies = [{ name: "ip", key: "ip", limit: 16, window_s: 60 }];
    const edge = await startEdge({ vars: { RATE_LIMITS: JSON.stringify(policies) } });
    try {
      const kv = await edge.mf.getKVNamespace("RATE_LIMIT");
      for (let i = 0; i < 8; i++) assert.equal((await from(edge, "203.0.113.1")).status, 200);
      // Its own report tells under which name it will look for others'.
      const [{ name }] = await until(
        async () => (await kv.list()).keys,
        (keys) => keys.length > 0,
      );
      const prefix = name.replace(/:[cb]\d+:\d+$/, "");
      // Another isolate, which has admitted the whole limit, reports it again and again.
      const report = () => reportOf(prefix, 16, 60);
      let admitted = 8;
      let denied = false;
      while (!denied && admitted < 16) {
        for (const [key, value] of report()) await kv.put(key, value);
        await sleep(1100);
        denied = (await from(edge, "203.0.113.1")).status === 429;
        if (!denied) admitted++;
      }
      assert.ok(denied, "it counted only what it had admitted itself");
    } finally {
      await edge.close();
    }
  });
});
