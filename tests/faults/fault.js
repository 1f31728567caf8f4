// What one kind of fault is to the command that brings all of them about.

import { STORE_PATIENCE_MS } from "../edge/harness.js";
import { nothing } from "./tally.js";

/** @typedef {import("../edge/dice.js").Dice} Dice */
/** @typedef {import("./tally.js").Tally} Tally */

/**
 * @typedef {object} Fault
 * @property {string} name on the command line
 * @property {string} what the row's title
 * @property {{full: number, short: number}} times how often it happens
 * @property {(run: Run) => Promise<void>} play throws when something does not hold
 */

/** One fault again and again, and what came of it. */
export class Run {
  /** @type {Tally} */
  tally = nothing();
  /** How long it took until everybody had everything again. @type {number[]} */
  recoveredMs = [];
  /** Processes that were killed. */
  kills = 0;
  /** What else is worth knowing, in words. @type {string[]} */
  remarks = [];
  #onDone;

  /**
   * @param {Dice} dice
   * @param {number} times how often the fault is to happen
   * @param {number} log the open file that the central API's log goes to
   * @param {(times: number) => void} onDone hears how often it has
   */
  constructor(dice, times, log, onDone) {
    this.dice = dice;
    this.times = times;
    this.log = log;
    this.#onDone = onDone;
  }

  /** @param {number} times so far */
  done(times) {
    this.#onDone(times);
  }
}

/**
 * Waits for what must come.
 * @template T
 * @param {Promise<T>} event
 * @param {string} what
 * @returns {Promise<T>}
 */
export function within(event, what) {
  return new Promise((done, failed) => {
    const late = () => failed(new Error(`waited in vain for ${what}`));
    const timer = setTimeout(late, STORE_PATIENCE_MS);
    event.then(done, failed).finally(() => clearTimeout(timer));
  });
}
