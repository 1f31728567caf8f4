import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./command.js";

/** @typedef {{ edge: string, central: string }} Addresses */

/** @returns {Promise<string>} a port that nobody uses now */
export async function freePort() {
  const server = createServer();
  await new Promise((listening) => {
    server.listen(0, "127.0.0.1", () => listening(undefined));
  });
  const address = server.address();
  await new Promise((closed) => {
    server.close(closed);
  });
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return String(address.port);
}

/** scripts/dev as somebody would start it. */
export class RunningDev {
  /** What it wrote, on both streams. */
  output = "";
  #startedMs = performance.now();
  #child;

  /**
   * @param {string[]} args
   * @param {Record<string, string>} env beside our own environment
   */
  constructor(args, env) {
    this.#child = spawn(join(ROOT, "scripts/dev"), args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    /**
     * Its exit code, or the signal that ended it, when it has ended.
     *
     * @type {Promise<number | NodeJS.Signals | null>}
     */
    this.ended = new Promise((ended, failed) => {
      this.#child.once("error", failed);
      this.#child.once("close", (code, signal) => ended(code ?? signal));
    });
    /** Where it answers; undefined when it ended before. @type {Promise<Addresses | undefined>} */
    this.ready = new Promise((ready, failed) => {
      this.#child.stdout.setEncoding("utf8").on("data", (text) => {
        this.output += text;
        const [, edge, central] = /^ready: edge (\S+) central (\S+)$/m.exec(this.output) ?? [];
        if (edge && central) ready({ edge, central });
      });
      this.#child.stderr.setEncoding("utf8").on("data", (text) => {
        this.output += text;
      });
      this.ended.then(() => ready(undefined), failed);
    });
  }

  get seconds() {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Ends it, unless it has ended already. */
  stop() {
    this.#child.kill("SIGTERM");
    return this.ended;
  }
}

/**
 * Does something while scripts/dev runs, on ports that nobody uses and with a state of its own.
 *
 * @template T
 * @param {string[]} args of scripts/dev
 * @param {(dev: RunningDev, env: Record<string, string> | undefined) => Promise<T>} act hears what tests
 * find it by, or nothing when it ended before it was ready
 */
export async function besideDev(args, act) {
  const stateDir = await mkdtemp(join(tmpdir(), "edgeroom-dev-"));
  const dev = new RunningDev(args, {
    PORT: await freePort(),
    CENTRAL_PORT: await freePort(),
    STATE_DIR: stateDir,
  });
  try {
    const found = await dev.ready;
    return await act(
      dev,
      found && { EDGEROOM_URL: found.edge, EDGEROOM_CENTRAL_URL: found.central },
    );
  } finally {
    await dev.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}
