#!/usr/bin/env node
// Plays transcripts by hand:
//
//   node tests/transcripts/run.js [--update] [FILE...]
//
// Without a file it plays all. --update writes what comes of the events into the files, where all
// builds agree; look at the difference before you commit it. It builds what it needs.

import { writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { build, ROOT } from "../../scripts/command.js";
import { neededBuilds, openBuilds } from "./runner/builds.js";
import { compare, Disagreement, playAll } from "./runner/check.js";
import { TranscriptError } from "./runner/document.js";
import { readTranscript, transcriptFiles } from "./runner/files.js";

const USAGE = "usage: node tests/transcripts/run.js [--update] [FILE...]";

/** @import { Build } from "./runner/builds.js" */

/** @param {string} file @param {Build[]} builds @param {boolean} mayUpdate */
async function playFile(file, builds, mayUpdate) {
  const document = await readTranscript(file);
  const outcomes = await playAll(document, builds);
  if (!mayUpdate) {
    compare(document, outcomes);
    return "ok";
  }
  const changed = document.steps.filter(
    (step, i) => step.outcome.join("\n") !== outcomes[i].join("\n"),
  );
  if (changed.length === 0) return "ok";
  await writeFile(resolve(ROOT, file), document.withOutcomes(outcomes));
  return `updated, ${changed.length} events`;
}

async function main() {
  const args = process.argv.slice(2);
  const mayUpdate = args.includes("--update");
  const named = args.filter((arg) => arg !== "--update");
  if (named.some((arg) => arg.startsWith("-"))) {
    console.error(USAGE);
    return 2;
  }
  for (const what of neededBuilds()) {
    const built = await build(...what);
    if (!built.ok) return 1;
  }
  const builds = openBuilds();
  const files = named.length > 0 ? named.map((file) => resolve(file)) : await transcriptFiles();
  let failed = 0;
  for (const file of files) {
    try {
      console.log(
        `${relative(ROOT, resolve(ROOT, file))}: ${await playFile(file, builds, mayUpdate)}`,
      );
    } catch (error) {
      if (!(error instanceof Disagreement || error instanceof TranscriptError)) throw error;
      console.error(`\n${error.message}\n`);
      failed++;
    }
  }
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main();
