// @ts-check
/**
 * Where in the log we are: a slider, buttons, keys and playing.
 *
 * @import { Row } from "./steps.js"
 */
import { byId } from "../dom.js";
import { utc } from "./utc.js";

/** Between two records while it plays, and where less motion is wished for. */
const PLAY_MS = 300;
const CALM_PLAY_MS = 1_000;
/** Records that Page Up and Page Down pass. */
const PAGE_RECORDS = 20;
/** Marks are lines of a CSS pixel; where there are more, the last one at a pixel is seen. */
const MARK_PX = 2;

const slider = byId("slider", HTMLInputElement);
const position = byId("position", HTMLParagraphElement);
const marks = byId("marks", HTMLCanvasElement);
const play = byId("play", HTMLButtonElement);
const buttons = {
  first: byId("first", HTMLButtonElement),
  previous: byId("previous", HTMLButtonElement),
  next: byId("next", HTMLButtonElement),
  last: byId("last", HTMLButtonElement),
};
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Transport {
  #onMove;
  /** @type {Row[]} */ #rows = [];
  #index = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {(index: number) => void} onMove */
  constructor(onMove) {
    this.#onMove = onMove;
    slider.addEventListener("input", () => this.#take(slider.valueAsNumber));
    slider.addEventListener("keydown", (event) => this.#takeSliderKey(event));
    play.addEventListener("click", () => (this.isPlaying ? this.pause() : this.#start()));
    buttons.first.addEventListener("click", () => this.#take(0));
    buttons.previous.addEventListener("click", () => this.#take(this.#index - 1));
    buttons.next.addEventListener("click", () => this.#take(this.#index + 1));
    buttons.last.addEventListener("click", () => this.#take(this.#last));
    document.addEventListener("keydown", (event) => this.#takeKey(event));
    new ResizeObserver(() => this.#drawMarks()).observe(marks);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawMarks());
  }

  get #last() {
    return this.#rows.length - 1;
  }

  get isPlaying() {
    return this.#timer !== undefined;
  }

  /** @param {Row[]} rows */
  setRows(rows) {
    this.pause();
    this.#rows = rows;
    slider.max = String(Math.max(0, this.#last));
    this.#drawMarks();
  }

  /** Shows where we are. @param {number} index */
  show(index) {
    this.#index = index;
    const { seq, ts, kind, user } = /** @type {Row} */ (this.#rows[index]);
    slider.valueAsNumber = index;
    slider.setAttribute("aria-valuetext", `seq ${seq}, ${kind} by ${user}, ${utc(ts)} UTC`);
    const count = this.#rows.length.toLocaleString("en");
    position.textContent = `${(index + 1).toLocaleString("en")} of ${count}`;
    buttons.first.disabled = buttons.previous.disabled = index === 0;
    buttons.next.disabled = buttons.last.disabled = index === this.#last;
  }

  pause() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#showPlay();
  }

  /** From the beginning when it stands at the end. */
  #start() {
    if (this.#index === this.#last) this.#onMove(0);
    this.#tick();
    this.#showPlay();
  }

  #tick() {
    const waitMs = calm.matches ? CALM_PLAY_MS : PLAY_MS;
    this.#timer = setTimeout(() => {
      if (this.#index < this.#last) this.#onMove(this.#index + 1);
      if (this.#index < this.#last) this.#tick();
      else this.pause();
    }, waitMs);
  }

  #showPlay() {
    const word = this.isPlaying ? "Pause" : "Play";
    play.setAttribute("aria-label", word);
    play.title = word;
    document
      .getElementById("play-icon")
      ?.setAttribute("href", this.isPlaying ? "#icon-pause" : "#icon-play");
  }

  /** Somebody goes to a record, within bounds. @param {number} index */
  #take(index) {
    this.pause();
    this.#onMove(Math.min(Math.max(index, 0), this.#last));
  }

  /** A browser's own pages are a tenth of the log. @param {KeyboardEvent} event */
  #takeSliderKey(event) {
    const by = { PageUp: PAGE_RECORDS, PageDown: -PAGE_RECORDS }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.#take(this.#index + by);
  }

  /** Where no field and no list has the keyboard. @param {KeyboardEvent} event */
  #takeKey(event) {
    if (this.#rows.length === 0 || event.defaultPrevented) return;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("input, select, textarea, pre, [role=listbox]")) return;
    /** @type {Record<string, number>} */
    const places = {
      ArrowLeft: this.#index - 1,
      ArrowRight: this.#index + 1,
      Home: 0,
      End: this.#last,
    };
    const wanted = places[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    this.#take(wanted);
  }

  /** Deletions and moderation, above the slider. */
  #drawMarks() {
    const context = marks.getContext("2d");
    const { width, height } = marks.getBoundingClientRect();
    if (context === null || width === 0) return;
    const scale = devicePixelRatio;
    marks.width = Math.round(width * scale);
    marks.height = Math.round(height * scale);
    context.scale(scale, scale);
    const style = getComputedStyle(marks);
    const colours = {
      delete: style.getPropertyValue("--bad"),
      moderation: style.getPropertyValue("--busy"),
    };
    for (const [index, { kind }] of this.#rows.entries()) {
      if (kind === "message") continue;
      context.fillStyle = kind === "delete" ? colours.delete : colours.moderation;
      const share = this.#last === 0 ? 0 : index / this.#last;
      context.fillRect(share * (width - MARK_PX), 0, MARK_PX, height);
    }
  }
}
