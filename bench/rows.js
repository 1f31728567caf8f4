#!/usr/bin/env node
// What a message costs in rows and in money: real rooms in workerd with forwarding on, every row that
// they write counted, the alarms included, until all is confirmed and the watermark is stored.
//
//   node bench/rows.js [--quick] [--json]
//
// It needs `scripts/build --bundle`; EDGEROOM_BUNDLE names another bundle. Ends with 1 when the bar is
// missed, or when something that was accepted is not stored.

import { once } from "node:events";
import WebSocket from "ws";
import { newRoom, STORE_PATIENCE_MS, search, startEdge, until } from "../tests/edge/harness.js";
import { ROWS_ENTRY } from "../tests/edge/rows-entry.js";
import { Sink } from "./sink.js";

const RTT_MS = 50;
/** Longer than the room waits before the watermark gets a row of its own (rooms/limits.h). */
const CURSOR_MS = 4000;
const TEXT =
  "we could meet at the station tomorrow, and let me know what you think about it for Friday";

const VARS = {
  MESSAGE_LIMITS: JSON.stringify({
    connection: { rate: 1e6, burst: 1e6, bytes: 1 << 30, bytes_burst: 1 << 30 },
  }),
  PRESENCE_MAX: "0",
};

/** @typedef {{name: string, sockets: number, rate: number, messages: number, rowsMax: number}} Scenario */

/** @param {boolean} quick @returns {Scenario[]} */
const scenarios = (quick) => [
  { name: "crowd", sockets: 1000, rate: 1000, messages: quick ? 5000 : 20_000, rowsMax: 0.025 },
  { name: "busy", sockets: 100, rate: 1000, messages: quick ? 5000 : 20_000, rowsMax: 0.3 },
  { name: "one a second", sockets: 2, rate: 1, messages: quick ? 30 : 120, rowsMax: 1.25 },
];

/** @param {string} url @param {string} room @param {number} count */
async function joinAll(url, room, count) {
  /** @type {WebSocket[]} */
  const sockets = [];
  const AT_ONCE = 50;
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, (_, i) => {
      const user = `u${sockets.length + i}`;
      const address = `${url.replace("http", "ws")}/rooms/${room}?${search({ user })}`;
      return new WebSocket(address, { perMessageDeflate: false });
    });
    await Promise.all(batch.map((socket) => once(socket, "message")));
    sockets.push(...batch);
  }
  return sockets;
}

/** Evenly, by turns over the sockets. @param {WebSocket[]} sockets @param {Scenario} scenario */
function publish(sockets, { rate, messages }) {
  /** @type {Promise<void>} */
  const sent = new Promise((done) => {
    const began = performance.now();
    let n = 0;
    const timer = setInterval(() => {
      const due = Math.min(messages, ((performance.now() - began) * rate) / 1000);
      for (; n < due; n++) {
        const content = { n: n + 1, text: TEXT };
        sockets[n % sockets.length].send(
          JSON.stringify({ type: "message", id: crypto.randomUUID(), content }),
        );
      }
      if (n < messages) return;
      clearInterval(timer);
      done();
    }, 1);
  });
  return sent;
}

/** @param {Scenario} scenario */
async function measure(scenario) {
  const sink = await Sink.start({ refuses: false, delayMs: RTT_MS });
  const edge = await startEdge({ centralUrl: sink.url, vars: VARS, entry: ROWS_ENTRY });
  const room = newRoom();
  const sockets = await joinAll(edge.url, room, scenario.sockets);
  const rows = async () => (await edge.json(`/test/rows?room=${room}`)).body;
  const before = await rows();
  const began = performance.now();
  await publish(sockets, scenario);
  const seconds = (performance.now() - began) / 1000;
  await until(
    async () => (await edge.json(`/api/rooms/${room}`)).body,
    (body) => body.seq >= scenario.messages && body.outbox.pending === 0,
    STORE_PATIENCE_MS,
  );
  await new Promise((over) => setTimeout(over, CURSOR_MS));
  const after = await rows();
  const { counts } = await sink.report();
  for (const socket of sockets) socket.terminate();
  await edge.close();
  await sink.close();
  const stored = counts.records - counts.repeated;
  if (stored !== scenario.messages) {
    throw new Error(`${scenario.name}: ${stored} of ${scenario.messages} messages were stored`);
  }
  const { messages } = scenario;
  const written = after.written - before.written;
  const alarms = after.alarms - before.alarms;
  return {
    ...scenario,
    seconds,
    segmentRows: written / messages,
    alarmRows: alarms / messages,
    rows: (written + alarms) / messages,
    bytes: (after.bytes - before.bytes) / messages,
    batches: counts.batches / messages,
  };
}

/** @typedef {Awaited<ReturnType<typeof measure>>} Measured */

/** List prices in dollars, without what a plan includes: a million of each, or a million GB-seconds. */
const PRICE = {
  row: 1.0,
  request: 0.15,
  gbSecond: 12.5,
  // DynamoDB's write unit, API Gateway, a call of Lambda and its time, a batch's lines of log.
  writeUnit: 0.625,
  apiRequest: 1.0,
  lambdaCall: 0.2,
  lambdaGbSecond: 13.3,
  logsBatch: 0.5,
};
const MILLIONS = 10;
const PRICE_MAX = 15;
const MESSAGES_A_REQUEST = 20;
const ROOM_GB = 0.128;
/** Of the function, with 1 GB: a batch, and each record in it (central/README.md). */
const LAMBDA_S_A_BATCH = 0.03;
const LAMBDA_S_A_RECORD = 0.0007;

/** Dollars for MILLIONS of messages. @param {Measured} measured */
function price({ rows, rate, batches }) {
  const awakeS = 1 / rate;
  const parts = {
    rows: rows * PRICE.row,
    requests: PRICE.request / MESSAGES_A_REQUEST,
    duration: awakeS * ROOM_GB * PRICE.gbSecond,
    table: PRICE.writeUnit * (1 + batches),
    gateway: PRICE.apiRequest * batches,
    lambda:
      PRICE.lambdaCall * batches +
      PRICE.lambdaGbSecond * (LAMBDA_S_A_BATCH * batches + LAMBDA_S_A_RECORD),
    logs: PRICE.logsBatch * batches,
  };
  const sum = Object.values(parts).reduce((all, part) => all + part, 0) * MILLIONS;
  return { parts, sum };
}

/** @param {number} value @param {number} [digits] */
const round = (value, digits = 3) => Number(value.toFixed(digits));

const args = process.argv.slice(2);
if (args.some((arg) => !["--quick", "--json"].includes(arg))) {
  process.stderr.write("usage: node bench/rows.js [--quick] [--json]\n");
  process.exit(2);
}

/** @type {Measured[]} */
const all = [];
for (const scenario of scenarios(args.includes("--quick"))) all.push(await measure(scenario));

const columns = [
  "scenario",
  "sockets",
  "messages/s",
  "rows a message",
  "of them alarms",
  "bar",
  "bytes a message",
  "batches a message",
  `$ for ${MILLIONS} million`,
];
const table = all.map((one) => [
  one.name,
  one.sockets,
  one.rate,
  round(one.rows, 4),
  round(one.alarmRows, 4),
  one.rowsMax,
  round(one.bytes, 0),
  round(one.batches, 4),
  round(price(one).sum, 2),
]);
let isMissed = false;
/** @param {boolean} isMet @param {string} what */
function verdict(isMet, what) {
  if (!isMet) isMissed = true;
  return `${isMet ? "PASS" : "FAIL"}: ${what}`;
}
const notes = all.map((one) =>
  verdict(
    one.rows <= one.rowsMax,
    `${one.name}: ${round(one.rows, 4)} rows a message, at most ${one.rowsMax}`,
  ),
);
for (const one of all.filter(({ rate }) => rate > 1)) {
  const dollars = round(price(one).sum, 2);
  const what = `${one.name}: ${MILLIONS} million messages a month for $${dollars}, at most $${PRICE_MAX}`;
  notes.push(verdict(dollars <= PRICE_MAX, what));
}
notes.push(
  "Rows: of SQL as the platform counts them, and one for each alarm that is set; until all is confirmed and the watermark stored.",
  `Dollars a million: rows × ${PRICE.row} + ${PRICE.request} / ${MESSAGES_A_REQUEST} (messages on a socket) + seconds awake a message × ${ROOM_GB} GB × ${PRICE.gbSecond} + AWS: ${PRICE.writeUnit} × (1 + batches) + ${PRICE.apiRequest} × batches + ${PRICE.lambdaCall} × batches + ${PRICE.lambdaGbSecond} × (${LAMBDA_S_A_BATCH} × batches + ${LAMBDA_S_A_RECORD}) + ${PRICE.logsBatch} × batches; list prices without what plans include, announcements and a second region.`,
  "The price's bar is of rooms in use. At one message a second a room is awake for each alone: its time is the most of the price, whatever the room does.",
);
if (args.includes("--json")) {
  console.log(JSON.stringify({ title: "Rows and money", columns, rows: table, notes }));
} else {
  const cells = [columns, ...table].map((row) => row.map(String));
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  for (const row of cells) console.log(row.map((cell, i) => cell.padStart(widths[i])).join("  "));
  for (const note of notes) console.log(note);
}
process.exit(isMissed ? 1 : 0);
