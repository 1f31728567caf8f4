/** `scripts/attacks`: tries the attacks of SECURITY.md, or takes defences away. The usage stands in scripts/attacks. */

import { writeFile } from "node:fs/promises";
import { DEFENCES } from "../tests/attacks/defences.js";
import { readAttacks } from "./attack-list.js";
import { buildsFor, suiteName, suiteOf, tryTests } from "./attack-tests.js";
import { build } from "./command.js";
import { DefencelessCopy } from "./defenceless-copy.js";
import { readOptions, usageError } from "./options.js";
import { endOnSignals } from "./process-tree.js";
import { task } from "./progress.js";

/** @import { Defence } from "../tests/attacks/defences.js" */
/** @import { Attack, NamedTest } from "./attack-list.js" */
/** @import { Tried } from "./attack-tests.js" */

const COMMAND = "scripts/attacks";
const STOP_TIMES = { graceMs: 8_000, collectMs: 2_000 };

function options() {
  const { values, positionals: names } = readOptions(COMMAND, {
    allowPositionals: true,
    options: {
      json: { type: "string" },
      suite: { type: "string", multiple: true },
      "without-defence": { type: "boolean" },
    },
  });
  return { ...values, names };
}

/** @param {NamedTest} test */
const key = ({ file, title }) => `${file}: ${title}`;

/** @param {Attack[]} attacks @param {string[]} suites none for all */
async function tryAttacks(attacks, suites) {
  const tests = new Map(attacks.flatMap(({ tests }) => tests.map((test) => [key(test), test])));
  /** @type {Map<string, Tried>} */
  const tried = new Map();
  for (const [suite, ofSuite] of Map.groupBy(tests.values(), suiteOf)) {
    if (suites.length > 0 && !suites.includes(suiteName(suite))) continue;
    for (const args of buildsFor(suite)) {
      const built = await build(...args);
      if (!built.ok) throw new Error(`scripts/build ${args.join(" ")} failed`);
    }
    task.start(suiteName(suite));
    const startedMs = performance.now();
    const all = await tryTests(suite, ofSuite);
    for (const one of all) tried.set(key(one.test), one);
    const held = all.filter((one) => one.held).length;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    task.clear();
    console.log(
      `${suiteName(suite).padEnd(8)} ${held} of ${all.length} tests passed, ${seconds} s`,
    );
  }
  return tried;
}

/**
 * Attacks of which all tests were tried: a part of an attack is none.
 *
 * @param {Attack[]} attacks
 * @param {Map<string, Tried>} tried
 */
function countAttacks(attacks, tried) {
  const whole = attacks.filter(({ tests }) => tests.every((test) => tried.has(key(test))));
  const isRepelled = (/** @type {Attack} */ { tests }) =>
    tests.every((test) => tried.get(key(test))?.held);
  return { tried: whole.length, repelled: whole.filter(isRepelled).length };
}

/** @param {Tried[]} all */
function countTests(all) {
  const suites = [...Map.groupBy(all, ({ test }) => suiteName(suiteOf(test)))];
  const bySuite = suites.map(([suite, ofSuite]) => [suite, countHeld(ofSuite)]);
  return { ...countHeld(all), bySuite: Object.fromEntries(bySuite) };
}

/** @param {Tried[]} all */
function countHeld(all) {
  const passed = all.filter(({ held }) => held).length;
  return { tried: all.length, passed };
}

/** @param {Attack[]} attacks @param {Tried[]} all */
function tellFailures(attacks, all) {
  const failed = all.filter(({ held }) => !held);
  for (const output of new Set(failed.map(({ output }) => output))) {
    console.log(`\n${output.trimEnd()}\n`);
  }
  for (const { test } of failed) {
    const of = attacks.filter(({ tests }) => tests.some((one) => key(one) === key(test)));
    for (const { name } of of) console.log(`FAILED  ${name}: ${key(test)}`);
  }
}

/** @param {{ json?: string, suites: string[] }} how */
async function attack({ json, suites }) {
  const startedMs = performance.now();
  const attacks = await readAttacks();
  const names = new Set(
    attacks.flatMap(({ tests }) => tests.map((test) => suiteName(suiteOf(test)))),
  );
  const unknown = suites.find((suite) => !names.has(suite));
  if (unknown !== undefined) usageError(COMMAND, `no suite "${unknown}": ${[...names].join(", ")}`);
  const tried = await tryAttacks(attacks, suites);
  const all = [...tried.values()];
  tellFailures(attacks, all);
  const counts = { attacks: countAttacks(attacks, tried), tests: countTests(all) };
  console.log(`attacks tried: ${counts.attacks.tried}, repelled: ${counts.attacks.repelled}`);
  if (json !== undefined) {
    const seconds = (performance.now() - startedMs) / 1000;
    await writeFile(json, `${JSON.stringify({ ...counts, seconds }, null, 2)}\n`);
  }
  return all.length > 0 && counts.tests.passed === all.length;
}

/**
 * The test, and what it said; undefined when nobody noticed.
 *
 * @param {DefencelessCopy} copy
 * @param {Defence} defence
 */
async function noticedBy(copy, defence) {
  try {
    const { isNoticed, words } = await copy.tryWithout(defence);
    return isNoticed ? `${defence.test.title}: ${words}` : undefined;
  } catch (error) {
    // One that cannot be taken away so any more is no reason to leave out the others.
    task.clear();
    console.error(error instanceof Error ? error.message : error);
    return undefined;
  }
}

/** @param {{ json?: string, names: string[] }} how */
async function withoutDefences({ json, names }) {
  const unknown = names.find((name) => !DEFENCES.some((defence) => defence.name === name));
  if (unknown !== undefined) {
    usageError(COMMAND, `no defence "${unknown}": their names are in tests/attacks/defences.js`);
  }
  const startedMs = performance.now();
  const chosen = DEFENCES.filter(({ name }) => names.length === 0 || names.includes(name));
  task.start("a copy with all of its defences");
  const copy = await DefencelessCopy.make(chosen.map(({ test }) => test));
  let noticed = 0;
  task.clear();
  console.log("| defence taken away | in | noticed by |\n| --- | --- | --- |");
  for (const [i, defence] of chosen.entries()) {
    task.start(`${i + 1} of ${chosen.length}: ${defence.name}`);
    const how = await noticedBy(copy, defence);
    task.clear();
    if (how !== undefined) noticed++;
    console.log(
      `| ${defence.name} | ${defence.file} | ${(how ?? "NOBODY").replaceAll("|", "\\|")} |`,
    );
  }
  console.log(`\ndefences taken away: ${chosen.length}, noticed: ${noticed}`);
  if (json !== undefined) {
    const seconds = (performance.now() - startedMs) / 1000;
    const defences = { removed: chosen.length, noticed };
    await writeFile(json, `${JSON.stringify({ defences, seconds }, null, 2)}\n`);
  }
  return noticed === chosen.length;
}

endOnSignals(STOP_TIMES);
const { json, suite: suites = [], names, "without-defence": isWithout = false } = options();
if (!isWithout && names.length > 0) usageError(COMMAND, `unknown argument: ${names[0]}`);
if (isWithout && suites.length > 0) usageError(COMMAND, "--suite goes with attacks alone");
const isGood = isWithout ? await withoutDefences({ json, names }) : await attack({ json, suites });
process.exitCode = isGood ? 0 : 1;
