/**
 * Finds where the values of a JSON document stand in its text, so that a value can be carried as the
 * text it came in. Parsing and writing it again would ruin 12345678901234567890, 1e400 and escapes.
 *
 * Every function needs text that `JSON.parse` has accepted: the grammar is checked there, and here
 * strings and brackets are only counted. Nothing recurses, so nesting costs no stack.
 *
 * @typedef {{ start: number, end: number }} Span  `text.slice(start, end)` is the value
 * @typedef {{ key: string } & Span} Member
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Ends with an error, instead of never, when the text is not what was promised.
 *
 * @param {string} text
 * @param {number} i
 * @returns {number}
 */
function codeAt(text, i) {
  if (i >= text.length) throw new Error("the text was not checked to be JSON");
  return text.charCodeAt(i);
}

/** @param {number} code */
function isSpace(code) {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/**
 * @param {string} text
 * @param {number} start
 * @returns {number} the first index from `start` on that is not white space
 */
export function skipSpace(text, start) {
  let i = start;
  while (isSpace(text.charCodeAt(i))) i += 1;
  return i;
}

/**
 * @param {string} text
 * @param {number} start  index of the opening quote
 * @returns {number} the index after the closing quote
 */
function skipString(text, start) {
  let i = start + 1;
  for (;;) {
    const code = codeAt(text, i);
    if (code === QUOTE) return i + 1;
    i += code === BACKSLASH ? 2 : 1;
  }
}

/**
 * @param {string} text
 * @param {number} start  index of the opening bracket
 * @returns {number} the index after the bracket that closes it
 */
function skipNested(text, start) {
  let depth = 0;
  let i = start;
  for (;;) {
    const code = codeAt(text, i);
    if (code === QUOTE) {
      i = skipString(text, i);
      continue;
    }
    i += 1;
    if (code === OPEN_ARRAY || code === OPEN_OBJECT) depth += 1;
    if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
}

/**
 * @param {string} text
 * @param {number} start  first character of a number, true, false or null
 * @returns {number} the index after it
 */
function skipLiteral(text, start) {
  let i = start;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT || isSpace(code)) break;
    i += 1;
  }
  return i;
}

/**
 * @param {string} text
 * @param {number} start  first character of any value
 * @returns {number} the index after it
 */
function skipValue(text, start) {
  const code = text.charCodeAt(start);
  if (code === QUOTE) return skipString(text, start);
  if (code === OPEN_ARRAY || code === OPEN_OBJECT) return skipNested(text, start);
  return skipLiteral(text, start);
}

/**
 * @param {string} text
 * @param {number} end  index after a member or an element
 * @returns {number} index of the next one, or of the closing bracket
 */
function skipSeparator(text, end) {
  const i = skipSpace(text, end);
  return text.charCodeAt(i) === COMMA ? skipSpace(text, i + 1) : i;
}

/**
 * @param {string} text
 * @param {number} start  index of the object's opening bracket
 * @returns {Member[]} its members in their order, a repeated key as often as it stands there
 */
export function objectMembers(text, start) {
  const members = [];
  let i = skipSpace(text, start + 1);
  while (codeAt(text, i) !== CLOSE_OBJECT) {
    const keyEnd = skipString(text, i);
    const key = JSON.parse(text.slice(i, keyEnd));
    const colon = skipSpace(text, keyEnd);
    const valueStart = skipSpace(text, colon + 1);
    const end = skipValue(text, valueStart);
    members.push({ key, start: valueStart, end });
    i = skipSeparator(text, end);
  }
  return members;
}

/**
 * @param {string} text
 * @param {number} start  index of the array's opening bracket
 * @returns {Span[]} its elements in their order
 */
export function arrayElements(text, start) {
  const elements = [];
  let i = skipSpace(text, start + 1);
  while (codeAt(text, i) !== CLOSE_ARRAY) {
    const end = skipValue(text, i);
    elements.push({ start: i, end });
    i = skipSeparator(text, end);
  }
  return elements;
}
