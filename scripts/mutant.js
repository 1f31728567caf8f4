/** A simulator of the room with one bug planted in it: built beside the real one, of which only one file differs. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ROOT, run } from "./command.js";
import { plant } from "./planted.js";
import { sourceFiles } from "./source-files.js";

/** @import { Mutant } from "../tests/sim/rooms/mutants.js" */

const NATIVE = "build/native";
const OBJECTS = `${NATIVE}/tests/sim/rooms/CMakeFiles/room_sim.dir`;
const LIBRARIES = [`${NATIVE}/rooms/libedgeroom_rooms.a`, `${NATIVE}/base/libedgeroom_base.a`];
const BUILD_TIMEOUT_MS = 5 * 60_000;

/** How CMake compiles a file. @param {string} file */
async function compileCommand(file) {
  const text = await readFile(join(ROOT, NATIVE, "compile_commands.json"), "utf8");
  /** @type {{file: string, command: string}[]} */
  const commands = JSON.parse(text);
  const found = commands.find((entry) => entry.file === join(ROOT, file));
  if (!found) throw new Error(`${NATIVE}/compile_commands.json says nothing of ${file}`);
  return found.command.split(" ");
}

/** @param {Mutant} mutant @returns {Promise<string>} the program */
async function buildMutant(mutant) {
  const folder = join("build", "mutants", mutant.name.replaceAll(" ", "-"));
  const source = join(folder, mutant.file);
  const text = await readFile(join(ROOT, mutant.file), "utf8");
  await mkdir(join(ROOT, dirname(source)), { recursive: true });
  await writeFile(join(ROOT, source), plant(mutant, text));
  const command = await compileCommand(mutant.file);
  const object = `${source}.o`;
  const replaced = command.slice(0, command.indexOf("-o"));
  await mustRun([...replaced, "-Wno-error", "-o", join(ROOT, object), "-c", join(ROOT, source)]);
  // What the object has is not taken from the library.
  const objects = await sourceFiles([OBJECTS], [".o"]);
  const program = join(folder, "room_sim");
  const compiler = command.find((word) => !word.endsWith("ccache")) ?? "c++";
  await mustRun([compiler, object, ...objects, ...LIBRARIES, "-o", program]);
  return program;
}

/** @param {string[]} command */
async function mustRun([program, ...args]) {
  const { ok, output } = await run(program, args, { timeoutMs: BUILD_TIMEOUT_MS });
  if (!ok) throw new Error(`a mutant can't be built:\n${output}`);
}

/**
 * The seed that finds it, and the time until then; nothing when none does.
 *
 * @param {Mutant} mutant
 * @param {number} secondsMax
 */
export async function findMutant(mutant, secondsMax) {
  const program = await buildMutant(mutant);
  const { output, seconds } = await run(program, ["--seconds", String(secondsMax)], {
    timeoutMs: (secondsMax + 60) * 1000,
  });
  const [, seed] = /^FAILED seed (\d+)$/m.exec(output) ?? [];
  return seed ? { seed: Number(seed), seconds, output } : undefined;
}
