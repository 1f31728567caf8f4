/** The checks of single values that both a batch and a query are made of. */

import { EPOCH_LENGTH_MAX, SEQ_MAX } from "./limits.js";

/** Input that breaks the contract. `field` names where, `message` says what is wrong. */
export class InvalidInput extends Error {
  /**
   * @param {string} field
   * @param {string} detail
   */
  constructor(field, detail) {
    super(detail);
    this.name = "InvalidInput";
    this.field = field;
  }
}

const ROOM = /^[A-Za-z0-9._~-]{1,128}$/;
const EPOCH = new RegExp(`^[A-Za-z0-9._~-]{1,${EPOCH_LENGTH_MAX}}$`);

/**
 * @param {unknown} value
 * @param {string} field
 * @returns {string}
 */
export function checkRoom(value, field) {
  if (typeof value !== "string" || !ROOM.test(value) || value === "." || value === "..") {
    throw new InvalidInput(field, "must be 1 to 128 of A-Z a-z 0-9 . _ ~ - and not . or ..");
  }
  return value;
}

/**
 * The sort key joins its parts with `#`, so an epoch never holds one.
 *
 * @param {unknown} value
 * @param {string} field
 * @returns {string}
 */
export function checkEpoch(value, field) {
  if (typeof value !== "string" || !EPOCH.test(value)) {
    throw new InvalidInput(field, `must be 1 to ${EPOCH_LENGTH_MAX} of A-Z a-z 0-9 . _ ~ -`);
  }
  return value;
}

/**
 * Length counts characters (code points), as the contract does. A lone surrogate is refused: it has
 * no UTF-8 form, so the store could not give it back.
 *
 * @param {unknown} value
 * @param {string} field
 * @param {number} lengthMax
 * @returns {string}
 */
export function checkText(value, field, lengthMax) {
  if (typeof value !== "string") throw new InvalidInput(field, "must be a string");
  if (!value.isWellFormed()) throw new InvalidInput(field, "must not hold a lone surrogate");
  const length = [...value].length;
  if (length < 1 || length > lengthMax) {
    throw new InvalidInput(field, `must have 1 to ${lengthMax} characters, has ${length}`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} field
 * @returns {number}
 */
export function checkSeq(value, field) {
  if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > SEQ_MAX) {
    throw new InvalidInput(field, `must be an integer from 1 to ${SEQ_MAX}`);
  }
  return Number(value);
}

/**
 * @param {unknown} value
 * @param {string} field
 * @returns {number}
 */
export function checkTimeMs(value, field) {
  if (!Number.isSafeInteger(value) || Number(value) < 0) {
    throw new InvalidInput(field, "must be a time in whole milliseconds since 1970");
  }
  return Number(value);
}
