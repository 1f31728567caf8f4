// Requests that go on to an origin: to a server behind /api/, or to the store of the files behind
// /assets/. Which headers pass, and what a store's answer means, is decided in the core.

import { EdgeHeaderSet, EdgeLogLevel } from "./abi.generated.js";
import { problem } from "./problem.js";
import { reasonOf } from "./reason.js";

/** @import { Decision, EdgeCore } from "./edge-core.js" */

/**
 * An origin as one request meets it.
 * @typedef {object} Origin
 * @property {Decision} decision
 * @property {EdgeCore["passHeaders"]} pass
 * @property {(level: number, fields: object) => void} log
 */

/**
 * Streams the request to its origin, and gives back the answer, whose body streams as well.
 * @param {Origin} origin
 * @param {Request} request
 */
export async function askApi(origin, request) {
  const { headers } = onward(origin, EdgeHeaderSet.apiRequest, request.headers);
  const { method } = request;
  // Content of a GET or HEAD means nothing (RFC 9110, section 9.3.1), and fetch() takes none.
  const body = method === "GET" || method === "HEAD" ? null : request.body;
  // The platform's cache is asked for what looks like a file, and would not know one user from another.
  const answer = await fromOrigin(origin, { method, headers, body, cache: "no-store" });
  if (answer instanceof Problem) return answer.response;
  const { status, statusText } = answer;
  if (status > STATUS_MAX) {
    await answer.body?.cancel();
    return problem(502, "Bad Gateway", `the origin answered with status ${status}`);
  }
  const passed = origin.pass(EdgeHeaderSet.apiAnswer, answer.headers, status);
  return new Response(answer.body, { status, statusText, headers: passed.headers });
}

/**
 * Gives a file out of the cache, or out of the store, and then leaves it in the cache.
 * @param {Origin} origin
 * @param {Request} request
 * @param {ExecutionContext} ctx
 */
export async function askStore(origin, request, ctx) {
  const { method } = request;
  const { headers, cacheable } = onward(origin, EdgeHeaderSet.assetRequest, request.headers);
  const kept = cacheable ? await fromCache(origin, headers) : undefined;
  if (kept) return method === "HEAD" ? new Response(null, kept) : kept;
  const answer = await fromOrigin(origin, { method, headers });
  if (answer instanceof Problem) return answer.response;
  const passed = origin.pass(EdgeHeaderSet.assetAnswer, answer.headers, answer.status);
  if (passed.status !== 0) {
    await answer.body?.cancel();
    const { body, status } = passed;
    return new Response(body, { status, headers: passed.headers });
  }
  const { status, statusText } = answer;
  const file = new Response(answer.body, { status, statusText, headers: passed.headers });
  if (passed.cacheable && method === "GET") ctx.waitUntil(keep(origin, file.clone()));
  return file;
}

/** The largest status that an answer of ours can have. */
const STATUS_MAX = 599;

/** The headers of the request that goes on. @param {Origin} origin @param {number} set @param {Headers} came */
function onward(origin, set, came) {
  const passed = origin.pass(set, came);
  for (const [name, value] of origin.decision.onward) {
    if (value === "") passed.headers.delete(name);
    else passed.headers.set(name, value);
  }
  return passed;
}

/** What is taken of a body at once. */
const PART_BYTES = 64 << 10;

/** No answer of an origin, but what is answered for it. */
class Problem {
  /** @param {Response} response */
  constructor(response) {
    this.response = response;
  }
}

/**
 * @param {Origin} origin
 * @param {RequestInit} init
 * @returns {Promise<Response | Problem>}
 */
async function fromOrigin(origin, init) {
  const { url, timeoutMs, route } = origin.decision;
  const patience = new Patience(timeoutMs);
  try {
    return await fetch(url, {
      ...init,
      body: patience.watched(init),
      redirect: "manual",
      signal: patience.signal,
    });
  } catch (error) {
    const isLate = patience.signal.aborted;
    const reason = isLate ? `nothing moved for ${timeoutMs} ms` : reasonOf(error);
    origin.log(EdgeLogLevel.warn, { event: "origin_failed", route, reason });
    return new Problem(
      isLate
        ? problem(504, "Gateway Timeout", "the origin did not answer in time")
        : problem(502, "Bad Gateway", "the origin cannot be reached"),
    );
  } finally {
    patience.end();
  }
}

/**
 * Ends a request whose answer does not begin. It waits anew with each part of a body that is sent: a
 * large one may take its time. How long the answer's body takes is a matter between the origin and the
 * client.
 */
class Patience {
  #controller = new AbortController();
  #timeoutMs;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;
  #isOver = false;

  /** @param {number} timeoutMs */
  constructor(timeoutMs) {
    this.#timeoutMs = timeoutMs;
    this.#wait();
  }

  get signal() {
    return this.#controller.signal;
  }

  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /**
   * The body of a request. Only one whose length is known can be watched: what is broken off on the
   * way through a stream of ours would look like its end. For another one the client decides how long
   * to wait.
   * @param {RequestInit} init
   */
  watched({ body, headers }) {
    if (!(body instanceof ReadableStream)) return body;
    const length = new Headers(headers).get("content-length");
    if (length === null) {
      this.end();
      return body;
    }
    const stream = new FixedLengthStream(Number(length));
    this.#pass(body, stream.writable.getWriter());
    return stream.readable;
  }

  /** @param {ReadableStream} body @param {WritableStreamDefaultWriter} writer */
  async #pass(body, writer) {
    const reader = body.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(PART_BYTES);
    try {
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(buffer));
        if (done || value === undefined) break;
        if (!this.#isOver) this.#wait();
        await writer.write(value);
        buffer = value.buffer;
      }
      await writer.close();
    } catch (error) {
      await Promise.allSettled([writer.abort(error), reader.cancel(error)]);
    }
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#timeoutMs);
  }
}

/**
 * What the cache has of the file for such headers: it knows of ranges and conditions.
 * @param {Origin} origin
 * @param {Headers} headers
 */
async function fromCache(origin, headers) {
  try {
    return await caches.default.match(new Request(origin.decision.cacheKey, { headers }));
  } catch (error) {
    origin.log(EdgeLogLevel.warn, { event: "cache_failed", reason: reasonOf(error) });
    return undefined;
  }
}

/** @param {Origin} origin @param {Response} file */
async function keep(origin, file) {
  try {
    await caches.default.put(origin.decision.cacheKey, file);
  } catch (error) {
    origin.log(EdgeLogLevel.warn, { event: "cache_failed", reason: reasonOf(error) });
  }
}
