/** The whole product, as scripts/dev runs it, with real browsers in front. */

import { testsBesideDev } from "../dev-tests.js";

/** @import { Outcome } from "../test.js" */

// All visitors come from one address, and faster than people.
const RATE_LIMITS = "RATE_LIMITS:[]";

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const name = `e2e (${process.env.EDGEROOM_TOOLCHAIN || "wasi"})`;
  yield await testsBesideDev(name, "tests/e2e", ["--var", RATE_LIMITS]);
}
