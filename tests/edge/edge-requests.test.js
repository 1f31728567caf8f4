// The Worker's HTTP surface, in workerd: what is refused, and how, before a room is asked.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { newRoom, startEdge, until } from "./harness.js";
import { problem } from "./problem.js";
import { refusal } from "./refusal.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const APP = "https://app.example";
/** One of MODERATOR_TOKENS (harness.js). */
const MODERATOR = "test-moderator";
const AS_MODERATOR = { authorization: `Bearer ${MODERATOR}` };

/** What a WebSocket is asked for with, but for the path. */
const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/**
 * The status of a request as it stands; other clients resolve dot segments, and have no body of a
 * GET.
 * @param {string} url
 * @param {string} path
 * @param {{method?: string, headers?: Record<string, string>, body?: string}} [options]
 * @returns {Promise<number>}
 */
function rawStatus(url, path, { method = "GET", headers = {}, body } = {}) {
  return new Promise((done, failed) => {
    const options = { path, method, headers, agent: false };
    const request = httpRequest(url, options, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      done(response.statusCode ?? 0);
    });
    request.on("error", failed);
    request.end(body);
  });
}

/**
 * The log's lines of an event, at least so many: they come a little after the answer.
 * @param {Edge} edge
 * @param {string} event
 * @param {number} count
 * @returns {Promise<Record<string, unknown>[]>}
 */
function logged(edge, event, count) {
  return until(
    async () => edge.logs.map((line) => JSON.parse(line)).filter((line) => line.event === event),
    (lines) => lines.length >= count,
  );
}

describe("the Worker", () => {
  /** @type {Edge} */
  let edge;

  before(async () => {
    edge = await startEdge({ vars: { ALLOWED_ORIGINS: APP } });
  });
  after(() => edge.close());

  it("is healthy and says which build it is", async () => {
    const { status, body, headers } = await edge.json("/health");
    assert.equal(status, 200);
    assert.equal(body.status, "ok");
    assert.match(body.version, /^\d+\.\d+\.\d+$/);
    assert.equal(body.toolchain, toolchain);
    assert.equal(headers.get("ratelimit"), null);
  });

  it("refuses with problem details that name what is wrong", async () => {
    /** @type {[string, string, number, RegExp][]} */
    const cases = [
      ["GET", "/rooms/lobby", 426, /WebSocket/],
      ["POST", "/rooms/lobby", 405, /GET/],
      ["GET", "/rooms/a%20b", 400, /room's name/],
      ["GET", `/rooms/${"a".repeat(129)}`, 400, /room's name/],
      ["GET", "/api/rooms/a%2Fb", 400, /room's name/],
      ["GET", "/api/rooms/lobby/messages?limit=101", 400, /^limit:/],
      ["GET", "/api/rooms/lobby/messages?after=x", 400, /^after:/],
      ["GET", "/api/rooms/lobby/messages?after=1&before=2", 400, /^before:/],
      ["GET", "/api/rooms", 404, /rooms/],
      ["GET", "/api/rooms/lobby/nothing", 404, /rooms/],
      ["GET", "/api/users", 404, /API_URL/],
      ["GET", "/assets/logo.png", 404, /S3_URL/],
      ["GET", "/nothing", 404, /./],
      ["GET", "/client/nothing.js", 404, /no such file/],
      ["POST", "/", 405, /GET/],
    ];
    for (const [method, path, status, detail] of cases) {
      const body = await problem(await edge.fetch(path, { method }), status);
      assert.match(body.detail, detail, path);
    }
  });

  it("takes no dot segment for a room", async () => {
    // The platform has resolved most of them before the Worker sees the URL; what is left then
    // names no room either.
    for (const path of ["/rooms/.", "/rooms/..", "/rooms/%2e%2E", "/api/../rooms/.."]) {
      const status = await rawStatus(edge.url, path, { headers: UPGRADE });
      assert.ok([200, 400, 404].includes(status), `${path}: ${status}`);
    }
  });

  it("serves the pages and the SDK behind a strict policy", async () => {
    for (const [path, type] of [
      ["/", "text/html"],
      ["/client/edgeroom.js", "text/javascript"],
      ["/client/time-travel", "text/html"],
      ["/client/replay.wasm", "application/wasm"],
    ]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await edge.fetch(path, { method });
        assert.equal(response.status, 200, path);
        assert.ok(response.headers.get("content-type")?.startsWith(type), path);
        assert.match(response.headers.get("content-security-policy") ?? "", /^default-src 'none';/);
        assert.equal(response.headers.get("x-content-type-options"), "nosniff");
        assert.equal(response.headers.get("referrer-policy"), "no-referrer");
        assert.equal((await response.text()).length > 0, method === "GET");
      }
    }
  });

  it("lets only its own page and ALLOWED_ORIGINS in", async () => {
    const room = newRoom();
    const socket = `${edge.url.replace("http", "ws")}/rooms/${room}`;
    const evil = { headers: { origin: "https://evil.example" } };
    await problem(await edge.fetch(`/api/rooms/${room}`, evil), 403);
    assert.equal((await refusal(socket, evil)).status, 403);
    for (const origin of [APP, edge.url]) {
      const response = await edge.fetch(`/api/rooms/${room}`, { headers: { origin } });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("access-control-allow-origin"), origin);
      assert.equal(response.headers.get("vary"), "Origin");
      const exposed = response.headers.get("access-control-expose-headers");
      assert.equal(exposed, "Retry-After, RateLimit, RateLimit-Policy");
      await (await edge.join(room, {}, { headers: { origin } })).close();
    }
  });

  it("answers preflights", async () => {
    const headers = {
      origin: APP,
      "access-control-request-method": "DELETE",
      "access-control-request-headers": "authorization",
    };
    const response = await edge.fetch("/api/rooms/lobby", { method: "OPTIONS", headers });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("access-control-allow-origin"), APP);
    assert.match(response.headers.get("access-control-allow-methods") ?? "", /DELETE/);
    assert.equal(response.headers.get("access-control-allow-headers"), "authorization");
  });

  it("agrees on edgeroom.v1 and never on a bearer token", async () => {
    const room = newRoom();
    const socket = `${edge.url.replace("http", "ws")}/rooms/${room}`;
    const client = await edge.join(room, {}, { protocols: ["bearer.SECRET", "edgeroom.v1"] });
    assert.equal(client.socket.protocol, "edgeroom.v1");
    assert.equal((await edge.join(room)).socket.protocol, "");
    for (const protocols of [["bearer.SECRET"], ["chat"]]) {
      const { status, body } = await refusal(socket, { protocols });
      assert.equal(status, 400);
      assert.match(JSON.parse(body).detail, /edgeroom\.v1/);
      assert.doesNotMatch(body, /SECRET/);
    }
  });

  it("lets in whoever brings a token that says nothing, or a moderator's", async () => {
    const room = newRoom();
    for (const token of ["nonsense", MODERATOR]) {
      const authorization = `Bearer ${token}`;
      const byHeader = await edge.join(room, { user: "ana" }, { headers: { authorization } });
      assert.equal(byHeader.told[0].user, "ana");
      const protocols = ["edgeroom.v1", `bearer.${token}`];
      const byProtocol = await edge.join(room, { user: "bob" }, { protocols });
      assert.equal(byProtocol.told[0].user, "bob");
      assert.equal(byProtocol.socket.protocol, "edgeroom.v1");
    }
  });

  it("checks a join's query before there is a socket", async () => {
    const socket = `${edge.url.replace("http", "ws")}/rooms/${newRoom()}`;
    for (const query of ["user=", "user=%00", "user=%FF", "epoch=_", "epoch=a&after=-1"]) {
      const { status, body } = await refusal(`${socket}?${query}`);
      assert.equal(status, 400, query);
      assert.match(JSON.parse(body).detail, /^(user|epoch|after):/);
    }
    assert.deepEqual(edge.logs, []);
  });
});

/**
 * The routes of a room below /api/rooms/{room}: the methods of each, and those for moderators.
 * @type {Record<string, {allow: string, moderators?: string[]}>}
 */
const ROOM_ROUTES = {
  "": { allow: "GET, HEAD" },
  "/messages": { allow: "GET, HEAD, POST", moderators: ["POST"] },
  "/messages/1": { allow: "DELETE", moderators: ["DELETE"] },
  "/moderation": { allow: "POST", moderators: ["POST"] },
  "/drain": { allow: "POST", moderators: ["POST"] },
  "/log": { allow: "GET, HEAD", moderators: ["GET", "HEAD"] },
};

describe("the routes of rooms", () => {
  /** @type {Edge} */
  let edge;

  before(async () => {
    edge = await startEdge();
  });
  after(() => edge.close());

  /**
   * A room with messages, published by a moderator.
   * @param {number} count
   */
  async function roomWith(count) {
    const room = newRoom();
    for (let i = 1; i <= count; i++) {
      const response = await publish(room, JSON.stringify({ content: i }));
      assert.equal(response.status, 201);
    }
    return room;
  }

  /** @param {string} room @param {string | Uint8Array<ArrayBuffer>} body */
  function publish(room, body) {
    const path = `/api/rooms/${room}/messages`;
    return edge.fetch(path, { method: "POST", headers: AS_MODERATOR, body });
  }

  /** An answer in JSON that nobody may keep. @param {Response} response @param {number} status */
  async function json(response, status) {
    assert.equal(response.status, status, response.url);
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    return /** @type {Promise<any>} */ (response.json());
  }

  it("answer to their methods only", async () => {
    for (const [path, { allow }] of Object.entries(ROOM_ROUTES)) {
      for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
        if (allow.split(", ").includes(method)) continue;
        const init = { method, headers: AS_MODERATOR };
        const response = await edge.fetch(`/api/rooms/lobby${path}`, init);
        assert.equal(response.headers.get("allow"), allow, `${method} ${path}`);
        if (method === "HEAD") assert.equal(response.status, 405);
        else await problem(response, 405);
      }
    }
    for (const method of ["HEAD", "POST", "DELETE"]) {
      const response = await edge.fetch("/rooms/lobby", { method });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "GET");
    }
  });

  it("let nobody but moderators moderate", async () => {
    const room = newRoom();
    for (const [path, { moderators }] of Object.entries(ROOM_ROUTES)) {
      for (const method of moderators ?? []) {
        /** @type {Record<string, string>[]} */
        const headers = [
          {},
          { authorization: "Bearer wrong" },
          { authorization: `Bearer ${MODERATOR}x` },
          { authorization: `Basic ${MODERATOR}` },
          { authorization: MODERATOR },
          { "sec-websocket-protocol": `edgeroom.v1, bearer.${MODERATOR}` },
        ];
        for (const each of headers) {
          const init = { method, headers: each };
          const response = await edge.fetch(`/api/rooms/${room}${path}`, init);
          assert.equal(response.headers.get("www-authenticate"), "Bearer");
          if (method === "HEAD") assert.equal(response.status, 401);
          else assert.match((await problem(response, 401)).detail, /moderator/);
        }
      }
    }
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.epoch, null);
  });

  it("take only the names that rooms may have, in any spelling", async () => {
    const long = "a".repeat(128);
    const names = [
      "a%20b",
      "a+b",
      "a%2Fb",
      "a%252e",
      "a%00",
      "%C3%A9",
      "%FF",
      "%",
      "%4",
      `${long}a`,
    ];
    for (const name of [...names, ""]) {
      for (const [path, { allow }] of Object.entries(ROOM_ROUTES)) {
        const method = allow.replace(/.*, /, "");
        const init = { method, headers: AS_MODERATOR };
        const response = await edge.fetch(`/api/rooms/${name}${path}`, init);
        if (method === "HEAD") assert.equal(response.status, 400);
        else assert.match((await problem(response, 400)).detail, /room's name/, name + path);
      }
      const join = `${edge.url.replace("http", "ws")}/rooms/${name}`;
      const { status, body } = await refusal(join);
      assert.equal(status, 400);
      assert.match(JSON.parse(body).detail, /room's name/);
    }
    for (const [spelling, room] of [
      [long, long],
      ["%61-%5A%2e%7E_9", "a-Z.~_9"],
      ["...", "..."],
    ]) {
      const body = await json(await edge.fetch(`/api/rooms/${spelling}`), 200);
      assert.equal(body.room, room);
    }
  });

  it("say 404 for whatever else is below /api/rooms", async () => {
    const room = `/api/rooms/${newRoom()}`;
    const gets = [
      "/",
      "/messages/",
      "/messages/1/2",
      "/moderation/",
      "/log/1",
      "/Drain",
      "/nothing",
    ];
    for (const path of gets) {
      const body = await problem(await edge.fetch(room + path, { headers: AS_MODERATOR }), 404);
      assert.match(body.detail, /no such resource/, path);
    }
    await problem(await edge.fetch("/api/rooms"), 404);
    for (const path of ["/rooms", "/rooms/a/b", "/rooms/a/", "/Rooms/a", "/ROOMS/a"]) {
      await problem(await edge.fetch(path), 404);
    }
  });

  it("tell a room's state, also of one that was never used", async () => {
    const room = newRoom();
    const path = `/api/rooms/${room}`;
    const outbox = {
      pending: 0,
      oldest_ms: 0,
      dead: 0,
      blocked: false,
      attempts: 0,
      breaker: "closed",
    };
    const state = { room, epoch: null, seq: 0, confirmed: 0, connections: 0, users: 0, outbox };
    for (let i = 0; i < 2; i++) assert.deepEqual(await json(await edge.fetch(path), 200), state);
    const { epoch, seq } = await json(await publish(room, '{"content":1}'), 201);
    const after = await json(await edge.fetch(`${path}?whatever=1`), 200);
    assert.deepEqual([after.epoch, after.seq, after.outbox.pending], [epoch, seq, 1]);
  });

  it("answer HEAD as GET, without a body", async () => {
    const room = await roomWith(1);
    for (const path of ["", "/messages", "/messages?limit=0", "/log?after=x", "/nothing"]) {
      const [head, get] = await Promise.all(
        ["HEAD", "GET"].map((method) =>
          edge.fetch(`/api/rooms/${room}${path}`, { method, headers: AS_MODERATOR }),
        ),
      );
      assert.equal(head.status, get.status, path);
      for (const name of ["content-type", "cache-control", "vary", "x-content-type-options"]) {
        assert.equal(head.headers.get(name), get.headers.get(name), `${path} ${name}`);
      }
      assert.equal(await head.text(), "");
      assert.notEqual(await get.text(), "");
    }
  });

  it("ignore a body where it means nothing", async () => {
    const room = newRoom();
    for (const body of ["", "not JSON"]) {
      const headers = { "content-length": String(body.length) };
      for (const method of ["GET", "HEAD"]) {
        const init = { method, headers, body };
        assert.equal(await rawStatus(edge.url, `/api/rooms/${room}`, init), 200);
        assert.equal(await rawStatus(edge.url, `/api/rooms/${room}/messages`, init), 200);
      }
      const join = { headers: { ...UPGRADE, ...headers }, body };
      assert.equal(await rawStatus(edge.url, `/rooms/${room}`, join), 101);
    }
  });

  it("page through messages", async () => {
    const room = await roomWith(4);
    const path = `/api/rooms/${room}/messages`;
    const whole = await json(await edge.fetch(path), 200);
    assert.deepEqual(Object.keys(whole), ["room", "epoch", "messages", "more"]);
    assert.equal(whole.room, room);
    for (const message of whole.messages) {
      assert.deepEqual(Object.keys(message), ["seq", "ts", "user", "content"]);
      assert.equal(message.user, "moderator");
    }
    /** @type {[string, number[], boolean][]} */
    const cases = [
      ["", [1, 2, 3, 4], false],
      ["?limit=2", [3, 4], true],
      ["?limit=100", [1, 2, 3, 4], false],
      ["?limit=%32", [3, 4], true],
      ["?lim%69t=2", [3, 4], true],
      ["?after=0&limit=1", [1], true],
      ["?after=2", [3, 4], false],
      ["?after=4", [], false],
      ["?after=9007199254740991", [], false],
      ["?before=3", [1, 2], false],
      ["?before=4&limit=2", [2, 3], true],
      ["?before=1", [], false],
      ["?before=9007199254740991&limit=1", [4], true],
      [`?epoch=${whole.epoch}&after=3`, [4], false],
      ["?whatever=%FF&%&limit=1", [4], true],
    ];
    for (const [query, seqs, more] of cases) {
      const body = await json(await edge.fetch(path + query), 200);
      const found = body.messages.map((/** @type {{seq: number}} */ message) => message.seq);
      assert.deepEqual([found, body.more], [seqs, more], query);
    }
  });

  it("say which parameter of a page is wrong", async () => {
    const path = `/api/rooms/${newRoom()}/messages`;
    const numbers = ["", "=", "=abc", "=-1", "=+1", "=1.5", "=1e3", "=0x1", "=%", "=%FF", "=1%00"];
    /** @type {[string, string][]} */
    const cases = ["limit", "after", "before"].flatMap((name) =>
      numbers.map((value) => /** @type {[string, string]} */ ([name + value, name])),
    );
    cases.push(
      ["limit=0", "limit"],
      ["limit=101", "limit"],
      ["limit=99999999999999999999", "limit"],
      ["after=9007199254740992", "after"],
      ["before=9007199254740992", "before"],
      ["after=1&before=2", "before"],
      ["before=2&after=1", "before"],
      ["limit=1&limit=1", "limit"],
      ["after=1&limit=1&%61fter=1", "after"],
      ["before=1&before=2", "before"],
      ["epoch=e&epoch=e", "epoch"],
      ["epoch=", "epoch"],
      ["epoch=a_b", "epoch"],
      ["epoch=a%20b", "epoch"],
      ["epoch=%C3%A9", "epoch"],
      ["epoch=%00", "epoch"],
      [`epoch=${"a".repeat(65)}`, "epoch"],
    );
    for (const [query, name] of cases) {
      const body = await problem(await edge.fetch(`${path}?${query}`), 400);
      assert.ok(body.detail.startsWith(`${name}: `), `${query}: ${body.detail}`);
    }
  });

  it("say that a page of an epoch that the room does not hold is not whole", async () => {
    const room = await roomWith(1);
    const body = await json(await edge.fetch(`/api/rooms/${room}/messages?epoch=older`), 200);
    const answer = { room, epoch: "older", messages: [], more: false, partial: true };
    assert.deepEqual(body, answer);
  });

  it("publish what is whole, and say what is wrong with the rest", async () => {
    const room = newRoom();
    /** @param {number} depth */
    const nested = (depth) => `{"content":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    /** @param {number} count */
    const id = (count) => JSON.stringify({ content: 1, id: "😀".repeat(count) });
    /** @param {number} bytes */
    const sized = (bytes) => `{"content":1,"x":"${"x".repeat(bytes - 20)}"}`;
    assert.equal(sized(100).length, 100);
    const good = ['{"content":null}', ' {"other":1, "content" : 1e400 } ', nested(64), id(64)];
    good.unshift(`{"content":"${"x".repeat(65_534)}"}`);
    for (const [index, body] of good.entries()) {
      const answer = await json(await publish(room, body), 201);
      assert.deepEqual(Object.keys(answer), ["epoch", "seq"]);
      assert.equal(answer.seq, index + 1);
    }
    const again = await json(await publish(room, id(64)), 200);
    assert.deepEqual([again.seq, again.duplicate], [good.length, true]);

    /** @type {[string, number, RegExp][]} */
    const bad = [
      ["", 400, /not JSON.* at byte 0/],
      ["hello", 400, /not JSON.* at byte 0/],
      ['{"content":1', 400, /not JSON.* at byte 12/],
      ['{"content":1} x', 400, /trailing bytes.* at byte 14/],
      ["[]", 400, /one JSON object/],
      ["null", 400, /one JSON object/],
      ['"content"', 400, /one JSON object/],
      ["{}", 400, /^content: is missing/],
      ['{"id":"i"}', 400, /^content: is missing/],
      ['{"content":1,"content":1}', 400, /^content: is given twice/],
      ['{"content":1,"c\\u006fntent":1}', 400, /^content: is given twice/],
      ['{"content":1,"id":"i","id":"i"}', 400, /^id: is given twice/],
      ['{"content":1,"user":"u","user":"u"}', 400, /^user: is given twice/],
      ['{"content":1,"id":7}', 400, /^id: must be a string/],
      ['{"content":1,"id":null}', 400, /^id: must be a string/],
      ['{"content":1,"id":""}', 400, /^id: must have 1 to 64/],
      [id(65), 400, /^id: must have 1 to 64/],
      ['{"content":1,"user":""}', 400, /^user: must have 1 to 128/],
      [`{"content":1,"user":"${"é".repeat(129)}"}`, 400, /^user: must have 1 to 128/],
      ['{"content":"\\ud800"}', 400, /lone surrogate at byte/],
      ['{"content":"a\n"}', 400, /not JSON.* at byte/],
      [nested(65), 400, /nested too deeply at byte/],
      [`{"content":"${"x".repeat(65_535)}"}`, 413, /65537 bytes; the most is 65536/],
      [sized((1 << 20) + 1), 413, /1 MiB/],
    ];
    for (const [body, status, detail] of bad) {
      const answer = await problem(await publish(room, body), status);
      assert.match(answer.detail, detail, body.slice(0, 80));
    }
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.seq, good.length);
  });

  it("delete a message once", async () => {
    const room = await roomWith(2);
    /** @param {string} seq @param {string} [of] */
    const remove = (seq, of = room) => {
      const init = { method: "DELETE", headers: AS_MODERATOR };
      return edge.fetch(`/api/rooms/${of}/messages/${seq}`, init);
    };
    for (const seq of ["abc", "-1", "1.0", "1e0", "%20", "9007199254740992"]) {
      assert.match((await problem(await remove(seq), 400)).detail, /seq.*whole number/, seq);
    }
    for (const seq of ["0", "3", "9007199254740991"]) await problem(await remove(seq), 404);
    const { epoch } = (await edge.json(`/api/rooms/${room}`)).body;
    assert.deepEqual(await json(await remove("2"), 200), { epoch, seq: 3, target: 2 });
    await problem(await remove("2"), 404);
    // Nor is a deletion a message.
    await problem(await remove("3"), 404);
    const page = await json(await edge.fetch(`/api/rooms/${room}/messages?after=1`), 200);
    const [{ seq, deleted, by, content }] = page.messages;
    assert.deepEqual([seq, deleted, by, content], [2, true, "moderator", undefined]);

    const unused = newRoom();
    await problem(await remove("1", unused), 404);
    assert.equal((await edge.json(`/api/rooms/${unused}`)).body.epoch, null);
  });

  it("check from where a log is to be read", async () => {
    const path = `/api/rooms/${newRoom()}/log`;
    for (const query of ["after=", "after=x", "after=-1", "after=1e3", "after=1&after=1"]) {
      const response = await edge.fetch(`${path}?${query}`, { headers: AS_MODERATOR });
      assert.match((await problem(response, 400)).detail, /^after: /, query);
    }
  });
});

describe("a Worker with a wrong setting", () => {
  it("answers every request with its name, and no value", async () => {
    const edge = await startEdge({ vars: { RATE_LIMITS: '[{"name":"ip","burst":5}]' } });
    try {
      for (const path of ["/", "/rooms/lobby", "/api/rooms/lobby", "/nothing"]) {
        const body = await problem(await edge.fetch(path), 500);
        assert.match(body.detail, /RATE_LIMITS\[0\]: unknown option burst/);
      }
      await problem(await edge.fetch("/health"), 503);
      assert.equal((await logged(edge, "misconfigured", 1)).length, 1);
    } finally {
      await edge.close();
    }
  });

  it("names one that is missing", async () => {
    const edge = await startEdge({ without: ["AWS_SECRET_ACCESS_KEY"] });
    try {
      const body = await problem(await edge.fetch("/api/rooms/lobby"), 500);
      assert.match(body.detail, /AWS_SECRET_ACCESS_KEY is missing/);
    } finally {
      await edge.close();
    }
  });
});

describe("a room that cannot start", () => {
  it("is 503 with Retry-After, and one line in the log", async () => {
    // The Worker's own module in the room's place: it has none of the room's exports.
    const roomModule = resolve(import.meta.dirname, `../../build/modules/${toolchain}/edge.wasm`);
    const edge = await startEdge({ roomModule });
    try {
      const response = await edge.fetch("/api/rooms/lobby");
      assert.equal(response.headers.get("retry-after"), "1");
      await problem(response, 503);
      const socket = `${edge.url.replace("http", "ws")}/rooms/lobby`;
      assert.equal((await refusal(socket)).status, 503);
      const lines = await logged(edge, "room_failed", 2);
      assert.equal(lines.length, 2);
      assert.equal(lines[0].room, "lobby");
      assert.equal(lines[0].level, "error");
    } finally {
      await edge.close();
    }
  });
});
