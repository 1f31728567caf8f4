// @ts-check
/** What a moderator asks of the running edgeroom at EDGEROOM_URL over HTTP. */
import assert from "node:assert/strict";

/** One of MODERATOR_TOKENS; else what scripts/dev takes. */
export const MODERATOR_TOKEN = process.env.EDGEROOM_MODERATOR_TOKEN ?? "dev-moderator";

/**
 * @param {string} method
 * @param {string} path below /api/rooms/
 * @param {object} [body]
 * @returns {Promise<string>} what it answers
 */
export async function askAsModerator(method, path, body) {
  const headers = { Authorization: `Bearer ${MODERATOR_TOKEN}` };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(new URL(`/api/rooms/${path}`, process.env.EDGEROOM_URL), {
    method,
    headers,
    ...content,
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}
