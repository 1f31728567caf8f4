// Many rooms in one process: what each costs. Each has one socket and one message; then all are left
// alone.
//
//   node bench/many-rooms.js [ROOMS]
//
// Prints one JSON object: resident memory of workerd before, with the rooms, and for each room, and
// the WebAssembly memory of one such room, played in this process to the same module.

import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { central, newRoom, startEdge } from "../tests/edge/harness.js";
import { WasmRoom } from "../tests/edge/wasm-room.js";
import { residentKib } from "./workerd.js";

const root = resolve(import.meta.dirname, "..");
const bundle = resolve(root, process.env.EDGEROOM_BUNDLE ?? "build/worker/wasi");

const ROOMS = 2000;
const AT_ONCE = 20;

/** @param {Awaited<ReturnType<typeof startEdge>>} edge */
async function openRoom(edge) {
  const client = await edge.join(newRoom(), { user: "ana" });
  client.send({ type: "message", content: "x".repeat(200) });
  await client.next("new_message");
  return client;
}

const rooms = Number(process.argv[2] ?? ROOMS);
const store = await central();
const edge = await startEdge({ centralUrl: store.url });
await openRoom(edge);
const before = residentKib();
const started = Date.now();
const clients = [];
while (clients.length < rooms) {
  const count = Math.min(AT_ONCE, rooms - clients.length);
  clients.push(...(await Promise.all(Array.from({ length: count }, () => openRoom(edge)))));
}
const seconds = (Date.now() - started) / 1000;
const after = residentKib();
await Promise.all(clients.map((client) => client.confirmed(1)));
const module = readdirSync(bundle).find((name) => name.endsWith("-room.wasm"));
const room = await WasmRoom.start(join(bundle, String(module)));
room.join(1, "ana");
room.frame(1, { type: "message", content: "x".repeat(200) });
room.flush();
console.log(
  JSON.stringify({
    rooms,
    seconds,
    rss_before_kib: before,
    rss_after_kib: after,
    rss_room_kib: Math.round((after - before) / rooms),
    wasm_room_kib: room.memoryBytes / 1024,
  }),
);
await edge.close();
await store.close();
process.exit(0);
