/**
 * Runs suites of tests: `node scripts/test.js SUITE...`, which scripts/test starts when all that
 * they need is installed. Prints one line for each, what failed in full, and the sum at the end.
 */

import { endOnSignals } from "./process-tree.js";
import { task } from "./progress.js";

/**
 * What came of a suite, or of a part of it that runs by itself.
 *
 * @typedef {object} Outcome
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {number} [skipped]
 * @property {number} seconds
 * @property {string} output shown when something failed
 */

/** @typedef {{ run: () => AsyncIterable<Outcome> }} Suite */

const STOP_TIMES = { graceMs: 8_000, collectMs: 2_000 };

/** @param {Outcome} outcome @returns {Outcome} */
function checked(outcome) {
  if (outcome.passed + outcome.failed > 0) return outcome;
  return { ...outcome, failed: 1, output: `${outcome.output}\nno test ran\n` };
}

/** @param {Outcome} outcome */
function print({ name, passed, failed, skipped = 0, seconds, output }) {
  task.clear();
  if (failed > 0) process.stdout.write(`\n${output.trimEnd()}\n\n`);
  const counts = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
  const mark = failed > 0 ? "FAILED" : "ok    ";
  process.stdout.write(`${mark}  ${name.padEnd(18)}  ${counts}, ${seconds.toFixed(1)} s\n`);
}

let isStopping = false;

async function main() {
  const sum = { passed: 0, failed: 0 };
  for (const name of process.argv.slice(2)) {
    /** @type {Suite} */
    const suite = await import(`./suites/${name}.js`);
    task.start(name);
    for await (const result of suite.run()) {
      // What was broken off has not failed.
      if (isStopping) return;
      const outcome = checked(result);
      print(outcome);
      sum.passed += outcome.passed;
      sum.failed += outcome.failed;
    }
  }
  process.stdout.write(`${sum.passed} passed, ${sum.failed} failed\n`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
}

endOnSignals(STOP_TIMES, () => {
  isStopping = true;
  process.stderr.write("test: stopping\n");
});

await main();
