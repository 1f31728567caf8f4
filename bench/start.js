#!/usr/bin/env node
// How long a room takes to be there: its module compiled, made an instance of, and restored with what
// was stored; and in workerd, from a client's side, a new room, and one that slept.
//
//   node bench/start.js [--quick] [--json]
//
// It needs `scripts/build --bundle wasi` and `scripts/build emscripten`. Ends with 1 when the bar is
// missed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { central, newRoom, startEdge } from "../tests/edge/harness.js";
import { BenchRoom } from "./core/room.js";
import { median } from "./median.js";

const TOOLCHAINS = ["wasi", "emscripten"];
const CONNECTIONS = 1000;
const MESSAGES = 100;
const SUM_MAX_MS = 10;
const GZIPPED_MAX_KIB = 60;
const MODULES = join(import.meta.dirname, "../build/modules");

const quick = process.argv.includes("--quick");
const asJson = process.argv.includes("--json");
if (process.argv.slice(2).some((arg) => !["--quick", "--json"].includes(arg))) {
  process.stderr.write("usage: node bench/start.js [--quick] [--json]\n");
  process.exit(2);
}
const ROUNDS = quick ? 9 : 31;
const ROUNDS_IN_WORKERD = quick ? 5 : 15;

/** @param {number} value */
const round = (value) => Number(value.toFixed(2));

/** As it is transferred. @param {string} toolchain @param {string} module */
function gzippedKib(toolchain, module) {
  const bytes = readFileSync(join(MODULES, toolchain, module));
  return gzipSync(bytes, { level: 9 }).length / 1024;
}

/** A room with connections and messages, each in a segment of its own. @param {WebAssembly.Module} module */
function fullRoom(module) {
  const room = new BenchRoom(module);
  for (let handle = 2; handle <= CONNECTIONS; handle++) room.join(handle);
  for (let n = 0; n < MESSAGES; n++) {
    room.pass(1000);
    room.frame(`{"type":"message","id":"m-${n}","content":"message ${n}"}`);
    room.flush();
    room.serve();
  }
  room.pass(10_000);
  return room;
}

/** Milliseconds of each part. @param {string} toolchain */
function inThisProcess(toolchain) {
  const bytes = readFileSync(join(MODULES, toolchain, "room.wasm"));
  const full = fullRoom(new WebAssembly.Module(bytes));
  /** @type {Record<string, number[]>} */
  const parts = { compile: [], instantiate: [], restore: [] };
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now();
    const module = new WebAssembly.Module(bytes);
    const compiled = performance.now();
    new WebAssembly.Instance(module, {});
    const made = performance.now();
    // With an instance of its own: what comes of the second one is counted twice.
    const room = new BenchRoom(module, { from: full });
    const restored = performance.now();
    room.frame('{"type":"ping"}');
    if (!room.told.includes("pong")) throw new Error("the restored room does not answer");
    parts.compile.push(compiled - begun);
    parts.instantiate.push(made - compiled);
    parts.restore.push(restored - made);
  }
  return Object.fromEntries(Object.entries(parts).map(([name, values]) => [name, median(values)]));
}

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<Edge["join"]>>} Client */

/** @param {() => Promise<unknown>} work */
async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** @param {Client} client */
async function ping(client) {
  client.send({ type: "ping", ref: "p" });
  await client.next("pong");
}

async function inWorkerd() {
  const store = await central();
  const edge = await startEdge({ centralUrl: store.url, vars: { PRESENCE_MAX: "0" } });
  const first = await timed(() => edge.join(newRoom(), { user: "ana" }));
  /** @type {number[]} */
  const fresh = [];
  for (let i = 0; i < ROUNDS_IN_WORKERD; i++) {
    fresh.push(await timed(() => edge.join(newRoom(), { user: "ana" })));
  }
  const room = newRoom();
  const ana = await edge.join(room, { user: "ana" });
  const AT_ONCE = 50;
  for (let joined = 1; joined < CONNECTIONS; joined += AT_ONCE) {
    const count = Math.min(AT_ONCE, CONNECTIONS - joined);
    await Promise.all(
      Array.from({ length: count }, (_, i) => edge.join(room, { user: `u${joined + i}` })),
    );
  }
  for (let n = 0; n < MESSAGES; n++) {
    ana.send({ type: "message", content: `message ${n}`, id: `m-${n}` });
    await ana.next("new_message", (told) => told.id === `m-${n}`);
  }
  await ana.confirmed(MESSAGES);
  /** @type {number[]} */
  const awake = [];
  /** @type {number[]} */
  const asleep = [];
  for (let i = 0; i < ROUNDS_IN_WORKERD; i++) {
    await ping(ana);
    awake.push(await timed(() => ping(ana)));
    await edge.evict(room);
    asleep.push(await timed(() => ping(ana)));
  }
  await edge.close();
  await store.close();
  return { first, fresh: median(fresh), awake: median(awake), asleep: median(asleep) };
}

const columns = ["what", ...TOOLCHAINS.map((name) => `${name} ms`)];
const figures = TOOLCHAINS.map(inThisProcess);
const sums = figures.map(({ compile, instantiate, restore }) => compile + instantiate + restore);
const workerd = await inWorkerd();
/** @param {string} what @param {number[]} values */
const row = (what, values) => [what, ...values.map(round)];
const sizes = ["edge.wasm", "room.wasm"].map((module) => ({
  module,
  kib: TOOLCHAINS.map((toolchain) => gzippedKib(toolchain, module)),
}));
const table = [
  row(
    "compile",
    figures.map(({ compile }) => compile),
  ),
  row(
    "instantiate",
    figures.map(({ instantiate }) => instantiate),
  ),
  row(
    `instantiate and restore ${CONNECTIONS} connections, ${MESSAGES} messages`,
    figures.map(({ restore }) => restore),
  ),
  row("together", sums),
  ["in workerd: the first room of a process", round(workerd.first)],
  ["in workerd: a new room, to its welcome", round(workerd.fresh)],
  [`in workerd: ping of a room of ${CONNECTIONS}, awake`, round(workerd.awake)],
  [`in workerd: ping of a room of ${CONNECTIONS}, asleep`, round(workerd.asleep)],
];
/** @param {boolean} holds @param {string} what */
const verdict = (holds, what) => `${holds ? "PASS" : "FAIL"}: ${what}`;
const checks = [
  verdict(
    sums.every((sum) => sum <= SUM_MAX_MS),
    `compile, instantiate and restore in at most ${SUM_MAX_MS} ms: ${sums.map(round).join(" and ")}`,
  ),
  ...sizes.map(({ module, kib }) =>
    verdict(
      kib.every((size) => size <= GZIPPED_MAX_KIB),
      `${module} in at most ${GZIPPED_MAX_KIB} KiB, gzipped: ${kib.map(round).join(" and ")}`,
    ),
  ),
];
const isMissed = checks.some((check) => check.startsWith("FAIL"));
const notes = [
  ...checks,
  `Medians of ${ROUNDS} rounds in node ${process.version}, of ${ROUNDS_IN_WORKERD} in workerd, which includes the way of a local WebSocket; asleep minus awake is the waking: a module that is compiled already, an object, an instance, ${CONNECTIONS} attachments read.`,
];
if (asJson) {
  console.log(JSON.stringify({ title: "From nothing to a room", columns, rows: table, notes }));
} else {
  const cells = [columns, ...table].map((line) => line.map(String));
  for (const [what, ...values] of cells) {
    console.log(what.padEnd(64) + values.map((value) => value.padStart(14)).join(""));
  }
  for (const note of notes) console.log(note);
}
process.exit(isMissed ? 1 : 0);
