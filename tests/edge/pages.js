// A room's messages, read page by page: over HTTP, by socket, and from the central store.

import assert from "node:assert/strict";
import { AwsClient } from "aws4fetch";
import { CREDENTIALS, search, until } from "./harness.js";

/** @typedef {{seq: number, ts: number, user: string, id?: string, content?: any, deleted?: true, by?: string}} Message */
/** @typedef {{epoch: string | null, messages: Message[], more: boolean, partial?: true}} Page */
/** @typedef {(query: Record<string, string | number>) => Promise<Page>} ReadPage */

/** @param {string} url of the edge @param {string} room @returns {ReadPage} */
export function overHttp(url, room) {
  return async (query) => {
    const response = await fetch(`${url}/api/rooms/${room}/messages?${search(query)}`);
    assert.equal(response.status, 200, await response.clone().text());
    return /** @type {Promise<Page>} */ (response.json());
  };
}

/** @param {import("./harness.js").Client} client @returns {ReadPage} */
export function bySocket(client) {
  return async (query) => {
    const ref = crypto.randomUUID();
    client.send({ type: "history", ref, ...query });
    return /** @type {Promise<any>} */ (client.next("history", (o) => o.ref === ref));
  };
}

/** @param {string} url of the central API @param {string} room @param {string} epoch @returns {ReadPage} */
export function fromCentral(url, room, epoch) {
  const aws = new AwsClient({ ...CREDENTIALS, service: "execute-api", retries: 0 });
  return async (query) => {
    const path = `/v1/rooms/${room}/messages?${search({ epoch, ...query })}`;
    const response = await aws.fetch(url + path);
    assert.equal(response.status, 200, await response.clone().text());
    return /** @type {Promise<Page>} */ (response.json());
  };
}

/**
 * A page, asked for again while the room cannot reach the central API for a part of it.
 * @param {ReadPage} read
 * @param {Record<string, string | number>} query
 */
async function wholePage(read, query) {
  return until(
    () => read(query),
    (page) => page.partial === undefined,
  );
}

/**
 * All messages, from the oldest. Every page must go on where the last one ended.
 * @param {ReadPage} read
 * @param {number} [limit] messages a page
 */
export async function walkForwards(read, limit = 100) {
  /** @type {Message[]} */
  const messages = [];
  for (;;) {
    const page = await wholePage(read, { after: messages.at(-1)?.seq ?? 0, limit });
    checkPage(page, limit);
    for (const message of page.messages) {
      assert.ok(message.seq > (messages.at(-1)?.seq ?? 0), `${message.seq} comes again`);
      messages.push(message);
    }
    if (!page.more) return messages;
    assert.ok(page.messages.length > 0, "a page without messages says that there are more");
  }
}

/**
 * All messages, from the newest; ascending as well.
 * @param {ReadPage} read
 * @param {number} [limit]
 */
export async function walkBackwards(read, limit = 100) {
  /** @type {Message[]} */
  let messages = [];
  for (;;) {
    const oldest = messages[0]?.seq;
    /** @type {Record<string, number>} */
    const bound = oldest === undefined ? {} : { before: oldest };
    const page = await wholePage(read, { ...bound, limit });
    checkPage(page, limit);
    const newest = page.messages.at(-1)?.seq ?? 0;
    assert.ok(oldest === undefined || newest < oldest, `${newest} comes again`);
    messages = [...page.messages, ...messages];
    if (!page.more) return messages;
    assert.ok(page.messages.length > 0, "a page without messages says that there are more");
  }
}

/** @param {Page} page @param {number} limit */
function checkPage({ messages }, limit) {
  assert.ok(messages.length <= limit, `${messages.length} messages, asked for ${limit}`);
  for (const [i, { seq }] of messages.entries()) {
    assert.ok(i === 0 || seq > messages[i - 1].seq, `${seq} after ${messages[i - 1]?.seq}`);
  }
}

/** A message as anybody may compare it: what a deletion leaves of it, if it is deleted. @param {Message} message */
export function comparable({ seq, ts, user, id, content, deleted }) {
  return deleted ? { seq, ts, user, deleted } : { seq, ts, user, id, content };
}
