// @ts-check
/**
 * A replay that a worker makes, from the page's side.
 *
 * @import { Row, Step } from "./steps.js"
 * @import { Answer, Question } from "./worker.js"
 */

/**
 * What the log says of itself, and how its replay ended, as scripts/replay --json tells them.
 *
 * @typedef {object} Log
 * @property {string} room
 * @property {string} kind
 * @property {string} epoch
 * @property {number} first
 * @property {number} last
 * @property {number} confirmed
 * @property {number} snapshot_through
 * @property {string} state
 * @property {number} records
 * @property {string} [cut]
 */
/**
 * @typedef {object} End
 * @property {number} replayed
 * @property {string} state
 * @property {boolean} as_recorded
 * @property {string} [cut]
 * @property {string} [fault]
 * @property {number} difference_count
 * @property {{ seq?: number, what: string, recorded: string, replayed: string }[]} differences
 */
/**
 * @typedef {object} Replayed
 * @property {Log} log
 * @property {End | null} end null when the core has stopped
 * @property {string} fault why it has; empty otherwise
 * @property {Row[]} rows
 */

const WORKER_URL = new URL("./worker.js", import.meta.url);

export class Replaying {
  #worker = new Worker(WORKER_URL, { type: "module", name: "replay" });
  /** @type {Row[]} */ #rows = [];
  /** @type {(step: Step) => void} */ #takeStep = () => {};
  /** The record that is being looked at, and the one that should be next. */
  #asked = -1;
  #wanted = -1;

  /**
   * Replays a log. Rejects with an Error that says what is wrong with it.
   *
   * @param {Blob} log
   * @param {string} name
   * @param {string[]} variables of the Worker that the room reads, as NAME:VALUE
   * @param {(records: number, of: number) => void} onProgress
   * @returns {Promise<Replayed>}
   */
  open(log, name, variables, onProgress) {
    return new Promise((resolve, reject) => {
      this.#worker.addEventListener("error", ({ message }) => {
        reject(new Error(`the replay cannot run: ${message || "its script cannot be loaded"}`));
      });
      this.#worker.addEventListener("message", ({ data }) => {
        const answer = /** @type {Answer} */ (data);
        if (answer.type === "refused") reject(new Error(answer.detail));
        if (answer.type === "progress") onProgress(answer.records, answer.of);
        if (answer.type === "rows") for (const row of answer.rows) this.#rows.push(row);
        if (answer.type === "step") this.#answered(answer.index, answer.step);
        if (answer.type !== "ended") return;
        resolve({
          log: JSON.parse(answer.log),
          end: answer.end === null ? null : JSON.parse(answer.end),
          fault: answer.fault,
          rows: this.#rows,
        });
      });
      this.#ask({ type: "open", log, name, variables });
    });
  }

  /**
   * Reads a record's step, once. When another one is asked for before it has come, only the last one
   * is told of: a slider asks faster than anybody can read.
   *
   * @param {number} index
   * @param {(step: Step) => void} take
   */
  look(index, take) {
    this.#takeStep = take;
    this.#wanted = index;
    if (this.#asked < 0) this.#askNext();
  }

  #askNext() {
    this.#asked = this.#wanted;
    this.#ask({ type: "look", index: this.#asked });
  }

  /**
   * @param {number} index
   * @param {Step} step
   */
  #answered(index, step) {
    this.#asked = -1;
    if (index === this.#wanted) this.#takeStep(step);
    else this.#askNext();
  }

  /** @param {Question} question */
  #ask(question) {
    this.#worker.postMessage(question);
  }

  /** Ends it, wherever it is. */
  close() {
    this.#worker.terminate();
  }
}
