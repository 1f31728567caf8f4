// @ts-check
/**
 * More frames at once than a room allows, to see what it does: signals, which nobody shows, use up
 * the allowance, and the messages behind them are refused and sent again.
 */

/** What the room allows at once by default (MESSAGE_LIMITS). */
export const FLOOD_SIGNALS = 400;
export const FLOOD_MESSAGES = 100;
/**
 * Messages under way at once. All of them may be refused together, and the client waits so long then
 * that about fifty are taken; after a hundred refusals a room would close the connection.
 */
const UNDER_WAY_MAX = 40;

/**
 * @typedef {object} FloodState
 * @property {number} sent messages
 * @property {number} stored
 * @property {number} failed
 * @property {number} delayed refusals for now
 * @property {number} seconds
 * @property {boolean} isOver
 */

export class Flood {
  /** @type {FloodState} */
  state = { sent: 0, stored: 0, failed: 0, delayed: 0, seconds: 0, isOver: false };
  #startedAtMs = performance.now();
  #isStopped = false;
  /** @type {(text: string) => Promise<boolean>} */ #publish;
  /** @type {(flood: Flood) => void} */ #tell;

  /**
   * @param {() => void} signal
   * @param {(text: string) => Promise<boolean>} publish whether it was stored
   * @param {(flood: Flood) => void} tell
   */
  constructor(signal, publish, tell) {
    this.#publish = publish;
    this.#tell = tell;
    for (let signals = 0; signals < FLOOD_SIGNALS; signals += 1) signal();
    for (let line = 0; line < UNDER_WAY_MAX; line += 1) this.#sendOn();
  }

  /** Nothing more is sent; what is on its way goes on. */
  stop() {
    this.#isStopped = true;
  }

  /** The room has asked to wait. */
  takeDelay() {
    this.state.delayed += 1;
    this.#show();
  }

  async #sendOn() {
    while (this.state.sent < FLOOD_MESSAGES && !this.#isStopped) {
      this.state.sent += 1;
      const isStored = await this.#publish(`Flood, ${this.state.sent} of ${FLOOD_MESSAGES}`);
      if (isStored) this.state.stored += 1;
      else this.state.failed += 1;
      this.#show();
    }
  }

  #show() {
    const { sent, stored, failed } = this.state;
    const isAllSent = sent === FLOOD_MESSAGES || this.#isStopped;
    this.state.isOver = isAllSent && stored + failed === sent;
    this.state.seconds = (performance.now() - this.#startedAtMs) / 1000;
    this.#tell(this);
  }
}
