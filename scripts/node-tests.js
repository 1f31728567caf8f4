/** Suites of `node --test`. */

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, run } from "./command.js";
import { task } from "./progress.js";

/** @import { Outcome } from "./test.js" */

// Beyond them something hangs.
const TEST_TIMEOUT_MS = 5 * 60_000;
const SUITE_TIMEOUT_MS = 30 * 60_000;

/** A test that passed, as the reporter for people marks it. */
const PASSED = /✔/g;

/**
 * Runs every *.test.js of a folder.
 *
 * @param {string} name what the outcome is called
 * @param {string} folder below the repository
 * @param {object} [options]
 * @param {Record<string, string>} [options.env]
 * @param {number} [options.concurrency] files that run at once
 * @param {string[]} [options.only] names of files; without it, all there are
 * @returns {Promise<Outcome>}
 */
export async function nodeTests(name, folder, { env = {}, concurrency, only } = {}) {
  const names = only ?? (await readdir(join(ROOT, folder)));
  const files = names.filter((file) => file.endsWith(".test.js")).map((file) => join(folder, file));
  if (files.length === 0) {
    return { name, passed: 0, failed: 0, seconds: 0, output: `${folder} holds no *.test.js` };
  }
  const countsFile = join(ROOT, "build", `counts-${process.pid}.json`);
  const args = ["--test", `--test-timeout=${TEST_TIMEOUT_MS}`];
  args.push(`--import=${join(ROOT, "scripts/linger.js")}`);
  args.push("--test-reporter=spec", "--test-reporter-destination=stdout");
  args.push(`--test-reporter=${join(ROOT, "scripts/count-reporter.js")}`);
  args.push(`--test-reporter-destination=${countsFile}`);
  if (concurrency !== undefined) args.push(`--test-concurrency=${concurrency}`);
  let passed = 0;
  const { ok, output, seconds } = await run(process.execPath, [...args, ...files], {
    env,
    timeoutMs: SUITE_TIMEOUT_MS,
    onOutput: (text) => {
      passed += text.match(PASSED)?.length ?? 0;
      task.detail = `${passed} passed`;
    },
  });
  const counts = await readCounts(countsFile);
  const failed = counts.failed + counts.cancelled;
  // A run that ended badly has failed, whatever it counted.
  return {
    name,
    passed: counts.passed,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: counts.skipped + counts.todo,
    seconds,
    output,
  };
}

/** @param {string} file */
async function readCounts(file) {
  const none = { passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };
  try {
    /** @type {typeof none} */
    const counts = { ...none, ...JSON.parse((await readFile(file, "utf8")) || "{}") };
    return counts;
  } catch (error) {
    // Ended before it had begun: then the output says why.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return none;
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

/**
 * @param {string} name
 * @param {import("./command.js").Ending} ending of what had to be done before
 * @returns {Outcome}
 */
export function failedBefore(name, { output, seconds }) {
  return { name, passed: 0, failed: 1, seconds, output };
}
