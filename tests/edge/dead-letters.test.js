// What the central API refuses for good: kept by the room, read by a moderator, tried again. And what
// those see of it who watch over all rooms.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { ended } from "../ended.js";
import { CentralProxy, handOn } from "./central-proxy.js";
import { central, newRoom, STORE_PATIENCE_MS, startEdge, until } from "./harness.js";
import { fromCentral, walkForwards } from "./pages.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./central-proxy.js").Meeting} Meeting */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** Rooms that let go of nearly everything that is confirmed. */
const FORGETFUL = { HISTORY_SIZE: "2", DEDUP_MAX: "1" };

/** Stores all but poison. @type {Meeting} */
const refusePoison = async (passing) => {
  if (passing.method !== "POST") return passing.handOn();
  const { v, room, epoch, records } = JSON.parse(String(passing.body));
  const results = records.map((/** @type {{seq: number, content: unknown}} */ { seq, content }) =>
    String(content).startsWith("poison")
      ? { seq, status: "rejected", code: "INVALID" }
      : { seq, status: "stored" },
  );
  return { status: 200, body: JSON.stringify({ v, room, epoch, results }) };
};

/** @param {Edge} edge @param {string} room @param {string} [query] */
async function deadLetters(edge, room, query = "") {
  const path = `/api/rooms/${room}/dead-letters${query}`;
  const { status, body } = await edge.json(path, { headers: MODERATOR });
  assert.equal(status, 200);
  return body;
}

/** @param {Edge} edge @param {string} room */
function replay(edge, room) {
  const path = `/api/rooms/${room}/dead-letters/replay`;
  return edge.json(path, { method: "POST", headers: MODERATOR });
}

/** @param {string[]} args @param {string} [token] */
async function script(args, token = "test-moderator") {
  const child = spawn("scripts/dead-letters", args, {
    env: { ...process.env, MODERATOR_TOKEN: token },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, stdout } = await ended(child);
  return { code, output: stdout };
}

describe("dead letters", { timeout: 300_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url, vars: FORGETFUL });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** A room with two dead letters of which it holds the segments no more. */
  async function roomWithDead() {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    proxy.meet(room, refusePoison);
    const contents = ["one", "poison 2", "three", "poison 4", "five", "six", "seven", "eight"];
    for (const [n, content] of contents.entries()) {
      ana.send({ type: "message", content, id: `i-${n + 1}` });
      await ana.confirmed(n + 1);
    }
    proxy.meet(room, handOn);
    return { room, ana, epoch };
  }

  it("are for moderators, and are asked for and replayed by the methods that there are", async () => {
    const path = `/api/rooms/${newRoom()}/dead-letters`;
    for (const [method, url, status] of [
      ["GET", path, 401],
      ["POST", `${path}/replay`, 401],
      ["POST", path, 405],
      ["GET", `${path}/replay`, 405],
    ]) {
      const response = await edge.fetch(/** @type {string} */ (url), {
        method: /** @type {string} */ (method),
      });
      assert.equal(response.status, status, `${method} ${url}`);
    }
    const bad = await edge.json(`${path}?limit=0`, { headers: MODERATOR });
    assert.equal(bad.status, 400);
    assert.match(bad.body.detail, /limit: must be a whole number from 1 to 100/);
    const unused = newRoom();
    assert.deepEqual(await deadLetters(edge, unused), { dead: [], more: false });
    assert.deepEqual((await replay(edge, unused)).body, { replaying: 0 });
  });

  it("are kept with their content when the room has let go of them, and after a sleep", async () => {
    const { room } = await roomWithDead();
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      const { dead, more } = await deadLetters(edge, room);
      assert.equal(more, false);
      assert.deepEqual(
        dead.map((/** @type {any} */ { seq, code, record }) => [seq, code, record.content]),
        [
          [2, "INVALID", "poison 2"],
          [4, "INVALID", "poison 4"],
        ],
      );
      assert.deepEqual(
        [dead[0].record.type, dead[0].record.user, dead[0].record.id],
        ["message", "ana", "i-2"],
      );
      const first = await deadLetters(edge, room, "?limit=1");
      assert.deepEqual([first.dead.length, first.more], [1, true]);
      const second = await deadLetters(edge, room, "?limit=1&after=2");
      assert.deepEqual([second.dead[0].seq, second.more], [4, false]);
      const { body } = await edge.json(`/api/rooms/${room}`);
      assert.deepEqual([body.confirmed, body.outbox.dead], [8, 2]);
    }
  });

  it("are listed, and tried again, by scripts/dead-letters", async () => {
    const { room, ana } = await roomWithDead();
    const listed = await script([edge.url, room]);
    assert.deepEqual(listed, {
      code: 1,
      output: "2\tINVALID\tmessage\tana\n4\tINVALID\tmessage\tana\n",
    });
    proxy.meet(room, refusePoison);
    const again = await script([edge.url, room, "--replay"]);
    assert.deepEqual(again, listed);
    proxy.meet(room, handOn);
    const mended = await script([edge.url, room, "--replay"]);
    assert.deepEqual(mended, { code: 0, output: "" });
    await ana.next("message_confirmed", ({ stored }) => stored?.length === 2);
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.deepEqual([body.outbox.dead, body.outbox.replaying], [0, undefined]);
    assert.equal((await script([edge.url, room], "wrong")).code, 3);
    assert.equal((await script(["http://127.0.0.1:9", room])).code, 3);
  });

  it("are among the room's metrics, for moderators alone", async () => {
    const { room } = await roomWithDead();
    const path = `/api/rooms/${room}/metrics`;
    assert.equal((await edge.fetch(path)).status, 401);
    const response = await edge.fetch(path, { headers: MODERATOR });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    /** @type {Record<string, number>} */
    const values = {};
    for (const line of text.trimEnd().split("\n")) {
      if (/^# (HELP|TYPE) edgeroom_[a-z_]+ /.test(line)) continue;
      const [, name, named, value] = /** @type {RegExpExecArray} */ (
        /^edgeroom_([a-z_]+)\{room="([^"]*)"\} ([0-9.]+)$/.exec(line)
      );
      assert.equal(named, room);
      values[name] = Number(value);
    }
    assert.deepEqual(values, {
      room_seq: 8,
      room_confirmed: 8,
      room_connections: 1,
      room_users: 1,
      room_held: 0,
      outbox_pending: 0,
      outbox_oldest_seconds: 0,
      outbox_dead: 2,
      outbox_blocked: 0,
      outbox_failed_attempts: 0,
      outbox_breaker_open: 0,
    });
  });

  it("are stored when they are replayed, everybody is told, and twice does no harm", async () => {
    const { room, ana, epoch } = await roomWithDead();
    // The real store has nothing of this room: what it gets now are the two.
    const asked = await replay(edge, room);
    assert.deepEqual([asked.status, asked.body], [202, { replaying: 2 }]);
    const told = await ana.next("message_confirmed", (object) => object.stored !== undefined);
    assert.deepEqual(told, { type: "message_confirmed", epoch, through: 8, stored: [2, 4] });
    const stored = await walkForwards(fromCentral(store.url, room, epoch));
    assert.deepEqual(
      stored.map(({ seq, content, id }) => [seq, content, id]),
      [
        [2, "poison 2", "i-2"],
        [4, "poison 4", "i-4"],
      ],
    );
    assert.deepEqual((await replay(edge, room)).body, { replaying: 0 });
    assert.deepEqual(await deadLetters(edge, room), { dead: [], more: false });
    await edge.evict(room);
    assert.deepEqual(await deadLetters(edge, room), { dead: [], more: false });
    assert.deepEqual(await walkForwards(fromCentral(store.url, room, epoch)), stored);
  });

  it("go on being replayed after a sleep", async () => {
    const { room, epoch } = await roomWithDead();
    let refused = 0;
    proxy.meet(room, async (passing) => {
      if (passing.method !== "POST") return passing.handOn();
      refused++;
      return { status: 503 };
    });
    await replay(edge, room);
    await until(
      async () => refused,
      (times) => times > 0,
    );
    await edge.evict(room);
    proxy.meet(room, handOn);
    // Nobody asks the room for anything: its alarm wakes it.
    const stored = await until(
      () => walkForwards(fromCentral(store.url, room, epoch)),
      ({ length }) => length === 2,
      STORE_PATIENCE_MS,
    );
    assert.deepEqual(
      stored.map(({ seq }) => seq),
      [2, 4],
    );
  });

  it("are deleted wherever they stand", async () => {
    const { room, epoch } = await roomWithDead();
    const gone = await edge.json(`/api/rooms/${room}/messages/2`, {
      method: "DELETE",
      headers: MODERATOR,
    });
    assert.equal(gone.status, 200);
    const { dead } = await deadLetters(edge, room);
    assert.deepEqual(
      dead.map((/** @type {any} */ { record }) => [record.content, record.deleted]),
      [
        [undefined, true],
        ["poison 4", undefined],
      ],
    );
    await replay(edge, room);
    await until(
      () => deadLetters(edge, room),
      ({ dead: left }) => left.length === 0,
      STORE_PATIENCE_MS,
    );
    const stored = await walkForwards(fromCentral(store.url, room, epoch));
    assert.deepEqual(
      stored.map(({ seq, content }) => [seq, content]),
      [
        [2, undefined],
        [4, "poison 4"],
      ],
    );
  });
});

/** Analytics Engine is not there locally: its data points become lines of the log. */
const ANALYTICS_ENTRY = `
  import worker, { Room as Inner } from "./index.js";
  const ANALYTICS = { writeDataPoint: (point) => console.log("point " + JSON.stringify(point)) };
  export class Room extends Inner {
    constructor(ctx, env) {
      super(ctx, { ...env, ANALYTICS });
    }
  }
  export default worker;`;

describe("the fleet of rooms", { timeout: 300_000 }, () => {
  it("has a data point for each change and each failure, and a line for each change", async () => {
    const store = await central();
    const proxy = await CentralProxy.start(store.url);
    const vars = { LOG_LEVEL: "info" };
    const edge = await startEdge({ centralUrl: proxy.url, entry: ANALYTICS_ENTRY, vars });
    try {
      const rooms = Array.from({ length: 20 }, newRoom);
      const blocked = rooms[7];
      const failing = rooms[11];
      proxy.meet(blocked, async () => ({ status: 404 }));
      let failures = 0;
      proxy.meet(failing, async (passing) => {
        if (passing.method !== "POST" || failures++ >= 2) return passing.handOn();
        return { status: 503 };
      });
      const clients = await Promise.all(rooms.map((room) => edge.join(room, { user: "ana" })));
      for (const client of clients) client.send({ type: "message", content: "hi" });
      for (const [n, client] of clients.entries()) {
        if (rooms[n] !== blocked) await client.confirmed(1);
      }
      const points = await until(
        async () =>
          edge.logs
            .filter((line) => line.startsWith("point "))
            .map((line) => JSON.parse(line.slice("point ".length))),
        (all) => all.some(({ indexes }) => indexes[0] === blocked),
        STORE_PATIENCE_MS,
      );
      // The columns are those of the query in docs/OPERATIONS.md.
      const last = points.findLast(({ indexes }) => indexes[0] === blocked);
      const [event, room, state, detail] = last.blobs;
      assert.deepEqual(
        [event, room, state, detail],
        ["forwarding", blocked, "blocked", "HTTP 404"],
      );
      assert.equal(last.doubles[0], 1);
      const states = points
        .filter(({ indexes }) => indexes[0] === failing)
        .map(({ blobs }) => blobs[2]);
      assert.deepEqual(states, ["failing", "failing", "ok"]);
      // Rooms that are well say nothing.
      const heard = new Set(points.map(({ indexes }) => indexes[0]));
      assert.deepEqual([...heard].sort(), [blocked, failing].sort());
      const lines = edge.logs
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line))
        .filter((line) => line.event === "forwarding");
      assert.deepEqual(
        lines.filter((line) => line.room === failing).map((line) => [line.level, line.state]),
        [
          ["warn", "failing"],
          ["info", "ok"],
        ],
      );
      assert.deepEqual(
        lines.filter((line) => line.room === blocked).map((line) => [line.level, line.state]),
        [["error", "blocked"]],
      );
    } finally {
      await edge.close();
      await proxy.close();
      await store.close();
    }
  });
});
