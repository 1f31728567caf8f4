/** `scripts/faults`: faults in real processes, and what they cost. The usage stands in scripts/faults. */

import { closeSync, openSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Dice } from "../tests/edge/dice.js";
import { ofAnybody } from "../tests/faults/cut-connections.js";
import { Run } from "../tests/faults/fault.js";
import { underTheCentralApi, underTheRooms } from "../tests/faults/full-disk.js";
import { forAWhile } from "../tests/faults/idle-connections.js";
import * as centralKilled from "../tests/faults/kill-central.js";
import * as edgeKilled from "../tests/faults/kill-edge.js";
import { thatNobodyComesBackTo } from "../tests/faults/many-rooms.js";
import { thatDoNotRead } from "../tests/faults/slow-readers.js";
import { ROOT } from "./command.js";
import { faultLine, faultTable } from "./fault-table.js";
import { readOptions, usageError } from "./options.js";
import { endOnSignals, endStartedProcesses } from "./process-tree.js";
import { clock, Progress } from "./progress.js";

/** @typedef {import("../tests/faults/fault.js").Fault} Fault */
/** @typedef {import("./fault-table.js").Row} Row */

/** @type {Fault[]} */
const FAULTS = [
  edgeKilled.whileItStores,
  edgeKilled.whileItForwards,
  edgeKilled.atAnyMoment,
  centralKilled.whileItStores,
  underTheRooms,
  underTheCentralApi,
  ofAnybody,
  thatDoNotRead,
  forAWhile,
  thatNobodyComesBackTo,
];

const COMMAND = "scripts/faults";
const STOP_TIMES = { graceMs: 2_000, collectMs: 2_000 };
const CENTRAL_LOG = "build/faults/central.log";

function options() {
  const { values, positionals: names } = readOptions(COMMAND, {
    allowPositionals: true,
    options: {
      short: { type: "boolean", default: false },
      seed: { type: "string", default: String(Date.now()) },
      json: { type: "string" },
    },
  });
  const unknown = names.find((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown !== undefined) usageError(COMMAND, `there is no fault ${unknown}`);
  if (!/^[0-9]{1,15}$/.test(values.seed)) {
    usageError(COMMAND, `--seed is ${values.seed}; it is a whole number`);
  }
  return { ...values, names };
}

/** @param {Fault} fault @param {number} times @param {number} seed @returns {Promise<Row>} */
async function bringAbout(fault, times, seed) {
  const { name, what, play } = fault;
  const progress = new Progress();
  const startedMs = performance.now();
  const log = openSync(join(ROOT, CENTRAL_LOG), "a");
  let happened = 0;
  const run = new Run(new Dice(seed), times, log, (soFar) => {
    happened = soFar;
    const passed = clock(performance.now() - startedMs);
    progress.tell(`  ${name}  ${passed}  ${soFar} of ${times}`);
  });
  let failure;
  try {
    await play(run);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  progress.clear();
  closeSync(log);
  const { tally, remarks } = run;
  if (tally.lost + tally.twice + tally.never > 0)
    failure ??= "something was lost, or is there twice";
  const sorted = run.recoveredMs.toSorted((a, b) => a - b);
  const recoveredMs = {
    median: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    longest: Math.round(sorted.at(-1) ?? 0),
  };
  const seconds = (performance.now() - startedMs) / 1000;
  const kills = run.kills;
  return {
    fault: name,
    what,
    times: happened,
    kills,
    tally,
    recoveredMs,
    remarks,
    seconds,
    failure,
  };
}

// The exit takes a mounted file system away.
endOnSignals(STOP_TIMES);

const { short, seed, json, names } = options();
await mkdir(join(ROOT, "build/faults"), { recursive: true });
const chosen = FAULTS.filter(({ name }) => names.length === 0 || names.includes(name));
console.log(`seed ${seed}\n\n${faultTable([])}`);
/** @type {Row[]} */
const rows = [];
for (const fault of chosen) {
  const row = await bringAbout(fault, fault.times[short ? "short" : "full"], Number(seed));
  rows.push(row);
  console.log(faultLine(row));
  if (row.failure === undefined) continue;
  console.error(`\nFAILED ${row.fault}: ${row.failure}`);
  console.error(`scripts/faults${short ? " --short" : ""} --seed ${seed} ${row.fault} repeats it;`);
  console.error(`what the central API wrote is in ${CENTRAL_LOG}\n`);
  // What it has started may go on.
  await endStartedProcesses(STOP_TIMES);
}
if (json !== undefined)
  await writeFile(json, `${JSON.stringify({ seed: Number(seed), rows }, null, 2)}\n`);
const failed = rows.filter(({ failure }) => failure !== undefined).length;
console.log(`\n${rows.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
