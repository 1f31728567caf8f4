// /api/ and the origin behind it: a real server, real sockets, and what passes between them.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { startEdge, until } from "./harness.js";
import { SECRET, signedBySecret } from "./identity.js";
import { OriginServer } from "./origin-server.js";
import { problem } from "./problem.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const APP = "https://app.example";
const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/** Less than a test's patience, and more than an origin on this machine takes. */
const TIMEOUT_MS = 3000;

/**
 * A request as it stands on the wire: fetch() decodes bodies, resolves paths and knows better.
 * @param {string} url
 * @param {import("node:http").RequestOptions} options
 */
function raw(url, options) {
  return httpRequest(url, { agent: false, ...options });
}

/** @param {import("node:http").ClientRequest} request @returns {Promise<import("node:http").IncomingMessage>} */
async function answerOf(request) {
  const [response] = await once(request, "response");
  return response;
}

/** @param {import("node:stream").Readable} stream */
async function bytesOf(stream) {
  return Buffer.concat(await stream.toArray());
}

describe("/api/ and its origin", () => {
  /** @type {OriginServer} */ let origin;
  /** @type {OriginServer} */ let shop;
  /** @type {Edge} */ let edge;

  before(async () => {
    origin = await OriginServer.start();
    shop = await OriginServer.start();
    const vars = {
      API_URL: JSON.stringify({ "/api": `${origin.url}/base/`, "/api/shop": shop.url }),
      ALLOWED_ORIGINS: APP,
      LOG_LEVEL: "debug",
    };
    edge = await startEdge({ vars });
  });
  beforeEach(() => {
    origin.answer = (_, response) => response.end("ok");
  });
  after(async () => {
    await edge?.close();
    await origin?.close();
    await shop?.close();
  });

  it("passes method, path, query, headers and body on, and the answer back", async () => {
    origin.answer = (request, response) => {
      request.resume().on("end", () => {
        response.writeHead(207, {
          "content-type": "text/x-own",
          "set-cookie": ["a=1; Path=/", "b=2"],
          "x-own": "yes",
          etag: '"e"',
        });
        response.end("answer");
      });
    };
    const answer = await edge.fetch("/api/a%2Fb/%C3%A4?x=%20&y=1&y=2", {
      method: "PATCH",
      headers: { "content-type": "text/plain", cookie: "c=d", authorization: "Basic YTpi" },
      body: "question",
    });
    assert.equal(answer.status, 207);
    assert.equal(await answer.text(), "answer");
    assert.equal(answer.headers.get("content-type"), "text/x-own");
    assert.equal(answer.headers.get("x-own"), "yes");
    assert.equal(answer.headers.get("etag"), '"e"');
    assert.deepEqual(answer.headers.getSetCookie(), ["a=1; Path=/", "b=2"]);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    const { method, url, headers, body } = origin.last;
    assert.equal(method, "PATCH");
    assert.equal(url, "/base/api/a%2Fb/%C3%A4?x=%20&y=1&y=2");
    assert.equal(body, "question");
    assert.equal(headers["content-type"], "text/plain");
    assert.equal(headers["content-length"], "8");
    assert.equal(headers.cookie, "c=d");
    assert.equal(headers.authorization, "Basic YTpi");
    assert.equal(headers.host, new URL(origin.url).host);
  });

  it("gives each path to the origin of its longest prefix", async () => {
    assert.equal(await (await edge.fetch("/api/shop/cart")).text(), "ok");
    assert.equal(shop.last.url, "/api/shop/cart");
    await edge.fetch("/api/shopping");
    assert.equal(origin.last.url, "/base/api/shopping");
  });

  it("streams both ways: each part arrives before the next one is sent", async () => {
    origin.answer = (request, response) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      request.pipe(response);
    };
    const request = raw(`${edge.url}/api/echo`, { method: "POST" });
    request.write("part 0");
    const response = await answerOf(request);
    const parts = response[Symbol.asyncIterator]();
    for (let i = 1; i <= 5; i++) {
      assert.equal(String((await parts.next()).value), `part ${i - 1}`);
      if (i < 5) request.write(`part ${i}`);
    }
    request.end();
    assert.equal((await parts.next()).done, true);
    assert.equal(origin.last.headers["transfer-encoding"], "chunked");
  });

  it("carries large bodies whole", async () => {
    origin.answer = (request, response) => {
      request.pipe(response);
    };
    const body = randomBytes(24 << 20);
    const answer = await edge.fetch("/api/large", { method: "PUT", body });
    const hash = createHash("sha256");
    for await (const chunk of answer.body ?? []) hash.update(chunk);
    assert.equal(hash.digest("hex"), createHash("sha256").update(body).digest("hex"));
    assert.equal(origin.last.headers["content-length"], String(body.length));
  });

  it("leaves a compressed answer as it is", async () => {
    const compressed = gzipSync("the same words again and again, the same words".repeat(20));
    origin.answer = (_, response) => {
      response.writeHead(200, { "content-encoding": "gzip", "content-length": compressed.length });
      response.end(compressed);
    };
    const request = raw(`${edge.url}/api/zip`, { headers: { "accept-encoding": "gzip" } });
    request.end();
    const response = await answerOf(request);
    assert.equal(response.headers["content-encoding"], "gzip");
    assert.deepEqual(await bytesOf(response), compressed);
  });

  it("answers HEAD, 204, 304 and redirects as the origin does", async () => {
    origin.answer = (request, response) => {
      const status = Number(request.url?.split("/").at(-1));
      response.writeHead(status, status === 302 ? { location: "/elsewhere" } : { etag: '"e"' });
      response.end(status === 200 ? "body" : undefined);
    };
    const asked = origin.asked.length;
    const moved = await edge.fetch("/api/302");
    assert.equal(moved.status, 302);
    assert.equal(moved.headers.get("location"), "/elsewhere");
    const head = await edge.fetch("/api/200", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("etag"), '"e"');
    assert.equal(await head.text(), "");
    assert.equal((await edge.fetch("/api/204", { method: "DELETE" })).status, 204);
    const headers = { "if-none-match": '"e"' };
    assert.equal((await edge.fetch("/api/304", { headers })).status, 304);
    assert.equal(origin.last.headers["if-none-match"], '"e"');
    assert.equal(origin.asked.length, asked + 4, "no redirect is followed");
    assert.equal((await edge.fetch("/api/200", { method: "OPTIONS" })).status, 200);
    assert.equal(origin.last.method, "OPTIONS");
  });

  it("passes the origin's own errors on", async () => {
    origin.answer = (_, response) => {
      response.writeHead(500, { "content-type": "text/plain" }).end("its own words");
    };
    const answer = await edge.fetch("/api/fails");
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), "its own words");
  });

  it("says that an origin has answered with a status that is none", async () => {
    origin.answer = (request) => {
      request.socket.end("HTTP/1.1 999 What\r\ncontent-length: 2\r\n\r\nok");
    };
    const answer = await edge.fetch("/api/odd", { headers: { origin: APP } });
    assert.equal(answer.headers.get("access-control-allow-origin"), APP);
    assert.match((await problem(answer, 502)).detail, /999/);
  });

  it("passes the value of a header whole, whatever stands in it", async () => {
    // The bytes of U+2028, which ends lines in some places.
    const value = "before\u00e2\u0080\u00a8after: and more";
    origin.answer = (_, response) => {
      response.setHeader("x-odd", value);
      response.end();
    };
    const request = raw(`${edge.url}/api/odd`, { headers: { "x-odd": value } });
    request.end();
    const response = await answerOf(request);
    response.resume();
    assert.equal(origin.last.headers["x-odd"], value);
    assert.equal(response.headers["x-odd"], value);
  });

  it("removes what belongs to one hop, and what only the Worker may say", async () => {
    origin.answer = (_, response) => {
      response.writeHead(200, { connection: "close, x-hop", "x-hop": "1", "x-kept": "1" });
      response.end();
    };
    const request = raw(`${edge.url}/api/headers`, {
      headers: {
        connection: "close, x-named",
        "x-named": "1",
        te: "trailers",
        "proxy-authorization": "Basic YTpi",
        "x-user": "root",
        x_user: "root",
        "x-forwarded-for": "9.9.9.9",
        "x-forwarded-host": "evil.example",
        forwarded: "for=9.9.9.9",
        "x-real-ip": "9.9.9.9",
        "cf-connecting-ip": "192.0.2.7",
        "x-kept": "1",
      },
    });
    request.end();
    const response = await answerOf(request);
    response.resume();
    assert.equal(response.headers["x-kept"], "1");
    assert.equal(response.headers["x-hop"], undefined);
    const { headers } = origin.last;
    const gone = ["x-named", "te", "proxy-authorization", "x-user", "x_user", "forwarded"];
    for (const name of [...gone, "x-real-ip"]) assert.equal(headers[name], undefined, name);
    assert.equal(headers["x-kept"], "1");
    assert.equal(headers["x-forwarded-for"], "192.0.2.7");
    assert.equal(headers["x-forwarded-host"], new URL(edge.url).host);
    assert.equal(headers["x-forwarded-proto"], "http");
  });

  it("keeps a moderator's token to itself", async () => {
    const headers = { authorization: "Bearer test-moderator" };
    await edge.fetch("/api/x?a=1&token=test-moderator&b=2", { headers });
    assert.equal(origin.last.url, "/base/api/x?a=1&b=2");
    assert.equal(origin.last.headers.authorization, undefined);
    assert.doesNotMatch(JSON.stringify(origin.last), /test-moderator/);
  });

  it("passes a trace on, and makes one where there is none", async () => {
    const headers = { traceparent: TRACEPARENT, tracestate: "a=1" };
    const traced = await edge.fetch("/api/trace", { headers });
    assert.equal(origin.last.headers.traceparent, TRACEPARENT);
    assert.equal(origin.last.headers.tracestate, "a=1");
    assert.equal(origin.last.headers["x-request-id"], traced.headers.get("x-request-id"));
    await edge.fetch("/api/trace", { headers: { traceparent: "00-0-0-0", tracestate: "a=1" } });
    assert.match(String(origin.last.headers.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.equal(origin.last.headers.tracestate, undefined);
  });

  it("lets no path reach another server, or the rooms", async () => {
    const status = async (/** @type {string} */ path) => {
      const request = raw(edge.url, { path });
      request.end();
      const response = await answerOf(request);
      response.resume();
      return response.statusCode;
    };
    const refused = ["/api/a%2f..%2f..%2fx", "/api/%2e%2e%5cx", "/api/x/..%2Fy"];
    for (const path of refused) {
      const asked = origin.asked.length;
      assert.equal(await status(path), 400, path);
      assert.equal(origin.asked.length, asked, path);
    }
    const kept = ["/api//evil.example/x", "/api/@evil.example/", "/api/http://evil.example/"];
    for (const path of kept) {
      assert.equal(await status(path), 200, path);
      assert.equal(origin.last.url, `/base${path}`);
    }
    for (const path of ["/api/rooms", "/api/%72ooms/a/b/c", "/api/x/../rooms"]) {
      const asked = origin.asked.length;
      assert.equal(await status(path), 404, path);
      assert.equal(origin.asked.length, asked, path);
    }
  });

  it("answers for the origin who may read, and lets it show what it has", async () => {
    origin.answer = (_, response) => {
      response.writeHead(200, {
        "access-control-allow-origin": "*",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Total",
        vary: "Accept",
      });
      response.end();
    };
    const { headers } = await edge.fetch("/api/cors", { headers: { origin: APP } });
    assert.equal(headers.get("access-control-allow-origin"), APP);
    assert.equal(headers.get("access-control-allow-credentials"), null);
    const shown = (headers.get("access-control-expose-headers") ?? "").split(/, ?/);
    for (const name of ["X-Total", "Retry-After", "RateLimit"]) assert.ok(shown.includes(name));
    assert.deepEqual((headers.get("vary") ?? "").split(/, ?/), ["Accept", "Origin"]);
    const asked = origin.asked.length;
    const foreign = await edge.fetch("/api/cors", { headers: { origin: "https://evil.example" } });
    assert.equal(foreign.status, 403);
    assert.equal(origin.asked.length, asked);
  });

  it("breaks a request off that its client breaks off, whether its length was said or not", async () => {
    for (const headers of [{ "content-length": "100" }, { "transfer-encoding": "chunked" }]) {
      const broken = new Promise((seen) => {
        origin.answer = (request) => {
          request.once("close", () => seen(request.complete));
          request.resume();
        };
      });
      const asked = origin.asked.length;
      const request = raw(`${edge.url}/api/broken`, { method: "POST", headers });
      request.on("error", () => {});
      request.write("half");
      await until(
        async () => origin.asked.at(-1)?.body,
        (body) => origin.asked.length === asked + 1 && body === "half",
      );
      request.destroy();
      assert.equal(await broken, false, JSON.stringify(headers));
    }
  });

  it("breaks an answer off that its origin breaks off", async () => {
    origin.answer = (_, response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write("half", () => response.destroy());
    };
    const answer = await edge.fetch("/api/half");
    assert.equal(answer.status, 200);
    await assert.rejects(answer.text());
  });

  it("tells its log what came of a request, without token, query or address", async () => {
    const headers = { authorization: "Bearer secret.of.mine", "cf-connecting-ip": "192.0.2.77" };
    const { headers: told } = await edge.fetch("/api/secret-path?password=x", { headers });
    const line = await until(
      async () =>
        edge.logs
          .map((text) => JSON.parse(text))
          .find((l) => l.event === "request" && l.request === told.get("x-request-id")),
      (found) => found !== undefined,
    );
    assert.deepEqual(Object.keys(line).sort(), [
      ...["event", "level", "request", "route", "status", "trace"],
    ]);
    assert.equal(line.route, "api");
    assert.equal(line.status, 200);
    assert.equal(line.level, "debug");
    assert.doesNotMatch(edge.logs.join("\n"), /secret|password|192\.0\.2\.77/);
  });
});

describe("an origin that takes its time", () => {
  /** @type {OriginServer} */ let origin;
  /** @type {Edge} */ let edge;

  before(async () => {
    origin = await OriginServer.start();
    edge = await startEdge({
      vars: { API_URL: origin.url, ORIGIN_TIMEOUT_MS: String(TIMEOUT_MS) },
    });
  });
  after(async () => {
    await edge?.close();
    await origin?.close();
  });

  it("gives up on an origin that does not begin to answer, but not on one that is slow", async () => {
    origin.answer = () => {};
    const late = await edge.fetch("/api/silent", { headers: { traceparent: TRACEPARENT } });
    assert.equal((await problem(late, 504)).title, "Gateway Timeout");
    const line = await until(
      async () =>
        edge.logs.map((text) => JSON.parse(text)).find((l) => l.event === "origin_failed"),
      (found) => found !== undefined,
    );
    assert.equal(line.level, "warn");
    assert.equal(line.route, "api");
    assert.equal(line.trace, TRACEPARENT.split("-")[1]);

    origin.answer = (_, response) => {
      response.writeHead(200).write("begun");
      setTimeout(() => response.end(", and done"), 1.2 * TIMEOUT_MS);
    };
    assert.equal(await (await edge.fetch("/api/slow")).text(), "begun, and done");
  });

  it("waits for a body that takes its time, and then for the answer", async () => {
    origin.answer = (request, response) => {
      request.resume().on("end", () => response.end("got it all"));
    };
    const headers = { "content-length": String("part".repeat(6).length) };
    const request = raw(`${edge.url}/api/upload`, { method: "POST", headers });
    const answered = answerOf(request);
    for (let sent = 0; sent < TIMEOUT_MS * 1.5; sent += TIMEOUT_MS / 4) {
      request.write("part");
      await new Promise((next) => setTimeout(next, TIMEOUT_MS / 4));
    }
    request.end();
    const response = await answered;
    assert.equal(response.statusCode, 200);
    assert.equal(String(await bytesOf(response)), "got it all");
    assert.equal(origin.last.body, "part".repeat(6));
  });
});

describe("an origin that is not there", () => {
  it("is a 502, as is one that speaks no HTTP", async () => {
    const closed = createServer();
    await new Promise((listening) => closed.listen(0, "127.0.0.1", () => listening(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (closed.address());
    await new Promise((done) => closed.close(done));
    /** @type {import("node:net").Socket[]} */
    const sockets = [];
    const babbler = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.end("this is no HTTP\r\n\r\n");
    });
    await new Promise((listening) => babbler.listen(0, "127.0.0.1", () => listening(undefined)));
    const other = /** @type {import("node:net").AddressInfo} */ (babbler.address());
    const map = {
      "/api": `http://127.0.0.1:${port}`,
      "/api/babble": `http://127.0.0.1:${other.port}`,
    };
    const edge = await startEdge({ vars: { API_URL: JSON.stringify(map) } });
    try {
      assert.equal((await problem(await edge.fetch("/api/x"), 502)).title, "Bad Gateway");
      await problem(await edge.fetch("/api/babble"), 502);
      await problem(await edge.fetch("/api/x", { method: "POST", body: "lost" }), 502);
      const health = await edge.fetch("/health");
      assert.equal(health.status, 200);
    } finally {
      await edge.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => babbler.close(done));
    }
  });
});

describe("an origin behind tokens", () => {
  /** @type {OriginServer} */ let origin;
  /** @type {Edge} */ let edge;

  before(async () => {
    origin = await OriginServer.start();
    const vars = {
      API_URL: origin.url,
      ALLOWED_ORIGINS: APP,
      AUTH: "jwt",
      AUTH_QUERY: "on",
      JWT_ALGORITHMS: "HS256",
      JWT_SECRET: SECRET,
      RATE_LIMITS: '[{"name":"all","key":"ip","limit":6,"window_s":60}]',
    };
    edge = await startEdge({ vars });
  });
  after(async () => {
    await edge?.close();
    await origin?.close();
  });

  it("hears who it is from the token that was verified, and of nobody else", async () => {
    const token = signedBySecret({ sub: "Ana Ä" });
    const headers = { authorization: `Bearer ${token}`, "x-user": "root" };
    const answer = await edge.fetch("/api/me", { headers: { ...headers, origin: APP } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("vary"), "Origin");
    assert.equal(origin.last.headers["x-user"], "Ana%20%C3%84");
    assert.equal(origin.last.headers.authorization, `Bearer ${token}`);
    const asModerator = { authorization: "Bearer test-moderator", "x-user": "root" };
    assert.equal((await edge.fetch("/api/me", { headers: asModerator })).status, 200);
    assert.equal(origin.last.headers["x-user"], undefined);
    assert.equal(origin.last.headers.authorization, undefined);
  });

  it("is not asked without a token, with a bad one, or too often", async () => {
    const asked = origin.asked.length;
    await problem(await edge.fetch("/api/me"), 401);
    const forged = signedBySecret({ sub: "ana" }, {}, "another secret, which is long enough, too");
    const headers = { authorization: `Bearer ${forged}` };
    await problem(await edge.fetch("/api/me", { headers }), 401);
    const good = { authorization: `Bearer ${signedBySecret({ sub: "ana" })}` };
    let status = 200;
    let admitted = -1;
    for (; status === 200; admitted += 1) {
      status = (await edge.fetch("/api/me", { headers: good })).status;
    }
    assert.equal(status, 429);
    assert.equal(origin.asked.length, asked + admitted);
  });
});
