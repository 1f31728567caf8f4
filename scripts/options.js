/** What a command is asked for. */

import { parseArgs } from "node:util";

const USAGE_ERROR = 2;

/** Ends the process: what it was asked for makes no sense. @param {string} command @param {string} what @returns {never} */
export function usageError(command, what) {
  console.error(`error: ${what}; ${command} --help says more`);
  process.exit(USAGE_ERROR);
}

/**
 * @template {import("node:util").ParseArgsConfig} T
 * @param {string} command as its user types it
 * @param {T} config
 * @returns {ReturnType<typeof parseArgs<T>>}
 */
export function readOptions(command, config) {
  try {
    return parseArgs(config);
  } catch (error) {
    return usageError(command, /** @type {Error} */ (error).message);
  }
}
