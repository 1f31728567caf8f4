// @ts-check
/**
 * How the connection is: the mark in the top bar, and a line with the reason when it is down.
 *
 * @import { StateChange } from "./edgeroom.js"
 */
import { byId } from "./dom.js";
import { problemWords, stateWords } from "./words.js";

/** The countdown is in seconds. */
const TICK_MS = 250;
/** What a single short interruption comes from needs no explanation. */
const SILENT_CODES = new Set(["disconnected", "silent", "timeout", "unreachable"]);
const SILENT_FAILURES_MAX = 1;

export class ConnectionBar {
  #mark = byId("state", HTMLParagraphElement);
  #text = byId("state-text", HTMLSpanElement);
  #announcement = byId("state-announcement", HTMLParagraphElement);
  #notice = byId("notice", HTMLDivElement);
  #noticeText = byId("notice-text", HTMLSpanElement);
  #retryNow = byId("retry-now", HTMLButtonElement);
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #wasLive = false;
  #failures = 0;

  /** @param {() => void} retryNow */
  constructor(retryNow) {
    this.#retryNow.addEventListener("click", retryNow);
  }

  /** No room, no state. */
  clear() {
    clearInterval(this.#timer);
    this.#wasLive = false;
    this.#failures = 0;
    this.#mark.hidden = true;
    this.#notice.hidden = true;
    this.#announcement.textContent = "";
  }

  /** @param {StateChange} change */
  show(change) {
    const { state, reason, patient } = change;
    clearInterval(this.#timer);
    if (state === "open") {
      this.#wasLive = true;
      this.#failures = 0;
    } else if (state === "waiting") {
      this.#failures += 1;
      this.#timer = setInterval(() => this.#showText(change), TICK_MS);
    }
    this.#mark.hidden = false;
    this.#mark.dataset.state = state;
    this.#showText(change);
    this.#announce(change);
    if (state === "waiting" && reason !== null) this.#noticeText.textContent = problemWords(reason);
    const isTold = reason !== null && !SILENT_CODES.has(reason.code);
    const explained = isTold || this.#failures > SILENT_FAILURES_MAX;
    this.#retryNow.hidden = patient;
    if (state === "open" || state === "closed") this.#notice.hidden = true;
    else if (state === "waiting") this.#notice.hidden = !explained;
  }

  #showText(/** @type {StateChange} */ change) {
    this.#text.textContent = stateWords(change, this.#wasLive);
  }

  /** Changes are read out once, countdowns are not. */
  #announce(/** @type {StateChange} */ change) {
    const words =
      change.state === "waiting" ? "Connection lost, reconnecting" : this.#text.textContent;
    if (this.#announcement.textContent !== words) this.#announcement.textContent = words;
  }
}
