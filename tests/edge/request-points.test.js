// What the Worker counts of requests, where a dataset of Analytics Engine is bound.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newRoom, startEdge, until } from "./harness.js";

/**
 * A Worker with a dataset: there is none locally, so its data points become lines of the log.
 * @param {string} write what it does with one
 */
const withDataset = (write) => `
  import worker, { Room } from "./index.js";
  const ANALYTICS = { writeDataPoint(point) { ${write} } };
  export { Room };
  export default { fetch: (request, env, ctx) => worker.fetch(request, { ...env, ANALYTICS }, ctx) };`;

/** @param {{ logs: string[] }} edge */
function pointsOf({ logs }) {
  return logs
    .filter((line) => line.startsWith("point "))
    .map((line) => JSON.parse(line.slice("point ".length)));
}

describe("requests, as they are counted", () => {
  it("are a data point each, with route, room, status and the policy that denied", async () => {
    const edge = await startEdge({
      entry: withDataset('console.log("point " + JSON.stringify(point));'),
      vars: { RATE_LIMITS: '[{"name":"two","key":"ip","limit":2,"window_s":60}]' },
    });
    try {
      const room = newRoom();
      await edge.join(room, { user: "ana" });
      await edge.fetch(`/api/rooms/${room}`);
      await edge.fetch(`/api/rooms/${room}/messages?token=secret`);
      await edge.fetch("/health");
      await edge.fetch("/client/nothing.js");
      const points = await until(
        async () => pointsOf(edge),
        (all) => all.length >= 5,
      );
      assert.deepEqual(
        points.map(({ blobs }) => blobs),
        [
          ["request", room, "join", "101", ""],
          ["request", room, "room", "200", ""],
          // It was denied before anybody looked which room it is.
          ["request", "", "messages", "429", "two"],
          ["request", "", "health", "200", ""],
          ["request", "", "page", "404", ""],
        ],
      );
      for (const { indexes, doubles, blobs } of points) {
        assert.deepEqual(indexes, [blobs[2]]);
        assert.deepEqual(doubles, [1]);
      }
    } finally {
      await edge.close();
    }
  });

  it("are answered though nothing can be counted", async () => {
    const edge = await startEdge({ entry: withDataset('throw new Error("full");') });
    try {
      assert.equal((await edge.fetch("/health")).status, 200);
      const lines = await until(
        async () => edge.logs.filter((line) => line.includes("data_point_lost")),
        (found) => found.length > 0,
      );
      const { level, reason } = JSON.parse(lines[0]);
      assert.deepEqual({ level, reason }, { level: "warn", reason: "full" });
    } finally {
      await edge.close();
    }
  });
});
