// What clients are told of the limits, by real clients: headers of both looks at a request, waits that
// are right, sockets that are refused before a room is asked.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { newRoom, startEdge } from "./harness.js";
import { SECRET, signedBySecret } from "./identity.js";
import { limitsOf } from "./rate-fields.js";
import { refusal } from "./refusal.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const ORIGIN = "https://app.example";
const BY_SECRET = { AUTH: "jwt", JWT_ALGORITHMS: "HS256", JWT_SECRET: SECRET };

/** A Worker whose rooms log each time that they are asked. */
const ENTRY = `
import worker, { Room } from "./index.js";
class LoggingRoom extends Room {
  fetch(request) {
    console.log("a room is asked");
    return super.fetch(request);
  }
}
export { LoggingRoom as Room };
export default worker;`;

/** @param {object[]} policies @param {Record<string, string>} [vars] */
function startWith(policies, vars = {}) {
  const RATE_LIMITS = JSON.stringify(policies);
  const all = { ALLOWED_ORIGINS: ORIGIN, RATE_LIMITS, ...vars };
  return startEdge({ entry: ENTRY, vars: all });
}

/** @param {string} address @param {string} [token] @returns {Record<string, string>} */
function headersOf(address, token) {
  const headers = { "cf-connecting-ip": address, origin: ORIGIN };
  return token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` };
}

/** @param {{ headers: Headers }} response */
const exposed = ({ headers }) =>
  (headers.get("access-control-expose-headers") ?? "").toLowerCase().split(/, */).sort();

/** @param {Edge} edge */
const timesAsked = (edge) => edge.logs.filter((line) => line === "a room is asked").length;

describe("policies by address and by user", () => {
  /** @type {Edge} */
  let edge;
  const policies = [
    { name: "ip", key: "ip", limit: 8, window_s: 60 },
    { name: "user", key: "user", limit: 2, window_s: 30 },
    { name: "trial", key: ["user", "room"], limit: 1, window_s: 60, report_only: true },
  ];
  before(async () => {
    edge = await startWith(policies, BY_SECRET);
  });
  after(() => edge.close());

  it("are all told, but for one that only reports, and to pages of other origins too", async () => {
    const room = newRoom();
    /** @param {string} user */
    const ask = (user) =>
      edge.fetch(`/api/rooms/${room}`, {
        headers: headersOf("203.0.113.1", signedBySecret({ sub: user })),
      });
    const first = await ask("ana");
    assert.equal(first.status, 200);
    const ip = { name: "ip", q: 8, w: 60, r: 7, t: 60 };
    assert.deepEqual(limitsOf(first), [ip, { name: "user", q: 2, w: 30, r: 1, t: 30 }]);
    assert.equal((await ask("ana")).status, 200);
    const denied = await ask("ana");
    assert.equal(denied.status, 429);
    const [left, user] = limitsOf(denied);
    assert.equal(left.r, 5);
    assert.equal(user.r, 0);
    assert.equal(denied.headers.get("retry-after"), String(user.t));
    assert.equal(denied.headers.get("content-type"), "application/problem+json");
    const problem = /** @type {Record<string, unknown>} */ (await denied.json());
    assert.equal(problem.policy, "user");
    assert.equal((await ask("bob")).status, 200);
    for (const response of [first, denied]) {
      assert.equal(response.headers.get("access-control-allow-origin"), ORIGIN);
      assert.deepEqual(exposed(response), ["ratelimit", "ratelimit-policy", "retry-after"]);
    }
  });

  it("are each counted once, by the look that they belong to", async () => {
    const room = newRoom();
    const address = "203.0.113.2";
    const bad = signedBySecret({ sub: "cat" }, {}, "another secret of more than 32 bytes");
    const path = `/api/rooms/${room}`;
    const refused = await edge.fetch(path, { headers: headersOf(address, bad) });
    assert.equal(refused.status, 401);
    // Whoever can't show who he is has no user: only his address is counted.
    assert.deepEqual(
      limitsOf(refused).map(({ name, r }) => [name, r]),
      [["ip", 7]],
    );
    const moderator = await edge.fetch(path, { headers: headersOf(address, "test-moderator") });
    assert.equal(moderator.status, 200);
    assert.deepEqual(
      limitsOf(moderator).map(({ name, r }) => [name, r]),
      [["ip", 6]],
    );
    const token = signedBySecret({ sub: "cat", rooms: ["other"] });
    const forbidden = await edge.fetch(path, { headers: headersOf(address, token) });
    assert.equal(forbidden.status, 403);
    assert.deepEqual(
      limitsOf(forbidden).map(({ name, r }) => [name, r]),
      [
        ["ip", 5],
        ["user", 1],
      ],
    );
  });

  it("refuse a socket before any room is asked, whichever of them does", async () => {
    const asked = newRoom();
    const address = `${edge.url.replace("http", "ws")}/rooms/${asked}`;
    const before = timesAsked(edge);
    const headers = headersOf("203.0.113.3", signedBySecret({ sub: "dan" }));
    for (let i = 0; i < 2; i++) await edge.join(asked, {}, { headers });
    const byUser = await refusal(address, { headers });
    assert.equal(byUser.status, 429);
    assert.equal(JSON.parse(byUser.body).policy, "user");
    assert.match(String(byUser.headers["retry-after"]), /^[1-9]\d*$/);
    for (let i = 3; i < 8; i++) assert.equal((await refusal(address, { headers })).status, 429);
    const byAddress = await refusal(address, { headers });
    assert.equal(JSON.parse(byAddress.body).policy, "ip");
    assert.equal(timesAsked(edge) - before, 2);
  });
});

describe("the answer 429", { concurrency: true }, () => {
  it("comes without a room's having been asked", async () => {
    const edge = await startWith([{ name: "few", key: "ip", limit: 3, window_s: 60 }]);
    try {
      const room = newRoom();
      const headers = headersOf("203.0.113.1");
      const address = `${edge.url.replace("http", "ws")}/rooms/${room}`;
      for (let i = 0; i < 3; i++) await edge.join(room, {}, { headers });
      for (let i = 0; i < 5; i++) assert.equal((await refusal(address, { headers })).status, 429);
      for (const path of ["", "/messages", "/log"]) {
        assert.equal((await edge.fetch(`/api/rooms/${room}${path}`, { headers })).status, 429);
      }
      assert.equal(timesAsked(edge), 3);
    } finally {
      await edge.close();
    }
  });

  it("tells a wait in whole seconds after which, and not much before, one is let in", async () => {
    const WINDOW_S = 3;
    const edge = await startWith([{ name: "few", key: "ip", limit: 3, window_s: WINDOW_S }]);
    try {
      const path = `/api/rooms/${newRoom()}`;
      const init = { headers: headersOf("203.0.113.1") };
      await edge.fetch(path, { headers: headersOf("203.0.113.2") });
      const started = Date.now();
      assert.equal((await edge.fetch(path, init)).status, 200);
      const admitted = Date.now();
      for (let i = 0; i < 2; i++) {
        await sleep(300);
        assert.equal((await edge.fetch(path, init)).status, 200);
      }
      const asked = Date.now();
      const denied = await edge.fetch(path, init);
      const answered = Date.now();
      assert.equal(denied.status, 429);
      const retryAfter = denied.headers.get("retry-after") ?? "";
      assert.match(retryAfter, /^[1-9]\d*$/);
      const wait_ms = Number(retryAfter) * 1000;
      // The first unit comes back a window after it was used, and that is rounded up to a second.
      const due = (/** @type {number} */ used, /** @type {number} */ now) =>
        Math.ceil((used - now) / 1000 + WINDOW_S) * 1000;
      assert.ok(wait_ms >= due(started, answered), `${wait_ms} ms, ${answered - started} ms on`);
      assert.ok(wait_ms <= due(admitted, asked), `${wait_ms} ms, ${asked - admitted} ms on`);
      while (Date.now() < answered + wait_ms) await sleep(answered + wait_ms - Date.now());
      assert.equal((await edge.fetch(path, init)).status, 200);
    } finally {
      await edge.close();
    }
  });

  it("is given to whoever writes a path in another way", async () => {
    const policies = [
      { name: "logs", key: "ip", limit: 1, window_s: 60, match: { path: "/api/rooms/lobby/log" } },
    ];
    const edge = await startWith(policies);
    try {
      /** @param {string} path @param {string} [method] */
      const ask = (path, method = "GET") =>
        edge.fetch(path, { method, headers: headersOf("203.0.113.1") });
      assert.equal((await ask("/api/rooms/lobby/log")).status, 401);
      for (const path of [
        "/api/rooms/lobby/log",
        "/api/rooms/lobby/%6Cog",
        "/api/rooms/lobby//log",
        "/api/rooms/lobby/log/",
        "/api/rooms/lobby%2Flog",
        "/api/rooms/x/../lobby/log",
        "/api/rooms/x/%2e%2e/lobby/log",
        "/api\\rooms\\lobby\\log",
        "/api/rooms/lobby/LOG?x=1",
      ]) {
        assert.equal((await ask(path)).status, 429, path);
      }
      assert.equal((await ask("/api/rooms/lobby/log", "HEAD")).status, 429);
      assert.equal((await ask("/api/rooms/lobby/logs")).status, 404);
    } finally {
      await edge.close();
    }
  });
});

describe("what is not set as it must be", { concurrency: true }, () => {
  it("is named: users without tokens, and no KV namespace", async () => {
    const user = { name: "user", key: "user", limit: 2, window_s: 30 };
    const unbound = `
import worker, { Room } from "./index.js";
export { Room };
export default {
  fetch(request, { RATE_LIMIT, ...env }, ctx) {
    return worker.fetch(request, env, ctx);
  },
};`;
    const edges = await Promise.all([
      startEdge({ vars: { RATE_LIMITS: JSON.stringify([user]) } }),
      startEdge({ entry: unbound, without: ["RATE_LIMITS"] }),
      startEdge({ entry: unbound }),
    ]);
    try {
      const answers = await Promise.all(edges.map((edge) => edge.json(`/api/rooms/${newRoom()}`)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [500, 500, 200],
      );
      assert.match(answers[0].body.detail, /RATE_LIMITS\[0\]: key user needs AUTH=jwt/);
      assert.match(answers[1].body.detail, /RATE_LIMIT is missing: the KV namespace/);
    } finally {
      await Promise.all(edges.map((edge) => edge.close()));
    }
  });
});
