/** A program of a project that runs until it is ended. */

/** @typedef {import("./project.js").Project} Project */

/** Then it is ended by force. */
const STOP_MS = 10_000;

export class Program {
  /** What it wrote, on both streams. */
  output = "";
  #child;
  #ended;

  /** @param {Project} project @param {string} program @param {string[]} args */
  constructor(project, program, args) {
    this.#child = project.start(program, args);
    this.#ended = new Promise((ended, failed) => {
      this.#child.once("error", failed).once("close", ended);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.output += text;
      });
    }
  }

  /** Where it says that it listens. @param {RegExp} pattern @returns {Promise<string>} */
  address(pattern) {
    return new Promise((ready, failed) => {
      const look = () => {
        const [, url] = pattern.exec(this.output) ?? [];
        if (url) ready(url);
      };
      this.#child.stdout.on("data", look);
      this.#child.stderr.on("data", look);
      this.#ended.then(
        () => failed(new Error(`it ended before it listened:\n${this.output}`)),
        failed,
      );
    });
  }

  async stop() {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

/**
 * `wrangler dev`, until `use` has ended.
 *
 * @template Result
 * @param {Project} project
 * @param {(url: string) => Promise<Result>} use
 */
export async function withWorker(project, use) {
  const args = ["dev", "--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0"];
  const worker = new Program(project, "wrangler", args);
  try {
    return await use(await worker.address(/Ready on (http:\/\/\S+)/));
  } catch (error) {
    throw new Error(`wrangler dev said:\n${worker.output}`, { cause: error });
  } finally {
    await worker.stop();
  }
}
