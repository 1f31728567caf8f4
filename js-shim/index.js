// The Worker: asks its core what to do with a request, and does it.
//
// No rule stands here. What does: how an answer is made of a decision, and what to answer when the
// core or a room fails.

import { EdgeAction, EdgeLogLevel } from "./abi.generated.js";
import { EdgeCore, reasonOf, writeLog } from "./edge-core.js";
import { KvCounters } from "./kv-counters.js";
import { verifyToken } from "./token.js";

export { Room } from "./room-object.js";

/** @import { Decision } from "./edge-core.js" */

/**
 * @typedef {object} Bindings
 * @property {DurableObjectNamespace} ROOMS
 * @property {Fetcher} ASSETS
 * @property {KVNamespace} RATE_LIMIT
 */

/** The header in which a room is told what is wanted of it. */
const OPERATION_HEADER = "x-edgeroom-op";

/** When a client may try a room again that failed: it is up again at once, or not for long. */
const ROOM_RETRY_AFTER_S = "1";

/** This isolate's core, made on the first request. @type {KvCounters | null} */
let counters = null;

export default {
  /** @param {Request} request @param {Bindings} env @param {ExecutionContext} ctx */
  async fetch(request, env, ctx) {
    try {
      let decision = decide(request, env, ctx);
      const headers = [...decision.headers];
      if (decision.action === EdgeAction.verifyToken) {
        decision = decide(request, env, ctx, await verifyToken(env, decision.body));
        headers.push(...decision.headers);
      }
      return withHeaders(await carryOut(decision, request, env), headers);
    } catch (error) {
      writeLog(EdgeLogLevel.error, { event: "edge_failed", reason: reasonOf(error) });
      return problem(500, "Internal Server Error", "internal");
    }
  },
};

/**
 * @param {Request} request
 * @param {Bindings} env
 * @param {ExecutionContext} ctx
 * @param {string} [verified]
 */
function decide(request, env, ctx, verified) {
  const using = counters ?? new KvCounters(new EdgeCore(env), env.RATE_LIMIT);
  // Whatever the core fails at, the next request gets a new one.
  counters = null;
  const decision = using.core.decide(request, Date.now(), verified);
  counters = using;
  if (decision.kvDue) ctx.waitUntil(share(using));
  return decision;
}

/** @param {KvCounters} using */
async function share(using) {
  try {
    await using.run();
  } catch (error) {
    writeLog(EdgeLogLevel.error, { event: "edge_failed", reason: reasonOf(error) });
    if (counters === using) counters = null;
  }
}

/** @param {Decision} decision @param {Request} request @param {Bindings} env */
async function carryOut(decision, request, env) {
  const { action, body, status } = decision;
  if (action === EdgeAction.joinRoom || action === EdgeAction.askRoom) {
    return askRoom(decision, request, env);
  }
  if (action !== EdgeAction.assets) return new Response(body === "" ? null : body, { status });
  const file = await env.ASSETS.fetch(request);
  return file.status === 404 ? problemOf(404, body) : file;
}

/** @param {Decision} decision @param {Request} request @param {Bindings} env */
async function askRoom(decision, request, env) {
  const headers = new Headers({ [OPERATION_HEADER]: encodeURIComponent(decision.body) });
  if (decision.action === EdgeAction.joinRoom) headers.set("upgrade", "websocket");
  if (decision.protocol !== "") headers.set("sec-websocket-protocol", decision.protocol);
  try {
    const { method } = request;
    // Content of a GET or HEAD means nothing (RFC 9110, section 9.3.1). Some clients send it, if
    // only as a length of 0, and the platform would refuse to pass it on.
    const body = method === "GET" || method === "HEAD" ? null : request.body;
    const stub = roomStub(env.ROOMS, decision);
    return await stub.fetch("http://room/", { method, headers, body });
  } catch (error) {
    const { room } = decision;
    writeLog(EdgeLogLevel.error, { event: "room_failed", room, reason: reasonOf(error) });
    const answer = problem(503, "Service Unavailable", "the room did not answer; try again");
    answer.headers.set("retry-after", ROOM_RETRY_AFTER_S);
    return answer;
  }
}

/** @param {DurableObjectNamespace} rooms @param {Decision} decision */
function roomStub(rooms, { room, location, jurisdiction }) {
  const there = jurisdiction === "" ? rooms : rooms.jurisdiction(asJurisdiction(jurisdiction));
  const options = location === "" ? undefined : { locationHint: asLocation(location) };
  return there.getByName(room, options);
}

/** The core has checked it. @param {string} name */
const asJurisdiction = (name) => /** @type {DurableObjectJurisdiction} */ (name);

/** The core has checked it. @param {string} name */
const asLocation = (name) => /** @type {DurableObjectLocationHint} */ (name);

/** The same answer with headers of the decision. @param {Response} answer @param {[string, string][]} headers */
function withHeaders(answer, headers) {
  const all = new Headers(answer.headers);
  for (const [name, value] of headers) all.set(name, value);
  const { status, statusText, webSocket } = answer;
  return new Response(answer.body, { status, statusText, headers: all, webSocket });
}

/** @param {number} status @param {string} title @param {string} detail */
function problem(status, title, detail) {
  return problemOf(status, JSON.stringify({ type: "about:blank", title, status, detail }));
}

/** @param {number} status @param {string} body */
function problemOf(status, body) {
  const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
  return new Response(body, { status, headers });
}
