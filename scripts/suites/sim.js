/**
 * Simulations: the rate limiter in a world of isolates, by the bar that it has to reach, and rooms in
 * worlds full of faults, by rules that no seed may break.
 */

import { FEW_MUTANTS, MUTANTS } from "../../tests/sim/rooms/mutants.js";
import { build, run as runProgram } from "../command.js";
import { findMutant } from "../mutant.js";
import { failedBefore } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

const PROGRAM = "build/native/tests/sim/rate_limit_sim";
const TIMEOUT_MS = 10 * 60_000;
const SUMMARY = /^(\d+) passed, (\d+) failed$/m;

const ROOMS_PROGRAM = "build/native/tests/sim/rooms/room_sim";
/** Enough for every kind of fault, many times over. */
const ROOM_SEEDS = 3000;
const SANITIZED_ROOMS_PROGRAM = "build/native-asan/tests/sim/rooms/room_sim";
/** The sanitizers are slow: enough for nearly all that is simulated. */
const SANITIZED_ROOM_SEEDS = 300;

/** Seeds that a soak came upon, and what was wrong. A change of the simulated world makes them others. */
const FOUND_SEEDS = [
  // The model: after a clock that went back it took ids for remembered that a rewritten row has lost.
  1795388600467,
  // The world: an alarm that came late at a clock which was ahead stayed as much later when that went back.
  1795392652684,
  1795392740036,
  // The room: a new reason for a dead letter was not stored when the same answer had a conflict.
  1795392756578,
  // The world: a held room whose clock had gone back was not waited for.
  1795393913765,
];

const MUTANT_SECONDS = 60;
const CONTROL_SECONDS = 2;

/** One that must not reach the bar, and a figure that shows it. */
const BAD = { algorithm: "local window only", figure: "FAILED  steady, E:" };

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const built = await build("--target", "rate_limit_sim", "native");
  if (!built.ok) {
    yield failedBefore("sim", built);
    return;
  }
  yield await runAll();
  yield await judgeBad();
  const roomsBuilt = await build("--target", "room_sim", "native");
  if (!roomsBuilt.ok) {
    yield failedBefore("sim (rooms)", roomsBuilt);
    return;
  }
  yield await runRooms("sim (rooms)", ROOMS_PROGRAM, ROOM_SEEDS);
  yield await runFoundSeeds();
  yield await findMutants();
  const sanitizedBuilt = await build("--target", "room_sim", "native-asan");
  const sanitizedName = "sim (rooms, sanitizers)";
  yield sanitizedBuilt.ok
    ? await runRooms(sanitizedName, SANITIZED_ROOMS_PROGRAM, SANITIZED_ROOM_SEEDS)
    : failedBefore(sanitizedName, sanitizedBuilt);
}

/**
 * A seed that breaks a rule ends the run.
 *
 * @param {string} name of the outcome
 * @param {string} program
 * @param {number} seeds from 1 on
 * @returns {Promise<Outcome>}
 */
async function runRooms(name, program, seeds) {
  const { ok, output, seconds } = await runProgram(program, ["--seeds", String(seeds)], {
    timeoutMs: TIMEOUT_MS,
  });
  return { name, passed: ok ? seeds : 0, failed: ok ? 0 : 1, seconds, output };
}

/** @returns {Promise<Outcome>} */
async function runFoundSeeds() {
  const startedMs = performance.now();
  const wrong = [];
  for (const seed of FOUND_SEEDS) {
    const args = ["--from", String(seed), "--seeds", "1"];
    const { ok, output } = await runProgram(ROOMS_PROGRAM, args, { timeoutMs: TIMEOUT_MS });
    if (!ok) wrong.push(output);
  }
  return {
    name: "sim (found seeds)",
    passed: FOUND_SEEDS.length - wrong.length,
    failed: wrong.length,
    seconds: (performance.now() - startedMs) / 1000,
    output: wrong.join("\n"),
  };
}

/** Whether the rooms' simulator finds what is wrong, and nothing else. @returns {Promise<Outcome>} */
async function findMutants() {
  const startedMs = performance.now();
  const wrong = [];
  let passed = 0;
  for (const mutant of MUTANTS.filter(({ name }) => FEW_MUTANTS.includes(name))) {
    if (await findMutant(mutant, MUTANT_SECONDS)) passed++;
    else wrong.push(`${mutant.name}: not found in ${MUTANT_SECONDS} s`);
  }
  // Built in the same way, with nothing planted.
  const control = { ...MUTANTS[0], name: "control", to: MUTANTS[0].from };
  const found = await findMutant(control, CONTROL_SECONDS);
  if (found) wrong.push(`a room without a planted bug: ${found.output}`);
  else passed++;
  const seconds = (performance.now() - startedMs) / 1000;
  return { name: "sim (mutants)", passed, failed: wrong.length, seconds, output: wrong.join("\n") };
}

/** @returns {Promise<Outcome>} */
async function runAll() {
  const { ok, output, seconds } = await runProgram(
    PROGRAM,
    ["--json", "build/rate-limit-sim.json"],
    {
      timeoutMs: TIMEOUT_MS,
    },
  );
  // A crash leaves no summary, and has failed whatever passed before.
  const [, passed, failed] = SUMMARY.exec(output) ?? ["", "0", "0"];
  return {
    name: "sim",
    passed: Number(passed),
    failed: Number(failed) === 0 && !ok ? 1 : Number(failed),
    seconds,
    output,
  };
}

/**
 * Whether the program's exit code tells: a suite that cannot fail is none.
 *
 * @returns {Promise<Outcome>}
 */
async function judgeBad() {
  const { ok, output, seconds } = await runProgram(PROGRAM, ["--judge", BAD.algorithm], {
    timeoutMs: TIMEOUT_MS,
  });
  const told = !ok && output.includes("exit code 1") && output.includes(BAD.figure);
  return {
    name: "sim (judgement)",
    passed: told ? 1 : 0,
    failed: told ? 0 : 1,
    seconds,
    output: `${BAD.algorithm} must miss the bar by "${BAD.figure}", with exit code 1:\n${output}`,
  };
}
