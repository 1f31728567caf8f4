// @ts-check
/**
 * What of a room's messages is not here: the stretches of its log that no page of history and no
 * live record has covered. Everything outside them is here, or was never a message.
 *
 * @import { History, Message } from "./edgeroom.js"
 */

/**
 * The records between two others. Bounds are exclusive; `after` is 0 where the log begins.
 *
 * @typedef {{ after: number, before: number }} Gap
 */

export class Gaps {
  /** @type {Gap[]} ascending, apart from each other */ #all = [];

  /** @returns {readonly Gap[]} ascending */
  get all() {
    return this.#all;
  }

  /** Whether what is here goes back to the first record. */
  get reachesBeginning() {
    return this.#all[0]?.after !== 0;
  }

  clear() {
    this.#all = [];
  }

  /** Whether the record is in one. */
  covers(/** @type {number} */ seq) {
    return this.#all.some(({ after, before }) => after < seq && seq < before);
  }

  /** The one that ends at this record. */
  endingAt(/** @type {number} */ before) {
    return this.#all.find((gap) => gap.before === before);
  }

  /**
   * @param {number} after
   * @param {number} before
   */
  open(after, before) {
    if (before - after <= 1) return;
    // With nothing between them two gaps are one.
    const touching = this.#all.find((gap) => gap.before === after + 1);
    if (touching !== undefined) {
      touching.before = before;
      return;
    }
    this.#all.push({ after, before });
    this.#all.sort((a, b) => a.after - b.after);
  }

  /** Everything before this record has been dropped. */
  dropBefore(/** @type {number} */ seq) {
    this.#all = this.#all.filter(({ before }) => before > seq);
    this.open(0, seq);
  }

  /**
   * Takes a page that was asked for with `before` of the gap.
   *
   * @param {Gap} gap
   * @param {History} page
   * @returns {Message[]} those of it that were missing
   */
  fillFromEnd(gap, { messages, more, partial }) {
    const missing = messages.filter(({ seq }) => gap.after < seq && seq < gap.before);
    const isThrough = messages.some(({ seq }) => seq <= gap.after);
    if (isThrough || !(more || partial)) gap.before = gap.after;
    else if (missing.length > 0) gap.before = missing[0].seq;
    this.#closeEmpty();
    return missing;
  }

  /**
   * Takes a page that was asked for with `after` of the gap. In a partial one it is the messages
   * right after that are still missing: a room holds the newest.
   *
   * @param {Gap} gap
   * @param {History} page
   * @returns {Message[]} those of it that were missing
   */
  fillFromStart(gap, { messages, more, partial }) {
    const missing = messages.filter(({ seq }) => gap.after < seq && seq < gap.before);
    const last = missing.at(-1)?.seq ?? gap.after;
    const rest = { after: last, before: gap.before };
    const isThrough = !more || messages.some(({ seq }) => seq >= gap.before);
    if (!partial) {
      gap.after = isThrough ? gap.before : last;
    } else if (missing.length > 0) {
      gap.before = missing[0].seq;
      if (!isThrough) this.open(rest.after, rest.before);
    }
    this.#closeEmpty();
    return missing;
  }

  #closeEmpty() {
    this.#all = this.#all.filter(({ after, before }) => before - after > 1);
  }
}
