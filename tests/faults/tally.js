// What became of what was published.

/**
 * @typedef {object} Tally
 * @property {number} published messages
 * @property {number} again how often one was sent again, because nobody knew what had become of it
 * @property {number} known how often one that was sent again had been stored already
 * @property {number} lost acknowledged, and not in the central store
 * @property {number} twice in the central store more than once
 * @property {number} never neither acknowledged nor refused
 */

/** @returns {Tally} */
export function nothing() {
  return { published: 0, again: 0, known: 0, lost: 0, twice: 0, never: 0 };
}

/**
 * Counts messages that were all acknowledged, each with a key of its own.
 *
 * @param {Tally} tally
 * @param {unknown[]} published the keys
 * @param {unknown[]} stored those in the central store
 */
export function countStored(tally, published, stored) {
  const there = new Set(stored);
  tally.published += published.length;
  tally.lost += published.filter((key) => !there.has(key)).length;
  tally.twice += stored.length - there.size;
}
