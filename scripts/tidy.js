/**
 * clang-tidy, remembering what it found nothing in: a file is looked at again only when it, a header
 * of ours that it includes, the way it is compiled, the configuration or the tool has changed.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { build, ROOT, run } from "./command.js";
import { task } from "./progress.js";

/** @typedef {{ ok: boolean, output: string }} Finding */

const TOOL = "clang-tidy-19";
const CACHE = join(ROOT, "build/lint-cache");
const TIMEOUT_MS = 10 * 60_000;
// Entries that nothing has used for so long go.
const CACHE_AGE_MAX_MS = 30 * 24 * 60 * 60_000;

/** Build trees that say how files are compiled. The second has what only WebAssembly builds have. */
const TREES = ["native", "wasi"];

/** How a file is compiled, and which tree says so. @typedef {{ tree: string, command: string }} Way */

/**
 * @param {string[]} files
 * @param {number} parallelism how many are looked at together
 * @returns {Promise<Finding>}
 */
export async function tidy(files, parallelism) {
  for (const tree of TREES) {
    const configured = await build("--configure", tree);
    if (!configured.ok) return configured;
  }
  const ways = await compileWays();
  const shared = await sharedKey();
  await mkdir(CACHE, { recursive: true });
  const queue = [...files];
  /** @type {Finding[]} */
  const findings = [];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      findings.push(await tidyFile(file, ways.get(file), shared));
      task.detail = `clang-tidy: ${findings.length} of ${files.length} files`;
    }
  };
  await Promise.all(Array.from({ length: parallelism }, worker));
  await forgetOld();
  return {
    ok: findings.every(({ ok }) => ok),
    output: findings.map(({ ok, output }) => (ok ? "" : output)).join(""),
  };
}

/** @returns {Promise<Map<string, Way>>} by path below the repository */
async function compileWays() {
  /** @type {Map<string, Way>} */
  const ways = new Map();
  for (const tree of TREES) {
    const text = await readFile(join(ROOT, "build", tree, "compile_commands.json"), "utf8");
    /** @type {{ file: string, command: string }[]} */
    const entries = JSON.parse(text);
    for (const { file, command } of entries) {
      const path = relative(ROOT, file);
      if (!ways.has(path)) ways.set(path, { tree, command });
    }
  }
  return ways;
}

/** What every result depends on. */
async function sharedKey() {
  const version = await run(TOOL, ["--version"], { timeoutMs: TIMEOUT_MS });
  if (!version.ok) throw new Error(version.output);
  return version.output + (await readFile(join(ROOT, ".clang-tidy"), "utf8"));
}

/**
 * @param {string} file
 * @param {Way | undefined} way
 * @param {string} shared
 * @returns {Promise<Finding>}
 */
async function tidyFile(file, way, shared) {
  if (way === undefined) {
    return { ok: false, output: `${file} is in no build: add it to a CMakeLists.txt\n` };
  }
  const hash = createHash("sha256").update(shared).update(way.command);
  for (const source of await withHeaders(file)) {
    hash.update(`\n${source}\n`).update(await readFile(join(ROOT, source)));
  }
  const entry = join(CACHE, hash.digest("hex"));
  if (existsSync(entry)) {
    const now = new Date();
    await utimes(entry, now, now);
    return { ok: true, output: "" };
  }
  const finding = await run(TOOL, ["--quiet", "-p", `build/${way.tree}`, file], {
    timeoutMs: TIMEOUT_MS,
  });
  if (finding.ok) await writeFile(entry, `${file}\n`);
  // It counts what it did not show, because it is in headers of others.
  return { ok: finding.ok, output: finding.output.replace(/^\d+ warnings? generated\.\n/gm, "") };
}

/** @param {string} file @returns {Promise<string[]>} it and every file of ours that it includes */
async function withHeaders(file) {
  const found = new Set([file]);
  // A set hands out what is added while it is walked through.
  for (const source of found) {
    const text = await readFile(join(ROOT, source), "utf8");
    for (const [, header] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
      if (existsSync(join(ROOT, header))) found.add(header);
    }
  }
  return [...found];
}

async function forgetOld() {
  for (const name of await readdir(CACHE)) {
    const entry = join(CACHE, name);
    const { mtimeMs } = await stat(entry);
    if (Date.now() - mtimeMs > CACHE_AGE_MAX_MS) await rm(entry);
  }
}
