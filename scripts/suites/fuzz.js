/**
 * Fuzz targets: each runs all of its corpus, and then inputs made of it, so many and with a fixed
 * seed: the same everywhere. scripts/fuzz goes on for longer.
 */

import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { build, ROOT, run as runProgram } from "../command.js";
import { failedBefore } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

const FOLDER = "tests/fuzz";
const PROGRAMS = "build/fuzz/tests/fuzz";
const CRASHES = "build/fuzz/crashes";
/** What a run finds goes into the first folder that it is given: not into ours. */
const FOUND = "build/fuzz/short";
const TIMEOUT_MS = 10 * 60_000;
const SEED = 1;
const INPUT_BYTES_MAX = 1024;

/** Inputs beyond the corpus. Those that make rooms live take longer. */
const RUNS = 20_000;
/** @type {Record<string, number>} */
const FEWER_RUNS = { central_result: 10_000, kv_record: 10_000, room_events: 1_000 };

const DONE = /^Done (\d+) runs/m;

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const built = await build("fuzz");
  if (!built.ok) {
    yield failedBefore("fuzz", built);
    return;
  }
  await mkdir(join(ROOT, CRASHES), { recursive: true });
  const targets = (await readdir(join(ROOT, FOLDER)))
    .filter((file) => file.endsWith("_fuzz.cpp"))
    .map((file) => file.slice(0, -"_fuzz.cpp".length));
  for (const target of targets.sort()) yield await runTarget(target);
}

/** @param {string} target @returns {Promise<Outcome>} */
async function runTarget(target) {
  const corpus = `${FOLDER}/corpus/${target}`;
  const inputs = (await readdir(join(ROOT, corpus))).length;
  const runs = inputs + (FEWER_RUNS[target] ?? RUNS);
  const dictionary = `${FOLDER}/${target}.dict`;
  // What it learns from comparisons holds addresses, which differ from run to run.
  const args = [`-runs=${runs}`, `-seed=${SEED}`, `-max_len=${INPUT_BYTES_MAX}`, "-use_cmp=0"];
  args.push(`-artifact_prefix=${CRASHES}/${target}-`);
  if (existsSync(join(ROOT, dictionary))) args.push(`-dict=${dictionary}`);
  const found = join(ROOT, FOUND, target);
  await rm(found, { recursive: true, force: true });
  await mkdir(found, { recursive: true });
  const program = `${PROGRAMS}/${target}_fuzz`;
  const { ok, output, seconds } = await runProgram(program, [...args, found, corpus], {
    env: { UBSAN_OPTIONS: "print_stacktrace=1" },
    timeoutMs: TIMEOUT_MS,
  });
  // It may end well without having run: then it has not done what was asked for.
  const done = Number(DONE.exec(output)?.[1] ?? 0);
  const passed = ok && inputs > 0 && done >= runs;
  return {
    name: `fuzz (${target})`,
    passed: passed ? 1 : 0,
    failed: passed ? 0 : 1,
    seconds,
    output: `${output}\n${done} of ${runs} runs. Found inputs are in ${CRASHES}.\n`,
  };
}
