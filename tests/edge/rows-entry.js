/**
 * A Worker beside the built one, which tells at /test/rows?room=ROOM what the room's object has done with
 * its storage since it woke: {read, written}, rows by the platform's own count; {alarms}, set or deleted,
 * each of which is a row, too, by the platform's prices; {bytes}, of all values written.
 */
export const ROWS_ENTRY = `
  import worker, { Room as Inner } from "./index.js";
  /** A cursor tells of its rows when it has been read to the end: the newest are still open. */
  const OPEN_MAX = 1000;
  const counts = new WeakMap();
  const countOf = (sql) => {
    if (!counts.has(sql)) counts.set(sql, { read: 0, written: 0, alarms: 0, bytes: 0, open: [] });
    return counts.get(sql);
  };
  const close = (count, left) => {
    for (const cursor of count.open.splice(0, count.open.length - left)) {
      count.read += cursor.rowsRead;
      count.written += cursor.rowsWritten;
    }
  };
  export class Room extends Inner {
    constructor(ctx, env) {
      super(ctx, env);
      const sql = Object.getPrototypeOf(ctx.storage.sql);
      if (sql.exec.isCounted) return;
      const { exec } = sql;
      sql.exec = function (query, ...values) {
        const cursor = exec.call(this, query, ...values);
        const count = countOf(this);
        count.open.push(cursor);
        if (count.open.length > OPEN_MAX) close(count, OPEN_MAX / 2);
        if (!/^\\s*SELECT/.test(query)) {
          for (const value of values) count.bytes += value?.byteLength ?? 8;
        }
        return cursor;
      };
      sql.exec.isCounted = true;
      const storage = Object.getPrototypeOf(ctx.storage);
      for (const name of ["setAlarm", "deleteAlarm"]) {
        const set = storage[name];
        storage[name] = function (...values) {
          countOf(this.sql).alarms++;
          return set.apply(this, values);
        };
      }
    }
    async fetch(request) {
      if (new URL(request.url).pathname !== "/test/rows") return super.fetch(request);
      const count = countOf(this.ctx.storage.sql);
      close(count, 0);
      const { read, written, alarms, bytes } = count;
      return Response.json({ read, written, alarms, bytes });
    }
  }
  export default {
    fetch(request, env, ctx) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname !== "/test/rows") return worker.fetch(request, env, ctx);
      const object = env.ROOMS.get(env.ROOMS.idFromName(searchParams.get("room")));
      return object.fetch("http://room/test/rows");
    },
  };`;
