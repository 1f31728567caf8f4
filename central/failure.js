/** What a failed request to DynamoDB means for the record it was about. */

/** Names under which DynamoDB and the API in front of it say "too fast". */
const THROTTLED = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
]);

/**
 * The store could not answer; whether a write took place is unknown. To be tried again.
 * Every cause but throttling is UNAVAILABLE, also one that will last (a missing permission, say):
 * the fault is ours, and a record must not be given up for it.
 */
export class StoreFailure extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    const name = cause instanceof Error ? cause.name : "unknown";
    super(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "StoreFailure";
    /** @type {"THROTTLED" | "UNAVAILABLE"} */
    this.code = THROTTLED.has(name) ? "THROTTLED" : "UNAVAILABLE";
  }
}

/**
 * @param {unknown} error
 * @returns {boolean} the condition of a write did not hold
 */
export function isConditionFailed(error) {
  return error instanceof Error && error.name === "ConditionalCheckFailedException";
}

/**
 * @param {unknown} error
 * @returns {boolean} the item is above DynamoDB's 400 KB, so no later try can succeed
 */
export function isItemTooLarge(error) {
  return (
    error instanceof Error &&
    error.name === "ValidationException" &&
    /item size/i.test(error.message)
  );
}
