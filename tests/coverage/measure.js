/** Runs the programs, and tells what of the core ran. */

import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { build, ROOT, run } from "../../scripts/command.js";
import { sourceFiles } from "../../scripts/source-files.js";
import { readExport } from "./export.js";
import { gapsOf } from "./gaps.js";
import { OBJECTS, PROGRAMS, TREE } from "./programs.js";

/**
 * @import { FileCoverage } from "./export.js"
 * @import { Gap } from "./gaps.js"
 */

/** Folders of the core, each a library. What is beside it in tools/ are programs for tests and terminals. */
export const LIBRARIES = ["base", "rooms", "worker", "tools/replay", "examples"];

const PROFILES = `${TREE}/profiles`;
const PROFILE = `${TREE}/core.profdata`;
const EXPORT = `${TREE}/export.json`;
const TIMEOUT_MS = 10 * 60_000;

/**
 * @typedef {object} Measurement
 * @property {FileCoverage[]} files
 * @property {Gap[]} gaps
 * @property {string[]} unbuilt sources that none of the programs has
 */

/** Something that had to be done could not be. */
export class Failure extends Error {}

/**
 * @param {(doing: string) => void} tell
 * @returns {Promise<Measurement>}
 */
export async function measure(tell) {
  tell("build");
  const built = await build("--target", "coverage_programs", "coverage");
  if (!built.ok) throw new Failure(built.output);
  await rm(join(ROOT, PROFILES), { recursive: true, force: true });
  await mkdir(join(ROOT, PROFILES), { recursive: true });
  for (const { name, command, args } of PROGRAMS) {
    tell(name);
    // One file for all processes of a program, into which each adds.
    const env = { LLVM_PROFILE_FILE: join(ROOT, PROFILES, "%m.profraw") };
    await mustRun(command, args, env);
  }
  tell("llvm-cov");
  await mustRun("llvm-profdata-19", ["merge", "--sparse", PROFILES, "-o", PROFILE]);
  await mustRun("sh", [
    ...["-c", `exec llvm-cov-19 export "$@" >${EXPORT}`, "sh"],
    ...["--skip-expansions", ...sourceArguments()],
  ]);
  /** @type {import("./export.js").Export} */
  const exported = JSON.parse(await readFile(join(ROOT, EXPORT), "utf8"));
  const files = readExport(exported, nameOf);
  const gaps = [];
  for (const coverage of files) {
    gaps.push(...gapsOf(coverage, await readFile(join(ROOT, coverage.file), "utf8")));
  }
  const sources = await sourceFiles(LIBRARIES, [".cpp"]);
  const unbuilt = sources.filter((source) => !files.some(({ file }) => file === source));
  return { files, gaps, unbuilt };
}

/** Pages with the counts of all lines. @returns {Promise<string>} their folder */
export async function writePages() {
  const folder = `${TREE}/html`;
  await mustRun("llvm-cov-19", [
    ...["show", "--format=html", `--output-dir=${folder}`, "--show-branches=count"],
    ...sourceArguments(),
  ]);
  return folder;
}

function sourceArguments() {
  const [first, ...more] = OBJECTS;
  const objects = [first, ...more.map((object) => `--object=${object}`)];
  return [
    ...objects,
    `--instr-profile=${PROFILE}`,
    ...LIBRARIES.map((folder) => join(ROOT, folder)),
  ];
}

/** @param {string} path @returns {string | undefined} below the repository, when it is of the core */
function nameOf(path) {
  const name = path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : "";
  return LIBRARIES.some((folder) => name.startsWith(`${folder}/`)) ? name : undefined;
}

/** @param {string} program @param {string[]} args @param {Record<string, string>} [env] */
async function mustRun(program, args, env) {
  const { ok, output } = await run(program, args, { ...(env && { env }), timeoutMs: TIMEOUT_MS });
  if (!ok) throw new Failure(`${[program, ...args].join(" ")}\n${output}`);
}
