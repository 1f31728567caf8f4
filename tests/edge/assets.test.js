// /assets/ and the store behind it, through the cache.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { startEdge, until } from "./harness.js";
import { OriginServer } from "./origin-server.js";
import { problem } from "./problem.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

const FILE = "0123456789";
const ETAG = '"of-the-file"';

/**
 * A store that knows ranges and conditions, as S3 does, and says more than it should.
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 * @returns {void}
 */
function giveFile(request, response) {
  const headers = {
    "content-type": "text/plain",
    etag: ETAG,
    "last-modified": "Sat, 21 Nov 2026 10:00:00 GMT",
    "accept-ranges": "bytes",
    "x-amz-request-id": "ABC",
    "x-amz-meta-owner": "ana",
    "set-cookie": "store=1",
    server: "AmazonS3",
    vary: "Origin",
  };
  if (request.headers["if-none-match"] === ETAG) {
    response.writeHead(304, headers).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  if (first === undefined) {
    response.writeHead(200, { ...headers, "content-length": FILE.length }).end(FILE);
    return;
  }
  if (Number(first) >= FILE.length) {
    response.writeHead(416, { ...headers, "content-range": `bytes */${FILE.length}` });
    response.end("<Error><HostId>inside</HostId></Error>");
    return;
  }
  const part = FILE.slice(Number(first), Number(last) + 1);
  const range = `bytes ${first}-${last}/${FILE.length}`;
  response.writeHead(206, { ...headers, "content-range": range, "content-length": part.length });
  response.end(part);
}

describe("/assets/ and the store behind it", () => {
  /** @type {OriginServer} */ let store;
  /** @type {Edge} */ let edge;
  let files = 0;

  before(async () => {
    store = await OriginServer.start();
    edge = await startEdge({ vars: { S3_URL: `${store.url}/bucket/` } });
  });
  beforeEach(() => {
    store.answer = giveFile;
  });
  after(async () => {
    await edge?.close();
    await store?.close();
  });

  /** A file that nobody has asked for. */
  function newPath() {
    files += 1;
    return `/assets/img/${files}/a%20b.txt`;
  }

  /** How often the store was asked for it. @param {string} path */
  function timesAsked(path) {
    return store.asked.filter(({ url }) => url === `/bucket${path}`).length;
  }

  /** A file that the cache has. */
  async function keptPath() {
    const path = newPath();
    await until(
      async () => {
        const before = timesAsked(path);
        const answer = await edge.fetch(path);
        assert.equal(await answer.text(), FILE);
        return timesAsked(path) === before;
      },
      (isKept) => isKept,
    );
    return path;
  }

  it("gives a file, first from the store and then from the cache", async () => {
    const path = newPath();
    const first = await edge.fetch(path);
    assert.equal(first.status, 200);
    assert.equal(await first.text(), FILE);
    const kept = await keptPath();
    const asked = timesAsked(kept);
    for (const query of ["", "?v=2", "?acl"]) {
      const again = await edge.fetch(kept + query);
      assert.equal(again.status, 200);
      assert.equal(await again.text(), FILE);
      assert.equal(again.headers.get("etag"), ETAG);
      assert.equal(again.headers.get("content-type"), "text/plain");
      assert.equal(again.headers.get("cache-control"), "public, max-age=300");
      assert.equal(again.headers.get("x-content-type-options"), "nosniff");
    }
    assert.equal(timesAsked(kept), asked);
    assert.equal(store.asked.filter(({ url }) => url.includes("?")).length, 0);
  });

  it("carries nothing private, in neither direction", async () => {
    const path = newPath();
    const headers = {
      authorization: "Bearer secret",
      cookie: "session=secret",
      referer: "https://app.example/secret",
      "x-user": "secret",
      "cf-connecting-ip": "192.0.2.1",
      "x-forwarded-for": "192.0.2.1",
    };
    const { headers: told } = await edge.fetch(path, { headers });
    assert.doesNotMatch(JSON.stringify(store.last), /secret|192\.0\.2\.1/);
    assert.equal(told.get("vary"), "Origin");
    for (const name of ["set-cookie", "x-amz-request-id", "x-amz-meta-owner", "server"]) {
      assert.equal(told.get(name), null, name);
    }
  });

  it("gives parts, from the store and from the cache", async () => {
    const headers = { range: "bytes=2-4" };
    for (const path of [newPath(), await keptPath()]) {
      const asked = timesAsked(path);
      const answer = await edge.fetch(path, { headers });
      assert.equal(answer.status, 206);
      assert.equal(await answer.text(), "234");
      assert.equal(answer.headers.get("content-range"), "bytes 2-4/10");
      assert.equal(timesAsked(path), asked === 0 ? 1 : asked);
    }
    const beyond = { range: "bytes=50-60" };
    const answer = await edge.fetch(newPath(), { headers: beyond });
    assert.equal(answer.headers.get("content-range"), "bytes */10");
    await problem(answer, 416);
  });

  it("does not take a part for the file", async () => {
    const path = newPath();
    await (await edge.fetch(path, { headers: { range: "bytes=0-1" } })).text();
    assert.equal(await (await edge.fetch(path)).text(), FILE);
  });

  it("says that a file has not changed, from the store and from the cache", async () => {
    const headers = { "if-none-match": ETAG };
    for (const path of [newPath(), await keptPath()]) {
      const asked = timesAsked(path);
      const answer = await edge.fetch(path, { headers });
      assert.equal(answer.status, 304);
      assert.equal(answer.headers.get("etag"), ETAG);
      assert.equal(timesAsked(path), asked === 0 ? 1 : asked);
    }
  });

  it("answers HEAD, and refuses what would change a file", async () => {
    for (const path of [newPath(), await keptPath()]) {
      const asked = timesAsked(path);
      const answer = await edge.fetch(path, { method: "HEAD" });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("etag"), ETAG);
      assert.equal(await answer.text(), "");
      assert.equal(timesAsked(path), asked === 0 ? 1 : asked);
      if (asked === 0) assert.equal(store.last.method, "HEAD");
    }
    const asked = store.asked.length;
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const answer = await edge.fetch(newPath(), { method });
      assert.equal(answer.headers.get("allow"), "GET, HEAD");
      await problem(answer, 405);
    }
    assert.equal(store.asked.length, asked);
  });

  it("tells of a missing file, and of a store that fails, in its own words", async () => {
    for (const [status, answered] of [
      [403, 404],
      [404, 404],
      [301, 502],
      [500, 502],
      [503, 502],
    ]) {
      store.answer = (_, response) => {
        response.writeHead(status, { "content-type": "application/xml", "x-amz-id-2": "inside" });
        response.end("<Error><Code>AccessDenied</Code><HostId>inside</HostId></Error>");
      };
      const path = newPath();
      const answer = await edge.fetch(path);
      assert.equal(answer.headers.get("x-amz-id-2"), null);
      assert.doesNotMatch((await problem(answer, answered)).detail, /inside|AccessDenied/);
      // And it is not kept.
      store.answer = giveFile;
      assert.equal(await (await edge.fetch(path)).text(), FILE);
    }
  });

  it("gives what the cache has while the store is silent", async () => {
    const kept = await keptPath();
    const vars = { S3_URL: `${store.url}/bucket/`, ORIGIN_TIMEOUT_MS: "500" };
    const hasty = await startEdge({ vars });
    try {
      store.answer = () => {};
      await problem(await hasty.fetch(newPath()), 504);
      assert.equal((await edge.fetch(kept)).status, 200);
    } finally {
      await hasty.close();
    }
  });

  it("asks the store for one version, whatever the cache has", async () => {
    const path = await keptPath();
    for (const [name, headers] of Object.entries({
      "if-range": { range: "bytes=2-4", "if-range": ETAG },
      "if-match": { "if-match": ETAG },
    })) {
      const asked = timesAsked(path);
      await (await edge.fetch(path, { headers })).text();
      assert.equal(timesAsked(path), asked + 1);
      assert.equal(store.last.headers[name], ETAG);
    }
    const head = await edge.fetch(newPath(), { method: "HEAD", headers: { range: "bytes=0-1" } });
    assert.equal(head.status, 200);
    assert.equal(store.last.headers.range, undefined);
  });

  it("lets no client choose what others get", async () => {
    store.answer = (request, response) => {
      response.writeHead(200, { vary: "Accept", "content-type": "text/plain" });
      response.end(request.headers.accept === "image/avif" ? "for one" : "for all");
    };
    const path = newPath();
    for (let i = 1; i <= 2; i++) {
      const answer = await edge.fetch(path, { headers: { accept: "image/avif" } });
      assert.equal(await answer.text(), "for all");
      assert.equal(timesAsked(path), i);
    }
  });

  it("keeps nothing that the store does not want to be kept", async () => {
    for (const control of ["no-store", "private, max-age=60", "no-cache", "max-age=0"]) {
      const path = newPath();
      store.answer = (_, response) => {
        response.writeHead(200, { "cache-control": control }).end(FILE);
      };
      for (let i = 1; i <= 3; i++) {
        const answer = await edge.fetch(path);
        assert.equal(await answer.text(), FILE);
        assert.equal(answer.headers.get("cache-control"), control);
        assert.equal(timesAsked(path), i, control);
      }
    }
  });

  it("leaves a path that an origin may take for another", async () => {
    const asked = store.asked.length;
    await problem(await edge.fetch("/assets/a%2F..%2F..%2Fb"), 400);
    assert.equal(store.asked.length, asked);
  });
});
