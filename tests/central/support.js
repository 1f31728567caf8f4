/** What the tests of the central API share: directories, a signed client, a DynamoDB that fails. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { GetCommand, paginateScan } from "@aws-sdk/lib-dynamodb";
import { AwsClient } from "aws4fetch";
import { createLocalClient, openDatabase } from "../../central/local/database.js";
import { closeServer, listen } from "../../central/local/server.js";
import { Store } from "../../central/store.js";

/**
 * @typedef {import("node:test").TestContext | { after: (done: () => Promise<void>) => void }} Scope
 * @typedef {{ operation: string, body: any }} DynamoRequest
 * @typedef {(request: DynamoRequest) => undefined | "throttle" | "error" | "hang" | "reset" | "lost"} Fault
 *   lost: done, but the answer does not come
 */

export const CREDENTIALS = {
  region: "eu-test-1",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "a-secret-of-the-tests",
};

export const EPOCH = "01-first";

/** Keeps what was logged, so that a test can look at it and the output stays readable. */
export function memoryLogger() {
  /** @type {{ level: string, message: string, fields?: Record<string, unknown> }[]} */
  const lines = [];
  /** @param {string} level */
  const writer =
    (level) => (/** @type {string} */ message, /** @type {Record<string, unknown>=} */ fields) => {
      lines.push({ level, message, fields });
    };
  return { lines, info: writer("info"), warn: writer("warn"), error: writer("error") };
}

/** A scope for a whole file of tests: what is opened last is closed first. */
export function fileScope() {
  /** @type {(() => Promise<void>)[]} */
  const closers = [];
  return {
    after: (/** @type {() => Promise<void>} */ close) => void closers.unshift(close),
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

/**
 * @param {Response} response
 * @returns {Promise<any>}
 */
export async function json(response) {
  return response.json();
}

/** @param {Scope} scope */
export function temporaryDirectory(scope) {
  const directory = mkdtempSync(join(tmpdir(), "edgeroom-central-"));
  scope.after(async () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * A store on a real dynalite on disk, reached through a proxy that can be told to fail.
 *
 * @param {Scope} scope
 * @param {{ itemKilobytesMax?: number, deadlineMs?: number, retentionDays?: number }} [options]
 */
export async function openStore(scope, { itemKilobytesMax, deadlineMs, retentionDays } = {}) {
  const directory = temporaryDirectory(scope);
  const database = await openDatabase({ directory, tableName: "test", itemKilobytesMax });
  const proxy = await startFaultyProxy(database.endpoint);
  const client = createLocalClient(proxy.endpoint);
  // What a test looks at is not to fail with the rest.
  const direct = createLocalClient(database.endpoint);
  const logger = memoryLogger();
  scope.after(async () => {
    client.destroy();
    direct.destroy();
    await proxy.close();
    await database.close();
  });
  let clock = 1_000;
  const now = () => clock++;
  const store = new Store({ client, tableName: "test", logger, now, deadlineMs, retentionDays });
  /** What the table really holds. @param {import("../../central/table.js").Key} key */
  const item = async (key) =>
    (await direct.send(new GetCommand({ TableName: "test", Key: key }))).Item;
  return { store, proxy, logger, item, items: () => scan(direct) };
}

/** Everything that a table holds. @param {import("../../central/items.js").Client} client */
async function scan(client) {
  /** @type {Record<string, any>[]} */
  const found = [];
  for await (const { Items } of paginateScan({ client }, { TableName: "test" })) {
    found.push(...(Items ?? []));
  }
  return found;
}

/**
 * Stands between the SDK and dynalite and hands everything on, but what `fault` picks. Adds up the
 * units that dynalite says were written, by partition key.
 *
 * @param {string} endpoint
 */
async function startFaultyProxy(endpoint) {
  /** @type {{ fault: Fault, writeUnits: Map<string, number>, readUnits: number }} */
  const control = { fault: () => undefined, writeUnits: new Map(), readUnits: 0 };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const asked = JSON.parse(Buffer.concat(chunks).toString());
    const operation = String(request.headers["x-amz-target"]).split(".")[1];
    const fault = control.fault({ operation, body: asked });
    if (fault === "hang") return;
    if (fault === "reset") request.socket.destroy();
    if (fault === "throttle") sendError(response, 400, "ThrottlingException");
    if (fault === "error") sendError(response, 500, "InternalServerError");
    if (fault !== undefined && fault !== "lost") return;
    const { method } = request;
    const body = Buffer.from(JSON.stringify({ ...asked, ReturnConsumedCapacity: "TOTAL" }));
    const headers = { ...request.headers, "content-length": String(body.length) };
    const onward = httpRequest(endpoint, { method, headers }, async (answer) => {
      const answered = await buffer(answer);
      const units = JSON.parse(answered.toString()).ConsumedCapacity?.CapacityUnits ?? 0;
      const key = (asked.Item ?? asked.Key)?.pk.S;
      if (/^(Put|Update)Item$/.test(operation)) {
        control.writeUnits.set(key, (control.writeUnits.get(key) ?? 0) + units);
      } else control.readUnits += units;
      if (fault === "lost") {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.end(answered);
    });
    onward.on("error", () => response.destroy());
    onward.end(body);
  });
  const port = await listen(server, 0);
  const close = async () => {
    server.closeAllConnections();
    await closeServer(server);
  };
  return Object.assign(control, { endpoint: `http://127.0.0.1:${port}`, close });
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {string} name
 */
function sendError(response, status, name) {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
  response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}` }));
}

/**
 * A Lambda function of ours in a process of its own.
 *
 * @param {Scope} scope
 * @param {string} module  the file below central/, or its URL
 * @param {Record<string, string>} environment
 */
export function startLambda(scope, module, environment) {
  const program = fileURLToPath(new URL("./lambda-process.js", import.meta.url));
  const url = new URL(module, new URL("../../central/", import.meta.url)).href;
  const env = {
    AWS_REGION: "local",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    ...environment,
  };
  const child = spawn(process.execPath, [program, url], {
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (output.stdout += chunk));
  child.stderr?.on("data", (chunk) => (output.stderr += chunk));
  const closed = once(child, "close");
  const end = async () => {
    child.kill("SIGKILL");
    await closed;
  };
  scope.after(end);
  return {
    output,
    end,
    /** @param {object} event @returns {Promise<any>} undefined: it was ended before it answered */
    invoke: async (event) => {
      child.send(event);
      return Promise.race([
        once(child, "message").then(([answer]) => answer),
        closed.then(() => undefined),
      ]);
    },
  };
}

/**
 * @param {number} seq
 * @param {string} [content]  JSON text
 * @param {object} [more]
 * @returns {import("../../central/record.js").Message}
 */
export function message(seq, content = `"content ${seq}"`, more = {}) {
  return { type: "message", seq, ts: 1_700_000_000_000 + seq, user: "ana", content, ...more };
}

/**
 * @param {number} seq
 * @returns {import("../../central/record.js").Message}
 */
export function deletedMessage(seq) {
  return { type: "message", seq, ts: 1_700_000_000_000 + seq, user: "ana", deleted: true };
}

/**
 * @param {number} seq
 * @param {number} target
 * @param {string} [by]
 * @returns {import("../../central/record.js").Deletion}
 */
export function deletion(seq, target, by = "mod") {
  return { type: "delete", seq, ts: 1_700_000_000_000 + seq, target, by };
}

/**
 * @param {number} seq
 * @returns {import("../../central/record.js").Moderation}
 */
export function moderation(seq) {
  const ts = 1_700_000_000_000 + seq;
  return { type: "moderation", seq, ts, action: "ban", user: "eve", by: "mod", until: ts + 60_000 };
}

/**
 * The text of a batch; a message's `content` is put in as the text it is.
 *
 * @param {string} room
 * @param {import("../../central/record.js").LogRecord[]} records
 * @param {string} [epoch]
 */
export function batchText(room, records, epoch = EPOCH) {
  const texts = records.map((record) => {
    if (record.type !== "message" || record.content === undefined) return JSON.stringify(record);
    const { content, ...rest } = record;
    return `${JSON.stringify(rest).slice(0, -1)},"content":${content}}`;
  });
  const head = JSON.stringify({ v: 1, room, epoch }).slice(0, -1);
  return `${head},"records":[${texts.join(",")}]}`;
}

/**
 * A client that signs as the edge does, with its own retries off.
 *
 * @param {string} url
 * @param {object} [changes]  other credentials
 */
export function signedClient(url, changes = {}) {
  const aws = new AwsClient({ ...CREDENTIALS, ...changes, service: "execute-api", retries: 0 });
  return {
    aws,
    /** @param {string | Uint8Array<ArrayBuffer>} body @param {Record<string, string>} [headers] */
    post: (body, headers = { "content-type": "application/json" }) =>
      aws.fetch(`${url}/v1/batches`, { method: "POST", body, headers }),
    /** @param {string} path */
    get: (path) => aws.fetch(url + path),
  };
}
