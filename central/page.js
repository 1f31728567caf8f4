/** One page of a room's messages: what is asked for, and the answer's text. */

import { checkEpoch, InvalidInput } from "./check.js";
import {
  PAGE_CONTENT_UNITS_MAX,
  PAGE_MESSAGES_DEFAULT,
  PAGE_MESSAGES_MAX,
  SEQ_DIGITS,
  SEQ_MAX,
} from "./limits.js";
import { allRecords, recordSortKey } from "./table.js";

/**
 * @typedef {import("./store.js").Store} Store
 * @typedef {import("./store.js").StoredMessage} StoredMessage
 * @typedef {{ epoch?: string, after?: number, before?: number, limit: number }} PageQuery
 */

const SEQ = new RegExp(`^[0-9]{1,${SEQ_DIGITS}}$`);

/**
 * @param {Record<string, string | undefined>} parameters
 * @returns {PageQuery}
 * @throws {InvalidInput}
 */
export function parsePageQuery(parameters) {
  /** @type {PageQuery} */
  const query = { limit: parseLimit(parameters.limit) };
  if (parameters.epoch !== undefined) query.epoch = checkEpoch(parameters.epoch, "epoch");
  if (parameters.after !== undefined) query.after = parseBound(parameters.after, "after");
  if (parameters.before !== undefined) query.before = parseBound(parameters.before, "before");
  if (query.after !== undefined && query.before !== undefined) {
    throw new InvalidInput("before", "cannot be given together with after");
  }
  return query;
}

/**
 * @param {string | undefined} text
 * @returns {number}
 */
function parseLimit(text) {
  if (text === undefined) return PAGE_MESSAGES_DEFAULT;
  const limit = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > PAGE_MESSAGES_MAX) {
    throw new InvalidInput("limit", `must be an integer from 1 to ${PAGE_MESSAGES_MAX}`);
  }
  return limit;
}

/**
 * @param {string} text
 * @param {string} field
 * @returns {number}
 */
function parseBound(text, field) {
  if (!SEQ.test(text)) throw new InvalidInput(field, `must be an integer from 0 to ${SEQ_MAX}`);
  return Number(text);
}

/**
 * Reads one page. With an epoch: its messages. Without one: those of all epochs, the newest epoch
 * last; each message then names its epoch, and a bound is a seq of the newest epoch.
 *
 * @param {Store} store
 * @param {string} room
 * @param {PageQuery} query
 * @returns {Promise<string>} the answer as JSON text, each content exactly as it was received
 */
export async function readPage(store, room, query) {
  const epoch = query.epoch ?? (await store.head(room))?.epoch ?? null;
  const range = epoch === null ? undefined : pageRange(query, epoch);
  const page = range ? await collect(store, room, range, query.limit) : EMPTY;
  const messages = range?.newestFirst ? page.messages.toReversed() : page.messages;
  const texts = messages.map((message) => messageText(message, query.epoch === undefined));
  return (
    `{"v":1,"room":${JSON.stringify(room)},"epoch":${JSON.stringify(epoch)},` +
    `"messages":[${texts.join(",")}],"more":${page.more}}`
  );
}

/** @type {{ messages: StoredMessage[], more: boolean }} */
const EMPTY = { messages: [], more: false };

/**
 * @param {PageQuery} query
 * @param {string} epoch  the one that a bound belongs to
 * @returns {{ from: string, to: string, newestFirst: boolean } | undefined} undefined: nothing can
 *   be there
 */
function pageRange({ epoch: asked, after, before }, epoch) {
  const from = asked === undefined ? allRecords.from : recordSortKey(epoch, 0);
  const to = asked === undefined ? allRecords.to : recordSortKey(epoch, SEQ_MAX);
  if (after !== undefined) {
    if (after === SEQ_MAX) return undefined;
    return { from: recordSortKey(epoch, after + 1), to, newestFirst: false };
  }
  if (before !== undefined) {
    // Seqs begin at 1, so what is before 0 is what is before 1: earlier epochs, or nothing.
    return { from, to: recordSortKey(epoch, Math.max(before - 1, 0)), newestFirst: true };
  }
  return { from, to, newestFirst: true };
}

/**
 * @param {Store} store
 * @param {string} room
 * @param {{ from: string, to: string, newestFirst: boolean }} range
 * @param {number} limit
 */
async function collect(store, room, range, limit) {
  /** @type {StoredMessage[]} */
  const messages = [];
  let contentUnits = 0;
  // The one above the limit proves that there is more.
  for await (const message of store.messages(room, range, limit + 1)) {
    contentUnits += message.content?.length ?? 0;
    const full = messages.length === limit || contentUnits > PAGE_CONTENT_UNITS_MAX;
    if (full && messages.length > 0) return { messages, more: true };
    messages.push(message);
  }
  return { messages, more: false };
}

/**
 * @param {StoredMessage} message
 * @param {boolean} withEpoch
 * @returns {string}
 */
function messageText({ epoch, seq, ts, user, id, content, deleted, by }, withEpoch) {
  const head = JSON.stringify({ epoch: withEpoch ? epoch : undefined, seq, ts, user, id });
  const rest = deleted ? JSON.stringify({ deleted: true, by }).slice(1) : `"content":${content}}`;
  return `${head.slice(0, -1)},${rest}`;
}
