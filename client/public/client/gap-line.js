// @ts-check
/** The line in the conversation where messages are missing, and the button that asks for them. */
import { make, makeButton } from "./dom.js";

/**
 * What is known of the missing messages. `partial`: the room does not hold them, and the central
 * API cannot be reached. `failed`: the question itself had no answer.
 *
 * @typedef {"idle" | "loading" | "partial" | "failed"} GapState
 */

export class GapLine {
  item = make("li", "gap");
  #words = make("span", "");
  /** @type {HTMLButtonElement} */ #button;
  /** @type {GapState} */ state = "idle";
  #reason = "";
  #isFirst = true;
  /** A browser takes the focus from a button that is disabled, or moved. */
  #hadFocus = false;

  /** @param {() => void} load */
  constructor(load) {
    this.#button = makeButton("link", "", load);
    this.item.dataset.testid = "gap";
    this.item.append(this.#words, this.#button);
  }

  /**
   * @param {GapState} state
   * @param {string} [reason] why it failed
   */
  setState(state, reason = "") {
    if (state === "loading") this.#hadFocus = document.activeElement === this.#button;
    this.state = state;
    this.#reason = reason;
    this.#show();
  }

  /** Whether nothing older is here; else the messages before and after it are. */
  setFirst(/** @type {boolean} */ isFirst) {
    this.#isFirst = isFirst;
    this.#show();
  }

  /** Gives the focus back that the button had when it was pressed, or hands it on. */
  returnFocus(/** @type {HTMLElement} */ next) {
    const isLost = document.activeElement === document.body;
    if (!this.#hadFocus || !isLost) return;
    this.#hadFocus = false;
    (this.item.isConnected ? this.#button : next).focus({ preventScroll: true });
  }

  #show() {
    this.item.dataset.state = this.state;
    this.item.classList.toggle("between", !this.#isFirst);
    this.#words.textContent = this.#stateWords();
    this.#button.textContent = this.#buttonWords();
    this.#button.disabled = this.state === "loading";
    this.#button.dataset.testid = this.#isFirst ? "load-earlier" : "load-missing";
  }

  #stateWords() {
    switch (this.state) {
      case "failed":
        return this.#reason;
      case "partial":
        return this.#isFirst
          ? "Older messages cannot be reached right now."
          : "The messages that are missing here cannot be reached right now.";
      case "idle":
      case "loading":
        return this.#isFirst ? "" : "Messages may be missing here.";
    }
  }

  #buttonWords() {
    switch (this.state) {
      case "failed":
      case "partial":
        return "Try again";
      case "loading":
        return "Loading…";
      case "idle":
        return this.#isFirst ? "Load earlier messages" : "Load them";
    }
  }
}
