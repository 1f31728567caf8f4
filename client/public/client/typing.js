// @ts-check
/**
 * Who is typing: tells the others about us, and shows what they tell.
 *
 * @import { Signal } from "./edgeroom.js"
 */
import { byId } from "./dom.js";
import { typingWords } from "./words.js";

/** Said again this often while the writing goes on. */
const TELL_INTERVAL_MS = 2_500;
/** Believed this long; more than the interval, so that it does not flicker. */
const BELIEVE_MS = 4_500;
/** Beyond two names the line only says "several", so more need not be kept. */
const WRITERS_MAX = 20;

export class Typing {
  #line = byId("typing", HTMLParagraphElement);
  /** @type {Map<string, ReturnType<typeof setTimeout>>} by name */ #writers = new Map();
  #toldAtMs = Number.NEGATIVE_INFINITY;
  /** @type {() => void} */ #tell;

  /** @param {() => void} tell sends that we are typing */
  constructor(tell) {
    this.#tell = tell;
  }

  /** @param {string} text what stands in the composer now */
  takeInput(text) {
    const now = performance.now();
    if (text.trim() === "" || now - this.#toldAtMs < TELL_INTERVAL_MS) return;
    this.#toldAtMs = now;
    this.#tell();
  }

  /** What was written is sent: the next letter is news again. */
  takeSent() {
    this.#toldAtMs = Number.NEGATIVE_INFINITY;
  }

  /** @param {Signal} signal of somebody else */
  takeSignal({ name, user }) {
    if (name !== "typing" || user === undefined) return;
    if (this.#writers.size >= WRITERS_MAX && !this.#writers.has(user)) return;
    clearTimeout(this.#writers.get(user));
    this.#writers.set(
      user,
      setTimeout(() => this.stop(user), BELIEVE_MS),
    );
    this.#show();
  }

  /** @param {string} user who has sent a message, or left */
  stop(user) {
    clearTimeout(this.#writers.get(user));
    if (this.#writers.delete(user)) this.#show();
  }

  /** Forgets everybody. */
  clear() {
    for (const timer of this.#writers.values()) clearTimeout(timer);
    this.#writers.clear();
    this.#show();
  }

  #show() {
    this.#line.textContent = typingWords([...this.#writers.keys()]);
  }
}
