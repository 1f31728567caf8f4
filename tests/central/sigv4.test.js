import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsV4Signer } from "aws4fetch";
import { refusal } from "../../central/local/sigv4.js";
import { CREDENTIALS } from "./support.js";

const NOW_MS = Date.UTC(2026, 0, 31, 23, 59, 30);
const BODY = '{"é":1}';
const URL_TEXT = "http://127.0.0.1:8788/v1/rooms/a~b/messages?before=9&limit=5&epoch=x%20y";

/** @param {number} ms */
const amzDate = (ms) => new Date(ms).toISOString().replace(/[:-]|\.\d{3}/g, "");

/**
 * A request as the server receives it, signed by another implementation than the one that judges.
 *
 * @param {object} [changes]  of what is signed
 * @returns {Promise<import("../../central/local/sigv4.js").Received>}
 */
async function signed(changes = {}) {
  const options = {
    method: "POST",
    url: URL_TEXT,
    body: BODY,
    service: "execute-api",
    datetime: amzDate(NOW_MS),
    headers: { "content-type": "application/json", "idempotency-key": "r:e:1-2", range: "x" },
    ...CREDENTIALS,
    ...changes,
  };
  const { method, url, headers, body } = await new AwsV4Signer(options).sign();
  return {
    method,
    url: url.pathname + url.search,
    headers: { ...Object.fromEntries(headers), host: url.host },
    body: Buffer.from(String(body ?? "")),
  };
}

/** @param {import("../../central/local/sigv4.js").Received} request @param {object} [credentials] */
const judge = (request, credentials) =>
  refusal(request, { ...CREDENTIALS, ...credentials }, NOW_MS);

test("what aws4fetch signs is accepted", async () => {
  assert.equal(judge(await signed()), undefined);
  assert.equal(judge(await signed({ allHeaders: true })), undefined);
  assert.equal(judge(await signed({ method: "GET", body: undefined })), undefined);
  for (const path of [
    "/health",
    "/v1/a%20b",
    "/v1/a%2Fb",
    "/v1/é",
    "/v1//x",
    "/?a=1&a=0&b",
    "/?a=%2B+",
  ]) {
    const request = await signed({
      url: `http://127.0.0.1:8788${path}`,
      method: "GET",
      body: undefined,
    });
    assert.equal(judge(request), undefined, path);
  }
});

test("up to five minutes of skew are accepted, a second more is not", async () => {
  for (const minutes of [-5, 5]) {
    const datetime = amzDate(NOW_MS + minutes * 60_000);
    assert.equal(judge(await signed({ datetime })), undefined);
    const beyond = amzDate(NOW_MS + minutes * 60_000 + Math.sign(minutes) * 1_000);
    assert.match(judge(await signed({ datetime: beyond })) ?? "", /ms off/);
  }
});

test("a session token has to be the right one", async () => {
  const sessionToken = "token";
  assert.equal(judge(await signed({ sessionToken }), { sessionToken }), undefined);
  assert.match(judge(await signed(), { sessionToken }) ?? "", /token/);
  assert.match(judge(await signed({ sessionToken: "other" }), { sessionToken }) ?? "", /token/);
  assert.match(judge(await signed({ sessionToken })) ?? "", /token/);
});

test("the body's hash may be named, when it is true", async () => {
  const named = { "x-amz-content-sha256": "" };
  const hash = await crypto.subtle.digest("SHA-256", Buffer.from(BODY));
  named["x-amz-content-sha256"] = Buffer.from(hash).toString("hex");
  assert.equal(judge(await signed({ headers: named })), undefined);
  named["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD";
  assert.match(judge(await signed({ headers: named })) ?? "", /hash of the body/);
});

/** @type {[string, object, RegExp][]} what is signed otherwise */
const SIGNED_OTHERWISE = [
  ["another secret", { secretAccessKey: "another" }, /does not match/],
  ["another key", { accessKeyId: "AKIDOTHER" }, /access key/],
  ["another region", { region: "us-east-1" }, /region us-east-1/],
  ["another service", { service: "s3" }, /service s3/],
];
for (const [what, changes, reason] of SIGNED_OTHERWISE) {
  test(`refused: ${what}`, async () => assert.match(judge(await signed(changes)) ?? "", reason));
}

/** @type {[string, (request: any) => void, RegExp][]} what is changed after signing */
const CHANGED = [
  ["no signature", ({ headers }) => delete headers.authorization, /not signed/],
  ["another scheme", ({ headers }) => (headers.authorization = "Bearer x"), /not one of/],
  ["body changed", (request) => (request.body = Buffer.from('{"é":2}')), /does not match/],
  ["body gone", (request) => (request.body = Buffer.alloc(0)), /does not match/],
  ["path changed", (request) => (request.url = request.url.replace("a~b", "a~c")), /not match/],
  ["query changed", (request) => (request.url = request.url.replace("=9", "=8")), /not match/],
  ["query added", (request) => (request.url += "&after=1"), /does not match/],
  ["query gone", (request) => (request.url = request.url.split("?")[0]), /does not match/],
  ["method changed", (request) => (request.method = "PUT"), /does not match/],
  ["host changed", ({ headers }) => (headers.host = "example.com"), /does not match/],
  ["header changed", ({ headers }) => (headers["idempotency-key"] = "r:e:1-3"), /not match/],
  ["signed header gone", ({ headers }) => delete headers["idempotency-key"], /idempotency-key/],
  ["amz header added", ({ headers }) => (headers["x-amz-meta"] = "1"), /x-amz-meta is not signed/],
  ["no date", ({ headers }) => delete headers["x-amz-date"], /x-amz-date/],
  ["date no date", ({ headers }) => (headers["x-amz-date"] = "20261399T000000Z"), /date/],
  ["date changed", ({ headers }) => (headers["x-amz-date"] = amzDate(NOW_MS + 1_000)), /not match/],
  [
    "date of another day",
    ({ headers }) => (headers["x-amz-date"] = amzDate(NOW_MS + 60_000)),
    /differ/,
  ],
  ["malformed path", (request) => (request.url = "/%zz^"), /percent/],
  [
    "host not signed",
    ({ headers }) => (headers.authorization = headers.authorization.replace("host;", "")),
    /host is not signed/,
  ],
  [
    "a name of Object.prototype signed",
    ({ headers }) =>
      (headers.authorization = headers.authorization.replace("host;", "host;constructor;")),
    /.+/,
  ],
  [
    "signature cut",
    ({ headers }) => (headers.authorization = headers.authorization.slice(0, -1)),
    /not one of/,
  ],
];
for (const [what, change, reason] of CHANGED) {
  test(`refused: ${what}`, async () => {
    const request = await signed();
    change(request);
    assert.match(judge(request) ?? "accepted", reason);
    assert.notEqual(judge(request), undefined);
  });
}
