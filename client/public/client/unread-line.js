// @ts-check
/**
 * The line before the first message that came while the reader was away. Away is who has lost the
 * connection, or looks at something else. It stays until the reader writes or is away again.
 */
import { make } from "./dom.js";
import { plural } from "./words.js";

export class UnreadLine {
  item = make("li", "unread");
  #words = make("span", "");
  /** What came after this record, and up to that one, was missed. */
  #after = 0;
  #through = 0;
  #isAway = false;

  constructor() {
    this.item.dataset.testid = "unread";
    this.item.append(this.#words);
  }

  get after() {
    return this.#after;
  }

  /**
   * @param {number} seq of the last record that came before
   * @param {boolean} isRead whether what stands below the line has been read
   */
  leave(seq, isRead) {
    if (this.#isAway) return;
    this.#isAway = true;
    if (isRead || !this.item.isConnected) this.#after = seq;
    this.#through = seq;
  }

  /** @param {number} seq of the last record that was missed */
  comeBack(seq) {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#through = seq;
  }

  /** All of it is read. */
  forget() {
    this.#after = this.#through;
  }

  covers(/** @type {number} */ seq) {
    return this.#after < seq && seq <= this.#through;
  }

  /** @param {number | null} count of the messages; null: some are not known */
  setCount(count) {
    this.#words.textContent =
      count === null ? "New messages" : plural(count, "new message", "new messages");
  }
}
