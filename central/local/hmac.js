/**
 * Requests signed with a shared secret (PERSIST_AUTH=hmac), for central endpoints that are not on AWS.
 *
 *     X-Edgeroom-Signature: t=1700000000,v2=<64 lower-case hex digits>
 *
 * `t` is the time of signing in whole seconds since 1970. `v2` is HMAC-SHA-256, its key the UTF-8 bytes
 * of the secret, over these five lines joined with "\n" and nothing at their end:
 *
 *     edgeroom-hmac-v2
 *     <t, as it stands in the header>
 *     <method, in capitals>
 *     <path and query, as they stand in the request line: "/v1/batches">
 *     <SHA-256 of the body's bytes, 64 lower-case hex digits; of no bytes where there is no body>
 *
 * A verifier computes it over what it has received, compares in constant time, and refuses when `t` is
 * more than 300 s from its own clock, in either direction. It takes one secret, or two while they change
 * over. A request that comes again within that time is signed as well as before: stored once all the
 * same, for a record is told by its seq. The host is not signed: give each endpoint a secret of its own.
 * A proxy in front must leave the path as it is. tests/contract/hmac.json has examples to test with.
 */

import { createHash, createHmac } from "node:crypto";
import { CLOCK_SKEW_MAX_MS } from "../limits.js";
import { sameText } from "./same-text.js";

/** @typedef {import("./sigv4.js").Received} Received */

const HEADER = "x-edgeroom-signature";
const VALUE = /^t=([0-9]{1,12}),v2=([0-9a-f]{64})$/;

/**
 * @param {Received} request
 * @param {string[]} secrets  any of which will do
 * @param {number} nowMs
 * @returns {string | undefined} why the request is refused; undefined: it is rightly signed
 */
export function hmacRefusal(request, secrets, nowMs) {
  const value = request.headers[HEADER];
  if (value === undefined) return "the request is not signed";
  const match = VALUE.exec(value);
  if (!match) return `${HEADER} is not t=SECONDS,v2=HEX`;
  const [, time, signature] = match;
  const skewMs = Number(time) * 1000 - nowMs;
  if (Math.abs(skewMs) > CLOCK_SKEW_MAX_MS) return `${HEADER} is ${skewMs} ms off this clock`;
  const text = signedText(time, request);
  // All are compared, so that the time does not tell which of them it is.
  const matches = secrets.map((secret) => sameText(signature, hmacHex(secret, text)));
  return matches.includes(true) ? undefined : "the signature does not match the request";
}

/**
 * @param {string} time
 * @param {Received} request
 */
function signedText(time, { method, url, body }) {
  const bodyHash = createHash("sha256").update(body).digest("hex");
  return ["edgeroom-hmac-v2", time, method, url, bodyHash].join("\n");
}

/** @param {string} secret @param {string} text */
function hmacHex(secret, text) {
  return createHmac("sha256", secret).update(text).digest("hex");
}
