// Starts one system, in a process of its own, so that it can stay on one core:
//
//   node bench/peers/server.js SYSTEM [JSON]
//
// Prints one JSON object (port, target, servers: the processes that do its work) when it serves, and
// ends with its standard input. The JSON has sinkUrl and vars, for edgeroom.

import { readdirSync, readFileSync } from "node:fs";
import { nginxMissing, startNginx } from "./nginx-server.js";
import { startSocketIo } from "./socket-io-server.js";
import { startEdgeroom, startRoom } from "./workerd-server.js";
import { startWs } from "./ws-server.js";

/** @typedef {{port: number, target: string, stop?: () => Promise<void>}} Started */

const [system = "", json = "{}"] = process.argv.slice(2);
/** @type {{sinkUrl?: string, vars?: Record<string, string>}} */
const { sinkUrl = "http://127.0.0.1:9", vars = {} } = JSON.parse(json);

/** @type {Record<string, () => Promise<Started>>} */
const SYSTEMS = {
  plain: () => startRoom("plain"),
  batching: () => startRoom("batching"),
  "second-look": () => startRoom("second-look"),
  party: () => startRoom("party"),
  ws: startWs,
  "socket.io": startSocketIo,
  nchan: startNginx,
  wasi: () => startEdgeroom("build/worker/wasi", sinkUrl, vars),
  emscripten: () => startEdgeroom("build/worker/emscripten", sinkUrl, vars),
};

/** Processes below this one. */
function descendants() {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(
        /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
      );
      children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
    } catch {
      // It has ended.
    }
  }
  const found = [];
  for (const pids = [process.pid]; pids.length > 0; ) {
    const below = children.get(/** @type {number} */ (pids.pop())) ?? [];
    found.push(...below);
    pids.push(...below);
  }
  return found;
}

if (!Object.hasOwn(SYSTEMS, system)) throw new Error(`there is no system "${system}"`);
const missing = system === "nchan" ? nginxMissing() : undefined;
if (missing !== undefined) {
  process.stdout.write(`${JSON.stringify({ missing })}\n`);
  process.exit(0);
}
const { port, target, stop } = await SYSTEMS[system]();
const below = descendants();
process.stdout.write(
  `${JSON.stringify({ port, target, servers: below.length > 0 ? below : [process.pid] })}\n`,
);
for await (const _ of process.stdin);
await stop?.();
process.exit(0);
