/**
 * The central API on this machine: the Lambda handler behind an HTTP server that checks signatures as
 * API Gateway does, with a DynamoDB of its own. `node central/local.js` runs it by itself:
 *
 *     CENTRAL_PORT   8788 if left out, 0 for any free port
 *     STATE_DIR      .state if left out; the data is in its directory `central`
 *     PERSIST_AUTH   how requests must be signed, as at the edge: sigv4 (if left out), hmac or bearer
 *     AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY   with what, for sigv4
 *     AWS_SESSION_TOKEN   optional; if set, requests must carry it
 *     PERSIST_SECRET   with what, for hmac and bearer
 *     PERSIST_SECRET_PREVIOUS   optional; good as well, while the secret changes over
 */

import { realpathSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { createHandler } from "./handler.js";
import { answer } from "./http.js";
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_BYTES_MAX,
  REQUEST_TIMEOUT_MS,
} from "./limits.js";
import { refusal } from "./local/access.js";
import { createLocalClient, openDatabase } from "./local/database.js";
import { flatHeaders, httpEvent } from "./local/event.js";
import { Outage } from "./local/outage.js";
import { closeServer, listen } from "./local/server.js";
import { StartError } from "./local/start-error.js";
import { createLogger } from "./logger.js";
import { Store } from "./store.js";

/**
 * @typedef {import("node:http").IncomingMessage} IncomingMessage
 * @typedef {import("node:http").ServerResponse} ServerResponse
 * @typedef {import("./http.js").HttpAnswer} HttpAnswer
 * @typedef {import("./logger.js").Logger} Logger
 * @typedef {import("./handler.js").Handler} Handler
 * @typedef {import("./local/access.js").Access} Access
 * @typedef {{ port: number, stateDir: string } & Access} Settings
 * @typedef {{ url: string, close: () => Promise<void> }} Central
 */

const PORT_DEFAULT = 8788;
const STATE_DIR_DEFAULT = ".state";
const TABLE_NAME = "edgeroom";

/**
 * @param {Settings & { logger?: Logger }} settings
 * @returns {Promise<Central>} `close` lets requests under way end first
 * @throws {StartError}
 */
export async function startCentral({ port, stateDir, logger = createLogger("WARN"), ...access }) {
  const directory = resolve(stateDir, "central");
  const database = await openDatabase({ directory, tableName: TABLE_NAME });
  const client = createLocalClient(database.endpoint);
  const store = new Store({ client, tableName: TABLE_NAME, logger });
  const server = createHttpServer(createHandler({ store, logger }), access, logger);
  const closeStore = async () => {
    client.destroy();
    await database.close();
  };
  try {
    const portInUse = await listen(server, port);
    const close = async () => {
      await closeServer(server);
      await closeStore();
    };
    return { url: `http://127.0.0.1:${portInUse}`, close };
  } catch (error) {
    await closeStore();
    throw portError(error, port);
  }
}

/**
 * @param {unknown} error
 * @param {number} port
 */
function portError(error, port) {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") {
    return new StartError(`port ${port} is in use; end what uses it, or set CENTRAL_PORT`);
  }
  return new StartError(`port ${port} cannot be opened`, error);
}

/**
 * @param {Handler} handler
 * @param {Access} access
 * @param {Logger} logger
 */
function createHttpServer(handler, access, logger) {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
  };
  const outage = new Outage();
  return createServer(options, async (request, response) => {
    try {
      send(response, await serve(request, { handler, access, logger, outage }));
    } catch (error) {
      // The client went away before its request was complete: nobody is left to be answered.
      if (request.errored || response.destroyed) return;
      logger.error("request failed", { error: error instanceof Error ? error.stack : error });
      send(response, answer(500, { message: "Internal Server Error" }));
    }
  });
}

/**
 * @param {IncomingMessage} request
 * @param {{ handler: Handler, access: Access, logger: Logger, outage: Outage }} endpoint
 * @returns {Promise<HttpAnswer>}
 */
async function serve(request, { handler, access, logger, outage }) {
  const body = await readBody(request);
  if (body === undefined) {
    // The rest is thrown away as it comes: closing at once could cost the client its answer.
    request.resume();
    return answer(413, { message: "Request Entity Too Large" });
  }
  const { method = "", url = "" } = request;
  const received = { method, url, headers: flatHeaders(request), body };
  const chosen = outage.serve(received);
  if (chosen !== undefined) return chosen;
  const isHealthCheck = method === "GET" && /^\/health(?:\?|$)/.test(url);
  const refused = isHealthCheck ? undefined : refusal(received, access, Date.now());
  if (refused !== undefined) {
    logger.warn("refused", { method, url, reason: refused });
    return answer(403, { message: "Forbidden" });
  }
  const unavailable = isHealthCheck ? undefined : await outage.refusal();
  if (unavailable !== undefined) return unavailable;
  return handler(httpEvent(received, request.socket.remoteAddress ?? ""));
}

/**
 * @param {IncomingMessage} request
 * @returns {Promise<Buffer | undefined>} undefined: too large, and not read to its end
 */
async function readBody(request) {
  if (Number(request.headers["content-length"] ?? 0) > REQUEST_BYTES_MAX) return undefined;
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * @param {ServerResponse} response
 * @param {HttpAnswer} answered
 */
function send(response, { statusCode, headers, body }) {
  response.writeHead(statusCode, { ...headers, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/**
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Settings}
 * @throws {StartError} naming every setting that is missing, or the one that is malformed
 */
function readSettings(environment) {
  const access = readAccess(environment);
  return {
    port: readPort(environment.CENTRAL_PORT),
    stateDir: environment.STATE_DIR || STATE_DIR_DEFAULT,
    ...access,
  };
}

/**
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Access}
 */
function readAccess(environment) {
  const auth = environment.PERSIST_AUTH || "sigv4";
  if (auth === "hmac" || auth === "bearer") {
    const [secret] = requireAll(environment, ["PERSIST_SECRET"]);
    const previous = environment.PERSIST_SECRET_PREVIOUS;
    return { auth, secrets: previous ? [secret, previous] : [secret] };
  }
  if (auth !== "sigv4") {
    throw new StartError(`PERSIST_AUTH must be sigv4, hmac or bearer, is "${auth}"`);
  }
  const names = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
  const [region, accessKeyId, secretAccessKey] = requireAll(environment, names);
  const sessionToken = environment.AWS_SESSION_TOKEN || undefined;
  return { auth, region, accessKeyId, secretAccessKey, sessionToken };
}

/**
 * @param {NodeJS.ProcessEnv} environment
 * @param {string[]} names
 * @returns {string[]} their values
 */
function requireAll(environment, names) {
  const missing = names.filter((name) => !environment[name]);
  if (missing.length > 0) throw new StartError(`not set: ${missing.join(", ")}`);
  return names.map((name) => environment[name] ?? "");
}

/**
 * @param {string | undefined} text
 * @returns {number}
 */
function readPort(text) {
  if (!text) return PORT_DEFAULT;
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new StartError(`CENTRAL_PORT must be 0 to 65535, is "${text}"`);
  return port;
}

/**
 * Runs until a signal ends it, or its disk fails.
 *
 * @param {NodeJS.ProcessEnv} environment
 * @throws {StartError}
 */
export async function runCentral(environment) {
  const central = await startCentral(readSettings(environment));
  const end = () => {
    // A second signal finds no listener and ends the process at once.
    for (const signal of SIGNALS) process.off(signal, end);
    central.close().catch(fail);
  };
  for (const signal of SIGNALS) process.on(signal, end);
  process.on("uncaughtException", (error) => {
    fail(error);
    process.exit();
  });
  process.stdout.write(`central: listening on ${central.url}\n`);
}

/** @type {NodeJS.Signals[]} */
const SIGNALS = ["SIGTERM", "SIGINT"];

/**
 * Whether dynalite threw it because its files cannot be written. It is best ended then: what is behind a
 * write that failed may be lost when the files are opened again, so nothing more may be answered.
 *
 * @param {Error} error
 */
function isOfFiles(error) {
  return "code" in error && String(error.code).startsWith("LEVEL_");
}

/** What the person who runs it is told. @param {unknown} error */
function failureWords(error) {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof StartError) return error.message;
  if (!isOfFiles(error)) return error.stack;
  return (
    `the state cannot be written: ${error.message}. Mend that and start again: what was answered is ` +
    "stored, and rooms keep the rest and send it then"
  );
}

/** @param {unknown} error */
function fail(error) {
  process.stderr.write(`central: ${failureWords(error)}\n`);
  process.exitCode = 1;
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  runCentral(process.env).catch(fail);
}
