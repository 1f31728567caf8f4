// A central API that stores at any speed: what a room can forward is not measured against what some
// table can take. It lives in a thread of its own, so that its answers do not wait for the publishers.

import { once } from "node:events";
import { Worker } from "node:worker_threads";

/**
 * @typedef {object} SinkReport
 * @property {Record<string, number>} counts
 * @property {number[]} inFlightMs for how long so many requests were under way at once
 * @property {Int32Array} [numbers] of a room's contents, by seq
 * @property {string[]} names `room:epoch` of all rooms that it has records of
 */

export class Sink {
  #thread;
  #asked = 0;
  /** @type {Map<number, (report: SinkReport) => void>} */
  #waiting = new Map();
  /** @type {string[]} */
  faults = [];

  /** @param {Worker} thread @param {number} port */
  constructor(thread, port) {
    this.#thread = thread;
    this.url = `http://127.0.0.1:${port}`;
    /** When the first batch was answered with 200. @type {Promise<void>} */
    this.firstAnswer = new Promise((first) => {
      thread.on("message", (message) => {
        if (message.first) first();
        if (message.failed) this.faults.push(`the sink failed: ${message.failed}`);
        if (!message.ask) return;
        this.#waiting.get(message.ask)?.(message);
        this.#waiting.delete(message.ask);
      });
    });
  }

  /** @param {{refuses: boolean, delayMs: number}} how */
  static async start(how) {
    const thread = new Worker(new URL("./sink-thread.js", import.meta.url), { workerData: how });
    const [{ port }] = await once(thread, "message");
    return new Sink(thread, port);
  }

  /** From now on it answers; what is under way at once is counted from the first answer on. */
  async answer() {
    await this.#ask("answer");
  }

  report() {
    return this.#ask("report");
  }

  /** The numbers of a room's contents by seq; 0 for what is not stored. @param {string} name */
  async numbers(name) {
    return (await this.#ask("numbers", name)).numbers ?? new Int32Array(0);
  }

  async close() {
    await this.#thread.terminate();
  }

  /** @param {string} what @param {string} [name] @returns {Promise<SinkReport>} */
  #ask(what, name = "") {
    const ask = ++this.#asked;
    return new Promise((answered) => {
      this.#waiting.set(ask, answered);
      this.#thread.postMessage({ ask, what, name });
    });
  }
}
