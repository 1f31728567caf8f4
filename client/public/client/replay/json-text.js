// @ts-check
/**
 * JSON text taken apart and laid out without being parsed: what a log says stays as it was written,
 * numbers that JavaScript cannot hold among it. The text is known to be JSON.
 */

const SPACE = /\s/;
/** Characters that cannot be seen, or that move others: the escape means the same. */
const UNSEEN =
  /[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/**
 * @param {string} text
 * @param {number} at
 */
function skipSpace(text, at) {
  let end = at;
  while (end < text.length && SPACE.test(text[end] ?? "")) end++;
  return end;
}

/**
 * @param {string} text
 * @param {number} at where a string begins
 * @returns {number} where it has ended
 */
function endOfString(text, at) {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end + 1;
}

/**
 * @param {string} text
 * @param {number} at where a value begins
 * @returns {number} where it has ended
 */
function endOfValue(text, at) {
  let end = at;
  let depth = 0;
  do {
    const character = text[end] ?? "";
    if (character === '"') {
      end = endOfString(text, end);
      continue;
    }
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (depth === 0) return endOfWord(text, end);
    end++;
  } while (depth > 0 && end < text.length);
  return end;
}

/**
 * @param {string} text
 * @param {number} at where a number, true, false or null begins
 */
function endOfWord(text, at) {
  let end = at;
  while (end < text.length && !/[\s,\]}]/.test(text[end] ?? "")) end++;
  return end;
}

/**
 * @param {string} text an object
 * @returns {Map<string, string>} its members' values, as text
 */
export function membersOf(text) {
  /** @type {Map<string, string>} */
  const members = new Map();
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (at < text.length && text[at] !== "}") {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd));
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = endOfValue(text, start);
    members.set(name, text.slice(start, end));
    at = afterComma(text, end);
  }
  return members;
}

/**
 * @param {string} text an array
 * @returns {string[]} its elements, as text
 */
export function elementsOf(text) {
  /** @type {string[]} */
  const elements = [];
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (at < text.length && text[at] !== "]") {
    const end = endOfValue(text, at);
    elements.push(text.slice(at, end));
    at = afterComma(text, end);
  }
  return elements;
}

/**
 * @param {string} text
 * @param {number} at
 */
function afterComma(text, at) {
  const next = skipSpace(text, at);
  return text[next] === "," ? skipSpace(text, next + 1) : next;
}

/** The same value, a member and an element a line. @param {string} text */
export function laidOut(text) {
  /** @type {string[]} */
  const out = [];
  let depth = 0;
  const newLine = () => out.push("\n", "  ".repeat(depth));
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? "";
    if (character === '"') {
      const end = endOfString(text, at);
      out.push(visible(text.slice(at, end)));
      at = end;
      continue;
    }
    at++;
    if (SPACE.test(character)) continue;
    if (character === "{" || character === "[") {
      const close = skipSpace(text, at);
      out.push(character);
      if (text[close] === "}" || text[close] === "]") {
        out.push(text[close] ?? "");
        at = close + 1;
      } else {
        depth++;
        newLine();
      }
    } else if (character === "}" || character === "]") {
      depth--;
      newLine();
      out.push(character);
    } else {
      out.push(character === ":" ? ": " : character);
      if (character === ",") newLine();
    }
  }
  return out.join("");
}

/** @param {string} text of a JSON string */
function visible(text) {
  return text.replace(
    UNSEEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
