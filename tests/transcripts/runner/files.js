// The transcripts of this repository.

import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { ROOT } from "../../../scripts/command.js";
import { Document } from "./document.js";

export const FOLDER = join(ROOT, "tests/transcripts");

/** All transcripts, as paths below the repository. */
export async function transcriptFiles() {
  const names = await readdir(FOLDER);
  return names
    .filter((name) => name.endsWith(".md") && name !== "README.md")
    .sort()
    .map((name) => relative(ROOT, join(FOLDER, name)));
}

/** @param {string} file below the repository, or absolute */
export async function readTranscript(file) {
  const path = resolve(ROOT, file);
  return new Document(relative(ROOT, path), await readFile(path, "utf8"));
}
