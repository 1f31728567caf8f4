// Each attack in SECURITY.md has a test, under the name that stands there, and each defence that can be
// taken away is where it is said to be.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { readAttacks } from "../../scripts/attack-list.js";
import { suiteOf } from "../../scripts/attack-tests.js";
import { ROOT } from "../../scripts/command.js";
import { plant } from "../../scripts/planted.js";
import { DEFENCES } from "../attacks/defences.js";

/** @import { NamedTest } from "../../scripts/attack-list.js" */

/** As long as the list is at least; a table that is not found has no rows. */
const ATTACKS_MIN = 60;
const DEFENCES_MIN = 60;

/** @param {string} file */
const textOf = (file) => readFile(join(ROOT, file), "utf8");

/** Titles of a row of tests: `${name} is refused`. @param {string} source @param {string} title */
function isMade(source, title) {
  const templates = source.matchAll(/\bit\(`\$\{\w+\}([^`$]+)`/g);
  return [...templates].some(
    ([, end = ""]) =>
      title.endsWith(end) && source.includes(`"${title.slice(0, title.length - end.length)}"`),
  );
}

/** @param {NamedTest} test */
async function checkNamed({ file, title }) {
  const source = await textOf(file);
  const isThere = source.includes(`"${title}"`) || isMade(source, title);
  assert.ok(isThere, `${file} has no test "${title}"`);
}

it("SECURITY.md names a test for each attack, and each is there", async () => {
  const attacks = await readAttacks();
  assert.ok(attacks.length >= ATTACKS_MIN, `${attacks.length} attacks`);
  for (const test of attacks.flatMap(({ tests }) => tests)) {
    suiteOf(test);
    await checkNamed(test);
  }
});

it("each defence stands where it is taken away, and SECURITY.md names the test that notices", async () => {
  assert.ok(DEFENCES.length >= DEFENCES_MIN, `${DEFENCES.length} defences`);
  const named = (await readAttacks()).flatMap(({ tests }) => tests);
  const names = new Set();
  for (const defence of DEFENCES) {
    const { name, file, test } = defence;
    plant(defence, await textOf(file));
    const isNamed = named.some((one) => one.file === test.file && one.title === test.title);
    assert.ok(isNamed, `no attack of SECURITY.md is tried by the test of "${name}"`);
    assert.ok(!names.has(name), `two defences are called "${name}"`);
    names.add(name);
  }
});
