// Plots as SVG: bars and lines on logarithmic scales, which is all that the report needs.

const FONT = "font-family='system-ui,sans-serif'";
const GRID = "#d8d8d8";
const INK = "#222";
/** Told apart by those who see few colours, too; lines have marks beside. */
const COLORS = [
  "#4477aa",
  "#ee6677",
  "#228833",
  "#ccbb44",
  "#66ccee",
  "#aa3377",
  "#000000",
  "#bb5500",
  "#999999",
];
/** Of a plot, with room for the longest name of a system. */
const BARS_WIDTH = 820;
const BARS_LEFT = 290;
const LINES_WIDTH = 850;

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** @param {number} x @param {number} y @param {string} text @param {string} [more] */
function label(x, y, text, more = "") {
  return `<text x='${x.toFixed(1)}' y='${y.toFixed(1)}' ${FONT} font-size='12' fill='${INK}' ${more}>${escaped(text)}</text>`;
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {string} color @param {number} [width] */
function line(x1, y1, x2, y2, color, width = 1) {
  return `<line x1='${x1.toFixed(1)}' y1='${y1.toFixed(1)}' x2='${x2.toFixed(1)}' y2='${y2.toFixed(1)}' stroke='${color}' stroke-width='${width}'/>`;
}

/** @param {number} width @param {number} height @param {string} title @param {string[]} parts */
function svg(width, height, title, parts) {
  return [
    `<svg xmlns='http://www.w3.org/2000/svg' width='${width}' height='${height}' viewBox='0 0 ${width} ${height}' role='img'>`,
    `<title>${escaped(title)}</title>`,
    `<rect width='${width}' height='${height}' fill='white'/>`,
    label(16, 24, title, "font-weight='600'"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** Three digits, with k and M. @param {number} value */
export function short(value) {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}

/** A logarithmic scale over whole powers of ten. @param {number[]} values @param {number} from @param {number} to */
function scale(values, from, to) {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9));
  const at = (/** @type {number} */ value) =>
    from + ((Math.log10(value) - low) / (high - low)) * (to - from);
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return { at, ticks };
}

/**
 * Bars from the left, by name.
 * @param {string} title @param {string} unit
 * @param {{name: string, value: number, note?: string}[]} bars
 */
export function barPlot(title, unit, bars) {
  const drawn = bars.filter(({ value }) => value > 0);
  const left = BARS_LEFT;
  const width = BARS_WIDTH;
  const step = 26;
  const bottom = 44 + drawn.length * step;
  const { at, ticks } = scale(
    drawn.map(({ value }) => value),
    left,
    width - 90,
  );
  const parts = ticks.flatMap((tick) => [
    line(at(tick), 40, at(tick), bottom, GRID),
    label(at(tick), bottom + 16, short(tick), "text-anchor='middle'"),
  ]);
  for (const [i, { name, value, note }] of drawn.entries()) {
    const y = 44 + i * step;
    const color = name.startsWith("edgeroom") ? COLORS[1] : COLORS[0];
    const end = Math.max(at(value), left + 1);
    parts.push(
      `<rect x='${left}' y='${y}' width='${(end - left).toFixed(1)}' height='${step - 8}' fill='${color}'/>`,
      label(left - 8, y + 13, name, "text-anchor='end'"),
      label(end + 6, y + 13, short(value) + (note ? ` ${note}` : "")),
    );
  }
  parts.push(label(left, bottom + 34, unit));
  return svg(width, bottom + 46, title, parts);
}

/**
 * Lines, each over its own points.
 * @param {string} title @param {string} xUnit @param {string} yUnit
 * @param {{name: string, points: [number, number][]}[]} lines
 */
export function linePlot(title, xUnit, yUnit, lines) {
  const drawn = lines.filter(({ points }) => points.length > 0);
  const [left, right, top, bottom, width] = [64, 520, 56, 360, LINES_WIDTH];
  const all = drawn.flatMap(({ points }) => points);
  const x = scale(
    all.map(([value]) => value),
    left,
    right,
  );
  const y = scale(
    all.map(([, value]) => value),
    bottom,
    top,
  );
  const parts = [
    ...x.ticks.flatMap((tick) => [
      line(x.at(tick), top, x.at(tick), bottom, GRID),
      label(x.at(tick), bottom + 18, short(tick), "text-anchor='middle'"),
    ]),
    ...y.ticks.flatMap((tick) => [
      line(left, y.at(tick), right, y.at(tick), GRID),
      label(left - 8, y.at(tick) + 4, short(tick), "text-anchor='end'"),
    ]),
    label((left + right) / 2, bottom + 38, xUnit, "text-anchor='middle'"),
    label(left - 48, top - 12, yUnit),
  ];
  for (const [i, { name, points }] of drawn.entries()) {
    const color = COLORS[i % COLORS.length];
    const path = points.map(([a, b]) => `${x.at(a).toFixed(1)},${y.at(b).toFixed(1)}`).join(" ");
    parts.push(
      `<polyline points='${path}' fill='none' stroke='${color}' stroke-width='2'/>`,
      ...points.map(
        ([a, b]) =>
          `<circle cx='${x.at(a).toFixed(1)}' cy='${y.at(b).toFixed(1)}' r='3.5' fill='${color}'/>`,
      ),
      line(right + 18, top + i * 22, right + 40, top + i * 22, color, 3),
      label(right + 46, top + i * 22 + 4, name),
    );
  }
  return svg(width, bottom + 52, title, parts);
}
