// Each attack in SECURITY.md has a test, under the name that stands there.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { it } from "node:test";
import { ROOT } from "../../scripts/command.js";

/** As long as the list is at least; a table that is not found has no rows. */
const ATTACKS_MIN = 40;

it("SECURITY.md names a test for each attack, and each is there", async () => {
  const text = await readFile(join(ROOT, "SECURITY.md"), "utf8");
  const [, table = ""] = /^\| attack \| .*\n\| --- .*\n((?:\|.*\n)+)/m.exec(text) ?? [];
  const rows = table.trimEnd().split("\n");
  assert.ok(rows.length >= ATTACKS_MIN, `${rows.length} attacks`);
  for (const row of rows) {
    const tests = row.split(" | ").at(-1)?.replace(/ \|$/, "") ?? "";
    const named = [...tests.matchAll(/`([^`]+)`: ([^`]+)/g)];
    assert.ok(named.length > 0, `no test: ${row}`);
    for (const [, file = "", titles = ""] of named) {
      const source = await readFile(join(ROOT, file), "utf8");
      for (const title of titles.split(";").map((each) => each.trim())) {
        if (title === "") continue;
        assert.ok(source.includes(`"${title}"`), `${file} has no test "${title}"`);
      }
      assert.ok(titles.trim().length > 1, `${file}: which test? ${row}`);
    }
  }
});
