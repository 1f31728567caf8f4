/**
 * Runs tests by their names, whatever kind of test they are: cases of doctest, tests of Node in front
 * of workerd or of the whole product, and what the guard counts.
 *
 * What they need is built before: buildsFor() says how.
 */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "./command.js";
import { besideDev } from "./running-dev.js";

/** @import { NamedTest } from "./attack-list.js" */

/**
 * What came of a test. One that did not run has not held.
 *
 * @typedef {{ test: NamedTest, ran: boolean, held: boolean, output: string }} Tried
 */

const UNIT_PROGRAM = "build/native/tests/unit_tests";
const UNIT_SUMMARY = /^\[doctest\] test cases: +(\d+) \| +(\d+) passed \| 0 failed/m;
const GUARD = "scripts/suites/guard.js";

// Beyond them something hangs.
const TEST_TIMEOUT_MS = 2 * 60_000;
const SUITE_TIMEOUT_MS = 15 * 60_000;

/**
 * The suites, by the start of their files' paths, and the builds that each needs, as arguments of
 * scripts/build.
 *
 * @type {Record<string, string[][]>}
 */
const BUILDS = {
  "tests/unit/": [["--target", "unit_tests", "native"]],
  "tests/edge/": [["--bundle", "wasi"], ["wasi-test"]],
  // The guard and scripts/dev build for themselves.
  "tests/e2e/": [],
  [GUARD]: [],
  "tests/central/": [],
  "tests/deploy/": [],
};

/** @param {NamedTest} test @returns {string} the start of its path */
export function suiteOf({ file }) {
  const suite = Object.keys(BUILDS).find((start) => file.startsWith(start));
  if (suite === undefined) throw new Error(`${file} belongs to no suite that is known here`);
  return suite;
}

/** The name for people: "edge" for "tests/edge/". @param {string} suite */
export function suiteName(suite) {
  return suite === GUARD ? "guard" : suite.slice("tests/".length, -1);
}

/** @param {string} suite */
export const buildsFor = (suite) => BUILDS[suite] ?? [];

/**
 * Each test once.
 *
 * @param {string} suite
 * @param {NamedTest[]} tests of that suite
 * @param {string} [root] the repository, or a copy of it
 * @returns {Promise<Tried[]>}
 */
export function tryTests(suite, tests, root = ROOT) {
  if (suite === GUARD) return tryGuard(tests, root);
  if (suite === "tests/unit/") return Promise.all(tests.map((test) => tryCase(test, root)));
  return suite === "tests/e2e/" ? tryBesideDev(tests) : tryNodeTests(tests, {}, root);
}

/** @param {NamedTest} test @param {string} root @returns {Promise<Tried>} */
async function tryCase(test, root) {
  // A comma separates names.
  const name = test.title.replaceAll(",", "\\,");
  const program = join(root, UNIT_PROGRAM);
  const { ok, output } = await run(program, [`--test-case=${name}`], {
    timeoutMs: TEST_TIMEOUT_MS,
  });
  const [, cases, passed] = UNIT_SUMMARY.exec(output) ?? [];
  return { test, ran: true, held: ok && cases === "1" && passed === "1", output };
}

/** All that it counts is one test: what must take the same time is a part of it. @param {NamedTest[]} tests @param {string} root @returns {Promise<Tried[]>} */
async function tryGuard(tests, root) {
  const args = [join(root, "scripts/test.js"), "guard"];
  const { ok, output } = await run(process.execPath, args, { timeoutMs: SUITE_TIMEOUT_MS });
  return tests.map((test) => ({ test, ran: true, held: ok, output }));
}

/** @param {string} text to stand in a regular expression */
const escaped = (text) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** @param {NamedTest[]} tests @returns {Promise<Tried[]>} */
function tryBesideDev(tests) {
  // All visitors come from one address, and faster than people.
  return besideDev(["--var", "RATE_LIMITS:[]"], async (dev, env) => {
    if (env === undefined) {
      return tests.map((test) => ({ test, ran: false, held: false, output: dev.output }));
    }
    // Browsers that wait for each other's processors miss their deadlines.
    return tryNodeTests(tests, env, ROOT, 1);
  });
}

/**
 * @param {NamedTest[]} tests
 * @param {Record<string, string>} env
 * @param {string} root
 * @param {number} [concurrency] files that run at once
 * @returns {Promise<Tried[]>}
 */
async function tryNodeTests(
  tests,
  env,
  root,
  concurrency = Math.max(2, availableParallelism() - 1),
) {
  const folder = await mkdtemp(join(tmpdir(), "edgeroom-attacks-"));
  const resultsFile = join(folder, "results");
  try {
    const files = new Set(tests.map(({ file }) => join(root, file)));
    const { output } = await run(
      process.execPath,
      [
        "--test",
        `--test-timeout=${TEST_TIMEOUT_MS}`,
        `--test-concurrency=${concurrency}`,
        `--import=${join(root, "scripts/linger.js")}`,
        ...tests.map(({ title }) => `--test-name-pattern=${escaped(title)}$`),
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        `--test-reporter=${join(root, "scripts/attack-reporter.js")}`,
        `--test-reporter-destination=${resultsFile}`,
        ...files,
      ],
      { env: { ...env, EDGEROOM_TOOLCHAIN: "wasi" }, timeoutMs: SUITE_TIMEOUT_MS },
    );
    const lines = (await readFile(resultsFile, "utf8")).split("\n").filter((line) => line !== "");
    /** @type {{ file: string, title: string, held: boolean }[]} */
    const results = lines.map((line) => JSON.parse(line));
    return tests.map((test) => {
      const ofIt = results.filter(
        ({ file, title }) => file === join(root, test.file) && title === test.title,
      );
      const ran = ofIt.length > 0;
      return { test, ran, held: ran && ofIt.every(({ held }) => held), output };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
