/** Programs that run to their end, with their output kept. */

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { endStartedProcesses } from "./process-tree.js";
import { task } from "./progress.js";

export const ROOT = resolve(import.meta.dirname, "..");

/**
 * @typedef {object} Ending
 * @property {boolean} ok whether it ended by itself, with exit code 0
 * @property {string} output what it wrote on both streams, as it came, and why it is not ok
 * @property {number} seconds
 */

/**
 * @param {string} program
 * @param {string[]} args
 * @param {object} options
 * @param {Record<string, string | undefined>} [options.env] beside our own environment
 * @param {number} options.timeoutMs then it is ended
 * @param {boolean} [options.visible] its messages (standard error) are shown as well, as they come
 * @param {(text: string) => void} [options.onOutput] hears what it writes on standard output, as it comes
 * @returns {Promise<Ending>}
 */
export async function run(program, args, { env, timeoutMs, visible = false, onOutput }) {
  const startedMs = performance.now();
  if (visible) {
    task.clear();
    task.isMuted = true;
  }
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
    onOutput?.(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output += text;
    if (visible) process.stderr.write(text);
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void endStartedProcesses({ graceMs: 2_000, collectMs: 2_000 });
  }, timeoutMs);
  /** @type {string | undefined} */
  const fault = await new Promise((ended) => {
    child.once("error", (error) => ended(`${program} could not be started: ${error.message}`));
    child.once("close", (code, signal) => {
      if (isLate) ended(`${program} was ended after ${timeoutMs / 1000} s`);
      else ended(code === 0 ? undefined : `${program} ended with ${signal ?? `exit code ${code}`}`);
    });
  });
  clearTimeout(timer);
  if (visible) task.isMuted = false;
  const seconds = (performance.now() - startedMs) / 1000;
  if (fault !== undefined) output += `\n${fault}\n`;
  return { ok: fault === undefined, output, seconds };
}

// A build of everything on a slow machine.
const BUILD_TIMEOUT_MS = 30 * 60_000;

/** @param {string[]} args of scripts/build */
export function build(...args) {
  return run("scripts/build", args, { timeoutMs: BUILD_TIMEOUT_MS, visible: true });
}
