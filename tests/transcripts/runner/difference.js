// The difference between two lists of lines, as `diff -u` shows it, with a note on where two long
// lines part.

/** Unchanged lines that are shown around a change. */
const CONTEXT = 3;
/** Characters of a line around the place where it changes. */
const SHOWN_BEFORE = 20;
const SHOWN_AFTER = 50;
/** A line within this is compared by the eye. */
const SHORT = 60;

/** @typedef {{ mark: " " | "-" | "+", text: string }} Line */

/** @param {string[]} before @param {string[]} after */
export function showDifference(before, after) {
  const lines = difference(before, after);
  const near = lines.map((_, i) =>
    lines.slice(Math.max(i - CONTEXT, 0), i + CONTEXT + 1).some(({ mark }) => mark !== " "),
  );
  /** @type {string[]} */
  const shown = [];
  for (const [i, { mark, text }] of lines.entries()) {
    if (!near[i]) {
      if (i === 0 || near[i - 1]) shown.push("    …");
      continue;
    }
    shown.push(`  ${mark} ${text}`);
    const previous = lines[i - 1];
    if (mark === "+" && previous?.mark === "-") shown.push(...whereTheyPart(previous.text, text));
  }
  return shown.join("\n");
}

/** @param {string[]} before @param {string[]} after @returns {Line[]} */
function difference(before, after) {
  const common = commonLengths(before, after);
  /** @type {Line[]} */
  const lines = [];
  let b = 0;
  let a = 0;
  while (b < before.length || a < after.length) {
    if (b < before.length && a < after.length && before[b] === after[a]) {
      lines.push({ mark: " ", text: before[b] });
      b++;
      a++;
    } else if (a === after.length || (b < before.length && common[b + 1][a] >= common[b][a + 1])) {
      lines.push({ mark: "-", text: before[b++] });
    } else {
      lines.push({ mark: "+", text: after[a++] });
    }
  }
  return paired(lines);
}

/** How many lines two lists have in common from [b] and [a] on. @param {string[]} before @param {string[]} after */
function commonLengths(before, after) {
  const lengths = Array.from({ length: before.length + 1 }, () =>
    new Array(after.length + 1).fill(0),
  );
  for (let b = before.length - 1; b >= 0; b--) {
    for (let a = after.length - 1; a >= 0; a--) {
      lengths[b][a] =
        before[b] === after[a]
          ? lengths[b + 1][a + 1] + 1
          : Math.max(lengths[b + 1][a], lengths[b][a + 1]);
    }
  }
  return lengths;
}

/** Puts as many lines that came behind as many that went, one by one. @param {Line[]} lines */
function paired(lines) {
  /** @type {Line[]} */
  const out = [];
  let at = 0;
  while (at < lines.length) {
    const end = lines.findIndex(({ mark }, i) => i >= at && mark === " ");
    const run = lines.slice(at, end < 0 ? lines.length : end);
    const gone = run.filter(({ mark }) => mark === "-");
    const come = run.filter(({ mark }) => mark === "+");
    if (gone.length === come.length) out.push(...gone.flatMap((line, i) => [line, come[i]]));
    else out.push(...gone, ...come);
    at += run.length;
    if (at < lines.length) out.push(lines[at++]);
  }
  return out;
}

/** @param {string} before @param {string} after */
function whereTheyPart(before, after) {
  if (Math.max(before.length, after.length) <= SHORT) return [];
  let at = 0;
  while (before[at] === after[at]) at++;
  const begin = Math.max(at - SHOWN_BEFORE, 0);
  /** @param {string} text */
  const piece = (text) => {
    const end = at + SHOWN_AFTER;
    return `${begin > 0 ? "…" : ""}${text.slice(begin, end)}${end < text.length ? "…" : ""}`;
  };
  return [
    `  ? they part at character ${at + 1}: ${piece(before)}`,
    `  ?${" ".repeat(29)}${piece(after)}`,
  ];
}
