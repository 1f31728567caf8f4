#!/usr/bin/env node
// What a decision of the Worker's core costs, across the boundary: the request's lines written into
// the module, decided and left there as records. By turns without limits and with one, for one client
// (who is denied from the hundredth request on) and for many; and what crossing the boundary costs
// alone, with a core that has no settings and refuses at once.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  EDGE_ABI_VERSION,
  EDGE_REQUEST_LINES,
  EdgeRequestLine,
  EdgeStatus,
} from "../js-shim/abi.generated.js";
import { WasmHost } from "../js-shim/wasm-host.js";
import { median } from "./median.js";

const TOOLCHAIN = process.env.EDGEROOM_TOOLCHAIN || "wasi";
const MODULE = join(import.meta.dirname, "../build/modules", TOOLCHAIN, "edge.wasm");
const ROUNDS = 9;
const REQUESTS = 100_000;
/** Between two requests: a thousand a second. */
const STEP_MS = 1;
const LIMIT = [{ name: "ip", key: "ip", limit: 100, window_s: 60 }];

const module = new WebAssembly.Module(readFileSync(MODULE));

/** Without policies: one that was not configured. @param {object[]} [policies] */
function makeCore(policies) {
  const host = new WasmHost(module, "edge", EDGE_ABI_VERSION);
  if (!policies) return host;
  const settings = {
    AUTH: "off",
    PERSIST_URL: "https://api.example",
    PERSIST_AUTH: "none",
    MODERATOR_TOKENS: "one,two",
    RATE_LIMIT: "bound",
    RATE_LIMITS: JSON.stringify(policies),
  };
  host.call("edge_configure", host.write(JSON.stringify(settings)), 1, 2);
  return host;
}

/** Microseconds a decision. @param {number} clients @param {object[]} [policies] */
function measure(clients, policies) {
  const expected = policies ? 1 : EdgeStatus.notConfigured;
  const host = makeCore(policies);
  const lines = new Array(EDGE_REQUEST_LINES).fill("");
  lines[EdgeRequestLine.method] = "GET";
  lines[EdgeRequestLine.url] = "https://rooms.example/api/rooms/lobby";
  let now = Date.UTC(2026, 10, 22);
  const begun = performance.now();
  for (let i = 0; i < REQUESTS; i++) {
    const client = i % clients;
    lines[EdgeRequestLine.clientAddress] = `10.0.${client >> 8}.${client & 255}`;
    now += STEP_MS;
    if (host.call("edge_request", host.write(lines.join("\n")), now) !== expected) {
      throw new Error("a request was refused");
    }
  }
  return ((performance.now() - begun) * 1000) / REQUESTS;
}

/** @type {Record<string, () => number>} */
const cases = {
  "the boundary alone": () => measure(2000),
  "no limit": () => measure(2000, []),
  "2,000 clients, admitted": () => measure(2000, LIMIT),
  "one client, denied": () => measure(1, LIMIT),
};
/** @type {Record<string, number[]>} */
const figures = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(cases)) figures[name].push(run());
}
for (const [name, values] of Object.entries(figures)) {
  const least = Math.min(...values).toFixed(2);
  console.log(`${name.padEnd(24)} ${median(values).toFixed(2)} µs, at least ${least}`);
}
const added = figures["2,000 clients, admitted"].map(
  (us, round) => us - figures["no limit"][round],
);
console.log(`${"what the limit adds".padEnd(24)} ${median(added).toFixed(2)} µs`);
