/** The attacks of SECURITY.md, and the tests that try them. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./command.js";

/**
 * A test, by its file and its title there.
 *
 * @typedef {object} NamedTest
 * @property {string} file below the repository
 * @property {string} title
 */

/**
 * @typedef {object} Attack
 * @property {string} name
 * @property {NamedTest[]} tests
 */

const TABLE = /^\| attack \| .*\n\| --- .*\n((?:\|.*\n)+)/m;

/** @returns {Promise<Attack[]>} */
export async function readAttacks() {
  const text = await readFile(join(ROOT, "SECURITY.md"), "utf8");
  const [, table] = TABLE.exec(text) ?? [];
  if (table === undefined) throw new Error("SECURITY.md has no table of attacks");
  return table.trimEnd().split("\n").map(readRow);
}

/** @param {string} row @returns {Attack} */
function readRow(row) {
  const [name = "", , named = "", ...rest] = row.slice(2, -2).split(" | ");
  if (rest.length > 0 || named === "") throw new Error(`SECURITY.md: not three columns: ${row}`);
  const tests = [...named.matchAll(/`([^`]+)`: ([^`]+)/g)].flatMap(([, file = "", titles = ""]) =>
    titles
      .split(";")
      .map((title) => title.trim())
      .filter((title) => title !== "")
      .map((title) => ({ file, title })),
  );
  if (tests.length === 0) throw new Error(`SECURITY.md names no test: ${row}`);
  return { name, tests };
}
