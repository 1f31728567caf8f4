/**
 * RecordPersisted, as it comes out of a queue that an EventBridge rule fills. What is in it says
 * central/stream.js: at least once, in any order.
 *
 * @typedef {object} PersistedRecord
 * @property {"message" | "delete" | "moderation"} type
 * @property {number} seq
 * @property {number} ts  milliseconds since 1970
 * @property {string} [user]
 * @property {string} [id]
 * @property {string} [content_json]  the content's JSON text
 * @property {true} [content_omitted]  it was too long for an event
 * @property {true} [deleted]
 * @property {string} [by]
 * @property {number} [target]
 * @property {string} [action]
 * @property {number} [until]
 * @property {string} [reason]
 *
 * @typedef {{ room: string, epoch: string, record: PersistedRecord }} Persisted
 * @typedef {{ Records: { messageId: string, body: string }[] }} QueueEvent  of Amazon SQS
 * @typedef {{ batchItemFailures: { itemIdentifier: string }[] }} QueueAnswer  the messages to deliver again
 */

/**
 * @param {string} body  of a message in the queue
 * @returns {Persisted}
 * @throws {Error} when it is something else, which another try would not mend: after some, the queue puts it aside
 */
export function parsePersisted(body) {
  const { "detail-type": type, detail } = parseJson(body) ?? {};
  if (type !== "RecordPersisted" || detail?.v !== 1) throw new Error("this is no RecordPersisted");
  const { room, epoch, record } = detail;
  if (typeof room !== "string" || typeof epoch !== "string" || !Number.isInteger(record?.seq)) {
    throw new Error("RecordPersisted lacks room, epoch or seq");
  }
  return { room, epoch, record };
}

/**
 * The parser's own error would quote the text, which may be somebody's message.
 *
 * @param {string} text
 * @returns {any}
 */
export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("this is no JSON");
  }
}

/**
 * Settings are read at the first event: one that is missing fails loudly, and is named.
 *
 * @param {string} name
 * @returns {string}
 */
export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** @param {string} message @param {Record<string, unknown>} fields  never content or tokens */
export function log(message, fields) {
  process.stdout.write(`${JSON.stringify({ message, ...fields })}\n`);
}
