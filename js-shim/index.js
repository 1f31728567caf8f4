// The Worker: asks its core what to do with a request, and does it.
//
// No rule stands here. What does: how an answer is made of a decision, and what to answer when the
// core or a room fails.

import { EdgeAction, EdgeLogLevel } from "./abi.generated.js";
import { countRequest } from "./analytics.js";
import { EdgeCore, writeLog } from "./edge-core.js";
import { KvCounters } from "./kv-counters.js";
import { askApi, askStore } from "./origins.js";
import { problem, problemOf } from "./problem.js";
import { reasonOf } from "./reason.js";
import { verifyToken } from "./token.js";

export { Room } from "./room-object.js";

/** @import { Decision } from "./edge-core.js" */
/** @import { Origin } from "./origins.js" */

/**
 * @typedef {object} Bindings
 * @property {DurableObjectNamespace} ROOMS
 * @property {Fetcher} [ASSETS] without it there are no pages
 * @property {KVNamespace} RATE_LIMIT
 * @property {AnalyticsEngineDataset} [ANALYTICS]
 */

/** The header in which a room is told what is wanted of it. */
const OPERATION_HEADER = "x-edgeroom-op";

/** When a client may try a room again that failed: it is up again at once, or not for long. */
const ROOM_RETRY_AFTER_S = "1";

/** Headers that are lists, to which an origin may have something of its own to say. */
const LISTS = ["vary", "access-control-expose-headers"];

/** From this status on it is us, or an origin, who failed. */
const FAILED_STATUS = 500;

/** This isolate's core, made on the first request. @type {KvCounters | null} */
let counters = null;

export default {
  /** @param {Request} request @param {Bindings} env @param {ExecutionContext} ctx */
  async fetch(request, env, ctx) {
    /** @type {Decision | undefined} */
    let decision;
    /** @type {[string, string][]} */
    const headers = [];
    let answer;
    try {
      decision = decide(request, env, ctx);
      headers.push(...decision.headers);
      if (decision.action === EdgeAction.verifyToken) {
        const verified = await verifyToken(env, decision.body);
        decision = decide(request, env, ctx, { ...decision, verified });
        headers.push(...decision.headers);
      }
      answer = await carryOut(decision, request, env, ctx);
    } catch (error) {
      failed(error, decision);
      answer = problem(500, "Internal Server Error", "internal");
    }
    try {
      if (decision) note(decision, answer.status, env);
    } catch (error) {
      failed(error, decision);
    }
    return withHeaders(answer, headers);
  },
};

/** What is nobody's fault but ours. @param {unknown} error @param {Decision} [decision] */
function failed(error, decision) {
  const request = decision?.requestId;
  writeLog(EdgeLogLevel.error, { event: "edge_failed", reason: reasonOf(error), request });
}

/**
 * @template Result
 * @param {Bindings} env
 * @param {(using: KvCounters) => Result} action
 */
function withCore(env, action) {
  const using = counters ?? new KvCounters(new EdgeCore(env), env.RATE_LIMIT);
  // Whatever the core fails at, the next request gets a new one.
  counters = null;
  const result = action(using);
  counters = using;
  return result;
}

/**
 * @param {Request} request
 * @param {Bindings} env
 * @param {ExecutionContext} ctx
 * @param {Decision & { verified: string }} [earlier]
 */
function decide(request, env, ctx, earlier) {
  return withCore(env, (using) => {
    const decision = using.core.decide(request, Date.now(), earlier);
    if (decision.kvDue) ctx.waitUntil(share(using));
    return decision;
  });
}

/** @param {KvCounters} using */
async function share(using) {
  try {
    await using.run();
  } catch (error) {
    failed(error);
    if (counters === using) counters = null;
  }
}

/** @param {Decision} decision @param {Request} request @param {Bindings} env @param {ExecutionContext} ctx */
async function carryOut(decision, request, env, ctx) {
  const { action, body, status } = decision;
  switch (action) {
    case EdgeAction.joinRoom:
    case EdgeAction.askRoom:
      return askRoom(decision, request, env);
    case EdgeAction.api:
      return askApi(originOf(decision, env), request);
    case EdgeAction.assets:
      return askStore(originOf(decision, env), request, ctx);
    case EdgeAction.page: {
      const file = await env.ASSETS?.fetch(request);
      return file && file.status !== 404 ? file : problemOf(404, body);
    }
    default:
      return new Response(body === "" ? null : body, { status });
  }
}

/** The origin, and the core's word on headers, whichever core there is by then. @param {Decision} decision @param {Bindings} env @returns {Origin} */
function originOf(decision, env) {
  return {
    decision,
    log: (level, fields) => logOf(decision, env, level, fields),
    pass: (set, headers, status) =>
      withCore(env, ({ core }) => core.passHeaders(set, headers, status)),
  };
}

/** @param {Decision} decision @param {Bindings} env @param {number} level @param {object} fields */
function logOf(decision, env, level, fields) {
  withCore(env, ({ core }) => core.logOf(decision, level, fields));
}

/** What came of a request, for whoever looks after the service. @param {Decision} decision @param {number} status @param {Bindings} env */
function note(decision, status, env) {
  const { route, room, policy } = decision;
  const level = status >= FAILED_STATUS ? EdgeLogLevel.warn : EdgeLogLevel.debug;
  const about = { ...(room ? { room } : {}), ...(policy ? { policy } : {}) };
  logOf(decision, env, level, { event: "request", route, status, ...about });
  countRequest(env.ANALYTICS, decision, status);
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
    const reason = reasonOf(error);
    logOf(decision, env, EdgeLogLevel.error, { event: "room_failed", room, reason });
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

/** The same answer with headers of the decision; of one that is given twice the last. @param {Response} answer @param {[string, string][]} headers */
function withHeaders(answer, headers) {
  const all = new Headers(answer.headers);
  for (const [name, value] of new Map(headers)) {
    if (LISTS.includes(name)) all.append(name, value);
    else all.set(name, value);
  }
  const { status, statusText, webSocket } = answer;
  return new Response(answer.body, { status, statusText, headers: all, webSocket });
}
