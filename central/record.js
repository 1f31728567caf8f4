/** One record of a room's log, as the edge sends it: a message, a deletion or a moderation. */

import { createHash } from "node:crypto";
import { checkSeq, checkText, checkTimeMs, InvalidInput } from "./check.js";
import { ID_LENGTH_MAX, REASON_LENGTH_MAX, USER_LENGTH_MAX } from "./limits.js";

/**
 * A message has either `content`, the JSON text it came in, or `deleted`.
 *
 * @typedef {{ type: "message", seq: number, ts: number, user: string, id?: string,
 *   content?: string, deleted?: true }} Message
 * @typedef {{ type: "delete", seq: number, ts: number, target: number, by: string }} Deletion
 * @typedef {{ type: "moderation", seq: number, ts: number, action: string, user: string, by: string,
 *   until?: number, reason?: string }} Moderation
 * @typedef {Message | Deletion | Moderation} LogRecord
 */

const ACTIONS = ["kick", "ban", "unban", "mute", "unmute"];

/**
 * @param {Record<string, unknown>} value  the record as JSON.parse gave it
 * @param {string | undefined} content  the text of its content, if it has one
 * @param {string} path  where it stands in the batch: `records[3]`
 * @returns {LogRecord}
 */
export function checkRecord(value, content, path) {
  const seq = checkSeq(value.seq, `${path}.seq`);
  switch (value.type) {
    case "message":
      return checkMessage(value, content, path, seq);
    case "delete":
      return checkDeletion(value, path, seq);
    case "moderation":
      return checkModeration(value, path, seq);
    default:
      throw new InvalidInput(`${path}.type`, "must be message, delete or moderation");
  }
}

/**
 * @param {Record<string, unknown>} value
 * @param {string | undefined} content
 * @param {string} path
 * @param {number} seq
 * @returns {Message}
 */
function checkMessage(value, content, path, seq) {
  const ts = checkTimeMs(value.ts, `${path}.ts`);
  const user = checkText(value.user, `${path}.user`, USER_LENGTH_MAX);
  /** @type {Message} */
  const message = { type: "message", seq, ts, user };
  if (value.id !== undefined) message.id = checkText(value.id, `${path}.id`, ID_LENGTH_MAX);
  if (value.deleted === undefined) {
    if (content === undefined) throw new InvalidInput(`${path}.content`, "is missing");
    message.content = content;
    return message;
  }
  if (value.deleted !== true) {
    throw new InvalidInput(`${path}.deleted`, "must be true or left out");
  }
  if (content !== undefined) {
    throw new InvalidInput(`${path}.content`, "must be left out of a deleted message");
  }
  message.deleted = true;
  return message;
}

/**
 * @param {Record<string, unknown>} value
 * @param {string} path
 * @param {number} seq
 * @returns {Deletion}
 */
function checkDeletion(value, path, seq) {
  const ts = checkTimeMs(value.ts, `${path}.ts`);
  const target = checkSeq(value.target, `${path}.target`);
  if (target >= seq) {
    throw new InvalidInput(`${path}.target`, `must be below the record's own seq, ${seq}`);
  }
  const by = checkText(value.by, `${path}.by`, USER_LENGTH_MAX);
  return { type: "delete", seq, ts, target, by };
}

/**
 * @param {Record<string, unknown>} value
 * @param {string} path
 * @param {number} seq
 * @returns {Moderation}
 */
function checkModeration(value, path, seq) {
  const ts = checkTimeMs(value.ts, `${path}.ts`);
  if (typeof value.action !== "string" || !ACTIONS.includes(value.action)) {
    throw new InvalidInput(`${path}.action`, `must be one of ${ACTIONS.join(", ")}`);
  }
  const user = checkText(value.user, `${path}.user`, USER_LENGTH_MAX);
  const by = checkText(value.by, `${path}.by`, USER_LENGTH_MAX);
  /** @type {Moderation} */
  const moderation = { type: "moderation", seq, ts, action: value.action, user, by };
  if (value.until !== undefined) moderation.until = checkTimeMs(value.until, `${path}.until`);
  if (value.reason !== undefined) {
    moderation.reason = checkText(value.reason, `${path}.reason`, REASON_LENGTH_MAX);
  }
  return moderation;
}

/**
 * The SHA-256 that tells a second delivery of a record from another record with the same seq. It is
 * taken over a list with a fixed order, so neither white space nor the order of members counts,
 * except inside a content, which is compared as its text.
 *
 * @param {LogRecord} record
 * @returns {string} 64 hex digits
 */
export function recordHash(record) {
  return createHash("sha256")
    .update(JSON.stringify(canonical(record)))
    .digest("hex");
}

/** @param {LogRecord} record */
function canonical(record) {
  switch (record.type) {
    case "message": {
      const { seq, ts, user, id = null, content = null } = record;
      return ["message", seq, ts, user, id, content];
    }
    case "delete":
      return ["delete", record.seq, record.ts, record.target, record.by];
    case "moderation": {
      const { seq, ts, action, user, by, until = null, reason = null } = record;
      return ["moderation", seq, ts, action, user, by, until, reason];
    }
  }
}
