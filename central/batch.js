/** A batch of records, read from the bytes of a request and checked in every field. */

import { checkEpoch, checkRoom, InvalidInput } from "./check.js";
import { arrayElements, objectMembers, skipSpace } from "./json-text.js";
import { BATCH_RECORDS_MAX, FIELD_NAME_LENGTH_MAX } from "./limits.js";
import { checkRecord } from "./record.js";

/**
 * @typedef {import("./json-text.js").Member} Member
 * @typedef {import("./record.js").LogRecord} LogRecord
 * @typedef {{ room: string, epoch: string, records: LogRecord[] }} Batch
 */

/**
 * Members that are not known are ignored: the edge may add some before the central API knows them.
 *
 * @param {string} text  the request's body
 * @returns {Batch}
 * @throws {InvalidInput}
 */
export function parseBatch(text) {
  const document = parseObject(text);
  const members = uniqueMembers(text, skipSpace(text, 0), "");
  if (document.v !== 1) throw new InvalidInput("v", "must be 1");
  const room = checkRoom(document.room, "room");
  const epoch = checkEpoch(document.epoch, "epoch");
  if (!Array.isArray(document.records)) throw new InvalidInput("records", "must be an array");
  const count = document.records.length;
  if (count < 1 || count > BATCH_RECORDS_MAX) {
    throw new InvalidInput(
      "records",
      `must hold 1 to ${BATCH_RECORDS_MAX} records, holds ${count}`,
    );
  }
  const recordsStart = /** @type {Member} */ (members.get("records")).start;
  return { room, epoch, records: parseRecords(text, document.records, recordsStart) };
}

/**
 * @param {string} text
 * @returns {Record<string, unknown>}
 */
function parseObject(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own message quotes the input, which may be somebody's message.
    throw new InvalidInput("body", "is not valid JSON");
  }
  if (!isObject(document)) throw new InvalidInput("body", "must be a JSON object");
  return document;
}

/**
 * @param {string} text
 * @param {unknown[]} values  the records as JSON.parse gave them
 * @param {number} start  where the array of records stands in `text`
 * @returns {LogRecord[]}
 */
function parseRecords(text, values, start) {
  /** @type {LogRecord[]} */
  const records = [];
  let seqBefore = 0;
  for (const [index, span] of arrayElements(text, start).entries()) {
    const path = `records[${index}]`;
    const value = values[index];
    if (!isObject(value)) throw new InvalidInput(path, "must be an object");
    const content = uniqueMembers(text, span.start, `${path}.`).get("content");
    const record = checkRecord(value, content && text.slice(content.start, content.end), path);
    if (record.seq <= seqBefore) {
      throw new InvalidInput(`${path}.seq`, `must be above the seq before it, ${seqBefore}`);
    }
    seqBefore = record.seq;
    records.push(record);
  }
  return records;
}

/**
 * A key that stands twice is refused, for the parser takes the last and others take the first.
 *
 * @param {string} text
 * @param {number} start
 * @param {string} prefix  of the field's name in the error
 * @returns {Map<string, Member>}
 */
function uniqueMembers(text, start, prefix) {
  const members = new Map();
  for (const member of objectMembers(text, start)) {
    if (members.has(member.key)) {
      const field = prefix + member.key.slice(0, FIELD_NAME_LENGTH_MAX);
      throw new InvalidInput(field, "stands there twice");
    }
    members.set(member.key, member);
  }
  return members;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
