// Chance that a seed repeats, so that a test which found something finds it again.

/** The seeds of a test: its own, or the one in EDGEROOM_SEED. @param {number[]} usual */
export function seeds(usual) {
  const asked = process.env.EDGEROOM_SEED;
  return asked === undefined ? usual : [Number(asked)];
}

export class Dice {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed;
  }

  /** From 0 up to, and without, 1 (mulberry32). */
  #next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds included. @param {number} least @param {number} most */
  roll(least, most) {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  /** Once in so many times. @param {number} times */
  oneIn(times) {
    return this.roll(1, times) === 1;
  }

  /** @template T @param {T[]} list @returns {T} */
  pick(list) {
    return list[this.roll(0, list.length - 1)];
  }
}
