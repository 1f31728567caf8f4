// What is left that could wake a room, or keep it awake, without anybody wanting something of it: timers
// and requests under way of all rooms together, and each room's alarm. Asking does not wake the room's
// core.

/** @typedef {Awaited<ReturnType<typeof import("./harness.js").startEdge>>} Edge */

/** Of startEdge(): tells what is left. */
export const IDLE_ENTRY = `
  import worker, { Room as Inner } from "./index.js";

  const timers = new Set();
  const inTime = globalThis.setTimeout;
  const never = globalThis.clearTimeout;
  globalThis.setTimeout = (call, ...rest) => {
    const timer = inTime(() => {
      timers.delete(timer);
      call();
    }, ...rest);
    timers.add(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    never(timer);
  };

  let requests = 0;
  const ask = globalThis.fetch;
  globalThis.fetch = async (...what) => {
    requests++;
    try {
      return await ask(...what);
    } finally {
      requests--;
    }
  };

  export class Room extends Inner {
    async fetch(request) {
      if (new URL(request.url).pathname !== "/test/alarm") return super.fetch(request);
      return Response.json(await this.ctx.storage.getAlarm());
    }
  }

  export default {
    async fetch(request, env, ctx) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname !== "/test/idle") return worker.fetch(request, env, ctx);
      const alarms = {};
      for (const room of searchParams.getAll("room")) {
        const object = env.ROOMS.get(env.ROOMS.idFromName(room));
        const alarm = await (await object.fetch("http://room/test/alarm")).json();
        if (alarm !== null) alarms[room] = alarm - Date.now();
      }
      return Response.json({ timers: timers.size, requests, alarms });
    },
  };`;

/**
 * @param {Edge} edge
 * @param {string[]} rooms
 * @returns {Promise<{timers: number, requests: number, alarms: Record<string, number>}>} the alarms that
 *   are set, in how many ms
 */
export async function whatIsLeft(edge, rooms) {
  const query = rooms.map((room) => `room=${room}`).join("&");
  return (await edge.json(`/test/idle?${query}`)).body;
}
