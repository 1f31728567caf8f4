import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { refusal } from "../../central/local/access.js";
import { startCentral } from "../../central/local.js";
import { batchText, json, memoryLogger, message, temporaryDirectory } from "./support.js";

/**
 * @typedef {{ name: string, now: number, accepted: boolean, request: { method: string, path: string,
 *   headers: Record<string, string>, body: string } }} Case
 */

/** @type {{ secret: string, cases: Case[] }} */
const { secret, cases } = JSON.parse(
  readFileSync(new URL("../contract/hmac.json", import.meta.url), "utf8"),
);

describe("hmac, by the examples in tests/contract/hmac.json", () => {
  for (const { name, now, accepted, request } of cases) {
    test(`${accepted ? "accepted" : "refused"}: ${name}`, () => {
      const { path: url, body, ...rest } = request;
      const received = { ...rest, url, body: Buffer.from(body) };
      /** @param {string[]} secrets */
      const judge = (secrets) => refusal(received, { auth: "hmac", secrets }, now * 1000);
      assert.equal(judge([secret]) === undefined, accepted, judge([secret]));
      // While secrets change over, either is good, and no third.
      assert.equal(judge(["new one", secret]) === undefined, accepted);
      assert.notEqual(judge(["new one"]), undefined);
    });
  }
});

test("bearer: the secret, the one before it, and nothing else", () => {
  /** @param {string | undefined} authorization */
  const judge = (authorization) => {
    /** @type {Record<string, string>} */
    const headers = authorization === undefined ? {} : { authorization };
    const request = { method: "GET", url: "/", headers, body: Buffer.alloc(0) };
    return refusal(request, { auth: "bearer", secrets: ["one", "two"] }, 0);
  };
  for (const good of ["Bearer one", "bearer two"]) assert.equal(judge(good), undefined);
  for (const bad of [undefined, "", "one", "Bearer", "Bearer ", "Bearer on", "Bearer one two"]) {
    assert.notEqual(judge(bad), undefined, String(bad));
  }
});

/** @param {ArrayBuffer} bytes */
const hex = (bytes) => Buffer.from(bytes).toString("hex");

/**
 * The signing side with what a Worker has, and nothing else.
 *
 * @param {string} key @param {number} t  in seconds @param {{ method: string, path: string, body: string }} request
 */
async function signWithWebCrypto(key, t, { method, path, body }) {
  const encoder = new TextEncoder();
  const bodyHash = hex(await crypto.subtle.digest("SHA-256", encoder.encode(body)));
  const signed = ["edgeroom-hmac-v2", t, method, path, bodyHash].join("\n");
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), algorithm, false, [
    "sign",
  ]);
  return `t=${t},v2=${hex(await crypto.subtle.sign("HMAC", imported, encoder.encode(signed)))}`;
}

test("what a Worker's WebCrypto signs is what the examples have", async () => {
  for (const { request, accepted } of cases.filter((example) => example.accepted)) {
    const value = request.headers["x-edgeroom-signature"];
    const t = Number(/^t=([0-9]+)/.exec(value)?.[1]);
    assert.ok(accepted);
    assert.equal(await signWithWebCrypto(secret, t, request), value);
  }
});

/** @type {[import("../../central/local/access.js").SecretAccess["auth"], (body: string) => Promise<Record<string, string>>][]} */
const ways = [
  ["bearer", async () => ({ authorization: "Bearer s3cret" })],
  [
    "hmac",
    async (body) => {
      const t = Math.floor(Date.now() / 1000);
      const request = { method: "POST", path: "/v1/batches", body };
      return { "x-edgeroom-signature": await signWithWebCrypto("s3cret", t, request) };
    },
  ],
];
for (const [auth, headersFor] of ways) {
  test(`the local endpoint takes ${auth}, and no other way`, async (t) => {
    const settings = { port: 0, stateDir: temporaryDirectory(t), logger: memoryLogger() };
    const central = await startCentral({ ...settings, auth, secrets: ["s3cret"] });
    t.after(central.close);
    const body = batchText("lobby", [message(1)]);
    /** @param {Record<string, string>} headers @param {string} sent */
    const post = (headers, sent) =>
      fetch(`${central.url}/v1/batches`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: sent,
      });
    const good = await post(await headersFor(body), body);
    assert.equal(good.status, 200);
    assert.deepEqual((await json(good)).results, [{ seq: 1, status: "stored" }]);
    for (const [other, otherHeaders] of ways) {
      const answer = await post(await otherHeaders(body), body);
      assert.equal(answer.status, other === auth ? 200 : 403, other);
    }
    assert.equal((await post({}, body)).status, 403);
    if (auth === "hmac") {
      assert.equal((await post(await headersFor(body), body.replace("ana", "eve"))).status, 403);
    }
  });
}
