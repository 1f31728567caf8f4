/** `scripts/reliability`: every part that tries whether rooms can be relied on, and one table of it. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FEW_MUTANTS } from "../tests/sim/rooms/mutants.js";
import { ROOT } from "./command.js";
import { readOptions, usageError } from "./options.js";
import { endOnSignals } from "./process-tree.js";
import { render } from "./reliability-table.js";

const COMMAND = "scripts/reliability";
const FOLDER = "build/reliability";
const DOCUMENT = "docs/RELIABILITY.md";
const BEGIN = "<!-- scripts/reliability: begin -->";
const END = "<!-- scripts/reliability: end -->";
const STOP_TIMES = { graceMs: 8_000, collectMs: 2_000 };

/**
 * @typedef {object} Part
 * @property {keyof import("./reliability-table.js").Figures} name of its figures
 * @property {string} command
 * @property {string[]} full arguments
 * @property {string[]} short arguments
 */

/** @type {Part[]} */
const PARTS = [
  { name: "sim", command: "sim", full: ["--minutes", "5"], short: ["--minutes", "0.1"] },
  { name: "mutants", command: "sim", full: ["--mutants"], short: ["--mutants", ...FEW_MUTANTS] },
  { name: "fuzz", command: "fuzz", full: ["--seconds", "60"], short: ["--seconds", "5"] },
  { name: "faults", command: "faults", full: [], short: ["--short"] },
  { name: "attacks", command: "attacks", full: [], short: ["--suite", "unit"] },
  {
    name: "defences",
    command: "attacks",
    full: ["--without-defence"],
    short: ["--without-defence", "sockets of any origin"],
  },
  { name: "coverage", command: "coverage", full: [], short: [] },
];

function options() {
  const { values, positionals: names } = readOptions(COMMAND, {
    allowPositionals: true,
    options: {
      short: { type: "boolean", default: false },
      update: { type: "boolean", default: false },
    },
  });
  const unknown = names.find((name) => !PARTS.some((part) => part.name === name));
  if (unknown !== undefined) usageError(COMMAND, `there is no part ${unknown}`);
  return { ...values, names };
}

/** @param {Part} part @param {boolean} isShort @returns {Promise<{isGood: boolean, figures: any}>} */
async function play({ name, command, full, short }, isShort) {
  const file = join(ROOT, FOLDER, `${name}.json`);
  await rm(file, { force: true });
  const args = isShort ? short : full;
  console.log(`\n== scripts/${[command, ...args].join(" ")}`);
  const child = spawn(join(ROOT, "scripts", command), [...args, "--json", file], {
    cwd: ROOT,
    stdio: "inherit",
  });
  const [code] = await once(child, "close");
  return { isGood: code === 0, figures: await figuresOf(name) };
}

/** What a part found when it was played last; undefined if it never came so far. @param {string} name */
async function figuresOf(name) {
  try {
    return JSON.parse(await readFile(join(ROOT, FOLDER, `${name}.json`), "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** @param {string} text */
async function update(text) {
  const path = join(ROOT, DOCUMENT);
  const document = await readFile(path, "utf8");
  const [before, rest] = document.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (after === undefined) throw new Error(`${DOCUMENT} has no place for the table: ${BEGIN}`);
  await writeFile(path, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
  console.log(`\n${DOCUMENT} has the table`);
}

endOnSignals(STOP_TIMES);

const { short: isShort, update: isUpdate, names } = options();
await mkdir(join(ROOT, FOLDER), { recursive: true });
/** @type {import("./reliability-table.js").Figures} */
const figures = {};
const bad = [];
for (const part of PARTS) {
  if (names.length > 0 && !names.includes(part.name)) {
    figures[part.name] = await figuresOf(part.name);
    continue;
  }
  const { isGood, figures: found } = await play(part, isShort);
  figures[part.name] = found;
  if (!isGood) bad.push(part.name);
}
const text = render(figures);
console.log(`\n${text}`);
if (isUpdate && bad.length === 0) await update(text);
if (bad.length > 0) {
  console.error(`\nfound something: ${bad.join(", ")}${isUpdate ? `; ${DOCUMENT} stays` : ""}`);
  process.exitCode = 1;
}
