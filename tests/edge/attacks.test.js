// Attacks that no other test tries: SECURITY.md has the list of all of them.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { central, newRoom, startEdge, until } from "./harness.js";
import { OriginServer } from "./origin-server.js";
import { WasmRoom } from "./wasm-room.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** Sixty-four times what a frame may have; compressed it has a sixteenth of that. */
const BOMB_BYTES = 64 << 20;

/** Twenty-four megabytes of them, and what a room has for a turn that is bounded. */
const EVENTS = 400;
const EVENTS_BYTES_MAX = 8 << 20;

/** What a stack trace, a path of a machine or a module's inside looks like. */
const INSIDES = /\n\s+at |\.js:\d|\.cpp|wasm|node_modules|file:|RuntimeError|TypeError|unreachable/;

/** @param {object} options of startEdge @param {(edge: Edge) => Promise<void>} act */
async function withEdge(options, act) {
  const edge = await startEdge(options);
  try {
    await act(edge);
  } finally {
    await edge.close();
  }
}

describe("a compressed bomb", () => {
  it("costs its sender the connection, and nobody else anything", { timeout: 60_000 }, async () => {
    await withEdge({ vars: { WEBSOCKET_COMPRESSION: "on" } }, async (edge) => {
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
    });
  });
});

describe("lines of the log", () => {
  it("cannot be forged by what clients send", async () => {
    const forged = '\n{"level":"error","event":"forged"}\r\n\u2028\u001b[31m","event":"forged';
    const vars = { LOG_LEVEL: "debug", CONTENT_RULES: '{"words":["darn"]}' };
    await withEdge({ vars }, async (edge) => {
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
    });
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

describe("a room that fails", () => {
  it("tells nothing of its insides, and its log nothing of what was asked", async () => {
    const entry = `
      import worker, { Room as Inner } from "./index.js";
      export default worker;
      export class Room extends Inner {
        fetch() { throw new TypeError("at work in /src/room.js:7"); }
      }`;
    await withEdge({ entry, vars: { AUTH_QUERY: "on" } }, async (edge) => {
      const room = newRoom();
      const path = `/api/rooms/${room}?token=TOKEN&user=ASKER`;
      const headers = { authorization: "Bearer TOKEN", cookie: "session=TOKEN" };
      const response = await edge.fetch(path, { headers });
      const text = await response.text();
      assert.equal(response.status, 503);
      assert.doesNotMatch(text, INSIDES);
      assert.equal(JSON.parse(text).detail, "the room did not answer; try again");
      const lines = await until(
        async () => edge.logs.filter((line) => line.includes('"event":"room_failed"')),
        ({ length }) => length > 0,
      );
      assert.doesNotMatch(edge.logs.join("\n"), /TOKEN|ASKER/);
      assert.equal(JSON.parse(lines[0]).room, room);
    });
  });
});

/**
 * A client that knows the bytes of frames alone: it joins, and answers nothing.
 * @param {Edge} edge @param {string} room @param {string} user
 */
async function bareJoin(edge, room, user) {
  const { hostname, port } = new URL(edge.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(
    `GET /rooms/${room}?user=${user} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n` +
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  let told = "";
  await new Promise((joined) => {
    socket.setEncoding("latin1").on("data", (text) => {
      told += text;
      if (told.includes('"welcome"')) joined(undefined);
    });
  });
  return socket;
}

const TEXT = 0x81;
const CLOSE = 0x88;

/** A frame of up to 125 bytes, under a mask of zeros, which masks nothing. @param {number} type @param {Buffer} payload */
function bareFrame(type, payload) {
  return Buffer.concat([Buffer.from([type, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

/** What a client may say as the reason of its close, and what no server may say back. */
const STRANGE_CLOSE_CODES = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535];

describe("a close with a code that may not be sent", () => {
  it("ends the connection, and leaves none that the room does not count", () =>
    withEdge({}, async (edge) => {
      const room = newRoom();
      for (const code of STRANGE_CLOSE_CODES) {
        const socket = await bareJoin(edge, room, "eve");
        socket.write(bareFrame(CLOSE, Buffer.from([code >> 8, code & 0xff])));
        // The server hangs up, in whatever way: the client only waits.
        await new Promise((ended) => socket.once("close", ended));
      }
      const { body } = await edge.json(`/api/rooms/${room}`);
      assert.equal(body.connections, 0);
      assert.deepEqual(edge.logs, []);
    }));
});

describe("a client that was sent away and does not go", () => {
  it("says nothing any more, also not to a room that it wakes", async () => {
    // Tells of each frame that comes to the room, whatever it makes of it.
    const entry = `
      import worker, { Room as Inner } from "./index.js";
      export default worker;
      export class Room extends Inner {
        webSocketMessage(socket, message) {
          super.webSocketMessage(socket, message);
          console.log("came " + message);
        }
      }`;
    // A room sleeps sooner that has nothing left to forward.
    const store = await central();
    await withEdge({ entry, centralUrl: store.url }, async (edge) => {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      const eve = await bareJoin(edge, room, "eve");
      const body = '{"action":"ban","user":"eve"}';
      await edge.fetch(`/api/rooms/${room}/moderation`, {
        method: "POST",
        headers: MODERATOR,
        body,
      });
      await ana.next("leave", (told) => told.user === "eve");
      for (const when of ["awake", "asleep"]) {
        if (when === "asleep") await edge.evict(room);
        const message = { type: "message", content: `said while the room is ${when}` };
        eve.write(bareFrame(TEXT, Buffer.from(JSON.stringify(message))));
        await until(
          async () => edge.logs.join("\n"),
          (logs) => logs.includes(`came {"type":"message","content":"${message.content}"`),
        );
        const { body: state } = await edge.json(`/api/rooms/${room}`);
        assert.equal(state.connections, 1);
        assert.equal(state.seq, 1, "the ban alone");
      }
      eve.destroy();
    });
    await store.close();
  });
});

describe("bytes in a text frame that are no UTF-8", () => {
  it("reach nobody", async () => {
    await withEdge({}, async (edge) => {
      const room = newRoom();
      const eve = await edge.join(room, { user: "eve" });
      const half = Buffer.from([0xed, 0xa0, 0x80, 0xff, 0xc0, 0xaf]);
      const parts = [Buffer.from('{"type":"message","content":"<'), half, Buffer.from('>"}')];
      eve.socket.send(Buffer.concat(parts), { binary: false });
      const { content } = await eve.next("new_message");
      // The platform has put the character of replacement in their place.
      assert.match(content, /^<\ufffd+>$/);
      const answer = await edge.fetch(`/api/rooms/${room}/messages`);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await answer.arrayBuffer());
      assert.equal(JSON.parse(text).messages[0].content, content);
    });
  });
});

describe("the Worker's own word to a room", () => {
  it("is taken from no client", () =>
    withEdge({}, async (edge) => {
      const room = newRoom();
      const word = (/** @type {object} */ operation) => ({
        "x-edgeroom-op": encodeURIComponent(JSON.stringify({ room, ...operation })),
      });
      const eve = { op: "connect", user: "root", role: "moderator" };
      const client = await edge.join(room, { user: "eve" }, { headers: word(eve) });
      const [welcome] = client.told;
      assert.deepEqual([welcome.user, welcome.role], ["eve", undefined]);
      for (const op of ["log", "drain", "metrics"]) {
        const { status, body } = await edge.json(`/api/rooms/${room}`, { headers: word({ op }) });
        assert.equal(status, 200);
        assert.equal(body.connections, 1, op);
      }
    }));
});

describe("where the central API sends its callers", () => {
  it("nobody goes, with signature and messages or without", async () => {
    const elsewhere = await OriginServer.start();
    const store = await OriginServer.start();
    store.answer = (_, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/v1/batches` }).end();
    };
    try {
      await withEdge({ centralUrl: store.url }, async (edge) => {
        const room = newRoom();
        const ana = await edge.join(room, { user: "ana" });
        ana.send({ type: "message", content: "for the central API alone" });
        // The answer has come, and is none.
        await until(
          async () => (await edge.json(`/api/rooms/${room}`)).body.outbox,
          ({ blocked }) => blocked,
        );
        assert.equal(store.last.method, "POST");
        assert.equal(elsewhere.asked.length, 0);
      });
    } finally {
      await store.close();
      await elsewhere.close();
    }
  });
});

describe("a page of another site that frames ours", () => {
  it("shows nothing, and no other script or address gets into it", () =>
    withEdge({}, async (edge) => {
      for (const path of ["/", "/client/time-travel"]) {
        const { headers } = await edge.fetch(path);
        const policy = headers.get("content-security-policy")?.split("; ") ?? [];
        for (const rule of [
          "default-src 'none'",
          "script-src 'self' 'wasm-unsafe-eval'",
          "base-uri 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
        ]) {
          assert.ok(policy.includes(rule), `${path}: ${rule}`);
        }
      }
    }));
});

describe("names that mean something to JavaScript", () => {
  it("are names of rooms and users, and members of contents, like others", () =>
    withEdge({}, async (edge) => {
      const content = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
      for (const name of ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"]) {
        const client = await edge.join(name, { user: name });
        assert.equal(client.told[0].user, name);
        client.send(`{"type":"message","content":${content},"id":"${name}","ref":"${name}"}`);
        const told = await client.next("new_message");
        assert.equal(JSON.stringify(told.content), content);
        const init = { method: "POST", headers: MODERATOR };
        const body = JSON.stringify({ action: "ban", user: name });
        assert.equal(
          (await edge.fetch(`/api/rooms/${name}/moderation`, { ...init, body })).status,
          200,
        );
        assert.equal((await client.closed).code, 4003);
        // A ban of one is no ban of all.
        await edge.join(name, { user: "ana" });
      }
    }));
});

describe("a flood of ephemeral events in one turn", () => {
  it("costs the room no memory that it keeps", async () => {
    const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
    const root = resolve(import.meta.dirname, "../..");
    const room = await WasmRoom.start(join(root, `build/modules/${toolchain}/room.wasm`));
    for (let socket = 1; socket <= 50; socket++) room.join(socket, `user-${socket}`);
    room.flush();
    const content = "x".repeat(60_000);
    for (let n = 0; n < EVENTS; n++) {
      // The bytes that a connection may send come back.
      room.pass(20);
      room.frame(1 + (n % 50), { type: "event", name: "typing", content });
    }
    assert.ok(room.memoryBytes <= EVENTS_BYTES_MAX, `${room.memoryBytes >> 10} KiB`);
  });
});

describe("a message where anybody names himself", () => {
  it("is deleted by nobody who only has the name", () =>
    withEdge({}, async (edge) => {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      ana.send({ type: "message", content: "mine" });
      const { seq } = await ana.next("new_message");
      const eve = await edge.join(room, { user: "ana" });
      eve.send({ type: "delete", seq });
      assert.equal((await eve.next("error")).code, "forbidden");
      ana.send({ type: "delete", seq });
      assert.equal((await eve.next("message_deleted")).target, seq);
    }));
});
