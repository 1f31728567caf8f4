/** The Worker with its real modules in workerd, for each toolchain that ships. */

import { availableParallelism } from "node:os";
import { build } from "../command.js";
import { failedBefore, nodeTests } from "../node-tests.js";

/** @import { Outcome } from "../test.js" */

/**
 * What the other toolchain's modules run as well where none is chosen: what a module itself does, and not
 * the host around it. That both give the same effects for the same events, to the byte, is what the
 * transcripts show, and the host is the same.
 */
const OF_THE_MODULE = [
  "content.test.js",
  "conversation.test.js",
  "dead-letters.test.js",
  "edge-requests.test.js",
  "edge-trap.test.js",
  "eviction.test.js",
  "forwarding.test.js",
  "memory.test.js",
  "poll.test.js",
  "rate-flow.test.js",
  "recovery.test.js",
  "room.test.js",
  "sdk-cuts.test.js",
  "trap.test.js",
  "trap-events.test.js",
  "trap-held.test.js",
  "wasm-copy.test.js",
];

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const chosen = process.env.EDGEROOM_TOOLCHAIN;
  if (chosen) {
    yield await runFor(chosen);
    return;
  }
  yield await runFor("wasi");
  yield await runFor("emscripten", OF_THE_MODULE);
}

/** @param {string} toolchain @param {string[]} [only] files; without it all @returns {Promise<Outcome>} */
async function runFor(toolchain, only) {
  const name = `edge (${toolchain})`;
  for (const args of [["--bundle", toolchain], [`${toolchain}-test`]]) {
    const built = await build(...args);
    if (!built.ok) return failedBefore(name, built);
  }
  return nodeTests(name, "tests/edge", {
    only,
    env: { EDGEROOM_TOOLCHAIN: toolchain, EDGEROOM_BUNDLE: `build/worker/${toolchain}` },
    // Most of a file is waiting: two take little longer than one, on two processors as well.
    concurrency: Math.max(2, availableParallelism() - 1),
  });
}
