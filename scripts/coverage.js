/** `scripts/coverage`: what of the core runs, and whether there is a reason for what does not. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Failure, measure, writePages } from "../tests/coverage/measure.js";
import { TREE } from "../tests/coverage/programs.js";
import { LIST, reportOf, tableOf } from "../tests/coverage/report.js";
import { judge, readExplanations } from "../tests/coverage/unreached.js";
import { ROOT } from "./command.js";
import { readOptions } from "./options.js";
import { task } from "./progress.js";

const COMMAND = "scripts/coverage";

async function explanations() {
  try {
    return readExplanations(await readFile(join(ROOT, LIST), "utf8"));
  } catch (error) {
    throw new Failure(`${LIST}: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {string[]} lines @param {string} heading */
function tell(lines, heading) {
  if (lines.length > 0) console.log(`\n${heading}\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

async function main() {
  const { json, html } = readOptions(COMMAND, {
    options: { json: { type: "string" }, html: { type: "boolean" } },
  }).values;
  const given = await explanations();
  const measurement = await measure((doing) => task.start(`coverage: ${doing}`));
  const pages = html ? await writePages() : undefined;
  task.clear();
  const report = reportOf(measurement, judge(given, measurement.gaps, measurement.unbuilt));
  const text = `${JSON.stringify(report, null, 2)}\n`;
  await writeFile(join(ROOT, TREE, "coverage.json"), text);
  if (json !== undefined) await writeFile(json, text);
  console.log(tableOf(report));
  if (pages !== undefined) console.log(`\nevery line: ${pages}/index.html`);
  tell(report.unexplained, `neither reached by a test nor explained in ${LIST}:`);
  tell(report.stale, "explained, but not there or reached:");
  return report.unexplained.length + report.stale.length === 0;
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  task.clear();
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
