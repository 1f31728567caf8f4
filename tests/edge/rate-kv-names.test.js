// What the rate limiter leaves in KV about those whom it limits: nothing that tells who they are.

import assert from "node:assert/strict";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { newRoom, startEdge, until } from "./harness.js";
import { SECRET, signedBySecret } from "./identity.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const USER = "ana.of-the-names@example";
const LIMIT = 8;
const POLICIES = [
  { name: "ip", key: "ip", limit: LIMIT, window_s: 60 },
  { name: "both", key: ["ip", "user"], limit: LIMIT, window_s: 60 },
];

/** An address as it is sent, what the limiter makes of it, and its bytes. */
const CLIENTS = [
  { sent: "203.0.113.77", key: "203.0.113.77", bytes: [203, 0, 113, 77] },
  { sent: "198.51.100.7", key: "198.51.100.7", bytes: [198, 51, 100, 7] },
  { sent: "::ffff:192.0.2.33", key: "192.0.2.33", bytes: [192, 0, 2, 33] },
  { sent: "64:ff9b::c633:6421", key: "198.51.100.33", bytes: [198, 51, 100, 33] },
  {
    sent: "2001:db8:85a3:8d3:1319:8a2e:370:7348",
    key: "20010db885a308d3",
    bytes: [0x20, 0x01, 0x0d, 0xb8, 0x85, 0xa3, 0x08, 0xd3],
  },
];

/** Texts that the limiter hashes. */
const HASHED = CLIENTS.flatMap(({ key }) => [`ip\n${key}`, `both\n${key}\n${USER}`]);

/** @param {string} secret */
async function startWith(secret) {
  return startEdge({
    vars: {
      AUTH: "jwt",
      JWT_ALGORITHMS: "HS256",
      JWT_SECRET: SECRET,
      AWS_SECRET_ACCESS_KEY: secret,
      RATE_LIMITS: JSON.stringify(POLICIES),
      LOG_LEVEL: "debug",
    },
  });
}

/** Traffic of all clients; then everything that stands in KV. @param {Edge} edge */
async function visited(edge) {
  const path = `/api/rooms/${newRoom()}`;
  for (const { sent } of CLIENTS) {
    const authorization = `Bearer ${signedBySecret({ sub: USER })}`;
    const headers = { "cf-connecting-ip": sent, authorization };
    for (let i = 0; i < LIMIT + 2; i++) {
      const { status } = await edge.fetch(path, { headers });
      assert.equal(status, i < LIMIT ? 200 : 429);
    }
  }
  const kv = await edge.mf.getKVNamespace("RATE_LIMIT");
  const { keys } = await until(
    () => kv.list({ limit: 1000 }),
    (found) => new Set(found.keys.map(({ name }) => hashOf(name))).size === HASHED.length,
  );
  return Promise.all(
    keys.map(async ({ name, metadata }) => ({ name, metadata, value: String(await kv.get(name)) })),
  );
}

/** The part of a name that stands for whom it is about. @param {string} name */
function hashOf(name) {
  const match = /^rl1:(?:ip|both):([0-9a-f]{32}):[cb]\d+:\d+$/.exec(name);
  assert.ok(match, `what is this? ${name}`);
  return match[1];
}

/** The names that README and code promise: HMACs under a key made from the secret. @param {string} secret */
function hashesBy(secret) {
  const info = "edgeroom: rate-limit keys, version 1";
  const key = Buffer.from(hkdfSync("sha256", secret, "", info, 32));
  return HASHED.map((text) => createHmac("sha256", key).update(text).digest("hex").slice(0, 32));
}

/** Each way in which somebody could have written bytes down without meaning to hide them. @param {Buffer} bytes */
function* encodings(bytes) {
  const backwards = Buffer.from(bytes).reverse();
  for (const each of [bytes, backwards]) {
    yield each.toString("latin1");
    yield each.toString("hex");
    yield each.toString("hex").toUpperCase();
    // In the middle of base64, its three phases; the characters at the ends hold other bits too.
    for (const phase of [0, 1, 2]) {
      const padded = Buffer.concat([Buffer.alloc(phase), each, Buffer.alloc(3)]);
      const first = Math.ceil((phase * 8) / 6);
      const last = Math.floor(((phase + each.length) * 8) / 6);
      yield padded.toString("base64").slice(first, last);
      yield padded.toString("base64url").slice(first, last);
    }
  }
}

/** What must not be found. @param {{ sent: string, key: string, bytes: number[] }} client */
function* traces({ sent, key, bytes }) {
  for (const text of [sent, key, encodeURIComponent(sent)]) yield* encodings(Buffer.from(text));
  yield* encodings(Buffer.from(bytes));
  yield bytes.join(".");
  if (bytes.length === 4) yield String(Buffer.from(bytes).readUInt32BE());
  // A hash that anybody can make of all addresses there are hides none of them.
  for (const text of [sent, key, `ip\n${key}`, Buffer.from(bytes)]) {
    for (const algorithm of ["md5", "sha1", "sha256", "sha512"]) {
      yield createHash(algorithm).update(text).digest("hex").slice(0, 16);
    }
  }
}

describe("what KV holds of clients", () => {
  /** @type {Edge} */
  let edge;
  /** @type {Awaited<ReturnType<typeof visited>>} */
  let entries;
  before(async () => {
    edge = await startWith("one secret");
    entries = await visited(edge);
  });
  after(() => edge.close());

  it("is counts under names that hold no address and no user, in any encoding", () => {
    const whole = entries.map((entry) => JSON.stringify(entry)).join("\n");
    const everything =
      whole + Buffer.from(whole.replaceAll(/[^0-9a-f]/g, ""), "hex").toString("latin1");
    for (const client of CLIENTS) {
      for (const trace of traces(client)) {
        assert.ok(trace.length >= 4, `too short to look for: ${trace}`);
        assert.ok(!everything.includes(trace), `${client.sent} stands there as ${trace}`);
      }
    }
    for (const trace of encodings(Buffer.from(USER))) assert.ok(!everything.includes(trace), trace);
    for (const { value, metadata } of entries) {
      assert.match(value, /^1\.[0-9a-f]{8}(\.\d+){9}$/);
      assert.ok(metadata === undefined || metadata === null);
    }
    const log = edge.logs.join("\n");
    for (const { sent, key } of CLIENTS) assert.ok(!log.includes(sent) && !log.includes(key), log);
  });

  it("is found again by the same secret alone", async () => {
    const names = new Set(entries.map(({ name }) => hashOf(name)));
    assert.deepEqual([...names].sort(), hashesBy("one secret").sort());
    const [same, other] = await Promise.all(
      ["one secret", "another secret"].map(async (secret) => {
        const restarted = await startWith(secret);
        try {
          return new Set((await visited(restarted)).map(({ name }) => hashOf(name)));
        } finally {
          await restarted.close();
        }
      }),
    );
    assert.deepEqual([...same].sort(), [...names].sort());
    assert.equal(other.size, names.size);
    for (const name of other) assert.ok(!names.has(name));
    assert.deepEqual([...other].sort(), hashesBy("another secret").sort());
  });
});
