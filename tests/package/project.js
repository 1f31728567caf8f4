/** A folder of somebody who uses the package: empty at first, on a machine with Node.js and nothing else. */

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ended } from "../ended.js";

/** A real installation over a slow line, or all of the tutorial. */
const TIMEOUT_MS = 300_000;

/** All that is on the PATH. npm runs programs of packages by sh. */
const PROGRAMS = ["node", "npm", "npx", "sh"];

/** @typedef {Awaited<ReturnType<typeof ended>>} Ended */

export class Project {
  /** @param {string} parent @param {string} folder */
  constructor(parent, folder) {
    this.parent = parent;
    this.folder = folder;
    /** @type {NodeJS.ProcessEnv} */
    this.env = {
      ...process.env,
      PATH: join(parent, "bin"),
      // Nothing is asked of other machines but for the packages.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      WRANGLER_SEND_METRICS: "false",
    };
  }

  /** @param {string} name of the folder */
  static async create(name) {
    const parent = await realpath(await mkdtemp(join(tmpdir(), "edgeroom-package-")));
    const folder = join(parent, name);
    await mkdir(join(parent, "bin"));
    await mkdir(folder);
    for (const program of PROGRAMS)
      await symlink(await which(program), join(parent, "bin", program));
    return new Project(parent, folder);
  }

  /** Another folder beside it, with the same packages. @param {string} name */
  async beside(name) {
    const folder = join(this.parent, name);
    await mkdir(folder);
    await symlink(join(this.folder, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), "{}\n");
    return new Project(this.parent, folder);
  }

  /** @param {Record<string, string>} files */
  async write(files) {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, name)), { recursive: true });
      await writeFile(join(this.folder, name), text);
    }
  }

  /** Starts a program that is on the PATH, or comes with a package. @param {string} program @param {string[]} args */
  start(program, args) {
    const isOnPath = PROGRAMS.includes(program);
    const path = isOnPath ? program : join(this.folder, "node_modules/.bin", program);
    return spawn(path, args, {
      cwd: this.folder,
      env: this.env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIMEOUT_MS,
    });
  }

  /** Runs it to its end. @param {string} program @param {string[]} args @returns {Promise<Ended>} */
  async run(program, ...args) {
    return ended(this.start(program, args));
  }

  /** What the project would get by `import`. @param {string} specifier */
  import(specifier) {
    const { resolve } = createRequire(join(this.folder, "package.json"));
    return import(pathToFileURL(resolve(specifier)).href);
  }

  async remove() {
    await rm(this.parent, { recursive: true, force: true });
  }
}

/** @param {string} program */
async function which(program) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    try {
      return await realpath(join(folder, program));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  throw new Error(`${program} is not on the PATH`);
}
