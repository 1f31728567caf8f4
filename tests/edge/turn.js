// A turn that lasts for as long as a test says. Which frames share a flush depends otherwise on how
// fast the machine is: the room flushes from a zero timer, after the frames that have arrived.

import { until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof import("./harness.js").startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */
/** @typedef {import("./harness.js").Told} Told */

/** Of startEdge(): zero timers wait while a turn is held. */
export const TURN_ENTRY = `
  import worker from "./index.js";
  export { Room } from "./index.js";
  let isHeld = false;
  const inTime = globalThis.setTimeout;
  globalThis.setTimeout = (call, ms, ...rest) => {
    if (ms !== 0) return inTime(call, ms, ...rest);
    const look = () => isHeld ? inTime(look, 1) : call();
    return inTime(look, 0);
  };
  export default {
    fetch(request, env, ctx) {
      if (new URL(request.url).pathname !== "/test/turn") return worker.fetch(request, env, ctx);
      isHeld = request.method === "PUT";
      return new Response();
    },
  };`;

/**
 * Sends frames that one flush will take, in this order.
 * @param {Edge} edge
 * @param {[Client, ...(Told | string)[]][]} said who says what
 */
export async function inOneTurn(edge, said) {
  await edge.fetch("/test/turn", { method: "PUT" });
  try {
    for (const [client, ...frames] of said) {
      for (const frame of frames) client.send(frame);
      await taken(client);
    }
  } finally {
    await edge.fetch("/test/turn", { method: "DELETE" });
  }
}

/** Waits until the room has taken what was sent: this is answered without a flush. @param {Client} client */
async function taken(client) {
  const ref = crypto.randomUUID();
  client.send({ type: "ping", ref });
  await until(
    async () => client.all("pong"),
    (pongs) => pongs.some((pong) => pong.ref === ref),
  );
}
