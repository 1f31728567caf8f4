// The rate limiter over a KV that fails in every way, in workerd: nobody waits for it, nobody is
// denied for it, limits hold, and the log is told once.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newRoom, startEdge, until } from "./harness.js";
import { KvService, valuesAnswer } from "./kv-service.js";
import { refusal } from "./refusal.js";

/** @import { KvAnswer, KvRequest } from "./kv-service.js" */

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const LIMIT = 8;
const ADDRESSES = Array.from({ length: 4 }, (_, i) => `203.0.113.${i + 1}`);
const POLICIES = JSON.stringify([{ name: "ip", key: "ip", limit: LIMIT, window_s: 60 }]);

/**
 * What KV does, and for what the log must have a line, with its reason.
 * @type {Record<string, [(request: KvRequest, kv: KvService) => KvAnswer, Record<string, RegExp>]>}
 */
const FAULTS = {
  // The longest, so it begins.
  "never answers": [() => undefined, { read: /no answer for/, write: /no answer for/ }],
  works: [(request, kv) => kv.carryOut(request), {}],
  fails: [() => ({ status: 500, body: "internal" }), { read: /500/, write: /500/ }],
  "breaks the connection": [() => "hang up", { read: /./, write: /./ }],
  "refuses writes": [
    (request, kv) => (request.kind === "write" ? { status: 429 } : kv.carryOut(request)),
    { write: /429/ },
  ],
  "refuses reads": [
    (request, kv) => (request.kind === "read" ? { status: 429 } : kv.carryOut(request)),
    { read: /429/ },
  ],
  "gives values that nobody wrote": [
    (request, kv) => (request.kind === "read" ? garbage(request.names) : kv.carryOut(request)),
    {},
  ],
  "gives a value of 25 MiB": [
    (request, kv) => (request.kind === "read" ? huge(request.names) : kv.carryOut(request)),
    {},
  ],
  "gives what is no answer": [
    ({ kind }) => ({ status: 200, body: kind === "read" ? "<html>" : "" }),
    { read: /./ },
  ],
};

/** @param {string[]} names */
function garbage(names) {
  const values = [
    "",
    "1.",
    "1.zzzzzzzz.1.0.0.0.0.0.0.0.9",
    "2.0badcafe.1.0.0.0.0.0.0.0.9",
    "1.0badcafe.99999999999.0.0.0.0.0.0.0.9",
    "1.0badcafe.4294967295.9.9.9.9.9.9.9.9",
    "{}\u0000\u{1f600}",
    "1".repeat(100_000),
  ];
  let next = 0;
  return valuesAnswer(names, () => values[next++ % values.length]);
}

/** @param {string[]} names */
function huge(names) {
  return valuesAnswer(names, (name) => (name === names[0] ? "1.".padEnd(25 << 20, "9") : null));
}

/** What whoever asks twice as often as he may must see. */
const RIGHT = Array.from({ length: 2 * LIMIT }, (_, i) => (i < LIMIT ? 200 : 429));

/** A Worker that gives up nothing: whoever waited for what never comes would wait for ever. */
const PATIENT_ENTRY = `
import worker, { Room } from "./index.js";
const setShortTimeout = globalThis.setTimeout;
globalThis.setTimeout = (call, ms) => (ms >= 5000 ? 0 : setShortTimeout(call, ms));
export { Room };
export default worker;`;

/** What one client sees, asking twice as often as it may. @param {Edge} edge @param {string} address */
async function visit(edge, address) {
  const path = `/api/rooms/${newRoom()}`;
  const headers = { "cf-connecting-ip": address };
  /** @type {number[]} */
  const statuses = [];
  for (let i = 0; i < 2 * LIMIT - 1; i++)
    statuses.push((await edge.fetch(path, { headers })).status);
  const socket = `${edge.url.replace("http", "ws")}/rooms/${newRoom()}`;
  statuses.push((await refusal(socket, { headers })).status);
  return statuses;
}

/** @param {Edge} edge */
const kvLines = (edge) =>
  edge.logs.map((line) => JSON.parse(line)).filter(({ event }) => event === "rate_limit_kv");

describe("the rate limiter, when KV", { concurrency: 4 }, () => {
  for (const [name, [answer, told]] of Object.entries(FAULTS)) {
    it(name, async () => {
      const kv = await KvService.start(answer);
      const edge = await startEdge({ kvUrl: kv.url, vars: { RATE_LIMITS: POLICIES } });
      try {
        const seen = await Promise.all(ADDRESSES.map((address) => visit(edge, address)));
        // Everybody has been answered as he would be if all was well.
        for (const statuses of seen) assert.deepEqual(statuses, RIGHT);
        // That KV was asked is what the test is about.
        const kinds = () => new Set(kv.requests.map(({ kind }) => kind));
        await until(
          () => Promise.resolve([...kinds()]),
          (asked) => asked.length === 2,
        );
        // What the log must say comes once, whatever the number of failures.
        const operations = Object.keys(told).sort();
        const lines = await until(
          () => Promise.resolve(kvLines(edge)),
          (found) => found.length >= operations.length,
        );
        assert.deepEqual(lines.map(({ operation }) => operation).sort(), operations);
        for (const { level, operation, reason, failures } of lines) {
          assert.equal(level, "warn");
          assert.match(reason, told[operation]);
          assert.equal(failures, 1);
        }
        assert.equal(edge.logs.length, lines.length, edge.logs.join("\n"));
        assert.equal((await edge.fetch("/health")).status, 200);
      } finally {
        await edge.close();
        await kv.close();
      }
    });
  }

  it("never answers and is never given up, lets nobody wait", { timeout: 60_000 }, async () => {
    const kv = await KvService.start(() => undefined);
    const vars = { RATE_LIMITS: POLICIES };
    const edge = await startEdge({ kvUrl: kv.url, entry: PATIENT_ENTRY, vars });
    try {
      const [first] = ADDRESSES;
      assert.deepEqual(await visit(edge, first), RIGHT);
      await until(
        () => Promise.resolve(kv.requests.length),
        (asked) => asked > 0,
      );
      // Also those who come when KV is known to hang.
      const seen = await Promise.all(ADDRESSES.slice(1).map((address) => visit(edge, address)));
      for (const statuses of seen) assert.deepEqual(statuses, RIGHT);
      assert.deepEqual(edge.logs, []);
    } finally {
      await edge.close();
      await kv.close();
    }
  });
});
