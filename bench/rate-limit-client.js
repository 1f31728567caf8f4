#!/usr/bin/env node
// A client of a running Worker that asks at a steady rate, or as fast as it is answered, and tells how
// many of its requests each window admitted. It exits with 1 when it saw something that a rate limiter
// must not do: an answer that is neither good nor 429, more in a window than the limit, a Retry-After
// that was wrong. With --never it also does when there was a 429 at all.

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { parseList } from "structured-headers";

const USAGE = `usage: node bench/rate-limit-client.js URL [options]

  URL              what to ask, such as http://127.0.0.1:8787/api/rooms/lobby
  --rate N         requests a second; left out: the next as soon as the last is answered
  --seconds N      for how long, default 60
  --address A      the client's address. Only a local Worker believes it; elsewhere it is yours
  --bearer TOKEN   a token to ask with
  --never          whoever keeps to the limit: any 429 is a fault
  --json           the result as one JSON object
`;

/** One request: times in ms. @typedef {{ sent: number, answered: number, status: number, retryAfter: string | null }} Visit */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: "string" },
    seconds: { type: "string", default: "60" },
    address: { type: "string" },
    bearer: { type: "string" },
    never: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help || positionals.length !== 1) {
  process.stderr.write(USAGE);
  process.exit(values.help ? 0 : 2);
}
const [url] = positionals;
const seconds = positive("--seconds", values.seconds);
const interval = values.rate === undefined ? 0 : 1000 / positive("--rate", values.rate);

/** @param {string} name @param {string} text */
function positive(name, text) {
  const number = Number(text);
  if (number > 0) return number;
  process.stderr.write(`${name} must be a number above 0, not ${text}\n`);
  process.exit(2);
}

/** The limit that counts: of the policies that applied, the one with the fewest units left. @type {{ name: string, limit: number, window_ms: number } | undefined} */
let policy;

/** @returns {Promise<Visit>} */
async function visit() {
  const headers = new Headers();
  if (values.address !== undefined) headers.set("cf-connecting-ip", values.address);
  if (values.bearer !== undefined) headers.set("authorization", `Bearer ${values.bearer}`);
  const sent = performance.now();
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  const answered = performance.now();
  policy ??= policyOf(response.headers);
  return {
    sent,
    answered,
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
  };
}

/** @param {Headers} headers */
function policyOf(headers) {
  const left = new Map(items(headers, "ratelimit").map(([name, { r }]) => [name, r]));
  return items(headers, "ratelimit-policy")
    .map(([name, { q, w }]) => ({ name, limit: q, window_ms: w * 1000 }))
    .sort((a, b) => (left.get(a.name) ?? 0) - (left.get(b.name) ?? 0))
    .at(0);
}

/** @param {Headers} headers @param {string} name @returns {[string, Record<string, number>][]} */
function items(headers, name) {
  const numbers = (/** @type {Map<string, any>} */ parameters) => Object.fromEntries(parameters);
  return parseList(headers.get(name) ?? "").map(([item, parameters]) => [
    String(item),
    numbers(parameters),
  ]);
}

const began = performance.now();
const end = began + seconds * 1000;
/** @type {Visit[]} */
const visits = [];
for (let next = began; next < end; next = interval > 0 ? next + interval : performance.now()) {
  await sleep(Math.max(0, next - performance.now()));
  visits.push(await visit());
}

const admitted = visits.filter(({ status }) => status < 400);
const denied = visits.filter(({ status }) => status === 429);
/** @type {string[]} */
const faults = [];
if (admitted.length + denied.length < visits.length) {
  const others = visits
    .map(({ status }) => status)
    .filter((status) => status >= 400 && status !== 429);
  faults.push(
    `${others.length} answers were neither good nor 429: ${[...new Set(others)].join(", ")}`,
  );
}
if (values.never && denied.length > 0) faults.push(`${denied.length} requests were denied`);
if (policy === undefined) {
  faults.push("no answer had RateLimit headers: no policy applies to the URL");
} else {
  // Each request was decided between its being sent and answered: so this is exact, on any machine.
  const { limit, window_ms } = policy;
  for (let i = 0; i + limit < admitted.length; i++) {
    const span_ms = admitted[i + limit].answered - admitted[i].sent;
    if (span_ms >= window_ms) continue;
    faults.push(`${limit + 1} were admitted within ${Math.ceil(span_ms)} of ${window_ms} ms`);
    break;
  }
}
if (denied.some(({ retryAfter }) => !/^[1-9]\d*$/.test(retryAfter ?? ""))) {
  faults.push("a 429 had no Retry-After in whole seconds");
}
// Nobody else asks under this address, so whoever has waited as long as he was told is let in.
let due = Number.POSITIVE_INFINITY;
for (const { sent, answered, status, retryAfter } of visits) {
  if (status !== 429) {
    due = Number.POSITIVE_INFINITY;
    continue;
  }
  if (sent >= due) {
    faults.push(`denied ${Math.round(sent - due)} ms after the wait that Retry-After had told`);
    break;
  }
  due = Math.min(due, answered + Number(retryAfter) * 1000);
}

const window_ms = policy?.window_ms ?? 60_000;
const windows = Array.from({ length: Math.ceil((seconds * 1000) / window_ms) }, (_, i) => {
  const within = (/** @type {Visit} */ { sent }) => Math.floor((sent - began) / window_ms) === i;
  const asked = visits.filter(within).length;
  return { from_s: (i * window_ms) / 1000, asked, admitted: admitted.filter(within).length };
});
const spans = visits.map(({ sent, answered }) => answered - sent).sort((a, b) => a - b);
const quantile = (/** @type {number} */ part) =>
  Number((spans[Math.floor(part * (spans.length - 1))] ?? 0).toFixed(1));
const result = {
  url,
  policy: policy && { name: policy.name, limit: policy.limit, window_s: policy.window_ms / 1000 },
  seconds,
  rate: interval > 0 ? 1000 / interval : null,
  asked: visits.length,
  admitted: admitted.length,
  denied: denied.length,
  ms: { p50: quantile(0.5), p99: quantile(0.99), most: quantile(1) },
  windows,
  faults,
};
if (values.json) {
  console.log(JSON.stringify(result));
} else {
  if (policy) console.log(`policy ${policy.name}: ${policy.limit} in ${policy.window_ms / 1000} s`);
  console.table(windows);
  const { asked, ms } = result;
  console.log(`asked ${asked}, admitted ${admitted.length}, denied ${denied.length}`);
  console.log(
    `an answer took ${ms.p50} ms (half), ${ms.p99} ms (99 %), ${ms.most} ms (the slowest)`,
  );
  for (const fault of faults) console.log(`FAULT: ${fault}`);
}
process.exitCode = faults.length > 0 ? 1 : 0;
