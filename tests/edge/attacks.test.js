// Attacks that no other test tries: SECURITY.md has the list of all of them.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { newRoom, startEdge } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** Sixty-four times what a frame may have; compressed it has a sixteenth of that. */
const BOMB_BYTES = 64 << 20;

/** What a stack trace, a path of a machine or a module's inside looks like. */
const INSIDES = /\n\s+at |\.js:\d|\.cpp|wasm|node_modules|file:|RuntimeError|TypeError|unreachable/;

describe("a compressed bomb", () => {
  it("costs its sender the connection, and nobody else anything", { timeout: 60_000 }, async () => {
    const edge = await startEdge({ vars: { WEBSOCKET_COMPRESSION: "on" } });
    try {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      const eve = await edge.join(room, { user: "eve" }, { compress: true });
      assert.equal(eve.socket.extensions, "permessage-deflate");
      eve.send(`{"type":"message","content":"${" ".repeat(BOMB_BYTES)}"}`);
      const { code } = await eve.closed;
      // 1006: the platform itself hung up, before the room heard of it.
      assert.ok([1006, 1009].includes(code), `closed with ${code}`);
      ana.send({ type: "message", content: "still here" });
      assert.equal((await ana.next("new_message")).content, "still here");
    } finally {
      await edge.close();
    }
  });
});

describe("lines of the log", () => {
  it("cannot be forged by what clients send", async () => {
    const forged = '\n{"level":"error","event":"forged"}\r\n\u2028\u001b[31m","event":"forged';
    const vars = { LOG_LEVEL: "debug", CONTENT_RULES: '{"words":["darn"]}' };
    const edge = await startEdge({ vars });
    try {
      const room = newRoom();
      // A name has no control characters; what else it has is data.
      const refused = await edge.fetch(`/api/rooms/${room}?user=${encodeURIComponent(forged)}`, {
        headers: { traceparent: "00-forged", "cf-ray": '1","event":"forged' },
      });
      assert.equal(refused.status, 400);
      const eve = await edge.join(room, { user: '","event":"forged\u2028' });
      eve.send({ type: "message", content: `darn ${forged}`, ref: "forged" });
      eve.send(`{"type":"${forged}"}`);
      eve.send({ type: "event", name: '","event":"forged' });
      await eve.next("event");
      const moderation = { action: "ban", user: forged.replaceAll(/\p{Cc}/gu, ""), reason: forged };
      const init = { method: "POST", headers: MODERATOR, body: JSON.stringify(moderation) };
      await edge.fetch(`/api/rooms/${room}/moderation`, init);
      await edge.fetch(`/api/${encodeURIComponent(forged)}?${encodeURIComponent(forged)}`);
      assert.ok(edge.logs.length > 3, edge.logs.join("\n"));
      for (const line of edge.logs) {
        const { event, level } = JSON.parse(line);
        assert.match(event, /^[a-z_]+$/, line);
        assert.notEqual(event, "forged", line);
        assert.notEqual(level, "error", line);
      }
    } finally {
      await edge.close();
    }
  });
});

describe("what an error tells", () => {
  /** @type {Edge} */
  let edge;
  before(async () => {
    edge = await startEdge({ vars: { API_URL: "http://127.0.0.1:9" } });
  });
  after(() => edge.close());

  it("is what is wrong, and nothing of the insides", async () => {
    const room = newRoom();
    const messages = `/api/rooms/${room}/messages`;
    /** @type {[string, RequestInit?][]} */
    const requests = [
      ["/rooms/lobby"],
      ["/rooms/%00"],
      ["/rooms/..%2f..%2fetc"],
      [`/api/rooms/${"x".repeat(200)}`],
      [`${messages}?limit=1e9`],
      [`${messages}?after=-1&before=2`],
      [`${messages}?epoch=%F0`],
      [messages, { method: "POST", headers: MODERATOR, body: "{" }],
      [messages, { method: "POST", headers: MODERATOR, body: "[".repeat(100_000) }],
      [messages, { method: "POST", headers: MODERATOR, body: new Uint8Array([0xff, 0xfe]) }],
      [messages, { method: "POST", body: "{}" }],
      [`${messages}/99999999999999999999`, { method: "DELETE", headers: MODERATOR }],
      [`/api/rooms/${room}/moderation`, { method: "POST", headers: MODERATOR, body: "null" }],
      ["/api/elsewhere"],
      ["/assets/../secret"],
      ["/client/../package.json"],
      ["/nothing"],
    ];
    for (const [path, init] of requests) {
      const response = await edge.fetch(path, init);
      const text = await response.text();
      assert.ok(response.status >= 400, `${path}: ${response.status}`);
      assert.equal(response.headers.get("content-type"), "application/problem+json", path);
      assert.doesNotMatch(text, INSIDES, path);
      const { status, title, detail } = JSON.parse(text);
      assert.equal(status, response.status, path);
      assert.ok(title && detail, path);
    }
    const eve = await edge.join(room, { user: "eve" });
    const frames = [
      "",
      "{",
      "null",
      "[[[[",
      '{"type":1}',
      '{"type":"message","content":"\\ud800"}',
    ];
    for (const frame of frames) {
      eve.send(frame);
      const { code, detail } = await eve.next("error");
      assert.ok(code && detail, frame);
      assert.doesNotMatch(detail, INSIDES, frame);
    }
  });
});
