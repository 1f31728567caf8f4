/** What the documents say to type, beside scripts/dev as it runs. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../command.js";
import { failedBefore, nodeTests } from "../node-tests.js";
import { freePort, RunningDev } from "../running-dev.js";

/** @import { Outcome } from "../test.js" */

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  for (const args of [["native"], ["--bundle"]]) {
    const built = await build(...args);
    if (!built.ok) {
      yield failedBefore("docs", built);
      return;
    }
  }
  const stateDir = await mkdtemp(join(tmpdir(), "edgeroom-docs-"));
  const dev = new RunningDev([], {
    PORT: await freePort(),
    CENTRAL_PORT: await freePort(),
    STATE_DIR: stateDir,
  });
  try {
    const addresses = await dev.ready;
    if (addresses === undefined) {
      yield failedBefore("docs", { ok: false, output: dev.output, seconds: dev.seconds });
      return;
    }
    yield await nodeTests("docs", "tests/docs", {
      env: { EDGEROOM_URL: addresses.edge },
      concurrency: 1,
    });
  } finally {
    await dev.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}
