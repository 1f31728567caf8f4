/** `scripts/sim`: seeds for so long, one seed, or planted bugs. The usage stands in scripts/sim. */

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { MUTANTS } from "../tests/sim/rooms/mutants.js";
import { run } from "./command.js";
import { findMutant } from "./mutant.js";
import { readOptions, usageError } from "./options.js";
import { clock, Progress } from "./progress.js";

const COMMAND = "scripts/sim";
const PROGRAM = "build/native/tests/sim/rooms/room_sim";
const MS_PER_MINUTE = 60_000;

/** How long a planted bug may stay unfound. */
const MUTANT_SECONDS = 60;

function options() {
  const { values, positionals: names } = readOptions(COMMAND, {
    allowPositionals: true,
    options: {
      minutes: { type: "string" },
      from: { type: "string" },
      seed: { type: "string" },
      trace: { type: "boolean" },
      mutants: { type: "boolean" },
      json: { type: "string" },
    },
  });
  if (names.length > 0 && !values.mutants) usageError(COMMAND, `unknown argument: ${names[0]}`);
  return { ...values, names };
}

/** @param {string} seed @param {boolean} hasTrace */
async function runSeed(seed, hasTrace) {
  const args = ["--seed", seed, ...(hasTrace ? ["--trace"] : [])];
  const { ok, output } = await run(PROGRAM, args, { timeoutMs: MS_PER_MINUTE });
  process.stdout.write(output);
  return ok;
}

/** @param {number} minutes @param {number} from @param {string} [json] */
async function soak(minutes, from, json) {
  const progress = new Progress();
  const startedMs = performance.now();
  console.log(`seeds from ${from}`);
  let rest = "";
  const { ok, output } = await run(
    PROGRAM,
    [
      ...["--from", String(from), "--seconds", String(Math.ceil(minutes * 60)), "--progress"],
      ...(json === undefined ? [] : ["--json", resolve(json)]),
    ],
    {
      timeoutMs: (minutes + 1) * MS_PER_MINUTE,
      onOutput: (text) => {
        const lines = (rest + text).split("\n");
        rest = /** @type {string} */ (lines.pop());
        for (const line of lines) {
          const [, seeds] = /^progress (\d+) \d+$/.exec(line) ?? [];
          const passed = `${clock(performance.now() - startedMs)} of ${clock(minutes * MS_PER_MINUTE)}`;
          if (seeds) progress.tell(`  ${passed}  ${Number(seeds).toLocaleString("en")} seeds`);
        }
      },
    },
  );
  progress.clear();
  process.stdout.write(output.replace(/^progress .*\n/gm, ""));
  return ok;
}

/** @param {string[]} names @param {string} [json] */
async function findMutants(names, json) {
  const unknown = names.find((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown !== undefined) {
    usageError(
      COMMAND,
      `there is no mutant "${unknown}": their names are in tests/sim/rooms/mutants.js`,
    );
  }
  const chosen = MUTANTS.filter((mutant) => names.length === 0 || names.includes(mutant.name));
  const progress = new Progress({ intervalMs: 0 });
  let missed = 0;
  const mutants = [];
  console.log("| bug | of | found at seed | after |\n| --- | --- | ---: | ---: |");
  for (const [i, mutant] of chosen.entries()) {
    progress.tell(`  ${i + 1} of ${chosen.length}  ${mutant.name}`);
    const found = await findMutant(mutant, MUTANT_SECONDS);
    progress.clear();
    if (!found) missed++;
    mutants.push({
      name: mutant.name,
      about: mutant.about,
      found: found !== undefined,
      seed: found?.seed,
      seconds: found?.seconds,
    });
    const how = found ? `${found.seed} | ${found.seconds.toFixed(1)} s` : "not found | |";
    console.log(`| ${mutant.name} | ${mutant.about} | ${how} |`);
  }
  if (json !== undefined) {
    const report = { tried: chosen.length, found: chosen.length - missed, mutants };
    await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  console.log(`\n${chosen.length - missed} of ${chosen.length} found`);
  return missed === 0;
}

const { minutes = "1", from, seed, trace = false, mutants, json, names } = options();
const firstSeed = from === undefined ? Date.now() : Number(from);
let ok = false;
if (mutants) ok = await findMutants(names, json);
else if (seed !== undefined) ok = await runSeed(seed, trace);
else ok = await soak(Number(minutes), firstSeed, json);
process.exitCode = ok ? 0 : 1;
