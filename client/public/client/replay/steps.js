// @ts-check
/**
 * What a replay has said, line by line, so that any record's part of it can be looked at again.
 * Only the lines' places are held in memory; their bytes are the browser's to keep where it likes.
 */

/**
 * A record as it is listed.
 *
 * @typedef {object} Row
 * @property {number} seq
 * @property {number} ts
 * @property {string} user
 * @property {string} kind
 * @property {string} text
 * @property {boolean} changes whether the state is another one after it
 */

/**
 * All that came of a record.
 *
 * @typedef {object} Step
 * @property {string[]} lines as scripts/replay --json says them, the record's first
 * @property {string} before the line that tells the state before it
 * @property {string} after
 * @property {number} turnEnd the record that ends its turn: itself, or a later one
 */

/** A replay of more records is for scripts/replay: no browser scrolls over a longer list. */
export const RECORDS_MAX = 300_000;

const LINE_FEED = 10;
/** Bytes that are handed to the browser at once. */
const PART_BYTES = 8 * 1024 * 1024;

export class Steps {
  #decoder = new TextDecoder();
  #encoder = new TextEncoder();
  #recordStart = this.#encoder.encode('{"event":"record"');
  #flushStart = this.#encoder.encode('{"event":"flush"');
  /** @type {Blob[]} */ #parts = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */ #pending = [];
  #pendingBytes = 0;
  #bytes = 0;
  /** @type {Blob | null} */ #blob = null;

  /** @type {number[]} where each record's line begins; one more for the end of the last step */
  #starts = [];
  /** @type {number[]} where each record's line ends */
  #ends = [];
  /** @type {number[]} the record that has told the state after each; -1: the beginning */
  #states = [];
  /** @type {boolean[]} whether the turn ended with it */
  #flushed = [];
  /** The lines before the first record and after the last: log, begin and end. */
  /** @type {Map<string, string>} */ frame = new Map();
  /** @type {Row[]} not taken yet */ #rows = [];

  get count() {
    return this.#ends.length;
  }

  /** Takes whole lines. @param {Uint8Array} lines copied */
  add(lines) {
    let start = 0;
    while (start < lines.length) {
      const end = lines.indexOf(LINE_FEED, start);
      this.#addLine(lines, start, end);
      start = end + 1;
    }
    this.#pending.push(lines.slice());
    this.#bytes += lines.length;
    this.#pendingBytes += lines.length;
    if (this.#pendingBytes >= PART_BYTES) this.#store();
  }

  /**
   * @param {Uint8Array} lines
   * @param {number} start
   * @param {number} end
   */
  #addLine(lines, start, end) {
    if (beginsWith(lines, start, this.#recordStart)) {
      this.#addRecord(lines.subarray(start, end), this.#bytes + start);
      return;
    }
    if (beginsWith(lines, start, this.#flushStart)) {
      if (this.count > 0) this.#flushed[this.count - 1] = true;
      return;
    }
    // Few, and short.
    if (this.#isFrame(lines, start)) {
      const line = this.#decoder.decode(lines.subarray(start, end));
      this.frame.set(JSON.parse(line).event, line);
      if (this.frame.has("end")) this.#starts.push(this.#bytes + start);
    }
  }

  /**
   * @param {Uint8Array} lines
   * @param {number} start
   */
  #isFrame(lines, start) {
    return FRAME.some((begin) => beginsWith(lines, start, begin));
  }

  /**
   * @param {Uint8Array} line
   * @param {number} start
   */
  #addRecord(line, start) {
    const { at, seq, words, state } = JSON.parse(this.#decoder.decode(line));
    const [user, kind, text] = words;
    const index = this.count;
    const changes = state !== undefined;
    this.#starts.push(start);
    this.#ends.push(start + line.length);
    this.#states.push(changes ? index : (this.#states[index - 1] ?? -1));
    this.#flushed.push(false);
    this.#rows.push({ seq, ts: at, user, kind, text, changes });
  }

  #store() {
    this.#parts.push(new Blob(this.#pending));
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  /** Everything has been added. */
  end() {
    this.#store();
    if (this.#starts.length === this.count) this.#starts.push(this.#bytes);
    this.#blob = new Blob(this.#parts);
  }

  /** Those of the records since it was last asked. */
  takeRows() {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /**
   * @param {number} index of the record
   * @returns {Promise<Step>}
   */
  async look(index) {
    const text = await this.#read(this.#starts[index] ?? 0, this.#starts[index + 1] ?? 0);
    let turnEnd = index;
    while (turnEnd < this.count - 1 && !this.#flushed[turnEnd]) turnEnd++;
    return {
      lines: text.trimEnd().split("\n"),
      before: await this.#stateLine(this.#states[index - 1] ?? -1),
      after: await this.#stateLine(this.#states[index] ?? -1),
      turnEnd,
    };
  }

  /** @param {number} index */
  async #stateLine(index) {
    if (index < 0) return this.frame.get("begin") ?? "";
    return this.#read(this.#starts[index] ?? 0, this.#ends[index] ?? 0);
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  async #read(start, end) {
    if (this.#blob === null) throw new Error("the replay has not ended");
    return this.#blob.slice(start, end).text();
  }
}

const FRAME = ["log", "begin", "end"].map((event) =>
  new TextEncoder().encode(`{"event":"${event}",`),
);

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {Uint8Array} begin
 */
function beginsWith(bytes, at, begin) {
  return begin.every((byte, index) => bytes[at + index] === byte);
}
