/** The packed file, and what docs/PACKAGE.md says that can be done with it. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Project } from "./project.js";

export const ROOT = resolve(import.meta.dirname, "../..");

/** @returns {string} */
export function packedFile() {
  const folder = process.env.EDGEROOM_PACKAGES;
  assert.ok(
    folder,
    "EDGEROOM_PACKAGES names the folder with the packed file; scripts/test sets it",
  );
  const files = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  assert.equal(files.length, 1, `one package in ${folder}, not ${files}`);
  return join(folder, files[0]);
}

/** An empty folder with the package, and others in the versions that are pinned here. @param {string} name @param {string[]} others */
export async function installed(name, ...others) {
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const pinned = others.map((other) => `${other}@${devDependencies[other]}`);
  const project = await Project.create(name);
  succeeded(await project.run("npm", "init", "-y"));
  succeeded(await project.run("npm", "install", "--prefer-offline", packedFile(), ...pinned));
  return project;
}

/** @param {import("./project.js").Ended} ended */
export function succeeded({ code, stdout, stderr }) {
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

/** The example of docs/PACKAGE.md that has `part` in it. @param {string} part */
export async function documented(part) {
  const text = await readFile(join(ROOT, "docs/PACKAGE.md"), "utf8");
  const examples = [...text.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code]) => code);
  const example = examples.find((code) => code.includes(part));
  assert.ok(example, `docs/PACKAGE.md has lost its example with ${part}`);
  return example;
}
