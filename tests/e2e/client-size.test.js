// @ts-check
/** What the client weighs where it is bundled with a page: a promise of docs/SDK.md. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const CLIENT = fileURLToPath(new URL("../../client/public/client/edgeroom.js", import.meta.url));
const GZIPPED_BYTES_MAX = 6 * 1024;

test("the client is small", async (t) => {
  const options = /** @type {const} */ ({ bundle: true, minify: true, format: "esm" });
  const { outputFiles, warnings } = await build({
    ...options,
    entryPoints: [CLIENT],
    target: "es2024",
    write: false,
  });
  assert.deepEqual(warnings, []);
  const [{ contents }] = outputFiles;
  const bytes = execFileSync("gzip", ["-9"], { input: contents }).length;
  t.diagnostic(`${contents.length} bytes, gzipped ${bytes} of ${GZIPPED_BYTES_MAX}`);
  assert.ok(bytes <= GZIPPED_BYTES_MAX, `${bytes} bytes are over ${GZIPPED_BYTES_MAX}`);
});
