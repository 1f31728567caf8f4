/**
 * Closes the loop of moderation: looks at every message that was stored, and has the room delete what it
 * refuses. The room tells everybody, and forwards the deletion, so the content goes from the central
 * store as well.
 *
 *     EDGEROOM_URL      the Worker: https://rooms.example
 *     MODERATOR_TOKEN   one of its MODERATOR_TOKENS, or a JWT of a moderator
 *     REFUSED_WORDS     separated by commas; `refuses` is where a better judge would stand
 */

import { log, parseJson, parsePersisted, setting } from "./events.mjs";

/** @typedef {import("./events.mjs").Persisted} Persisted */

/** Who has judged, as everybody in the room is told. */
const BY = "moderation";

const TIMEOUT_MS = 10_000;

/**
 * Answers that another try would not change: done; gone already; the room has begun a new epoch since,
 * and holds nothing of the old one any more.
 */
const FINAL = new Set([200, 404, 409]);

/**
 * @param {import("./events.mjs").QueueEvent} event
 * @returns {Promise<import("./events.mjs").QueueAnswer>}
 */
export async function handler({ Records }) {
  const batchItemFailures = [];
  for (const { messageId, body } of Records) {
    try {
      const persisted = parsePersisted(body);
      if (isRefused(persisted)) await remove(persisted);
    } catch (error) {
      log("to be tried again", { messageId, reason: String(error) });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}

/** @param {Persisted} persisted */
function isRefused({ room, epoch, record }) {
  if (record.type !== "message" || record.deleted) return false;
  if (record.content_omitted) log("too long to be judged", { room, epoch, seq: record.seq });
  return record.content_json !== undefined && refuses(textsIn(parseJson(record.content_json)));
}

/**
 * @param {string[]} texts  every text in a message's content
 * @returns {boolean}
 */
function refuses(texts) {
  const words = setting("REFUSED_WORDS").toLowerCase().split(",");
  const refused = new Set(words.map((word) => word.trim()).filter(Boolean));
  return texts.some((text) =>
    text
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .some((word) => refused.has(word)),
  );
}

/**
 * @param {unknown} content
 * @returns {string[]}
 */
function textsIn(content) {
  const texts = [];
  // Contents are nested 64 deep at most; a list of what is left needs no recursion all the same.
  const left = [content];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === "string") texts.push(value);
    else if (typeof value === "object" && value !== null) {
      if (!Array.isArray(value)) texts.push(...Object.keys(value));
      left.push(...Object.values(value));
    }
  }
  return texts;
}

/** @param {Persisted} persisted */
async function remove({ room, epoch, record: { seq } }) {
  const url = new URL(`/api/rooms/${room}/messages/${seq}`, setting("EDGEROOM_URL"));
  // With its epoch the verdict names this message for good, however late it comes.
  url.searchParams.set("epoch", epoch);
  url.searchParams.set("by", BY);
  const answer = await fetch(url, {
    method: "DELETE",
    headers: { authorization: `Bearer ${setting("MODERATOR_TOKEN")}` },
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  const { status } = answer;
  log("asked for a deletion", { room, epoch, seq, status });
  if (!FINAL.has(status)) throw new Error(`the room answers ${status}`);
}
