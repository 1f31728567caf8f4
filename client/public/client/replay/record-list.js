// @ts-check
/**
 * The records as a list of which only what can be seen is built, however many there are.
 *
 * @import { Row } from "./steps.js"
 */
import { make } from "../dom.js";
import { utc, utcClock } from "./utc.js";

/** Rows beyond both edges, so that scrolling meets rows that are there. */
const ROWS_AROUND = 8;

export class RecordList {
  #box;
  #space;
  #onPick;
  /** @type {Row[]} */ #rows = [];
  /** @type {number[] | null} indices of those that are listed; null: all */ #listed = null;
  /** @type {Map<number, HTMLElement>} by their place in the list */ #built = new Map();
  #rowHeight = 0;
  #selected = -1;

  /**
   * @param {HTMLElement} box which scrolls
   * @param {HTMLElement} space in it, as high as all rows
   * @param {(index: number) => void} onPick
   */
  constructor(box, space, onPick) {
    this.#box = box;
    this.#space = space;
    this.#onPick = onPick;
    box.addEventListener("scroll", () => this.#build(), { passive: true });
    new ResizeObserver(() => this.#layOut()).observe(box);
    space.addEventListener("click", (event) => this.#takeClick(event));
    box.addEventListener("keydown", (event) => this.#takeKey(event));
  }

  /** @param {Row[]} rows */
  setRows(rows) {
    this.#rows = rows;
    this.#selected = -1;
    this.list(null);
  }

  /** @param {number[] | null} listed ascending; null for all */
  list(listed) {
    this.#listed = listed;
    this.#clear();
    this.#box.scrollTop = 0;
    this.#layOut();
    this.#reveal();
  }

  get count() {
    return this.#listed?.length ?? this.#rows.length;
  }

  /** How many rows can be seen at once. */
  get page() {
    return Math.max(1, Math.floor(this.#box.clientHeight / (this.#rowHeight || 1)) - 1);
  }

  /** @param {number} index of a record */
  select(index) {
    this.#selected = index;
    for (const [place, item] of this.#built) this.#mark(place, item);
    this.#reveal();
  }

  #clear() {
    for (const item of this.#built.values()) item.remove();
    this.#built.clear();
  }

  #indexAt(/** @type {number} */ place) {
    return this.#listed === null ? place : (this.#listed[place] ?? -1);
  }

  /** The place of the selected record, or of the first listed one after it. */
  #placeOfSelected() {
    if (this.#listed === null) return this.#selected;
    let low = 0;
    let high = this.#listed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#listed[middle] ?? 0) < this.#selected) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #layOut() {
    if (this.#box.clientHeight === 0 || this.#rows.length === 0) return;
    this.#clear();
    this.#rowHeight = this.#measure();
    this.#space.style.height = `${this.count * this.#rowHeight}px`;
    this.#build();
  }

  #measure() {
    const probe = this.#makeRow(0, 0);
    this.#space.append(probe);
    const { height } = probe.getBoundingClientRect();
    probe.remove();
    return height;
  }

  #build() {
    if (this.#rowHeight === 0) return;
    const first = Math.floor(this.#box.scrollTop / this.#rowHeight) - ROWS_AROUND;
    const last = first + Math.ceil(this.#box.clientHeight / this.#rowHeight) + 2 * ROWS_AROUND;
    for (const [place, item] of this.#built) {
      if (place >= first && place <= last) continue;
      item.remove();
      this.#built.delete(place);
    }
    for (let place = Math.max(0, first); place <= Math.min(last, this.count - 1); place++) {
      if (this.#built.has(place)) continue;
      const item = this.#makeRow(place, this.#indexAt(place));
      item.style.top = `${place * this.#rowHeight}px`;
      this.#mark(place, item);
      this.#built.set(place, item);
      this.#space.append(item);
    }
    this.#showActive();
  }

  /**
   * @param {number} place
   * @param {number} index
   */
  #makeRow(place, index) {
    const { seq, ts, user, kind, text, changes } = /** @type {Row} */ (this.#rows[index]);
    const item = make("div", "row");
    item.id = `record-${seq}`;
    item.dataset.index = String(index);
    item.dataset.testid = "row";
    item.setAttribute("role", "option");
    item.setAttribute("aria-setsize", String(this.count));
    item.setAttribute("aria-posinset", String(place + 1));
    const head = make("span", "row-head");
    const time = make("span", "row-time", utcClock(ts));
    time.title = `${utc(ts)} UTC`;
    head.append(make("span", "row-seq", String(seq)), make("bdi", "row-user", user));
    if (kind !== "message") head.append(makeKind(kind));
    if (changes) head.append(make("span", "row-changes", "state"));
    head.append(time);
    const words = make("bdi", "row-text", text);
    item.append(head, words);
    return item;
  }

  /**
   * @param {number} place
   * @param {HTMLElement} item
   */
  #mark(place, item) {
    item.setAttribute("aria-selected", String(this.#indexAt(place) === this.#selected));
  }

  #reveal() {
    const place = this.#placeOfSelected();
    if (this.#rowHeight === 0 || this.#selected < 0 || place >= this.count) return;
    const top = place * this.#rowHeight;
    const { scrollTop, clientHeight } = this.#box;
    // How far it is beyond an edge. The next row comes in by its height, and one from afar into the
    // middle, with what was said around it.
    const above = scrollTop - top;
    const below = top + this.#rowHeight - (scrollTop + clientHeight);
    const isFar = Math.max(above, below) > 2 * this.#rowHeight;
    if (isFar) this.#box.scrollTop = top - (clientHeight - this.#rowHeight) / 2;
    else if (above > 0) this.#box.scrollTop -= above;
    else if (below > 0) this.#box.scrollTop += below;
    this.#build();
  }

  /** The option that the keyboard is at, for those who do not see it. */
  #showActive() {
    const item = this.#built.get(this.#placeOfSelected());
    if (item === undefined) this.#box.removeAttribute("aria-activedescendant");
    else this.#box.setAttribute("aria-activedescendant", item.id);
  }

  /** @param {MouseEvent} event */
  #takeClick(event) {
    const item = event.target instanceof Element ? event.target.closest(".row") : null;
    if (item instanceof HTMLElement) this.#onPick(Number(item.dataset.index));
  }

  /** @param {KeyboardEvent} event */
  #takeKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const place = this.#placeOfSelected();
    const isListed = this.#indexAt(place) === this.#selected;
    /** @type {Record<string, number>} */
    const places = {
      ArrowDown: isListed ? place + 1 : place,
      ArrowUp: place - 1,
      PageDown: place + this.page,
      PageUp: place - this.page,
      Home: 0,
      End: this.count - 1,
    };
    const wanted = places[event.key];
    if (wanted === undefined || this.count === 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.#onPick(this.#indexAt(Math.min(Math.max(wanted, 0), this.count - 1)));
  }
}

/** @param {string} kind */
export function makeKind(kind) {
  const mark = make("span", "kind", kind);
  mark.dataset.kind = kind;
  return mark;
}
