// Bytes as a line of text that can be read, and back. No two payloads look the same.
//
//   | {"type":"ping"}                text, as it is, up to the end of the line
//   "\x01\x00lobby"                  other bytes: printable ASCII stands for itself, the rest is
//                                    \n, \r, \t, \", \\ or \xNN
//   5000 bytes, sha256 1f3a…         what would be too long to read
//
// A transcript may also put quoted parts together and repeat them: "{\"content\":\"" "x" * 5000 "\"}".

import { createHash } from "node:crypto";

/** Longer payloads are shown by their size and hash. */
const SHOWN_BYTES_MAX = 4096;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** What cannot be seen, or told from something else that looks like it. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/** @type {Record<string, string>} */
const ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
/** @type {Record<string, string>} */
const UNESCAPES = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** A payload that is written wrongly. */
export class PayloadError extends Error {}

/**
 * One line for each line of a text, and one for all else.
 * @param {Uint8Array} bytes not empty
 * @returns {string[]}
 */
export function showPayload(bytes) {
  if (bytes.length > SHOWN_BYTES_MAX) {
    const hash = createHash("sha256").update(bytes).digest("hex");
    return [`${bytes.length} bytes, sha256 ${hash}`];
  }
  const lines = textLines(bytes);
  return lines ? lines.map((line) => `| ${line}`) : [quoted(bytes)];
}

/**
 * The lines of a text that can be shown as it is; nothing for other bytes.
 * @param {Uint8Array} bytes
 */
function textLines(bytes) {
  let text;
  try {
    text = decoder.decode(bytes);
  } catch {
    return undefined;
  }
  const lines = text.split("\n");
  // An editor may drop spaces at the end of a line, and nobody sees them.
  const seen = lines.every((line) => line !== "" && !line.endsWith(" ") && !UNSEEN.test(line));
  return seen ? lines : undefined;
}

/** @param {Uint8Array} bytes */
function quoted(bytes) {
  let text = "";
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (character in ESCAPES) text += ESCAPES[character];
    else if (byte >= 0x20 && byte < 0x7f) text += character;
    else text += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${text}"`;
}

/**
 * The bytes of a payload that stands in these lines, in any form but that of a hash.
 * @param {string[]} lines
 */
export function readPayload(lines) {
  if (lines.every((line) => line.startsWith("|"))) {
    for (const line of lines) {
      if (!line.startsWith("| ")) throw new PayloadError('a line of text begins with "| "');
    }
    return encoder.encode(lines.map((line) => line.slice(2)).join("\n"));
  }
  if (lines.length > 1) throw new PayloadError("a quoted payload is one line");
  return readQuoted(lines[0]);
}

/** @param {string} line */
function readQuoted(line) {
  const part = /\s*("(?:[^"\\]|\\.)*")(?:\s*\*\s*(\d+))?\s*/y;
  /** @type {Buffer[]} */
  const parts = [];
  while (part.lastIndex < line.length) {
    const at = part.lastIndex;
    const found = part.exec(line);
    if (!found) throw new PayloadError(`neither | text nor "quoted bytes": ${line.slice(at)}`);
    const bytes = unquoted(found[1].slice(1, -1));
    for (let i = Number(found[2] ?? 1); i > 0; i--) parts.push(bytes);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** @param {string} text what stands between the quotes */
function unquoted(text) {
  const bytes = text.replace(/\\x([0-9a-f]{2})|\\(.)|[^ -~]/g, (all, hex, escaped) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (escaped in UNESCAPES) return UNESCAPES[escaped];
    throw new PayloadError(`${JSON.stringify(all)} in quotes: write it as \\xNN, byte by byte`);
  });
  return Buffer.from(bytes, "latin1");
}
