/** Whether the code that a document shows is still the code. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./command.js";

/** The guide, and where its C++ and CMake come from. */
const DOCUMENT = "docs/BEHAVIOUR.md";
const SOURCES = [
  "examples/poll/poll.h",
  "examples/poll/poll.cpp",
  "examples/poll/CMakeLists.txt",
  "tests/unit/poll_test.cpp",
  "tests/CMakeLists.txt",
];

const EXCERPT = /^```(?:cpp|cmake)\n(.*?)^```$/gms;

/** @returns {Promise<{ ok: boolean, output: string }>} */
export async function checkExcerpts() {
  const text = await readFile(join(ROOT, DOCUMENT), "utf8");
  const sources = await Promise.all(SOURCES.map((file) => readFile(join(ROOT, file), "utf8")));
  const excerpts = [...text.matchAll(EXCERPT)];
  let output = excerpts.length === 0 ? `${DOCUMENT} shows no code\n` : "";
  for (const { 1: excerpt, index } of excerpts) {
    // Whole lines: the excerpt begins where a line does.
    if (sources.some((source) => `\n${source}`.includes(`\n${excerpt}`))) continue;
    const line = text.slice(0, index).split("\n").length;
    output += `${DOCUMENT}:${line}: this code is in none of ${SOURCES.join(", ")}:\n${excerpt}`;
  }
  return { ok: output === "", output };
}
