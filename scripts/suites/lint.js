/** Formatting, static analysis, types, and what must not be stale. Each check counts as one test. */

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ROOT, run as runProgram } from "../command.js";
import { checkExcerpts } from "../excerpts.js";
import { task } from "../progress.js";
import { shellScripts, sourceFiles } from "../source-files.js";
import { tidy } from "../tidy.js";

/** @import { Outcome } from "../test.js" */

/** @typedef {{ ok: boolean, output: string }} Finding */

const TIMEOUT_MS = 10 * 60_000;

const TYPED_FOLDERS = [".", "js-shim", "client", "tests/e2e", "tests/package", "bench/peers/rooms"];

/** @param {string} program @param {string[]} args @returns {Promise<Finding>} */
const check = (program, ...args) => runProgram(program, args, { timeoutMs: TIMEOUT_MS });

async function clangFormat() {
  const files = await sourceFiles(
    ["base", "bench", "examples", "rooms", "tests", "tools", "worker"],
    [".cpp", ".h"],
  );
  return check("clang-format-19", "--dry-run", "-Werror", ...files);
}

async function clangTidy() {
  const files = await sourceFiles(
    ["base", "bench", "examples", "rooms", "tools", "worker"],
    [".cpp"],
  );
  // Tests are doctest's macros, mostly.
  const checked = files.filter((file) => !file.endsWith("_test.cpp"));
  return tidy(checked, availableParallelism());
}

/** @returns {Promise<Finding>} */
async function types() {
  const findings = await Promise.all(
    TYPED_FOLDERS.map((folder) => check("tsc", "--pretty", "false", "-p", folder)),
  );
  return {
    ok: findings.every(({ ok }) => ok),
    output: findings.map(({ ok, output }) => (ok ? "" : output)).join(""),
  };
}

async function shellcheck() {
  return check("shellcheck", "--external-sources", ...(await shellScripts()));
}

/**
 * With an address for each package, everybody would have to use the registry, or mirror of it, of
 * whoever wrote the file last.
 *
 * @returns {Promise<Finding>}
 */
async function lockFile() {
  let output = "";
  for (const path of ["package-lock.json", "bench/peers/package-lock.json"]) {
    const lock = JSON.parse(await readFile(join(ROOT, path), "utf8"));
    const resolved = Object.entries(lock.packages)
      .filter(([, entry]) => entry.resolved !== undefined && !entry.link)
      .map(([name]) => name);
    if (resolved.length > 0) output += `${path} says "resolved" for: ${resolved.join(", ")}\n`;
  }
  return { ok: output === "", output };
}

/** @type {Record<string, () => Promise<Finding>>} */
const CHECKS = {
  "lock file": lockFile,
  "generated ABI": () => check(process.execPath, "scripts/gen-abi.js", "--check"),
  excerpts: checkExcerpts,
  biome: () => check("biome", "ci", "--colors=off", "."),
  types,
  shellcheck,
  "clang-format": clangFormat,
  "clang-tidy": clangTidy,
};

/** @returns {AsyncGenerator<Outcome>} */
export async function* run() {
  const startedMs = performance.now();
  let output = "";
  let failed = 0;
  for (const [name, find] of Object.entries(CHECKS)) {
    task.detail = name;
    const finding = await find();
    if (finding.ok) continue;
    failed++;
    output += `lint: ${name}:\n${finding.output}\n`;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  yield { name: "lint", passed: Object.keys(CHECKS).length - failed, failed, seconds, output };
}
