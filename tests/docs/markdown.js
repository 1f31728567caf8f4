// The commands that a document shows: lines of its code blocks that begin with a program.

/** @typedef {{ line: number, text: string }} Command */

/** What commands of ours begin with, behind variables that are set for them. */
const COMMAND =
  /^(?:[A-Z_]+=\S* )*(?:version="\$\()?(?:scripts\/|build\/|node |npx |npm |curl |git |aws |sam |printf |cd )/;

/**
 * Blocks by fences and by indentation, in lists as well. A line that ends in a backslash goes on.
 * @param {string} text
 * @returns {Command[]}
 */
export function commandsOf(text) {
  /** @type {Command[]} */
  const commands = [];
  let isFenced = false;
  /** @type {Command | null} */
  let open = null;
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trimStart().startsWith("```")) isFenced = !isFenced;
    const isCode = isFenced || /^ {4,}\S/.test(line);
    const trimmed = line.trim();
    if (open !== null) open.text += ` ${trimmed}`;
    else if (isCode && COMMAND.test(trimmed)) open = { line: at + 1, text: trimmed };
    if (open === null) continue;
    if (open.text.endsWith("\\")) {
      open.text = open.text.slice(0, -1).trimEnd();
    } else {
      commands.push({ ...open, text: withoutRemark(open.text) });
      open = null;
    }
  }
  return commands;
}

/** What stands behind a command in columns of their own is said about it. @param {string} text */
function withoutRemark(text) {
  return text.replace(/ {2,}# .*| {3,}[a-z].*/, "");
}

/**
 * Scripts that are named within sentences, with their options.
 * @param {string} text
 * @returns {Command[]}
 */
export function scriptsNamed(text) {
  return text.split("\n").flatMap((line, at) => {
    const named = line.matchAll(/`((?:[A-Z_]+=\S+ )*scripts\/[a-z][^`]*)`/g);
    return Array.from(named, ([, command = ""]) => ({ line: at + 1, text: command }));
  });
}
