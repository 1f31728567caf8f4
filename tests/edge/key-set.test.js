// The keys that tokens are verified with, by clocks that no platform of a test shows.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, it, mock } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { verifyToken } from "../../js-shim/token.js";

const HOUR_MS = 3_600_000;

describe("a set of keys", { timeout: 60_000 }, () => {
  let isAway = true;
  const server = createServer(async (_, response) => {
    const keys = [{ ...(await exportJWK((await pair).publicKey)), kid: "k", alg: "ES256" }];
    response.writeHead(isAway ? 500 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ keys }));
  });
  const pair = generateKeyPair("ES256");

  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    mock.timers.reset();
    server.close();
  });

  it("that could not be fetched is asked for again, though the clock has gone back", async () => {
    // It rested until the clock was where it had been, and every token got 503 meanwhile.
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    const env = { JWT_ALGORITHMS: "ES256", JWKS_URL: `http://127.0.0.1:${port}/keys` };
    const startMs = Date.now();
    const token = await new SignJWT({ sub: "ana", exp: Math.floor(startMs / 1000) + 7200 })
      .setProtectedHeader({ alg: "ES256", kid: "k" })
      .sign((await pair).privateKey);
    mock.timers.enable({ apis: ["Date"], now: startMs });
    assert.match(await verifyToken(env, token), /^none /);
    isAway = false;
    assert.match(await verifyToken(env, token), /^none /, "it rests a moment");
    mock.timers.setTime(startMs - HOUR_MS);
    assert.match(await verifyToken(env, token), /^good .*"ana"/);
  });
});
