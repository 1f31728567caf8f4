/** The rate limiter in a simulated world of isolates, by the bar that it has to reach. */

import { build, run as runProgram } from "../command.js";
import { failedBefore } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

const PROGRAM = "build/native/tests/sim/rate_limit_sim";
const TIMEOUT_MS = 10 * 60_000;
const SUMMARY = /^(\d+) passed, (\d+) failed$/m;

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
