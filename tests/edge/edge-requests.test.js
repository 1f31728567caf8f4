// The Worker's HTTP surface, in workerd: what is refused, and how, before a room is asked.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import WebSocket from "ws";
import { newRoom, startEdge, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const APP = "https://app.example";

/**
 * Checks that an answer is problem details, and returns them.
 * @param {Response} response
 * @param {number} status
 */
async function problem(response, status) {
  assert.equal(response.status, status, response.url);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const text = await response.text();
  const body = JSON.parse(text);
  for (const name of ["type", "title", "detail"]) assert.equal(typeof body[name], "string", text);
  assert.equal(body.status, status);
  assert.doesNotMatch(text, /\bat .*\.js|stack/i);
  return body;
}

/**
 * The status of a refused upgrade, and its body.
 * @param {string} address
 * @param {{protocols?: string[], headers?: Record<string, string>}} [options]
 * @returns {Promise<{status: number, body: string}>}
 */
function refusal(address, { protocols = [], headers = {} } = {}) {
  const socket = new WebSocket(address, protocols, { headers });
  return new Promise((refused, failed) => {
    socket.on("open", () => {
      socket.terminate();
      failed(new Error(`${address} was accepted`));
    });
    socket.on("error", failed);
    socket.on("unexpected-response", async (_request, response) => {
      let body = "";
      for await (const part of response) body += part;
      refused({ status: response.statusCode ?? 0, body });
    });
  });
}

/**
 * The status of a join with its path as it stands; other clients resolve dot segments.
 * @param {string} url
 * @param {string} path
 * @returns {Promise<number>}
 */
function rawJoin(url, path) {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  return new Promise((done, failed) => {
    const request = httpRequest(url, { path, headers, agent: false }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    });
    request.on("upgrade", (response, socket) => {
      socket.destroy();
      done(response.statusCode ?? 0);
    });
    request.on("error", failed);
    request.end();
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
      const status = await rawJoin(edge.url, path);
      assert.ok([200, 400, 404].includes(status), `${path}: ${status}`);
    }
  });

  it("serves the page and the SDK behind a strict policy", async () => {
    for (const [path, type] of [
      ["/", "text/html"],
      ["/client/edgeroom.js", "text/javascript"],
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
