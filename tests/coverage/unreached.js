/** Why some of the core does not run: unreached.txt, which says how it is written, and whether it holds. */

/** @import { Gap } from "./gaps.js" */

/**
 * @typedef {object} Entry
 * @property {number} line of the list itself
 * @property {string} reason the heading of those that have the same one
 * @property {string} file
 * @property {string} text what Gap says, as `spelling` writes it
 */

/**
 * @typedef {object} Explanations
 * @property {{ name: string, text: string }[]} reasons
 * @property {Entry[]} entries
 * @property {{ line: number, reason: string, file: string }[]} absent files that a native build has not
 */

/**
 * @typedef {object} Judgement
 * @property {Map<Gap, string>} explained with the heading of the reason
 * @property {Gap[]} unexplained
 * @property {string[]} unbuilt files that no program has, and nobody says why
 * @property {{ line: number, text: string }[]} stale explanations of what is not there, or runs
 */

/** How the list says what is in a gap. @param {Gap} gap */
export function spelling({ kind, lines, text }) {
  return kind === "lines"
    ? `${lines === 1 ? "line" : `${lines} lines`}  ${text}`
    : `${kind}  ${text}`;
}

/** @param {string} text @returns {Explanations} */
export function readExplanations(text) {
  /** @type {Explanations} */
  const read = { reasons: [], entries: [], absent: [] };
  let file = "";
  for (const [i, line] of text.split("\n").entries()) {
    const at = i + 1;
    const reason = read.reasons.at(-1);
    if (line.startsWith("#") || line.trim() === "") continue;
    const [, heading] = /^== (.+)$/.exec(line) ?? [];
    if (heading !== undefined) {
      read.reasons.push({ name: heading, text: "" });
      file = "";
      continue;
    }
    if (reason === undefined) throw new Error(`line ${at}: a heading (== …) has to come first`);
    const [, absent] = /^ {2}absent +(\S+)$/.exec(line) ?? [];
    if (absent !== undefined) read.absent.push({ line: at, reason: reason.name, file: absent });
    else if (line.startsWith("  ")) {
      if (file === "") throw new Error(`line ${at}: of which file?`);
      read.entries.push({ line: at, reason: reason.name, file, text: line.trim() });
    } else if (/^[\w./-]+\.(?:cpp|h)$/.test(line)) file = line;
    else if (file === "") reason.text = `${reason.text} ${line}`.trim();
    else throw new Error(`line ${at}: neither a file nor a place in one: ${line}`);
  }
  const silent = read.reasons.find((reason) => reason.text === "");
  if (silent) throw new Error(`"${silent.name}" gives no reason`);
  return read;
}

/**
 * @param {Explanations} explanations
 * @param {Gap[]} gaps
 * @param {string[]} unbuilt files that no program has
 * @returns {Judgement}
 */
export function judge({ entries, absent }, gaps, unbuilt) {
  /** @type {Map<Gap, string>} */
  const explained = new Map();
  const unused = new Set(entries);
  const unexplained = gaps.filter((gap) => {
    const text = spelling(gap);
    const entry = [...unused].find((one) => one.file === gap.file && one.text === text);
    if (entry === undefined) return true;
    unused.delete(entry);
    explained.set(gap, entry.reason);
    return false;
  });
  const stale = [...unused].map(({ line, file, text }) => ({ line, text: `${file}: ${text}` }));
  for (const { line, file } of absent) {
    if (!unbuilt.includes(file)) stale.push({ line, text: `absent ${file}` });
  }
  return {
    explained,
    unexplained,
    unbuilt: unbuilt.filter((file) => !absent.some((one) => one.file === file)),
    stale: stale.sort((a, b) => a.line - b.line),
  };
}
