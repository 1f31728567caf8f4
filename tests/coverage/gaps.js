/** What did not run, as places that can be explained: by what stands there, not by numbers of lines. */

/** @import { Branch, FileCoverage } from "./export.js" */

/**
 * - `lines`: lines of a function, one behind the other, of which none ran
 * - `true`, `false`: a condition, or a `case`, that never went that way
 * - `both`: a condition that was never looked at, in a line that ran
 *
 * @typedef {"lines" | "true" | "false" | "both"} Kind
 */

/**
 * @typedef {object} Gap
 * @property {string} file
 * @property {number} line
 * @property {Kind} kind
 * @property {string} text the line (of several the first), in one with a condition that between « and »
 * @property {number} lines that did not run
 * @property {number} directions of branches that were not taken
 */

/**
 * @param {FileCoverage} coverage
 * @param {string} source
 * @returns {Gap[]}
 */
export function gapsOf({ file, lines, branches }, source) {
  const text = source.split("\n");
  const blocks = blocksOf(lines, text);
  /** @type {Gap[]} */
  const gaps = blocks.map((block) => ({
    ...{ file, line: block[0], kind: "lines" },
    text: squeezed(text[block[0] - 1]),
    ...{ lines: block.length, directions: 0 },
  }));
  for (const branch of branches) {
    const kind = kindOf(branch);
    if (kind === undefined) continue;
    const directions = kind === "both" ? 2 : 1;
    const block = blocks.findIndex((block) => block.includes(branch.line));
    if (block >= 0) {
      // Nothing of the line ran: that says it all.
      gaps[block].directions += directions;
      continue;
    }
    gaps.push({
      ...{ file, line: branch.line, kind, text: marked(text, branch) },
      ...{ lines: 0, directions },
    });
  }
  return gaps.sort((a, b) => a.line - b.line);
}

/** @param {Branch} branch @returns {Kind | undefined} */
function kindOf({ wasTrue, wasFalse }) {
  if (wasTrue && wasFalse) return undefined;
  if (wasTrue) return "false";
  return wasFalse ? "true" : "both";
}

/**
 * Numbers of lines that did not run; those in one block follow on one another.
 * @param {Map<number, boolean>} lines
 * @param {string[]} text
 */
function blocksOf(lines, text) {
  /** @type {number[][]} */
  const blocks = [];
  let isOpen = false;
  for (const [i, line] of text.entries()) {
    // Between two functions there is no code.
    if (lines.get(i + 1) !== false) isOpen = false;
    else if (line.trim() === "") continue;
    else if (isOpen) blocks.at(-1)?.push(i + 1);
    else {
      isOpen = true;
      blocks.push([i + 1]);
    }
  }
  return blocks;
}

/** @param {string} text */
function squeezed(text) {
  return text.trim().replace(/\s+/g, " ");
}

/** Its first line with what is asked in it marked. @param {string[]} text @param {Branch} branch */
function marked(text, { line, column, endLine, endColumn }) {
  const here = text[line - 1];
  const end = endLine === line ? endColumn - 1 : here.length;
  const condition = here.slice(column - 1, end);
  return squeezed(`${here.slice(0, column - 1)}«${condition}»${here.slice(end)}`);
}
