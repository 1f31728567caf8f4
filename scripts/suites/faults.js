/** Faults in real processes, a few times each; scripts/faults alone brings them about as often as it says. */

import { run as runProgram } from "../command.js";

/** @import { Outcome } from "../test.js" */

const TIMEOUT_MS = 20 * 60_000;
const SEED = 1;
const SUMMARY = /^(\d+) passed, (\d+) failed$/m;

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const args = ["--short", "--seed", String(SEED)];
  const { ok, output, seconds } = await runProgram("scripts/faults", args, {
    timeoutMs: TIMEOUT_MS,
  });
  const [, passed, failed] = SUMMARY.exec(output) ?? ["", "0", "0"];
  yield {
    name: "faults",
    passed: Number(passed),
    failed: Number(failed) === 0 && !ok ? 1 : Number(failed),
    seconds,
    output,
  };
}
