// Ends a room, or workerd, at one exact point of what a room does. Meanwhile no other room may write.

import { search } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof import("./harness.js").startEdge>>} Edge */

/** Where a flush can be struck: the room's row goes first, then the frames, then the platform commits. */
export const FLUSH_POINTS = /** @type {const} */ ([
  "before the row is written",
  "between the row and the frames",
  "between the frames and the commit",
  "after the commit",
]);

/** Of startEdge(): strikes when it was told to, either the object or, until somebody kills it, all. */
export const STRIKE_ENTRY = `
  import worker, { Room as Inner } from "./index.js";
  const [BEFORE, ROW, FRAMES, COMMIT] = ${JSON.stringify(FLUSH_POINTS)};
  let point = "";
  let mayAbort = false;
  let roomName = "";
  const rooms = new Map();
  let hasWritten = false;

  function strike(here) {
    if (here !== point) return;
    point = "";
    console.log("struck " + here);
    if (mayAbort) rooms.get(roomName).abort("struck " + here);
    else for (;;);
  }

  export class Room extends Inner {
    constructor(ctx, env) {
      super(ctx, env);
      rooms.set(ctx.id.name, ctx);
      const sql = Object.getPrototypeOf(ctx.storage.sql);
      if (sql.exec.isStruck) return;
      const { exec } = sql;
      sql.exec = function (text, ...values) {
        if (!text.includes("INTO segments")) return exec.call(this, text, ...values);
        strike(BEFORE);
        const cursor = exec.call(this, text, ...values);
        hasWritten = true;
        strike(ROW);
        return cursor;
      };
      sql.exec.isStruck = true;
    }
    async fetch(request) {
      if (new URL(request.url).pathname === "/test/abort") this.ctx.abort("struck");
      return super.fetch(request);
    }
  }

  const inTime = globalThis.setTimeout;
  globalThis.setTimeout = (call, ms, ...rest) => {
    // A zero timer is the end of a turn.
    if (ms !== 0) return inTime(call, ms, ...rest);
    return inTime(() => {
      hasWritten = false;
      call();
      if (!hasWritten) return;
      strike(FRAMES);
      if (point === COMMIT) rooms.get(roomName).storage.sync().then(() => strike(COMMIT));
    }, 0);
  };

  export default {
    fetch(request, env, ctx) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname === "/test/strike") {
        point = searchParams.get("point");
        roomName = searchParams.get("room");
        mayAbort = searchParams.get("how") === "abort";
        return new Response();
      }
      if (pathname === "/test/abort") {
        const object = env.ROOMS.get(env.ROOMS.idFromName(searchParams.get("room")));
        return object.fetch("http://room/test/abort");
      }
      return worker.fetch(request, env, ctx);
    },
  };`;

/**
 * The room's next flush that writes a row is struck there.
 * @param {Edge} edge
 * @param {string} room
 * @param {string} point
 * @param {"abort" | "spin"} how the object is aborted, or the process is made to wait for its end
 */
export async function strikeFlush(edge, room, point, how) {
  await edge.fetch(`/test/strike?${search({ room, point, how })}`);
}

/** Aborts a room's object, whatever it waits for. @param {Edge} edge @param {string} room */
export async function abort(edge, room) {
  await edge.fetch(`/test/abort?room=${room}`).then((response) => response.text());
}
