/** How far long work is: one line that is replaced on a terminal, lines from time to time without one. */

/** Without a terminal: enough to see that it goes on, and little to scroll past. */
const LINES_INTERVAL_MS = 15_000;
const TASK_INTERVAL_MS = 1_000;
const CLEAR_LINE = "\r\u001b[K";
const COLUMNS_WITHOUT_WORD = 80;

export class Progress {
  #stream;
  #intervalMs;
  #isShown = false;
  #toldMs;

  /**
   * @param {object} [options]
   * @param {NodeJS.WriteStream} [options.stream]
   * @param {number} [options.intervalMs] at least so long passes between two lines without a terminal;
   *   0 for every one
   */
  constructor({ stream = process.stderr, intervalMs = LINES_INTERVAL_MS } = {}) {
    this.#stream = stream;
    this.#intervalMs = intervalMs;
    // The first line is of use when some time has passed.
    this.#toldMs = intervalMs === 0 ? Number.NEGATIVE_INFINITY : performance.now();
  }

  /** Says how far it is. @param {string} line */
  tell(line) {
    if (isTerminal(this.#stream)) {
      const columns = this.#stream.columns ?? COLUMNS_WITHOUT_WORD;
      this.#stream.write(CLEAR_LINE + line.slice(0, columns - 1));
      this.#isShown = true;
      return;
    }
    if (performance.now() - this.#toldMs < this.#intervalMs) return;
    this.#toldMs = performance.now();
    this.#stream.write(`${line}\n`);
  }

  /** Makes room for something else on the terminal; the next tell() begins anew. */
  clear() {
    if (this.#isShown) this.#stream.write(CLEAR_LINE);
    this.#isShown = false;
  }
}

/** What one command shows of all that it does, one thing after the other. */
class Task {
  #progress = new Progress();
  #name = "";
  #startedMs = 0;
  /** How far it is, if it knows. */
  detail = "";
  /** Somebody else shows something on the same terminal. */
  isMuted = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {string} name */
  start(name) {
    this.#name = name;
    this.#startedMs = performance.now();
    this.detail = "";
    this.#timer ??= setInterval(() => this.#tell(), TASK_INTERVAL_MS).unref();
  }

  #tell() {
    if (this.isMuted) return;
    const detail = this.detail === "" ? "" : `, ${this.detail}`;
    this.#progress.tell(`… ${this.#name}  ${clock(performance.now() - this.#startedMs)}${detail}`);
  }

  /** For what is to stay. */
  clear() {
    this.#progress.clear();
  }
}

/** What this process is at. */
export const task = new Task();

/** One that can replace a line. @param {NodeJS.WriteStream} stream */
function isTerminal(stream) {
  return stream.isTTY && process.env.TERM !== "dumb";
}

/** Minutes and seconds. @param {number} ms */
export function clock(ms) {
  const s = Math.floor(ms / 1000);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}
