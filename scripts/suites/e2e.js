/** The whole product, as scripts/dev runs it, with real browsers in front. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedBefore, nodeTests } from "../node-tests.js";
import { freePort, RunningDev } from "../running-dev.js";

/** @import { Outcome } from "../test.js" */

// All visitors come from one address, and faster than people.
const RATE_LIMITS = "RATE_LIMITS:[]";

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const name = `e2e (${process.env.EDGEROOM_TOOLCHAIN || "wasi"})`;
  const stateDir = await mkdtemp(join(tmpdir(), "edgeroom-e2e-"));
  const dev = new RunningDev(["--var", RATE_LIMITS], {
    PORT: await freePort(),
    CENTRAL_PORT: await freePort(),
    STATE_DIR: stateDir,
  });
  try {
    const addresses = await dev.ready;
    if (addresses === undefined) {
      yield failedBefore(name, { ok: false, output: dev.output, seconds: dev.seconds });
      return;
    }
    // One file at a time: browsers that wait for each other's processors miss their deadlines.
    const outcome = await nodeTests(name, "tests/e2e", {
      env: { EDGEROOM_URL: addresses.edge, EDGEROOM_CENTRAL_URL: addresses.central },
      concurrency: 1,
    });
    const exitCode = await dev.stop();
    const faults = exitCode === 0 ? "" : `scripts/dev ended with ${exitCode}, not with 0\n`;
    yield {
      ...outcome,
      failed: outcome.failed + (faults ? 1 : 0),
      output: `${outcome.output}\n${faults}scripts/dev said:\n${dev.output}`,
    };
  } finally {
    await dev.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}
