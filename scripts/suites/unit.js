/** The C++ core, natively, under the address and undefined-behaviour sanitizers. */

import { build, run as runProgram } from "../command.js";
import { failedBefore } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

const TIMEOUT_MS = 20 * 60_000;
const SUMMARY = /^\[doctest\] test cases: +\d+ \| +(\d+) passed \| +(\d+) failed/m;

/** By name: one program for each kind of room. */
const PROGRAMS = { unit: "unit_tests", "unit (poll)": "poll_tests" };

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const built = await build("native-asan");
  if (!built.ok) {
    yield failedBefore("unit", built);
    return;
  }
  for (const [name, program] of Object.entries(PROGRAMS)) yield await runTests(name, program);
}

/** @param {string} name @param {string} program @returns {Promise<Outcome>} */
async function runTests(name, program) {
  const { ok, output, seconds } = await runProgram(`build/native-asan/tests/${program}`, [], {
    env: { UBSAN_OPTIONS: "print_stacktrace=1" },
    timeoutMs: TIMEOUT_MS,
  });
  // A crash leaves no summary, and has failed whatever passed before.
  const [, passed, failed] = SUMMARY.exec(output) ?? ["", "0", "0"];
  return {
    name,
    passed: Number(passed),
    failed: Number(failed) === 0 && !ok ? 1 : Number(failed),
    seconds,
    output,
  };
}
