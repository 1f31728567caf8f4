/**
 * What `llvm-cov export` tells: which lines and which directions of branches ran. What the compiler made
 * several times of one source text (templates, inline functions, macros) counts once: it has run when one
 * of its copies has.
 */

/**
 * Both ways that a condition can go. Of a `case` it is whether that one was taken.
 *
 * @typedef {object} Branch
 * @property {number} line from 1
 * @property {number} column from 1
 * @property {number} endLine
 * @property {number} endColumn behind its last character
 * @property {boolean} wasTrue
 * @property {boolean} wasFalse
 */

/**
 * @typedef {object} FileCoverage
 * @property {string} file
 * @property {Map<number, boolean>} lines those that hold code, and whether that ran
 * @property {Branch[]} branches by place
 */

/** line, column, count, hasCount, isRegionEntry, isGap. @typedef {[number, number, number, boolean, boolean, boolean]} Segment */

/**
 * line, column, endLine, endColumn, trueCount, falseCount, file, expandedFile, kind; the files are indices.
 * @typedef {[number, number, number, number, number, number, number, number, number]} BranchRegion
 */

/**
 * @typedef {object} Export
 * @property {{ files: { filename: string, segments: Segment[] }[],
 *   functions: { filenames: string[], branches: BranchRegion[] }[] }[]} data
 */

/**
 * @param {Export} exported
 * @param {(path: string) => string | undefined} nameOf what a file is called; nothing for one that does
 *   not count
 * @returns {FileCoverage[]} by name
 */
export function readExport(exported, nameOf) {
  /** @type {Map<string, FileCoverage>} */
  const found = new Map();
  for (const { files, functions } of exported.data) {
    for (const { filename, segments } of files) {
      const file = nameOf(filename);
      if (file === undefined) continue;
      found.set(file, { file, lines: linesOf(segments), branches: [] });
    }
    for (const [file, branches] of branchesOf(functions, nameOf)) {
      const coverage = found.get(file);
      if (coverage === undefined) throw new Error(`llvm-cov has branches of ${file}, and no lines`);
      coverage.branches = branches;
    }
  }
  return [...found.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
}

/**
 * As llvm-cov shows them: a line has run when anything that begins in it has, or what it is the middle of.
 * @param {Segment[]} segments where the count of what runs changes, by place
 */
function linesOf(segments) {
  /** @type {Map<number, boolean>} */
  const lines = new Map();
  const lastLine = segments.at(-1)?.[0] ?? 0;
  /** What goes on from the line before. @type {Segment | undefined} */
  let open;
  for (let line = 1, at = 0; line <= lastLine; line++) {
    const here = [];
    for (; at < segments.length && segments[at][0] === line; at++) here.push(segments[at]);
    const entries = here.filter(([, , , hasCount, isEntry]) => hasCount && isEntry);
    const isSkipped = here.length > 0 && !here[0][3] && here[0][4];
    const goesOn = open?.[3] === true;
    if (entries.length > 0 || (goesOn && !isSkipped)) {
      const starts = entries.filter(([, , , , , isGap]) => !isGap);
      const counts = starts.map(([, , count]) => count);
      if (open !== undefined) counts.push(open[2]);
      lines.set(
        line,
        counts.some((count) => count > 0),
      );
    }
    open = here.at(-1) ?? open;
  }
  return lines;
}

/**
 * @param {Export["data"][number]["functions"]} functions
 * @param {(path: string) => string | undefined} nameOf
 */
function branchesOf(functions, nameOf) {
  /** @type {Map<string, Map<string, Branch>>} */
  const byFile = new Map();
  for (const { filenames, branches } of functions) {
    for (const [line, column, endLine, endColumn, trueCount, falseCount, index] of branches) {
      const file = nameOf(filenames[index]);
      if (file === undefined) continue;
      const ofFile = byFile.get(file) ?? new Map();
      byFile.set(file, ofFile);
      const place = `${line}:${column}-${endLine}:${endColumn}`;
      const branch = ofFile.get(place) ?? {
        ...{ line, column, endLine, endColumn },
        ...{ wasTrue: false, wasFalse: false },
      };
      ofFile.set(place, branch);
      branch.wasTrue ||= trueCount > 0;
      branch.wasFalse ||= falseCount > 0;
    }
  }
  return [...byFile].map(
    ([file, branches]) =>
      /** @type {const} */ ([
        file,
        [...branches.values()].sort((a, b) => a.line - b.line || a.column - b.column),
      ]),
  );
}
