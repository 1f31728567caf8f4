/** The npm package as its users have it: packed, installed into an empty folder, and run there. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run as runProgram } from "../command.js";
import { failedBefore, nodeTests } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

// Both toolchains are built before.
const PACK_TIMEOUT_MS = 60 * 60_000;

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const folder = await mkdtemp(join(tmpdir(), "edgeroom-pack-"));
  try {
    const packed = await runProgram("scripts/pack", [folder], { timeoutMs: PACK_TIMEOUT_MS });
    if (!packed.ok) {
      yield failedBefore("package", packed);
      return;
    }
    yield await nodeTests("package", "tests/package", { env: { EDGEROOM_PACKAGES: folder } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
