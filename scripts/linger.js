/**
 * Loaded into the process of each file of a suite: a test that has failed may leave a client or a
 * server that keeps the process alive for ever, and with it the whole run. Then it is said what was
 * left, and the file fails.
 */

import { after } from "node:test";

/** How long a process may go on after its last test. */
const LINGER_MS = 15_000;

// Not in the process that only starts the others.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  after(() => {
    setTimeout(() => {
      const left = process.getActiveResourcesInfo().join(", ");
      console.error(`alive ${LINGER_MS / 1000} s after its last test, because of: ${left}`);
      process.exit(1);
    }, LINGER_MS).unref();
  });
}
