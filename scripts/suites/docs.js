/** What the documents say to type, beside scripts/dev as it runs. */

import { build } from "../command.js";
import { testsBesideDev } from "../dev-tests.js";
import { failedBefore } from "../node-tests.js";

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
  yield await testsBesideDev("docs", "tests/docs", []);
}
