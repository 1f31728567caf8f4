/** Several ordered sequences of items, read as one. */

/**
 * @typedef {import("./items.js").Item} Item
 * @typedef {AsyncGenerator<Item[], void, void>} Groups
 * @typedef {{ groups: Groups, waiting: Item[] }} Source  `waiting`: read, and not handed on yet
 */

/**
 * No two items have the same sort key. All sources are asked for their first group at once; later
 * each when its turn has come, for the next item may be in its next group.
 *
 * @param {Groups[]} sources  each in the order of its items' sort keys
 * @param {boolean} falling  greatest sort key first
 * @returns {AsyncGenerator<Item, void, void>} the items of all, in that order
 */
export async function* merge(sources, falling) {
  const first = sources.map((groups) => refill({ groups, waiting: [] }));
  let open = (await Promise.all(first)).filter((source) => source.waiting.length > 0);
  while (open.length > 0) {
    const next = open.reduce((a, b) => (precedes(b, a, falling) ? b : a));
    yield/** @type {Item} */ (next.waiting.shift());
    if (next.waiting.length > 0) continue;
    if ((await refill(next)).waiting.length === 0) open = open.filter((source) => source !== next);
  }
}

/**
 * @param {Source} source
 * @returns {Promise<Source>} without anything waiting when it is at its end
 */
async function refill(source) {
  for (;;) {
    const { done, value } = await source.groups.next();
    if (done) return source;
    if (value.length === 0) continue;
    source.waiting = [...value];
    return source;
  }
}

/**
 * @param {Source} a
 * @param {Source} b
 * @param {boolean} falling
 */
function precedes(a, b, falling) {
  const less = a.waiting[0].sk < b.waiting[0].sk;
  return falling ? !less : less;
}
