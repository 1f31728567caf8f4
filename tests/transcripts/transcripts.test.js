// Every transcript, played natively and by both WebAssembly modules: all must do the same, and what
// the file says.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import { openBuilds } from "./runner/builds.js";
import { compare, playAll } from "./runner/check.js";
import { FOLDER, readTranscript, transcriptFiles } from "./runner/files.js";

const files = await transcriptFiles();
const builds = openBuilds();

for (const file of files) {
  test(file, async () => {
    const document = await readTranscript(file);
    compare(document, await playAll(document, builds));
  });
}

test("README.md tells of every transcript", async () => {
  const readme = await readFile(join(FOLDER, "README.md"), "utf8");
  for (const file of files) {
    assert.ok(readme.includes(`(${basename(file)})`), `README.md has no link to ${basename(file)}`);
  }
});
