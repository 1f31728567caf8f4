// A transcript as a document: prose, and in it fenced blocks marked `room` that together are one
// list of events, each with what came of it. tests/transcripts/README.md describes the form.

import { PayloadError, readPayload } from "./payload.js";
import { eventType } from "./vocabulary.js";

const FENCE_BEGIN = "```room";
const FENCE_END = "```";

/** What the host does or suffers, beside the events of the ABI. */
const HOST_EVENTS = ["start", "sleep", "damage", "raw", "rest"];

/**
 * An event of a transcript.
 * @typedef {object} Step
 * @property {number} line where it stands, from 1
 * @property {string[]} source its lines, as they stand there
 * @property {string} name
 * @property {Map<string, string>} options key=value
 * @property {Set<string>} flags words without a value
 * @property {number | null} atMs after the base; null: no time is given
 * @property {Uint8Array} payload
 * @property {string[]} outcome the lines that the document gives for what comes of it
 */

/** Something in a transcript that cannot be played. */
export class TranscriptError extends Error {
  /** @param {string} file @param {number} line @param {string} what */
  constructor(file, line, what) {
    super(`${file}:${line}: ${what}`);
    this.name = "TranscriptError";
  }
}

export class Document {
  /** Prose as lines, and the steps, in order. @type {(string | Step)[]} */
  #parts = [];

  /** @param {string} file what messages call it @param {string} text */
  constructor(file, text) {
    this.file = file;
    const parser = new Parser(file, text);
    this.#parts = parser.document();
  }

  /** @returns {Step[]} */
  get steps() {
    return this.#parts.filter((part) => typeof part !== "string");
  }

  /** The document with other outcomes. @param {string[][]} outcomes one for each step */
  withOutcomes(outcomes) {
    let next = 0;
    const lines = this.#parts.flatMap((part) =>
      typeof part === "string" ? [part] : [...part.source, ...outcomes[next++]],
    );
    return lines.join("\n");
  }
}

class Parser {
  /** @param {string} file @param {string} text */
  constructor(file, text) {
    this.file = file;
    this.lines = text.split("\n");
    this.at = 0;
  }

  /** @param {string} what @param {number} [line] from 1 @returns {never} */
  fail(what, line = this.at + 1) {
    throw new TranscriptError(this.file, line, what);
  }

  document() {
    /** @type {(string | Step)[]} */
    const parts = [];
    if (!this.lines[0].startsWith("# ")) this.fail("a transcript begins with a # title");
    while (this.at < this.lines.length) {
      const line = this.lines[this.at++];
      parts.push(line);
      if (line === FENCE_BEGIN) parts.push(...this.block(this.at));
      else if (line.startsWith("```")) this.fail(`a block begins with ${FENCE_BEGIN}`, this.at);
    }
    const first = parts.find((part) => typeof part !== "string");
    if (first === undefined) this.fail(`there is no event: no block begins with ${FENCE_BEGIN}`, 1);
    if (first.name !== "start") this.fail("the first event must be start", first.line);
    return parts;
  }

  /** Up to the line that ends it, which is prose again. @param {number} begin */
  block(begin) {
    /** @type {(string | Step)[]} */
    const parts = [];
    for (;;) {
      const line = this.lines[this.at];
      if (line === undefined) this.fail("this block has no end", begin);
      if (line === FENCE_END) break;
      if (line.startsWith("> ")) parts.push(this.step());
      else if (line === "") parts.push(this.lines[this.at++]);
      else if (/^[<*!] |^ {2}/.test(line))
        this.fail("what comes of an event stands right behind it");
      else this.fail('a line of a block begins with ">", "<", "*", "!" or two spaces');
    }
    this.at++;
    parts.push(FENCE_END);
    return parts;
  }

  /** @returns {Step} */
  step() {
    const line = this.at + 1;
    const head = this.lines[this.at++];
    const source = [head, ...this.indented()];
    const outcome = [];
    while (/^[<*!] /.test(this.lines[this.at] ?? "")) {
      outcome.push(this.lines[this.at++], ...this.indented());
    }
    try {
      return { line, source, outcome, ...readEvent(source) };
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      return this.fail(error.message, line);
    }
  }

  /** The lines that go on with the one before. */
  indented() {
    const lines = [];
    while (this.lines[this.at]?.startsWith("  ")) lines.push(this.lines[this.at++]);
    return lines;
  }
}

/** @param {string[]} source */
function readEvent(source) {
  const { words, rest } = splitWords(source[0].slice(2));
  const payloadLines = rest === "" ? source.slice(1).map((line) => line.slice(2)) : [rest];
  if (rest !== "" && source.length > 1) {
    throw new PayloadError("a payload stands either on the line of its event or on those below");
  }
  const payload = payloadLines.length === 0 ? new Uint8Array() : readPayload(payloadLines);
  const [name, ...others] = words;
  if (!HOST_EVENTS.includes(name) && eventType(name) === undefined) {
    throw new PayloadError(`there is no event ${JSON.stringify(name)}`);
  }
  /** @type {Map<string, string>} */
  const options = new Map();
  /** @type {Set<string>} */
  const flags = new Set();
  /** @type {number | null} */
  let atMs = null;
  for (const word of others) {
    const time = /^@([+-]\d+(?:\.\d+)?)ms$/.exec(word);
    const option = /^(\w+)=(?:"(.*)"|(.*))$/.exec(word);
    if (time) atMs = Number(time[1]);
    else if (word.startsWith("@")) throw new PayloadError(`a time is written @+100ms, not ${word}`);
    else if (!option) flags.add(word);
    else if (options.has(option[1])) throw new PayloadError(`${option[1]} is given twice`);
    else options.set(option[1], option[2] ?? option[3]);
  }
  return { name, options, flags, atMs, payload };
}

/** Words up to where a payload begins. @param {string} text */
function splitWords(text) {
  const word = /\s*((?:\w+=)"[^"]*"|[^\s|"]+)(?=\s|$)/y;
  const words = [];
  let end = 0;
  for (;;) {
    word.lastIndex = end;
    const found = word.exec(text);
    if (!found) break;
    words.push(found[1]);
    end = word.lastIndex;
  }
  const rest = text.slice(end).trimStart();
  if (rest !== "" && !rest.startsWith("|") && !rest.startsWith('"')) {
    throw new PayloadError(`this is neither a word nor a payload: ${rest}`);
  }
  return { words, rest };
}
