import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Takes the same time whatever the first difference is.
 *
 * @param {string} a
 * @param {string} b
 */
export function sameText(a, b) {
  const digest = (/** @type {string} */ text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
