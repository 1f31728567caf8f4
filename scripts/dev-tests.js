/** Suites of `node --test` beside the whole product, as scripts/dev runs it. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failedBefore, nodeTests } from "./node-tests.js";
import { freePort, RunningDev } from "./running-dev.js";

/** @import { Outcome } from "./test.js" */

/**
 * Runs every *.test.js of a folder, which finds the product by EDGEROOM_URL and EDGEROOM_CENTRAL_URL.
 *
 * @param {string} name what the outcome is called
 * @param {string} folder below the repository
 * @param {string[]} args of scripts/dev
 * @returns {Promise<Outcome>}
 */
export async function testsBesideDev(name, folder, args) {
  const stateDir = await mkdtemp(join(tmpdir(), "edgeroom-dev-tests-"));
  const dev = new RunningDev(args, {
    PORT: await freePort(),
    CENTRAL_PORT: await freePort(),
    STATE_DIR: stateDir,
  });
  try {
    const addresses = await dev.ready;
    if (addresses === undefined) {
      return failedBefore(name, { ok: false, output: dev.output, seconds: dev.seconds });
    }
    // One file at a time: browsers that wait for each other's processors miss their deadlines.
    const outcome = await nodeTests(name, folder, {
      env: { EDGEROOM_URL: addresses.edge, EDGEROOM_CENTRAL_URL: addresses.central },
      concurrency: 1,
    });
    const exitCode = await dev.stop();
    const faults = exitCode === 0 ? "" : `scripts/dev ended with ${exitCode}, not with 0\n`;
    return {
      ...outcome,
      failed: outcome.failed + (faults ? 1 : 0),
      output: `${outcome.output}\n${faults}scripts/dev said:\n${dev.output}`,
    };
  } finally {
    await dev.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}
