/** The central API: its handler, its store and the local server. */

import { nodeTests } from "../node-tests.js";

export async function* run() {
  yield await nodeTests("central", "tests/central");
}
