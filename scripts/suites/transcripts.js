/** The room's core by its transcripts: natively, and both WebAssembly modules. */

import { neededBuilds } from "../../tests/transcripts/runner/builds.js";
import { build } from "../command.js";
import { failedBefore, nodeTests } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  for (const args of neededBuilds()) {
    const built = await build(...args);
    if (!built.ok) {
      yield failedBefore("transcripts", built);
      return;
    }
  }
  yield await nodeTests("transcripts", "tests/transcripts");
}
