import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * A program on Node.js that runs until it is ended. It stays in our process group, and its output
 * passes through ours line by line.
 */
export class Service {
  #child;

  /**
   * @param {string} name what messages call it
   * @param {string[]} args the script and its arguments
   * @param {object} options
   * @param {string} options.cwd
   * @param {NodeJS.ProcessEnv} options.env
   * @param {(line: string) => string | undefined} options.show what to print for a line of output
   */
  constructor(name, args, { cwd, env, show }) {
    this.name = name;
    this.#child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    /** Resolves with how it ended; fails when it could not be started. @type {Promise<string>} */
    this.ended = new Promise((ended, failed) => {
      this.#child.once("error", failed);
      this.#child.once("exit", (code, signal) => ended(signal ?? `exit code ${code}`));
    });
    this.#passOn(this.#child.stdout, process.stdout, show);
    this.#passOn(this.#child.stderr, process.stderr, show);
  }

  /**
   * @param {import("node:stream").Readable} from
   * @param {import("node:stream").Writable} to
   * @param {(line: string) => string | undefined} show
   */
  #passOn(from, to, show) {
    createInterface({ input: from, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
      const shown = show(line);
      if (shown !== undefined) to.write(`${shown}\n`);
    });
  }

  /** Undefined when it could not be started. */
  get pid() {
    return this.#child.pid;
  }
}
