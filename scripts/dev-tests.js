/** Suites of `node --test` beside the whole product, as scripts/dev runs it. */

import { failedBefore, nodeTests } from "./node-tests.js";
import { besideDev } from "./running-dev.js";

/** @import { Outcome } from "./test.js" */

/**
 * Runs every *.test.js of a folder, which finds the product by EDGEROOM_URL and EDGEROOM_CENTRAL_URL.
 *
 * @param {string} name what the outcome is called
 * @param {string} folder below the repository
 * @param {string[]} args of scripts/dev
 * @returns {Promise<Outcome>}
 */
export function testsBesideDev(name, folder, args) {
  return besideDev(args, async (dev, env) => {
    if (env === undefined) {
      return failedBefore(name, { ok: false, output: dev.output, seconds: dev.seconds });
    }
    // One file at a time: browsers that wait for each other's processors miss their deadlines.
    const outcome = await nodeTests(name, folder, { env, concurrency: 1 });
    const exitCode = await dev.stop();
    const faults = exitCode === 0 ? "" : `scripts/dev ended with ${exitCode}, not with 0\n`;
    return {
      ...outcome,
      failed: outcome.failed + (faults ? 1 : 0),
      output: `${outcome.output}\n${faults}scripts/dev said:\n${dev.output}`,
    };
  });
}
