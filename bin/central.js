/** `npx edgeroom central`: the central API on this machine, with the settings of .dev.vars. */

import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { UserError } from "./user-error.js";

const PACKAGE = resolve(import.meta.dirname, "..");

/** @typedef {{ peerDependencies: Record<string, string>, devDependencies: Record<string, string> }} Manifest */

/** Most who use the package have a central API elsewhere, so what this one needs does not come with it. */
async function checkPackages() {
  /** @type {Manifest} */
  const manifest = JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8"));
  const missing = Object.keys(manifest.peerDependencies).filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  // In the versions that it is tested with.
  const wanted = missing.map((name) => `${name}@${manifest.devDependencies[name]}`);
  throw new UserError(
    `the central API on this machine needs packages that are not installed. Run:\n\n  npm i -D ${wanted.join(" ")}`,
  );
}

/** @param {string} name */
function isInstalled(name) {
  try {
    import.meta.resolve(name);
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    return false;
  }
}

/**
 * What the Worker has, it has from .dev.vars alone, whatever AWS credentials the shell exports.
 *
 * @param {string} folder
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
async function environment(folder) {
  try {
    const devVars = parseEnv(await readFile(join(folder, ".dev.vars"), "utf8"));
    return { ...process.env, AWS_SESSION_TOKEN: undefined, ...devVars };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    return process.env;
  }
}

/** @param {string} folder */
export async function run(folder) {
  await checkPackages();
  const { runCentral } = await import("../central/local.js");
  const { StartError } = await import("../central/local/start-error.js");
  try {
    await runCentral(await environment(folder));
  } catch (error) {
    throw error instanceof StartError ? new UserError(`central: ${error.message}`) : error;
  }
}
