#!/usr/bin/env node
/** The commands of the package: `npx edgeroom init` and `npx edgeroom central`. */

import { UserError } from "./user-error.js";

const USAGE = `usage: npx edgeroom COMMAND

  init      makes a Worker with rooms of the folder you are in: wrangler.toml, index.js, .dev.vars
  central   runs the central API on this machine, which stores what rooms forward; its settings are
            those of .dev.vars, CENTRAL_PORT (8788) and STATE_DIR (.state)
`;

const EXIT_USAGE = 2;

/** @type {Record<string, () => Promise<{ run: (folder: string) => Promise<void> }>>} */
const COMMANDS = {
  init: () => import("./init.js"),
  central: () => import("./central.js"),
};

async function main() {
  const [name, ...rest] = process.argv.slice(2);
  if (name === "--help" || name === "-h") {
    process.stdout.write(USAGE);
  } else if (!Object.hasOwn(COMMANDS, name ?? "") || rest.length > 0) {
    if (name !== undefined) process.stderr.write(`error: unknown: ${[name, ...rest].join(" ")}\n`);
    process.stderr.write(USAGE);
    process.exitCode = EXIT_USAGE;
  } else {
    const { run } = await COMMANDS[name]();
    await run(process.cwd());
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
