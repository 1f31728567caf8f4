// Errors of the HTTP surface: problem details (RFC 9457).

import assert from "node:assert/strict";

/**
 * Checks that an answer is problem details, and returns them.
 * @param {Response} response
 * @param {number} status
 */
export async function problem(response, status) {
  assert.equal(response.status, status, response.url);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const text = await response.text();
  const body = JSON.parse(text);
  for (const name of ["type", "title", "detail"]) assert.equal(typeof body[name], "string", text);
  assert.equal(body.status, status);
  if (status !== 500) assert.notEqual(body.title, "Internal Server Error");
  assert.doesNotMatch(text, /\bat .*\.js|stack/i);
  return body;
}
