/** What of the core runs natively, against what tests/coverage/unreached.txt explains, and whether that guard holds. */

import { run as runProgram } from "../command.js";
import { nodeTests } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

// With a build of everything on a slow machine.
const TIMEOUT_MS = 60 * 60_000;

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  yield await nodeTests("coverage (guard)", "tests/coverage");
  const { ok, output, seconds } = await runProgram("scripts/coverage", [], {
    timeoutMs: TIMEOUT_MS,
    visible: true,
  });
  yield { name: "coverage", passed: ok ? 1 : 0, failed: ok ? 0 : 1, seconds, output };
}
