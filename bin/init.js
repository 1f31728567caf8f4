/** `npx edgeroom init`: the few files that make a folder a Worker with rooms. */

import { access, constants, copyFile, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "./user-error.js";

const PACKAGE = resolve(import.meta.dirname, "..");
const TEMPLATE = join(import.meta.dirname, "template");

/** What is made, and of what. npm would not pack a .gitignore under its name. */
const FILES = {
  "wrangler.toml": join(TEMPLATE, "wrangler.toml"),
  "index.js": join(TEMPLATE, "index.js"),
  ".dev.vars": join(PACKAGE, ".dev.vars.example"),
};
const IGNORED = join(TEMPLATE, "gitignore");

/** Other names of a configuration. Wrangler would read them instead of ours. */
const OTHER_CONFIGURATIONS = ["wrangler.json", "wrangler.jsonc"];

/** What a Worker's name has to fit into to have an address below workers.dev. */
const NAME_LENGTH_MAX = 54;

const NEXT = `
next:
  npx wrangler dev        http://127.0.0.1:8787/?room=lobby is a room: open it in two tabs
  npx edgeroom central    in another terminal: stores what the room forwards. Without it the room
                          keeps its messages itself, with one tick instead of two
`;

/** A name as wrangler takes it. @param {string} folder */
function workerName(folder) {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, NAME_LENGTH_MAX)
    .replace(/-$/, "");
  return name || "rooms";
}

/** @param {string} file */
async function exists(file) {
  try {
    await access(file, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} folder */
export async function run(folder) {
  const there = [];
  for (const name of [...Object.keys(FILES), ...OTHER_CONFIGURATIONS]) {
    if (await exists(join(folder, name))) there.push(name);
  }
  if (there.length > 0) {
    throw new UserError(
      `${there.join(", ")}: there already, and nothing is overwritten. In a Worker that you have,\n` +
        "rooms are mounted: node_modules/edgeroom/docs/PACKAGE.md",
    );
  }
  for (const [name, source] of Object.entries(FILES)) {
    const text = await readFile(source, "utf8");
    await writeFile(join(folder, name), text.replaceAll("WORKER_NAME", workerName(folder)), {
      flag: "wx",
    });
  }
  process.stdout.write(`wrote ${Object.keys(FILES).join(", ")}${await ignoreState(folder)}\n`);
  process.stdout.write(NEXT);
}

/** Keeps secrets and state out of Git. @param {string} folder @returns {Promise<string>} what to say of it */
async function ignoreState(folder) {
  try {
    await copyFile(IGNORED, join(folder, ".gitignore"), constants.COPYFILE_EXCL);
    return ", .gitignore";
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    return "; see that your .gitignore names .dev.vars, .state/ and .wrangler/";
  }
}
