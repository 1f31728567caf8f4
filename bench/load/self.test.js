// The load generator against servers that do wrong on purpose: what they do must show.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocketServer } from "ws";
import { ROOT } from "../../scripts/command.js";

const LOAD = join(ROOT, "build/native-release/bench/load/edgeroom_load");

/** @typedef {import("ws").WebSocket} WebSocket */
/** @typedef {(text: string, sockets: WebSocket[], turn: number) => void} Room */

/** As it ought to be. @type {Room} */
const toAll = (text, sockets) => {
  for (const socket of sockets) socket.send(text);
};

/**
 * A room whose messages are told by `room`, under load.
 * @param {Room} room @param {Record<string, string | number | boolean>} args @param {boolean} [compress]
 */
async function load(room, args, compress = false) {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    perMessageDeflate: compress ? { threshold: 0 } : false,
  });
  await once(server, "listening");
  let turn = 0;
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data) => room(String(data), [...server.clients], turn++));
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  /** @type {Record<string, string | number | boolean>} */
  const all = { task: "rate", warm: 0, patience: 0.3, port, ...args };
  const { task, ...rest } = all;
  const words = Object.entries(rest).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  const child = spawn(LOAD, [String(task), ...words], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const [code] = await once(child, "close");
  for (const socket of server.clients) socket.terminate();
  server.close();
  assert.equal(code, 0);
  return JSON.parse(output);
}

const TEN = { sockets: 10, rate: 100, seconds: 0.5 };

test("a server that does right loses nothing", async () => {
  const result = await load(toAll, TEN);
  assert.equal(result.fault, "");
  assert.equal(result.messages, 50);
  assert.equal(result.deliveries, 500);
  assert.equal(result.frames, 500);
});

test("one delivery that a server drops is lost", async () => {
  const result = await load((text, sockets, turn) => {
    toAll(text, turn === 20 ? sockets.slice(1) : sockets, turn);
  }, TEN);
  assert.equal(result.lost, 1);
  assert.equal(result.fault, "lost 1 deliveries");
});

test("one that comes twice is told, and makes up for none that is lost", async () => {
  const result = await load((text, sockets, turn) => {
    toAll(text, turn === 20 ? [sockets[1], ...sockets.slice(1)] : sockets, turn);
  }, TEN);
  assert.equal(result.lost, 1);
  assert.equal(result.duplicated, 1);
});

test("each message inside a frame counts", async () => {
  /** @type {string[]} */
  let waiting = [];
  const result = await load((text, sockets, turn) => {
    waiting.push(text);
    if (waiting.length < 10) return;
    toAll(`[${waiting.join(",")}]`, sockets, turn);
    waiting = [];
  }, TEN);
  assert.equal(result.fault, "");
  assert.equal(result.deliveries, 500);
  assert.equal(result.frames, 50);
});

test("latency counts from the time intended, whatever the server does meanwhile", async () => {
  const HOLD_MS = 300;
  const result = await load(
    (text, sockets, turn) => {
      if (turn === 10) for (const end = Date.now() + HOLD_MS; Date.now() < end; );
      toAll(text, sockets, turn);
    },
    { ...TEN, patience: 5 },
  );
  assert.equal(result.fault, "");
  // Of 50 messages, 10 ms apart, 30 came while the server did nothing.
  assert.ok(result.latency_ms.max >= HOLD_MS, `at most ${result.latency_ms.max} ms`);
  assert.ok(result.latency_ms.p50 >= HOLD_MS / 10, `p50 ${result.latency_ms.p50} ms`);
  assert.ok(result.sent_late_ms.p50 < HOLD_MS / 10, "it waited for the server");
});

test("a connection that a server closes is named", async () => {
  const result = await load((text, sockets, turn) => {
    if (turn === 20) sockets[3].close(1011);
    toAll(text, sockets, turn);
  }, TEN);
  assert.match(result.fault, /^connection \d: the server has closed with 1011$/);
});

test("compressed messages count, and weigh less", async () => {
  const plain = await load(toAll, TEN);
  const result = await load(toAll, { ...TEN, deflate: true }, true);
  assert.equal(result.fault, "");
  assert.equal(result.compressed, true);
  assert.equal(result.deliveries, 500);
  assert.ok(result.bytes_a_delivery < plain.bytes_a_delivery / 2);
});

test("a search finds where a server ends", async () => {
  const RATE = 100;
  let free = 0;
  const result = await load(
    (text, sockets, turn) => {
      // A server that takes 10 ms for each message.
      free = Math.max(Date.now(), free) + 1000 / RATE;
      setTimeout(() => toAll(text, sockets, turn), free - Date.now());
    },
    { task: "search", sockets: 2, rate: 40, seconds: 1, p95: 60 },
  );
  assert.ok(result.capacity >= RATE * 0.75, `${result.capacity}`);
  assert.ok(result.capacity <= RATE * 1.25, `${result.capacity}`);
});
