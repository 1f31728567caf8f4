// @ts-check
/** How long our own messages take: until the room has stored them, until the central API has. */

/** Messages that are counted. */
export const LATENCY_SAMPLES = 30;

export class Latency {
  /** @type {number[]} in ms, the newest last */ stored = [];
  /** @type {number[]} */ confirmed = [];
  /** @type {Map<number, number>} when what is not confirmed was sent, by seq */ #waiting =
    new Map();

  /**
   * The room has stored it.
   *
   * @param {number} seq
   * @param {number} sentAtMs as of performance.now()
   */
  takeStored(seq, sentAtMs) {
    keep(this.stored, performance.now() - sentAtMs);
    this.#waiting.set(seq, sentAtMs);
  }

  /** @param {(seq: number) => boolean} isConfirmed */
  takeConfirmed(isConfirmed) {
    for (const [seq, sentAtMs] of this.#waiting) {
      if (!isConfirmed(seq)) continue;
      this.#waiting.delete(seq);
      keep(this.confirmed, performance.now() - sentAtMs);
    }
  }
}

/**
 * @param {number[]} samples
 * @param {number} ms
 */
function keep(samples, ms) {
  samples.push(ms);
  if (samples.length > LATENCY_SAMPLES) samples.shift();
}

/** @param {number[]} samples @returns {number | null} null: there are none */
export function median(samples) {
  if (samples.length === 0) return null;
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
