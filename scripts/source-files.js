/** Which files there are to check, in a fixed order. Git is not asked: an archive has none. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./command.js";

/**
 * @param {string[]} folders below the repository; one that is not there has no files
 * @param {string[]} endings
 * @returns {Promise<string[]>} paths below the repository
 */
export async function sourceFiles(folders, endings) {
  const found = [];
  for (const folder of folders) {
    for (const file of await filesOf(folder)) {
      if (endings.some((ending) => file.endsWith(ending))) found.push(file);
    }
  }
  return found.sort();
}

/** @returns {Promise<string[]>} everything in scripts/ and .ci/ that bash runs */
export async function shellScripts() {
  const found = [];
  for (const file of [...(await filesOf("scripts")), ...(await filesOf(".ci"))]) {
    const text = await readFile(join(ROOT, file), "utf8");
    if (text.startsWith("#!/usr/bin/env bash\n") || file.endsWith(".sh")) found.push(file);
  }
  return found.sort();
}

/** @param {string} folder */
async function filesOf(folder) {
  try {
    const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
