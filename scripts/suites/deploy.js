/** scripts/deploy, what it deploys to, and what operators look at. */

import { build } from "../command.js";
import { failedBefore, nodeTests } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const built = await build(process.env.EDGEROOM_TOOLCHAIN || "wasi");
  if (!built.ok) {
    yield failedBefore("deploy", built);
    return;
  }
  yield await nodeTests("deploy", "tests/deploy");
}
