/** Coverage in figures, and as a table. */

import { LIBRARIES } from "./measure.js";
import { spelling } from "./unreached.js";

/**
 * @import { FileCoverage } from "./export.js"
 * @import { Gap } from "./gaps.js"
 * @import { Measurement } from "./measure.js"
 * @import { Judgement } from "./unreached.js"
 */

/** @typedef {{ total: number, ran: number, explained: number }} Count those that are neither lack both */

/** @typedef {{ lines: Count, branches: Count }} Figures branches by direction, two each */

/**
 * @typedef {object} Report
 * @property {Figures} all
 * @property {Record<string, Figures>} libraries
 * @property {Record<string, Figures>} files
 * @property {Record<string, { lines: number, branches: number }>} reasons what each explains
 * @property {string[]} unexplained each with its place
 * @property {string[]} stale
 */

export const LIST = "tests/coverage/unreached.txt";

/** @param {Measurement} measurement @param {Judgement} judgement @returns {Report} */
export function reportOf({ files }, judgement) {
  const gaps = [...judgement.explained.keys()];
  const byFile = files.map((coverage) => ({
    file: coverage.file,
    figures: figuresOf(
      coverage,
      gaps.filter(({ file }) => file === coverage.file),
    ),
  }));
  /** @type {Report["reasons"]} */
  const reasons = {};
  for (const [gap, reason] of judgement.explained) {
    reasons[reason] ??= { lines: 0, branches: 0 };
    reasons[reason].lines += gap.lines;
    reasons[reason].branches += gap.directions;
  }
  const libraries = LIBRARIES.map((library) => {
    const own = byFile.filter(({ file }) => file.startsWith(`${library}/`));
    return [library, sumOf(own.map(({ figures }) => figures))];
  });
  return {
    all: sumOf(byFile.map(({ figures }) => figures)),
    libraries: Object.fromEntries(libraries),
    files: Object.fromEntries(byFile.map(({ file, figures }) => [file, figures])),
    reasons,
    unexplained: [
      ...judgement.unexplained.map((gap) => `${gap.file}:${gap.line}: ${spelling(gap)}`),
      ...judgement.unbuilt.map((file) => `${file}: absent from every program`),
    ],
    stale: judgement.stale.map(({ line, text }) => `${LIST}:${line}: ${text}`),
  };
}

/** @param {FileCoverage} coverage @param {Gap[]} explained @returns {Figures} */
function figuresOf({ lines, branches }, explained) {
  const ran = [...lines.values()].filter(Boolean).length;
  const taken = branches.reduce((sum, one) => sum + Number(one.wasTrue) + Number(one.wasFalse), 0);
  return {
    lines: {
      total: lines.size,
      ran,
      explained: explained.reduce((sum, gap) => sum + gap.lines, 0),
    },
    branches: {
      total: branches.length * 2,
      ran: taken,
      explained: explained.reduce((sum, gap) => sum + gap.directions, 0),
    },
  };
}

/** @param {Figures[]} figures @returns {Figures} */
function sumOf(figures) {
  /** @param {keyof Figures} of @param {keyof Count} what */
  const sum = (of, what) => figures.reduce((all, one) => all + one[of][what], 0);
  /** @param {keyof Figures} of */
  const count = (of) => ({
    total: sum(of, "total"),
    ran: sum(of, "ran"),
    explained: sum(of, "explained"),
  });
  return { lines: count("lines"), branches: count("branches") };
}

const NAME_WIDTH = 34;

/** @param {Report} report */
export function tableOf({ all, libraries, files }) {
  const rows = [
    `${"".padEnd(NAME_WIDTH)}  ${"lines".padEnd(24)}  branches, each way`,
    `${"".padEnd(NAME_WIDTH)}  ${HEAD}  ${HEAD}`,
  ];
  for (const [library, figures] of Object.entries(libraries)) {
    rows.push(row(library, figures));
    for (const [file, own] of Object.entries(files)) {
      const isWhole = [own.lines, own.branches].every(({ total, ran }) => total === ran);
      if (file.startsWith(`${library}/`) && !isWhole) {
        rows.push(row(`  ${file.slice(library.length + 1)}`, own));
      }
    }
  }
  rows.push(row("all", all));
  return rows.join("\n");
}

const HEAD = ["ran", "of", "%", "explained"]
  .map((word, i) => word.padStart([6, 6, 6, 10][i]))
  .join("");

/** @param {string} name @param {Figures} figures */
function row(name, { lines, branches }) {
  return `${name.padEnd(NAME_WIDTH)}  ${cells(lines)}  ${cells(branches)}`.trimEnd();
}

/** @param {Count} count */
function cells({ total, ran, explained }) {
  const percent = total === 0 ? "" : share(ran / total);
  const reasons = explained === 0 ? "" : String(explained);
  return (
    String(ran).padStart(6) + String(total).padStart(6) + percent.padStart(6) + reasons.padStart(10)
  );
}

/** 100 only for all. @param {number} part */
function share(part) {
  return part === 1 ? "100" : (Math.floor(part * 1000) / 10).toFixed(1);
}
