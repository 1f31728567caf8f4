/**
 * The core's speed by instructions, which no other program on the machine changes: fixed work
 * (bench/guard), counted by Valgrind, against bench/guard/baseline.json.
 */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, ROOT, run as runProgram } from "../command.js";
import { failedBefore } from "../node-tests.js";
import { task } from "../progress.js";

/** @import { Outcome } from "../test.js" */

/** @typedef {{ compiler: string, instructions: Record<string, number> }} Counts */

const PROGRAM = "build/native-release/bench/guard/core_guard";
const BASELINE = "bench/guard/baseline.json";
const TIMEOUT_MS = 3 * 60_000;

/** Repetitions, whose difference is counted; more where one is cheap. @type {Record<string, [number, number]>} */
const WORKLOADS = {
  "publish-64": [200, 2200],
  "publish-512": [200, 2200],
  "publish-4096": [200, 1200],
  join: [100, 1100],
  "resume-100": [10, 60],
  "restore-1000": [1, 11],
  decide: [2000, 6000],
  "token-wrong-first": [100, 1100],
  "token-wrong-last": [100, 1100],
};

/** Work that must take the same time, or the time tells a secret. @type {[string, string][]} */
const ALIKE = [["token-wrong-first", "token-wrong-last"]];

/** So many times the baseline's count is still as fast. */
const FACTOR_MAX = 1.15;
/** Another compiler's code is another: only what nobody could overlook fails. */
const FACTOR_OTHER_COMPILER_MAX = 2;
/** Below that the baseline says too little. */
const FACTOR_MIN = 0.85;

/** @param {string} workload @param {number} repetitions */
async function collected(workload, repetitions) {
  task.detail = workload;
  const args = ["--tool=callgrind", "--callgrind-out-file=/dev/null", PROGRAM, workload];
  const { ok, output } = await runProgram("valgrind", [...args, String(repetitions)], {
    timeoutMs: TIMEOUT_MS,
  });
  const found = /Collected : (\d+)/.exec(output);
  if (!ok || !found) throw new Error(`${workload} could not be counted:\n${output}`);
  return Number(found[1]);
}

/** @returns {Promise<Counts>} */
async function count() {
  const { ok, output } = await runProgram(PROGRAM, ["--compiler"], { timeoutMs: TIMEOUT_MS });
  if (!ok) throw new Error(output);
  /** @type {Record<string, number>} */
  const instructions = {};
  for (const [workload, [few, many]] of Object.entries(WORKLOADS)) {
    const difference = (await collected(workload, many)) - (await collected(workload, few));
    instructions[workload] = Math.round(difference / (many - few));
  }
  return { compiler: output.trim(), instructions };
}

/** @param {Counts} now @param {Counts} baseline */
function judge(now, baseline) {
  const isSame = now.compiler === baseline.compiler;
  const factorMax = isSame ? FACTOR_MAX : FACTOR_OTHER_COMPILER_MAX;
  const lines = [];
  let failed = 0;
  for (const [workload, instructions] of Object.entries(now.instructions)) {
    const before = baseline.instructions[workload];
    const factor = instructions / before;
    const isSlow = !(factor <= factorMax);
    if (isSlow) failed++;
    const word = isSlow ? "SLOWER" : factor < FACTOR_MIN && isSame ? "faster: renew" : "ok";
    lines.push(
      `${workload.padEnd(17)} ${String(instructions).padStart(9)} instructions, baseline ${before}, ${factor.toFixed(2)} × ${word}`,
    );
  }
  for (const [one, other] of ALIKE) {
    if (now.instructions[one] === now.instructions[other]) continue;
    failed++;
    lines.push(`${one} and ${other} differ: the time tells where a token is wrong`);
  }
  if (!isSame) {
    lines.push(
      `The baseline was made by ${baseline.compiler}, this by ${now.compiler}: up to ${factorMax} × passes.`,
    );
  }
  lines.push(`Renew the baseline where it is meant so: EDGEROOM_GUARD_RENEW=1 scripts/test guard`);
  return { failed, output: `${lines.join("\n")}\n` };
}

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const started = performance.now();
  const built = await build("--target", "core_guard", "native-release");
  if (!built.ok) {
    yield failedBefore("guard", built);
    return;
  }
  const path = join(ROOT, BASELINE);
  let output = "";
  let failed = 0;
  try {
    const now = await count();
    if (process.env.EDGEROOM_GUARD_RENEW) {
      await writeFile(path, `${JSON.stringify(now, null, 2)}\n`);
    }
    const judged = judge(now, JSON.parse(await readFile(path, "utf8")));
    output = judged.output;
    failed = judged.failed;
  } catch (error) {
    output = error instanceof Error ? error.message : String(error);
    failed = 1;
  }
  const passed = Math.max(0, Object.keys(WORKLOADS).length - failed);
  const seconds = (performance.now() - started) / 1000;
  yield { name: "guard", passed, failed, seconds, output };
}
