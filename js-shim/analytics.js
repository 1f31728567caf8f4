// Data points for Workers Analytics Engine, where a dataset is bound: docs/OPERATIONS.md has the
// columns, and the queries that read them.

import { reasonOf } from "./reason.js";

/** @import { Decision } from "./edge-core.js" */

/** The platform's limit for an index, in bytes. What stands there is ASCII. */
const INDEX_BYTES_MAX = 96;

/**
 * What is only looked at must cost nobody an answer, or a room its object.
 * @param {AnalyticsEngineDataset | undefined} dataset
 * @param {string} index
 * @param {string[]} blobs
 * @param {number[]} doubles
 */
export function writePoint(dataset, index, blobs, doubles) {
  try {
    dataset?.writeDataPoint({ indexes: [index.slice(0, INDEX_BYTES_MAX)], blobs, doubles });
  } catch (error) {
    const reason = reasonOf(error);
    console.warn(JSON.stringify({ level: "warn", event: "data_point_lost", of: index, reason }));
  }
}

/**
 * @param {AnalyticsEngineDataset | undefined} dataset
 * @param {Decision} decision
 * @param {number} status
 */
export function countRequest(dataset, { route, room, policy }, status) {
  writePoint(dataset, route, ["request", room, route, String(status), policy], [1]);
}
