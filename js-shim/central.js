// Requests to the central API: signing, sending, and reading no more of the answer than it may have.
// What an answer means, and whether there is another attempt, is decided in the core.

import { AwsClient } from "aws4fetch";
import { boundedBytes } from "./bounded-body.js";
import { reasonOf } from "./reason.js";

/** An answer to a batch that is larger than this is none: the central API says less. */
const RESULTS_BYTES_MAX = 256 << 10;

/** The same for a page of messages: what the room's core takes at once. */
const PAGE_BYTES_MAX = 3 << 20;

const NO_BYTES = new Uint8Array();

/** Characters of a header that are read. */
const HEADER_CHARACTERS_MAX = 256;

/**
 * @typedef {object} CentralAnswer
 * @property {number} status 0 for no answer
 * @property {string} retryAfter the header, or ""
 * @property {string} date the header, or ""
 * @property {Uint8Array} body
 */

/**
 * @typedef {object} CentralOptions
 * @property {number} timeoutMs
 * @property {number} clockOffsetMs by which the time in the signature is ahead of our clock
 */

/**
 * Never rejects: whatever happens on the way is an answer, or the lack of one.
 * @param {Record<string, unknown>} env
 * @param {string} body
 * @param {string} idempotencyKey
 * @param {CentralOptions} options
 */
export function postBatch(env, body, idempotencyKey, options) {
  const headers = { "content-type": "application/json", "idempotency-key": idempotencyKey };
  const init = { method: "POST", headers, body };
  return ask(env, "/v1/batches", init, options, RESULTS_BYTES_MAX);
}

/**
 * The same for a page of messages.
 * @param {Record<string, unknown>} env
 * @param {string} path with its query
 * @param {CentralOptions} options
 */
export function getPage(env, path, options) {
  return ask(env, path, { method: "GET", headers: {}, body: "" }, options, PAGE_BYTES_MAX);
}

/**
 * @typedef {object} CentralRequest
 * @property {string} method
 * @property {Record<string, string>} headers
 * @property {string} body "" for none
 */

/**
 * @param {Record<string, unknown>} env
 * @param {string} path
 * @param {CentralRequest} init
 * @param {CentralOptions} options
 * @param {number} bytesMax
 * @returns {Promise<CentralAnswer>}
 */
async function ask(env, path, init, { timeoutMs, clockOffsetMs }, bytesMax) {
  // AbortSignal.timeout() would keep its timer after the answer, and the room awake with it.
  const controller = new AbortController();
  const timeout = setTimeout(() => controller.abort(new Error("no answer in time")), timeoutMs);
  try {
    const request = await signed(env, path, init, Date.now() + clockOffsetMs);
    const response = await fetch(request, { redirect: "manual", signal: controller.signal });
    return {
      status: response.status,
      retryAfter: oneLine(response.headers.get("retry-after")),
      date: oneLine(response.headers.get("date")),
      body: (await boundedBytes(response.body, bytesMax)) ?? NO_BYTES,
    };
  } catch (error) {
    const reason = reasonOf(error);
    const request = `${init.method} ${path}`;
    console.warn(JSON.stringify({ level: "warn", event: "attempt", request, reason }));
    return { status: 0, retryAfter: "", date: "", body: NO_BYTES };
  } finally {
    clearTimeout(timeout);
  }
}

/**
 * @param {Record<string, unknown>} env
 * @param {string} path
 * @param {CentralRequest} request
 * @param {number} timeMs that the signature bears
 */
async function signed(env, path, { method, headers: plain, body }, timeMs) {
  const url = `${String(env.PERSIST_URL).replace(/\/+$/, "")}${path}`;
  const traceparent = `00-${randomHex(16)}-${randomHex(8)}-01`;
  const headers = new Headers({ ...plain, traceparent });
  const init = { method, headers, ...(body === "" ? {} : { body }) };
  switch (env.PERSIST_AUTH) {
    case "sigv4": {
      const client = new AwsClient({
        accessKeyId: String(env.AWS_ACCESS_KEY_ID),
        secretAccessKey: String(env.AWS_SECRET_ACCESS_KEY),
        sessionToken: env.AWS_SESSION_TOKEN ? String(env.AWS_SESSION_TOKEN) : undefined,
        region: String(env.AWS_REGION),
        service: "execute-api",
        // Another attempt is the core's decision.
        retries: 0,
      });
      // As ISO 8601 without what a reader would want: 20261121T200000Z.
      const datetime = new Date(timeMs).toISOString().replace(/[:-]|\.\d{3}/g, "");
      return client.sign(url, { ...init, aws: { datetime } });
    }
    case "hmac": {
      // What is signed, to the byte: central/local/hmac.js.
      const timestamp = Math.floor(timeMs / 1000);
      const { pathname, search } = new URL(url);
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
      const signedLines = [
        "edgeroom-hmac-v2",
        timestamp,
        method,
        pathname + search,
        hex(new Uint8Array(digest)),
      ];
      const signature = await hmacHex(String(env.PERSIST_SECRET), signedLines.join("\n"));
      headers.set("x-edgeroom-signature", `t=${timestamp},v2=${signature}`);
      return new Request(url, init);
    }
    case "bearer":
      headers.set("authorization", `Bearer ${env.PERSIST_SECRET}`);
      return new Request(url, init);
    default:
      return new Request(url, init);
  }
}

/** @param {string | null} header */
function oneLine(header) {
  return (header ?? "").slice(0, HEADER_CHARACTERS_MAX).replace(/[\r\n]/g, " ");
}

/** @param {number} bytes */
function randomHex(bytes) {
  return hex(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** @param {string} secret @param {string} text */
async function hmacHex(secret, text) {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, [
    "sign",
  ]);
  return hex(new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text))));
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
