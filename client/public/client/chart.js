// @ts-check
/**
 * A small chart in an SVG of the page. Sizes are attributes and colours are classes, for the page's
 * policy allows no style of an element's own.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Units of the drawing, which is stretched to the place that it has. */
const WIDTH = 120;
const HEIGHT = 32;
/** So that a line at an edge is not cut in half. */
const MARGIN = 1.5;

/** @typedef {"bars" | "lines" | "steps"} ChartKind */

/**
 * How a value is drawn: from `x` on, at the height `y`. `to` begins the line or goes on with it.
 *
 * @type {Readonly<Record<ChartKind, (x: number, y: number, width: number, to: string) => string>>}
 */
const DRAWINGS = Object.freeze({
  bars: (x, y, width) =>
    `M${cut(x + width * 0.12)} ${HEIGHT}V${cut(y)}h${cut(width * 0.76)}V${HEIGHT}z`,
  lines: (x, y, width, to) => `${to}${cut(x + width / 2)} ${cut(y)}`,
  steps: (x, y, width, to) => `${to}${cut(x)} ${cut(y)}h${cut(width)}`,
});

/** More digits nobody sees. */
function cut(/** @type {number} */ length) {
  return length.toFixed(2);
}

export class Chart {
  /** @type {SVGElement} */ #svg;
  /** @type {ChartKind} */ #kind;
  /** @type {SVGElement[]} one for each series */ #shapes = [];

  /**
   * @param {string} id of its SVG
   * @param {ChartKind} kind
   */
  constructor(id, kind) {
    const svg = document.getElementById(id);
    if (!(svg instanceof SVGElement)) throw new Error(`the page has no svg #${id}`);
    this.#svg = svg;
    this.#kind = kind;
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
  }

  /**
   * @param {string} words the chart in words
   * @param {number} length values that it has room for; with fewer it fills from the right
   * @param {number} max the top; what is above is cut off
   * @param {readonly number[][]} series the newest last
   */
  draw(words, length, max, ...series) {
    this.#svg.setAttribute("aria-label", words);
    while (this.#shapes.length < series.length) this.#addShape();
    for (const [index, values] of series.entries()) {
      this.#shapes[index].setAttribute("d", this.#path(values, length, max));
    }
  }

  #addShape() {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", `chart-${this.#kind} series-${this.#shapes.length + 1}`);
    this.#svg.append(path);
    this.#shapes.push(path);
  }

  /**
   * @param {number[]} values
   * @param {number} length
   * @param {number} max
   */
  #path(values, length, max) {
    const drawn = values.slice(-length);
    const width = WIDTH / length;
    const left = WIDTH - drawn.length * width;
    const draw = DRAWINGS[this.#kind];
    return drawn
      .map((value, index) => {
        const share = Math.min(value, max) / Math.max(max, 1);
        const y = HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN);
        return draw(left + index * width, y, width, index === 0 ? "M" : "L");
      })
      .join("");
  }
}
