/** The Worker with its real modules in workerd, for each toolchain that ships. */

import { availableParallelism } from "node:os";
import { build } from "../command.js";
import { failedBefore, nodeTests } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const chosen = process.env.EDGEROOM_TOOLCHAIN;
  for (const toolchain of chosen ? [chosen] : ["wasi", "emscripten"]) {
    yield await runFor(toolchain);
  }
}

/** @param {string} toolchain @returns {Promise<Outcome>} */
async function runFor(toolchain) {
  const name = `edge (${toolchain})`;
  for (const args of [["--bundle", toolchain], [`${toolchain}-test`]]) {
    const built = await build(...args);
    if (!built.ok) return failedBefore(name, built);
  }
  return nodeTests(name, "tests/edge", {
    env: { EDGEROOM_TOOLCHAIN: toolchain, EDGEROOM_BUNDLE: `build/worker/${toolchain}` },
    // Most of a file is waiting: two take little longer than one, on two processors as well.
    concurrency: Math.max(2, availableParallelism() - 1),
  });
}
