// Recovery is never wrong: whoever is cut off, wherever, comes back to everything it missed, once
// and in order, or is told that it has to read the history. In workerd, over real sockets.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Dice, seeds } from "./dice.js";
import { central, newRoom, STORE_PATIENCE_MS, startEdge, until } from "./harness.js";
import { anyFate, Member } from "./member.js";
import {
  bySocket,
  comparable,
  fromCentral,
  overHttp,
  walkBackwards,
  walkForwards,
} from "./pages.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */
/** @typedef {import("node:test").TestContext} TestContext */

const ROUNDS = 4;
const MESSAGES_PER_ROUND = 10;
const MODERATOR = { authorization: "Bearer test-moderator" };

/** @param {Member[]} members */
function noFaults(members) {
  for (const { faults } of members) assert.deepEqual(faults, []);
}

/** Waits until all have everything and every answer. @param {Edge} edge @param {string} room @param {Member[]} members */
async function rest(edge, room, members) {
  await until(
    async () => {
      const { seq } = (await edge.json(`/api/rooms/${room}`)).body;
      return members.map((member) => member.unrest(seq)).filter((why) => why !== "");
    },
    (why) => why.length === 0,
  );
  noFaults(members);
}

/** @param {Edge} edge @param {string} room */
async function allConfirmed(edge, room) {
  return until(
    async () => (await edge.json(`/api/rooms/${room}`)).body,
    (state) => state.confirmed === state.seq,
    STORE_PATIENCE_MS,
  );
}

/**
 * A room in which people come and go while it is used, and which sleeps when nobody speaks.
 * @param {object} setup
 * @param {Edge} setup.edge
 * @param {Central} setup.store
 * @param {Dice} setup.dice
 * @param {boolean} setup.speakersLast those who speak are never cut off
 * @param {number} setup.awayMsMax
 * @param {TestContext} setup.t
 */
async function liveThrough({ edge, store, dice, speakersLast, awayMsMax, t }) {
  const room = newRoom();
  /** @param {string} user */
  const member = (user) => Member.of(edge.url, room, user, dice);
  const witness = await member("witness");
  const speakers = await Promise.all(["ana", "bob", "cleo"].map(member));
  const listeners = await Promise.all(["dan", "eve"].map(member));
  const sleepers = await Promise.all(["fay", "gil"].map(member));
  const all = [witness, ...speakers, ...listeners, ...sleepers];
  for (const each of all) each.come();
  await rest(edge, room, all);

  let spoken = 0;
  const speak = async (/** @type {Member} */ speaker) => {
    for (let n = 0; n < MESSAGES_PER_ROUND; n++) {
      spoken++;
      speaker.publish(`${speaker.user}-${spoken}`, {
        n: spoken,
        pad: "x".repeat(dice.roll(0, 300)),
      });
      if (dice.oneIn(2)) await pause(dice.roll(0, 20));
    }
  };
  const moderate = async () => {
    for (let n = 0; n < 3; n++) {
      await pause(dice.roll(0, 20));
      if (witness.seq === 0) continue;
      const path = `/api/rooms/${room}/messages/${dice.roll(1, witness.seq)}`;
      const { status } = await edge.json(path, { method: "DELETE", headers: MODERATOR });
      // 503: the room holds it no longer, and the central API does not answer in time.
      assert.ok([200, 404, 503].includes(status), `DELETE answered ${status}`);
      if (dice.oneIn(2)) continue;
      const action = dice.pick(["mute", "unmute", "ban", "unban"]);
      await edge.json(`/api/rooms/${room}/moderation`, {
        method: "POST",
        headers: MODERATOR,
        body: JSON.stringify({ action, user: "nobody" }),
      });
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of speakersLast ? listeners : [...speakers, ...listeners]) {
      each.meet(Array.from({ length: dice.roll(2, 8) }, () => anyFate(dice, awayMsMax)));
    }
    // Each sleeper misses two rounds and comes back in the middle of the third.
    const asleep = sleepers[round % 3];
    const waking = sleepers[(round + 1) % 3];
    await asleep?.leave();
    const wake = pause(dice.roll(0, 200)).then(() => waking?.come());
    await Promise.all([...speakers.map(speak), moderate(), wake]);
    for (const each of all) each.meet([]);
    const there = all.filter((each) => each.wantsToBeThere);
    await rest(edge, room, there);
    await allConfirmed(edge, room);
    const away = dice.pick([...speakers, ...listeners]);
    if (dice.oneIn(2)) await away.leave();
    await edge.evict(room);
    if (dice.oneIn(2)) dice.pick(there).cut();
    away.come();
  }
  for (const each of all) each.come();
  await rest(edge, room, all);
  const { epoch } = await allConfirmed(edge, room);

  const told = witness.list();
  const ids = told.flatMap(({ id }) => (id === undefined ? [] : [id]));
  assert.equal(new Set(ids).size, ids.length, "a message is there twice");
  for (const speaker of speakers) {
    const own = told.filter(({ user }) => user === speaker.user);
    assert.equal(own.length, ROUNDS * MESSAGES_PER_ROUND);
    const order = own.flatMap(({ content }) => (content ? [content.n] : []));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      `${speaker.user} is out of order`,
    );
    for (const { id, seq } of own) if (id) assert.equal(speaker.answered.get(id), seq);
  }
  const history = (await walkForwards(overHttp(edge.url, room))).map(comparable);
  assert.deepEqual((await walkBackwards(overHttp(edge.url, room), 7)).map(comparable), history);
  const visitor = await edge.join(room);
  assert.deepEqual((await walkForwards(bySocket(visitor), 13)).map(comparable), history);
  assert.deepEqual(history, told);
  for (const each of all) assert.deepEqual(each.list(), told, each.user);
  const stored = await walkForwards(fromCentral(store.url, room, epoch));
  assert.deepEqual(stored.map(comparable), told);
  const sum = (/** @type {keyof Member["count"]} */ what) =>
    all.reduce((total, each) => total + each.count[what], 0);
  t.diagnostic(
    `${told.length} messages, ${told.length - ids.length} of them deleted; ` +
      `${sum("lost")} connections lost, ${sum("recovered")} recovered, ${sum("notRecovered")} not; ` +
      `${sum("again")} sent again, ${sum("duplicates")} of them duplicates`,
  );
  for (const each of all) await each.end();
  return sum;
}

/** @type {{name: string, vars: Record<string, string>, speakersLast: boolean, awayMsMax: number}[]} */
const ROOMS = [
  { name: "holds everything", vars: {}, speakersLast: false, awayMsMax: 30 },
  {
    // It must know the ids of whoever is cut off while the others go on.
    name: "forgets what is old",
    vars: { HISTORY_SIZE: "20", DEDUP_MAX: String(3 * MESSAGES_PER_ROUND) },
    speakersLast: false,
    awayMsMax: 30,
  },
  {
    name: "forgets at once",
    vars: { HISTORY_SIZE: "5", DEDUP_MAX: "1" },
    speakersLast: true,
    awayMsMax: 100,
  },
];

// At once, because a room that is put to sleep first waits for what it has to store later.
describe("clients that are killed at any moment", { concurrency: true }, () => {
  /** @type {Central} */
  let store;
  /** @type {Map<string, Edge>} */
  const edges = new Map();
  before(async () => {
    store = await central();
    for (const { name, vars } of ROOMS) {
      edges.set(name, await startEdge({ centralUrl: store.url, vars }));
    }
  });
  after(async () => {
    for (const edge of edges.values()) await edge.close();
    await store.close();
  });

  for (const seed of seeds([1, 2])) {
    for (const { name, vars, speakersLast, awayMsMax } of ROOMS) {
      it(`miss nothing in a room that ${name} (seed ${seed})`, async (t) => {
        const edge = /** @type {Edge} */ (edges.get(name));
        const dice = new Dice(seed);
        const sum = await liveThrough({ edge, store, dice, speakersLast, awayMsMax, t });
        assert.ok(sum("recovered") > 0);
        if (!speakersLast) {
          assert.ok(sum("lost") > 10 && sum("again") > 0 && sum("duplicates") > 0);
        }
        const forgets = "HISTORY_SIZE" in vars;
        assert.equal(sum("notRecovered") > 0, forgets, "who is told to read the history");
      });
    }
  }
});

/**
 * Joins, and waits until everything that the join brings has come.
 * @param {Edge} edge
 * @param {string} room
 * @param {Record<string, string | number>} query
 */
async function joined(edge, room, query) {
  const client = await edge.join(room, query);
  client.send({ type: "presence" });
  await client.next("presence");
  const records = client.told.filter(({ seq, type }) => seq !== undefined && type !== "welcome");
  const [welcome] = client.told;
  await client.close();
  return { welcome, records };
}

/**
 * Publishes, each message in a flush of its own.
 * @param {Awaited<ReturnType<Edge["join"]>>} client
 * @param {number} messages
 */
async function publishOneByOne(client, messages) {
  for (let n = 1; n <= messages; n++) {
    client.send({ type: "message", content: { n } });
    await client.next("new_message", ({ content }) => content.n === n);
  }
}

describe("recovery", { concurrency: true }, () => {
  /** @type {Central} */
  let store;
  /** @type {Edge} */
  let edge;
  /** @type {Edge} */
  let forgetful;
  const HISTORY_SIZE = 5;
  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url });
    const vars = { HISTORY_SIZE: String(HISTORY_SIZE), DEDUP_MAX: "1" };
    forgetful = await startEdge({ centralUrl: store.url, vars });
  });
  after(async () => {
    await edge.close();
    await forgetful.close();
    await store.close();
  });

  it("is promised where everything is there, and nowhere else, before and after a sleep", async () => {
    const room = newRoom();
    const ana = await forgetful.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    // What is forgotten makes room for what comes: a second lot, when the first is confirmed.
    await publishOneByOne(ana, 20);
    await ana.confirmed(20);
    await publishOneByOne(ana, 20);
    await ana.confirmed(40);
    const truth = ana.all("new_message");
    /** From which seq on it is promised. @type {number[]} */
    const from = [];
    for (const sleeps of [false, true]) {
      if (sleeps) await forgetful.evict(room);
      /** @type {number[]} */
      const promised = [];
      for (let seq = 0; seq <= 42; seq++) {
        const { welcome, records } = await joined(forgetful, room, { epoch, after: seq });
        assert.equal(welcome.seq, 40);
        if (welcome.recovered) promised.push(seq);
        assert.deepEqual(records, welcome.recovered ? truth.slice(seq) : [], `after ${seq}`);
      }
      const [first] = promised;
      const expected = Array.from({ length: 40 - first + 1 }, (_, i) => first + i);
      assert.deepEqual(promised, expected, "there is a hole in what is promised");
      assert.ok(first > 0, "nothing was forgotten");
      assert.ok(first <= 40 - HISTORY_SIZE, `promised only from ${first} on`);
      from.push(first);
    }
    assert.equal(from[0], from[1]);
  });

  it("is not promised to whoever has seen another room, or does not say what", async () => {
    const [room, other] = [newRoom(), newRoom()];
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(other, { user: "bob" });
    await publishOneByOne(ana, 3);
    await publishOneByOne(bob, 3);
    const { epoch } = ana.told[0];
    assert.notEqual(bob.told[0].epoch, epoch);
    /** @type {Record<string, string | number>[]} */
    const queries = [
      { epoch: bob.told[0].epoch, after: 1 },
      { epoch: bob.told[0].epoch, after: 3 },
      { epoch: epoch.toLowerCase(), after: 1 },
      { epoch: "x", after: 1 },
      { epoch },
      { after: 1 },
      { epoch, after: 4 },
      { epoch, after: Number.MAX_SAFE_INTEGER },
    ];
    for (const query of queries) {
      const { welcome, records } = await joined(edge, room, query);
      assert.equal(welcome.recovered, false, JSON.stringify(query));
      assert.deepEqual(records, []);
      assert.deepEqual([welcome.epoch, welcome.seq], [epoch, 3]);
    }
    for (const seq of [0, 1, 2, 3]) {
      const { welcome, records } = await joined(edge, room, { epoch, after: seq });
      assert.equal(welcome.recovered, true);
      assert.deepEqual(records, ana.all("new_message").slice(seq));
    }
  });

  it("tells what was deleted meanwhile without its content, in its place", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    for (let n = 1; n <= 6; n++)
      ana.send({ type: "message", content: `secret ${n}`, id: `i-${n}` });
    await ana.next("new_message", ({ seq }) => seq === 6);
    for (const seq of [2, 4, 6, 5]) ana.send({ type: "delete", seq });
    ana.send({ type: "message", content: "the last" });
    await ana.next("new_message", ({ seq }) => seq === 11);
    await ana.confirmed(11);
    for (const sleeps of [false, true]) {
      if (sleeps) await edge.evict(room);
      for (const seq of [0, 1, 2, 3, 5, 7, 10]) {
        const { welcome, records } = await joined(edge, room, { epoch, after: seq });
        assert.equal(welcome.recovered, true);
        const seen = records.map((record) => [
          record.seq,
          record.type === "message_deleted" ? `deletes ${record.target}` : (record.content ?? null),
          record.deleted ?? false,
        ]);
        const expected = [
          [1, "secret 1", false],
          [2, null, true],
          [3, "secret 3", false],
          [4, null, true],
          [5, null, true],
          [6, null, true],
          [7, "deletes 2", false],
          [8, "deletes 4", false],
          [9, "deletes 6", false],
          [10, "deletes 5", false],
          [11, "the last", false],
        ];
        assert.deepEqual(seen, expected.slice(seq), `after ${seq}`);
        for (const record of records) assert.ok(!(record.deleted && "content" in record));
      }
    }
  });

  it("meets what is said in the same moment without a gap and without a doubling", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    const dice = new Dice(1);
    const MESSAGES = 200;
    let said = 0;
    // With ids, which the room knows for minutes, it holds them all.
    const say = () => ana.send({ type: "message", content: ++said, id: `i-${said}` });
    /** @type {Promise<{client: Awaited<ReturnType<Edge["join"]>>, asked?: number}>[]} */
    const joins = [];
    while (said < MESSAGES) {
      // A few messages, somebody who joins, and more messages, all on their way at once.
      for (let n = dice.roll(0, 3); n > 0 && said < MESSAGES; n--) say();
      const asked = dice.oneIn(3) ? undefined : dice.roll(0, ana.all("new_message").length);
      /** @type {Record<string, string | number>} */
      const query = asked === undefined ? {} : { epoch, after: asked };
      joins.push(edge.join(room, query).then((client) => ({ client, asked })));
      for (let n = dice.roll(1, 6); n > 0 && said < MESSAGES; n--) say();
      await ana.next("new_message", ({ seq }) => seq >= said - 3);
    }
    await ana.next("new_message", ({ seq }) => seq === MESSAGES);
    const truth = ana.all("new_message");
    for (const { client, asked } of await Promise.all(joins)) {
      const [welcome] = client.told;
      assert.equal(welcome.recovered, asked !== undefined);
      const from = asked ?? welcome.seq;
      if (from < MESSAGES) await client.next("new_message", ({ seq }) => seq === MESSAGES);
      assert.deepEqual(client.all("new_message"), truth.slice(from));
      await client.close();
    }
  });

  it("finds a message that was cut off right after it was sent", async () => {
    const room = newRoom();
    const bob = await edge.join(room, { user: "bob" });
    const { epoch } = bob.told[0];
    for (let n = 1; n <= 5; n++) {
      const ana = await edge.join(room, { user: "ana" });
      const frame = JSON.stringify({ type: "message", content: n, id: `i-${n}` });
      await new Promise((sent) => ana.socket.send(frame, sent));
      ana.socket.terminate();
      await bob.next("new_message", ({ content }) => content === n);
      const back = await edge.join(room, { user: "ana", epoch, after: n - 1 });
      assert.equal(back.told[0].recovered, true);
      back.send(frame);
      assert.deepEqual(await back.next("ack"), {
        type: "ack",
        id: `i-${n}`,
        seq: n,
        duplicate: true,
      });
      assert.deepEqual(
        back.all("new_message").map(({ seq, content }) => [seq, content]),
        [[n, n]],
      );
      await back.close();
    }
  });
});

describe("a recovery of many megabytes", () => {
  for (const seed of seeds([1])) {
    it(`is cut anywhere and goes on from there (seed ${seed})`, async (t) => {
      // With no central API behind it the room holds everything.
      const edge = await startEdge();
      const room = newRoom();
      const dice = new Dice(seed);
      const ana = await edge.join(room, { user: "ana" });
      const { epoch } = ana.told[0];
      const newcomer = await Member.of(edge.url, room, "newcomer", dice);
      newcomer.come();
      await rest(edge, room, [newcomer]);
      await newcomer.leave();
      const MESSAGES = 120;
      for (let n = 1; n <= MESSAGES; n++) {
        ana.send({ type: "message", content: { n, pad: "x".repeat(dice.roll(50_000, 65_000)) } });
      }
      await ana.next("new_message", ({ seq }) => seq === MESSAGES);
      const bytes = ana.frames.reduce((total, frame) => total + frame.length, 0);
      assert.ok(bytes > 6 << 20 && bytes < 8 << 20, `${bytes} bytes`);

      newcomer.meet([
        { atWelcome: true },
        { atWelcome: true },
        ...Array.from({ length: 8 }, () => ({ down: dice.roll(1000, 1_000_000) })),
        { afterRecords: 1 },
        ...Array.from({ length: 3 }, () => ({ afterRecords: dice.roll(1, 10) })),
      ]);
      newcomer.come();
      // The others go on meanwhile.
      let meanwhile = 0;
      while (newcomer.seq < MESSAGES) {
        const n = ++meanwhile;
        ana.send({ type: "message", content: `meanwhile ${n}` });
        await ana.next("new_message", ({ content }) => content === `meanwhile ${n}`);
        await pause(dice.roll(0, 10));
      }
      newcomer.meet([]);
      await rest(edge, room, [newcomer]);
      const truth = ana.all("new_message").map((told) => comparable(/** @type {any} */ (told)));
      assert.deepEqual(newcomer.list(), truth);
      assert.deepEqual((await walkForwards(overHttp(edge.url, room))).map(comparable), truth);
      assert.equal(newcomer.count.notRecovered, 0);
      t.diagnostic(
        `${newcomer.count.lost} connections lost, ${newcomer.count.recovered} recovered`,
      );
      assert.ok(newcomer.count.lost > 8);
      await newcomer.end();

      // Beyond what a client is sent at once it reads page by page, and is told so.
      for (let n = 1; n <= 50; n++) {
        ana.send({ type: "message", content: { n, pad: "y".repeat(60_000) } });
      }
      await ana.next("new_message", ({ seq }) => seq === MESSAGES + meanwhile + 50);
      const { welcome, records } = await joined(edge, room, { epoch, after: 0 });
      const all = ana.all("new_message");
      assert.deepEqual(records, welcome.recovered ? all : []);
      const messages = all.map((told) => comparable(/** @type {any} */ (told)));
      assert.deepEqual((await walkForwards(overHttp(edge.url, room))).map(comparable), messages);
      assert.deepEqual((await walkBackwards(overHttp(edge.url, room))).map(comparable), messages);
      await edge.close();
    });
  }
});
