/**
 * The central API's AWS Lambda handler: its three routes. Who may call it is settled before, by API
 * Gateway's IAM authoriser on AWS and by `local/sigv4.js` locally.
 */

import { parseBatch } from "./batch.js";
import { checkRoom, InvalidInput } from "./check.js";
import { StoreFailure } from "./failure.js";
import { answer, bodyBytes, routePath } from "./http.js";
import { BATCH_BYTES_MAX, RETRY_AFTER_S } from "./limits.js";
import { createLogger } from "./logger.js";
import { cloudWatchSink, Meter } from "./meter.js";
import { parsePageQuery, readPage } from "./page.js";
import { Store } from "./store.js";
import { createClient } from "./table.js";

/**
 * @typedef {import("./http.js").HttpEvent} HttpEvent
 * @typedef {import("./http.js").HttpAnswer} HttpAnswer
 * @typedef {import("./logger.js").Logger} Logger
 * @typedef {{ store: Store, logger: Logger, metrics?: import("./meter.js").Sink }} Parts
 * @typedef {{ store: Store, logger: Logger, meter: Meter }} RequestParts
 * @typedef {(event: HttpEvent) => Promise<HttpAnswer>} Handler
 */

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-/;
const MESSAGES_PATH = /^\/v1\/rooms\/([^/]*)\/messages$/;

/** @type {Handler | undefined} */
let lambdaHandler;

/**
 * What AWS Lambda calls. TABLE_NAME names the table, RETENTION_DAYS says after how many days a record
 * may go (left out or 0: never); region and credentials come from what Lambda sets.
 *
 * @type {Handler}
 */
export async function handler(event) {
  lambdaHandler ??= createHandler(partsFromEnvironment());
  return lambdaHandler(event);
}

/** @returns {Parts} */
function partsFromEnvironment() {
  const tableName = process.env.TABLE_NAME;
  if (!tableName) throw new Error("TABLE_NAME is not set");
  const days = process.env.RETENTION_DAYS || "0";
  if (!/^[0-9]{1,5}$/.test(days)) {
    throw new Error(`RETENTION_DAYS must be 0 (for ever) to 99999, is "${days}"`);
  }
  const logger = createLogger();
  const retentionDays = Number(days);
  const store = new Store({ client: createClient(), tableName, logger, retentionDays });
  return { store, logger, metrics: cloudWatchSink() };
}

/**
 * @param {Parts} parts
 * @returns {Handler} that never throws: what nobody foresaw is logged and answered with 500
 */
export function createHandler({ store, logger, metrics }) {
  return async (event) => {
    const meter = new Meter(metrics);
    try {
      return await route(event, { store, logger, meter });
    } catch (error) {
      meter.count("Fault");
      logger.error("request failed", {
        method: event.requestContext?.http?.method,
        path: event.rawPath,
        trace: traceId(event),
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return answer(500, { message: "Internal Server Error" });
    } finally {
      meter.publish();
    }
  };
}

/**
 * @param {HttpEvent} event
 * @param {RequestParts} parts
 * @returns {Promise<HttpAnswer>}
 */
async function route(event, parts) {
  const path = routePath(event);
  const { method } = event.requestContext.http;
  if (path === "/health") {
    return method === "GET" ? answer(200, { v: 1, status: "ok" }) : notAllowed("GET");
  }
  if (path === "/v1/batches") {
    return method === "POST" ? postBatch(event, parts) : notAllowed("POST");
  }
  const room = MESSAGES_PATH.exec(path)?.[1];
  if (room === undefined) return answer(404, { message: "Not Found" });
  return method === "GET" ? getMessages(room, event, parts) : notAllowed("GET");
}

/** @param {string} allow */
function notAllowed(allow) {
  return answer(405, { message: "Method Not Allowed" }, { allow });
}

/**
 * @param {HttpEvent} event
 * @param {RequestParts} parts
 * @returns {Promise<HttpAnswer>}
 */
async function postBatch(event, { store, logger, meter }) {
  const startMs = performance.now();
  const trace = traceId(event);
  const bytes = bodyBytes(event);
  if (bytes.length > BATCH_BYTES_MAX) {
    meter.count("TooLargeBatch");
    const detail = `must have at most ${BATCH_BYTES_MAX} bytes, has ${bytes.length}`;
    return answer(413, { v: 1, error: "TOO_LARGE", field: "body", detail });
  }
  let batch;
  try {
    batch = parseBatch(decodeUtf8(bytes));
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    meter.count("BadBatch");
    logger.warn("bad batch", { field: error.field, detail: error.message, trace });
    return invalid("BAD_BATCH", error);
  }
  const { room, epoch, records } = batch;
  const results = await store.storeBatch(batch);
  const conflicts = results.filter(({ code }) => code === "CONFLICT").map(({ seq }) => seq);
  if (conflicts.length > 0) logger.error("conflict", { room, epoch, seqs: conflicts, trace });
  const ms = performance.now() - startMs;
  meter.countResults(results);
  meter.time("BatchLatency", ms);
  const span = { first: records[0].seq, last: records[records.length - 1].seq };
  logger.info("batch", { room, epoch, ...span, ms: Math.round(ms), trace });
  // Nothing came through at all: one answer that stops the caller for a while says it better.
  if (results.every(({ code }) => code === "UNAVAILABLE")) return unavailable("UNAVAILABLE");
  return answer(200, { v: 1, room, epoch, results });
}

/**
 * @param {HttpEvent} event
 * @returns {string | undefined} of the edge, which has sent it along
 */
function traceId({ headers }) {
  return TRACEPARENT.exec(headers?.traceparent ?? "")?.[1];
}

/**
 * @param {Buffer} bytes
 * @returns {string}
 */
function decodeUtf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InvalidInput("body", "is not valid UTF-8");
  }
}

/**
 * @param {string} encodedRoom
 * @param {HttpEvent} event
 * @param {RequestParts} parts
 * @returns {Promise<HttpAnswer>}
 */
async function getMessages(encodedRoom, event, { store, logger, meter }) {
  const startMs = performance.now();
  try {
    const room = checkRoom(decodeSegment(encodedRoom), "room");
    const query = parsePageQuery(event.queryStringParameters ?? {});
    const page = await readPage(store, room, query);
    meter.time("PageLatency", performance.now() - startMs);
    return answer(200, page);
  } catch (error) {
    if (error instanceof InvalidInput) return invalid("BAD_REQUEST", error);
    if (!(error instanceof StoreFailure)) throw error;
    meter.count("PageFailed");
    logger.error("page not read", {
      code: error.code,
      first: error.message,
      trace: traceId(event),
    });
    return unavailable(error.code);
  }
}

/**
 * @param {string} segment
 * @returns {string}
 */
function decodeSegment(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new InvalidInput("room", "is not validly percent-encoded");
  }
}

/**
 * @param {string} error
 * @param {InvalidInput} cause
 */
function invalid(error, { field, message }) {
  return answer(400, { v: 1, error, field, detail: message });
}

/** @param {string} error */
function unavailable(error) {
  return answer(503, { v: 1, error }, { "retry-after": String(RETRY_AFTER_S) });
}
