// The central API as bench/sink.js starts it: says of every record that it is stored, after a delay,
// and remembers of it no more than what proves so.

import { once } from "node:events";
import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

/** @typedef {import("node:http").IncomingMessage} IncomingMessage */
/** @typedef {import("node:http").ServerResponse} ServerResponse */

/** @typedef {{seq: number, type: string, content?: {n: number}}} SentRecord */
/** @typedef {{room: string, epoch: string, records: SentRecord[]}} Batch */

/** Longer than any backoff: a connection that is closed while a request comes looks like a failure. */
const KEEP_ALIVE_MS = 120_000;

/** Of a room; there may be thousands. */
const RECORDS_AT_FIRST = 1 << 10;

const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);

/** @type {{refuses: boolean, delayMs: number}} */
const how = workerData;

/** The content's number of what is stored under each seq, by `room:epoch`. @type {Map<string, Int32Array>} */
const stored = new Map();

const counts = {
  refused: 0,
  unsigned: 0,
  batches: 0,
  bytes: 0,
  /** Records of all batches, of them those that were stored before, and of these those that differ. */
  records: 0,
  repeated: 0,
  differing: 0,
  /** Batches whose seqs do not ascend. */
  disordered: 0,
  inFlightMax: 0,
  /** From an answer until the next request. */
  turns: 0,
  turnMs: 0,
  firstAnswerMs: 0,
};

let inFlight = 0;
/** For how long so many requests were under way at once, in ms. @type {number[]} */
const inFlightMs = [];
let inFlightSince = performance.now();
/** When requests were answered that no request has followed yet. @type {number[]} */
let answeredAt = [];

/** @param {1 | 0 | -1} change */
function changeInFlight(change) {
  const now = performance.now();
  inFlightMs[inFlight] = (inFlightMs[inFlight] ?? 0) + now - inFlightSince;
  inFlightSince = now;
  inFlight += change;
  counts.inFlightMax = Math.max(counts.inFlightMax, inFlight);
}

/** What was between the refusals says nothing of what follows. */
function forgetRefusals() {
  answeredAt = [];
  counts.turns = 0;
  counts.turnMs = 0;
  counts.inFlightMax = inFlight;
  inFlightMs.length = 0;
  inFlightSince = performance.now();
}

/** @param {string} name @param {number} seq */
function numbersOf(name, seq) {
  const numbers = stored.get(name) ?? new Int32Array(RECORDS_AT_FIRST);
  if (stored.has(name) && seq < numbers.length) return numbers;
  let length = numbers.length;
  while (length <= seq) length *= 2;
  const longer = new Int32Array(length);
  longer.set(numbers);
  stored.set(name, longer);
  return longer;
}

/** @param {Batch} batch */
function store({ room, epoch, records }) {
  let before = 0;
  let ascends = true;
  const results = records.map(({ seq, content }) => {
    ascends &&= seq > before;
    before = seq;
    const n = content?.n ?? -1;
    const numbers = numbersOf(`${room}:${epoch}`, seq);
    counts.records++;
    if (numbers[seq] === 0) {
      numbers[seq] = n;
      return { seq, status: "stored" };
    }
    counts.repeated++;
    if (numbers[seq] === n) return { seq, status: "duplicate" };
    counts.differing++;
    return { seq, status: "rejected", code: "CONFLICT" };
  });
  if (!ascends) counts.disordered++;
  return { v: 1, room, epoch, results };
}

/** @param {ServerResponse} response @param {number} status @param {object} body */
function answer(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** @param {IncomingMessage} request @param {ServerResponse} response */
async function serve(request, response) {
  changeInFlight(1);
  const followed = answeredAt.shift();
  if (followed !== undefined) {
    counts.turns++;
    counts.turnMs += performance.now() - followed;
  }
  response.once("close", () => {
    changeInFlight(-1);
    answeredAt.push(performance.now());
  });
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (!String(request.headers.authorization).startsWith("AWS4-HMAC-SHA256 ")) {
    counts.unsigned++;
    return answer(response, 403, { message: "Forbidden" });
  }
  if (request.method !== "POST" || request.url !== "/v1/batches") {
    return answer(response, 404, { message: "Not Found" });
  }
  if (how.refuses) {
    counts.refused++;
    return answer(response, 503, { v: 1, error: "UNAVAILABLE" });
  }
  if (counts.batches === 0) forgetRefusals();
  const body = Buffer.concat(chunks);
  counts.batches++;
  counts.bytes += body.length;
  const results = store(JSON.parse(body.toString()));
  if (how.delayMs > 0) await new Promise((later) => setTimeout(later, how.delayMs));
  if (counts.firstAnswerMs === 0) {
    counts.firstAnswerMs = Date.now();
    port.postMessage({ first: true });
  }
  return answer(response, 200, results);
}

const server = createServer((request, response) => {
  serve(request, response).catch((error) => {
    // An error of ours must not look like one of the room.
    port.postMessage({ failed: String(error?.stack ?? error) });
    response.destroy();
  });
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
server.listen(0, "127.0.0.1");
await once(server, "listening");

port.on(
  "message",
  (/** @type {{ask: number, what: string, name: string}} */ { ask, what, name }) => {
    if (what === "answer") how.refuses = false;
    changeInFlight(0);
    const numbers = what === "numbers" ? stored.get(name) : undefined;
    port.postMessage({ ask, counts, inFlightMs, numbers, names: [...stored.keys()] });
  },
);
port.postMessage({ port: /** @type {import("node:net").AddressInfo} */ (server.address()).port });
