// What the RateLimit headers say, as a parser of RFC 9651 reads them.

import assert from "node:assert/strict";
import { parseList } from "structured-headers";

/** @typedef {{ name: string } & Record<string, number>} RateItem an item's string and its parameters */

/**
 * The items of RateLimit or RateLimit-Policy: strings with integers as parameters, and nothing else.
 * @param {string | string[] | null | undefined} field
 * @returns {RateItem[]}
 */
export function parseItems(field) {
  assert.equal(typeof field, "string", "the header is missing");
  return parseList(String(field)).map(([name, parameters]) => {
    assert.equal(typeof name, "string", `not a string: ${name}`);
    for (const [key, value] of parameters) {
      assert.ok(Number.isInteger(value), `${name}: ${key} is no integer: ${value}`);
    }
    const numbers = /** @type {Iterable<[string, number]>} */ (parameters);
    return /** @type {RateItem} */ ({ name, ...Object.fromEntries(numbers) });
  });
}

/** @param {{ headers: Headers }} response */
export function limitsOf({ headers }) {
  const policies = parseItems(headers.get("ratelimit-policy"));
  const limits = parseItems(headers.get("ratelimit"));
  const names = (/** @type {RateItem[]} */ items) => items.map(({ name }) => name);
  assert.deepEqual(names(limits), names(policies), "the two headers name different policies");
  return policies.map((policy, i) => ({ ...policy, ...limits[i] }));
}
