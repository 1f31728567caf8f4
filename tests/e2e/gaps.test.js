// @ts-check
/** Random rooms, read by a client that misses some of what happens: nothing twice, nothing lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Gaps } from "../../client/public/client/gaps.js";

/** @import { History } from "../../client/public/client/edgeroom.js" */
/** @import { Gap } from "../../client/public/client/gaps.js" */

const ROUNDS = 300;
const STEPS = 60;

/** A small generator (mulberry32), so that a failure can be had again. */
function makeRandom(/** @type {number} */ seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A room that holds the newest of its log itself, and reads the rest elsewhere. */
class Room {
  /** @type {boolean[]} by seq - 1: whether the record is a message */ #log = [];
  held = 20;
  isCentralThere = true;

  get seq() {
    return this.#log.length;
  }

  append(/** @type {boolean} */ isMessage) {
    this.#log.push(isMessage);
    return this.seq;
  }

  /**
   * @param {number} after
   * @param {number} before
   */
  messages(after, before) {
    const seqs = this.#log.flatMap((isMessage, index) => (isMessage ? [index + 1] : []));
    return seqs.filter((seq) => after < seq && seq < before);
  }

  /**
   * @param {{ after?: number, before?: number, limit: number }} query
   * @returns {History}
   */
  read({ after, before = Number.POSITIVE_INFINITY, limit }) {
    const all = this.messages(after ?? 0, before);
    const oldest = this.isCentralThere ? 1 : Math.max(1, this.seq - this.held + 1);
    const reached = all.filter((seq) => seq >= oldest);
    const page = after === undefined ? reached.slice(-limit) : reached.slice(0, limit);
    const isCut = page.length < reached.length;
    const partial = reached.length < all.length && !(isCut && after === undefined);
    const messages = page.map((seq) => ({ seq, ts: seq, user: "bo", content: seq }));
    return { messages, more: isCut, ...(partial ? { partial: true } : {}) };
  }
}

/** What the page does with gaps, without a page. */
class Reader {
  gaps = new Gaps();
  /** @type {number[]} the seqs of messages, in the order shown */ shown = [];
  #seq = 0;
  /** @type {Room} */ #room;
  /** @type {(below: number) => number} */ #random;

  /**
   * @param {Room} room
   * @param {(below: number) => number} random
   */
  constructor(room, random) {
    this.#room = room;
    this.#random = random;
    this.#seq = room.seq;
    this.gaps.open(0, room.seq + 1);
  }

  follow() {
    this.#show(this.#room.messages(this.#seq, this.#room.seq + 1));
    this.#seq = this.#room.seq;
  }

  skip() {
    this.gaps.open(this.#seq, this.#room.seq + 1);
    this.#seq = this.#room.seq;
  }

  /** @param {Gap} gap */
  load(gap) {
    const limit = 1 + this.#random(8);
    if (this.#random(2) === 0) {
      const page = this.#room.read({ before: gap.before, limit });
      this.#show(this.gaps.fillFromEnd(gap, page).map(({ seq }) => seq));
    } else {
      const page = this.#room.read({ after: gap.after, limit });
      this.#show(this.gaps.fillFromStart(gap, page).map(({ seq }) => seq));
    }
  }

  drop() {
    const dropped = this.shown.splice(0, this.#random(this.shown.length));
    if (dropped.length > 0 && this.shown.length > 0) this.gaps.dropBefore(this.shown[0]);
  }

  /** @param {number[]} seqs */
  #show(seqs) {
    for (const seq of seqs) assert.ok(!this.shown.includes(seq), `${seq} is shown twice`);
    this.shown = [...this.shown, ...seqs].sort((a, b) => a - b);
  }

  /** What is not in a gap is shown. */
  check() {
    const known = this.#room.messages(0, this.#seq + 1).filter((seq) => !this.gaps.covers(seq));
    assert.deepEqual(this.shown, known);
    const bounds = this.gaps.all.flatMap(({ after, before }) => [after, before]);
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
    );
  }
}

test("what is not shown is in a gap, and every gap can be filled", () => {
  for (let seed = 1; seed <= ROUNDS; seed += 1) {
    const random = makeRandom(seed);
    const room = new Room();
    for (let count = random(60); count > 0; count -= 1) room.append(random(4) > 0);
    const reader = new Reader(room, random);
    try {
      for (let step = 0; step < STEPS; step += 1) {
        for (let count = random(12); count > 0; count -= 1) room.append(random(4) > 0);
        room.isCentralThere = random(3) > 0;
        const gap = reader.gaps.all[random(3)];
        const choice = random(6);
        if (choice === 0) reader.skip();
        else if (choice === 1) reader.drop();
        else if (choice <= 3 && gap !== undefined) reader.load(gap);
        else reader.follow();
        reader.check();
      }
      room.isCentralThere = true;
      for (let loads = 0; reader.gaps.all.length > 0; loads += 1) {
        assert.ok(loads <= room.seq, "every page brings something");
        reader.load(reader.gaps.all[random(reader.gaps.all.length)]);
      }
      reader.follow();
      assert.deepEqual(reader.shown, room.messages(0, room.seq + 1));
      assert.equal(reader.gaps.reachesBeginning, true);
    } catch (error) {
      throw new Error(`with the seed ${seed}`, { cause: error });
    }
  }
});
