// What a trap in the Worker's own module costs: the request that did it, and nothing else. Runs a
// build of the module that traps on demand, in the place of the bundle's.

import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";

const root = resolve(import.meta.dirname, "../..");
const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const edgeModule = join(root, `build/${toolchain}-test/worker/edge.wasm`);
const shipped = resolve(root, process.env.EDGEROOM_BUNDLE ?? "build/worker/wasi");

describe("a Worker whose module traps", () => {
  /** @type {typeof import("./harness.js")} */
  let harness;
  /** @type {Awaited<ReturnType<typeof harness.startEdge>>} */
  let edge;
  let bundle = "";

  before(async () => {
    assert.ok(existsSync(edgeModule), `${edgeModule} is missing: scripts/build ${toolchain}-test`);
    bundle = await mkdtemp(join(tmpdir(), "edgeroom-bundle-"));
    for (const name of readdirSync(shipped)) {
      const from = name.endsWith("-edge.wasm") ? edgeModule : join(shipped, name);
      cpSync(from, join(bundle, name));
    }
    // The harness reads it when it is loaded.
    process.env.EDGEROOM_BUNDLE = bundle;
    harness = await import("./harness.js");
    edge = await harness.startEdge();
  });
  after(async () => {
    await edge.close();
    await rm(bundle, { recursive: true });
  });

  it("answers that request with 500, and the next as ever", async () => {
    for (let i = 0; i < 3; i++) {
      assert.equal((await edge.json("/health")).status, 200);
      const trapped = await edge.json("/api/rooms/test-trap");
      assert.equal(trapped.status, 500);
      assert.equal(trapped.headers.get("content-type"), "application/problem+json");
      assert.deepEqual(trapped.body, {
        type: "about:blank",
        title: "Internal Server Error",
        status: 500,
        detail: "internal",
      });
      assert.equal((await edge.json("/api/rooms/lobby")).status, 200);
    }
    // They come a little after the answer.
    const lines = await harness.until(
      async () => edge.logs.filter((line) => line.includes('"event":"edge_failed"')),
      (found) => found.length >= 3,
    );
    assert.equal(lines.length, 3);
    assert.match(JSON.parse(lines[0]).reason, /trapped/);
  });
});
