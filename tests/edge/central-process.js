// The local central endpoint as a process of its own: it can be killed, and started again with what
// it has stored.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { CREDENTIALS, temporaryFolder } from "./harness.js";

const program = resolve(import.meta.dirname, "../../central/local.js");

export class CentralProcess {
  #stateDir;
  #errors;
  #port = "0";
  /** @type {import("node:child_process").ChildProcess | null} */
  #child = null;
  /** Where it answers, also after it has been started again. */
  url = "";

  /** @param {string} stateDir @param {number | "inherit"} errors */
  constructor(stateDir, errors) {
    this.#stateDir = stateDir;
    this.#errors = errors;
  }

  /**
   * @param {object} [options]
   * @param {string} [options.stateDir] a new one if left out
   * @param {number | "inherit"} [options.errors] the open file that its log goes to; ours if left out
   */
  static async start({ stateDir, errors = "inherit" } = {}) {
    const central = new CentralProcess(stateDir ?? (await temporaryFolder()), errors);
    await central.start();
    return central;
  }

  /** Starts it, where it was before. */
  async start() {
    assert.equal(this.#child, null, "the central API is running already");
    const child = spawn(process.execPath, [program], {
      env: {
        ...process.env,
        CENTRAL_PORT: this.#port,
        STATE_DIR: this.#stateDir,
        AWS_REGION: CREDENTIALS.region,
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      },
      stdio: ["ignore", "pipe", this.#errors],
    });
    this.#child = child;
    let said = "";
    this.url = await new Promise((listening, failed) => {
      child.stdout?.setEncoding("utf8").on("data", (text) => {
        said += text;
        const [, url] = /^central: listening on (\S+)$/m.exec(said) ?? [];
        if (url) listening(url);
      });
      child.once("close", () => failed(new Error(`the central API ended: ${said}`)));
    });
    this.#port = new URL(this.url).port;
  }

  /** Waits until it has ended by itself. @returns {Promise<number | null>} its exit code */
  async ended() {
    const child = this.#child;
    assert.ok(child, "the central API is not running");
    if (child.exitCode === null) await once(child, "close");
    this.#child = null;
    return child.exitCode;
  }

  /** Ends it as a machine that fails does. */
  async kill() {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }
}
