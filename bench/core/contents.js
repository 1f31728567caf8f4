// Contents of messages for benchmarks: three kinds, of about so many bytes of JSON each.

const encoder = new TextEncoder();

const ASCII = "we could meet at the station tomorrow, and let me know what you think about it. ";
/** Letters of two, three and four bytes, and what JSON has to escape. */
const BEYOND = 'Grüße aus Köln 😀 "schön" こんにちは\n\\o/ ';

/** @param {unknown} content */
const bytesOf = (content) => encoder.encode(JSON.stringify(content)).length;

/** A string that is, as JSON, as long as it can be in so many bytes. @param {string} text @param {number} bytes */
function stringOf(text, bytes) {
  const letters = Array.from(text);
  let content = "";
  let size = 2;
  for (let i = 0; ; i++) {
    const letter = letters[i % letters.length];
    size += bytesOf(letter) - 2;
    if (size > bytes) break;
    content += letter;
  }
  return content.padEnd(content.length + bytes - bytesOf(content), ".");
}

/** What a program sends: numbers, names, lists and objects in each other. @param {number} bytes */
function objectOf(bytes) {
  /** @type {Record<string, unknown>} */
  const content = { n: 1 };
  for (let i = 0; ; i++) {
    const member = { at: [i, -0.5 * i - 1], on: true, to: null };
    if (bytesOf({ ...content, [`k${i}`]: member }) + 8 > bytes) break;
    content[`k${i}`] = member;
  }
  const rest = bytes - bytesOf(content) - ',"t":""'.length;
  return rest < 0 ? content : { ...content, t: stringOf(ASCII, rest + 2) };
}

/** By kind, what makes a content of so many bytes. @type {Record<string, (bytes: number) => unknown>} */
export const KINDS = {
  text: (bytes) => stringOf(ASCII, bytes),
  object: objectOf,
  "text beyond ASCII": (bytes) => stringOf(BEYOND, bytes),
};

export const SIZES = [64, 512, 4096];
