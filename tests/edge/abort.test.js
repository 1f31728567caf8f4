// A room is ended in the middle of what it does: its object by the platform, or workerd as a whole.
// Whatever it was at, nothing that anybody was told is lost, nothing is told or stored twice, and all
// is confirmed in the end.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { agree, allConfirmed, rest } from "./agreement.js";
import { CentralProxy, handOn } from "./central-proxy.js";
import { Dice } from "./dice.js";
import { killWorkerd } from "./faults.js";
import { central, newRoom, startEdge, temporaryFolder, until } from "./harness.js";
import { Member } from "./member.js";
import { fromCentral, walkForwards } from "./pages.js";
import { abort, FLUSH_POINTS, STRIKE_ENTRY, strikeFlush } from "./strike.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */

/** It holds fewer messages than there are: a page is read on from the central API. */
const VARS = { HISTORY_SIZE: "5", DEDUP_MAX: "8" };

/** Messages before the strike: more than the room holds. */
const EARLIER = 12;

/** What is said while it is struck. */
const DURING = 6;

/**
 * Where a request to the central API can be when its room is ended.
 * @typedef {object} FetchPoint
 * @property {string} method
 * @property {boolean} [isAnswered] the central API has done it, and the room has not heard
 * @property {boolean} [isLost] the central API never gets it; else it does, after the room's end
 */

/** @type {Record<string, FetchPoint>} */
const FETCH_POINTS = {
  "a batch is on its way, and arrives": { method: "POST" },
  "a batch is on its way, and is lost": { method: "POST", isLost: true },
  "a batch is stored and its answer on its way back": { method: "POST", isAnswered: true },
  "a page is on its way": { method: "GET" },
};

/** One room, which is ended. */
class Ended {
  room = newRoom();
  /** @type {Member[]} */
  members = [];

  /**
   * @param {import("node:test").TestContext} t whose end is that of the members
   * @param {Edge} edge
   * @param {CentralProxy} proxy
   * @param {Central} store
   */
  constructor(t, edge, proxy, store) {
    // Members come again and again: those of a test that has failed would keep the process alive.
    t.after(() => this.end());
    this.edge = edge;
    this.proxy = proxy;
    this.store = store;
  }

  async open() {
    for (const user of ["ana", "bob"]) {
      this.members.push(await Member.of(this.edge.url, this.room, user, new Dice(1)));
    }
    for (const member of this.members) member.come();
    await rest(this.edge, this.room, this.members);
    const [ana] = this.members;
    for (let n = 1; n <= EARLIER; n++) {
      // The room lets go of its oldest message as it stores a new one, if that is confirmed by then.
      if (n === EARLIER) await allConfirmed(this.edge, this.room);
      ana.publish(`earlier ${n}`, n);
      await rest(this.edge, this.room, this.members);
    }
    await allConfirmed(this.edge, this.room);
  }

  /** They speak, both in one go. */
  speak() {
    for (let n = 1; n <= DURING / 2; n++) {
      for (const member of this.members) member.publish(`during ${n}`, { n });
    }
  }

  /** Waits until everybody's connection was lost. */
  async lost() {
    await until(
      async () => this.members.map(({ count }) => count.lost),
      (lost) => lost.every((times) => times > 0),
    );
  }

  /**
   * Brings a request to the central API to a point, and keeps it there until the room is ended.
   * @param {FetchPoint} point
   * @returns {Promise<() => void>} lets go of it
   */
  async hold({ method, isAnswered, isLost }) {
    let isThere = false;
    /** @type {PromiseWithResolvers<void>} */
    const ended = Promise.withResolvers();
    this.proxy.meet(this.room, async (passing) => {
      if (passing.method !== method) return passing.handOn();
      const answer = isAnswered ? await passing.handOn() : undefined;
      isThere = true;
      await ended.promise;
      return isAnswered || isLost ? answer : passing.handOn();
    });
    this.speak();
    // Whoever asks for the page hears nothing of it.
    if (method === "GET") {
      this.edge.fetch(`/api/rooms/${this.room}/messages?after=0&limit=3`).catch(() => {});
    }
    await until(
      async () => isThere,
      (is) => is,
    );
    return () => {
      this.proxy.meet(this.room, handOn);
      ended.resolve();
    };
  }

  /** All is as if nothing had happened. */
  async isWhole() {
    const held = await agree(this.edge, this.store, this.room, this.members);
    assert.equal(held.length, EARLIER + DURING);
    const page = await this.edge.json(`/api/rooms/${this.room}/messages?after=0&limit=3`);
    assert.deepEqual(
      page.body.messages.map((/** @type {{seq: number}} */ { seq }) => seq),
      [1, 2, 3],
    );
  }

  async end() {
    for (const member of this.members) await member.end();
  }
}

// One after the other: what strikes a flush takes the next row that any room writes.
describe("a room's object is aborted", { concurrency: 1, timeout: 300_000 }, () => {
  /** @type {Central} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({ centralUrl: proxy.url, vars: VARS, entry: STRIKE_ENTRY });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  describe("with its members there", () => {
    for (const point of FLUSH_POINTS) {
      it(`in a flush, ${point}`, async (t) => {
        const ended = new Ended(t, edge, proxy, store);
        await ended.open();
        await strikeFlush(edge, ended.room, point, "abort");
        ended.speak();
        await ended.lost();
        await ended.isWhole();
      });
    }

    for (const [what, point] of Object.entries(FETCH_POINTS)) {
      it(`while ${what}`, async (t) => {
        const ended = new Ended(t, edge, proxy, store);
        await ended.open();
        const letGo = await ended.hold(point);
        await abort(edge, ended.room);
        await ended.lost();
        letGo();
        await ended.isWhole();
      });
    }

    it("after a confirmation that is told and not stored yet", async (t) => {
      const ended = new Ended(t, edge, proxy, store);
      await ended.open();
      ended.speak();
      await rest(edge, ended.room, ended.members);
      await allConfirmed(edge, ended.room);
      await abort(edge, ended.room);
      await ended.lost();
      await ended.isWhole();
    });
  });

  it("while a batch is on its way, and nobody comes back: the alarm sends it", async (t) => {
    const ended = new Ended(t, edge, proxy, store);
    await ended.open();
    const { epoch } = ended.members[0];
    const letGo = await ended.hold({ method: "POST", isLost: true });
    await rest(edge, ended.room, ended.members);
    for (const member of ended.members) await member.leave();
    await abort(edge, ended.room);
    letGo();
    // Asked of the store alone: the room is left in peace.
    const stored = await until(
      () => walkForwards(fromCentral(store.url, ended.room, String(epoch))),
      ({ length }) => length === EARLIER + DURING,
    );
    assert.deepEqual(
      stored.map(({ seq }) => seq),
      Array.from({ length: EARLIER + DURING }, (_, i) => i + 1),
    );
    for (const member of ended.members) member.come();
    await ended.isWhole();
  });
});

describe("workerd is killed", { timeout: 300_000 }, () => {
  /** @type {Central} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;
  /** @type {Parameters<typeof startEdge>[0]} */
  let options;
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    const stateDir = await temporaryFolder();
    options = { centralUrl: proxy.url, vars: VARS, entry: STRIKE_ENTRY, stateDir };
    edge = await startEdge(options);
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** @param {Ended} ended */
  async function kill(ended) {
    killWorkerd();
    await ended.lost();
    await edge.close();
    edge = await startEdge(options);
    ended.edge = edge;
    for (const member of ended.members) member.moveTo(edge.url);
  }

  for (const point of FLUSH_POINTS) {
    it(`in a flush, ${point}`, async (t) => {
      const ended = new Ended(t, edge, proxy, store);
      await ended.open();
      await strikeFlush(edge, ended.room, point, "spin");
      ended.speak();
      await until(
        async () => edge.logs,
        (logs) => logs.some((line) => line === `struck ${point}`),
      );
      await kill(ended);
      await ended.isWhole();
    });
  }

  for (const [what, point] of Object.entries(FETCH_POINTS)) {
    it(`while ${what}`, async (t) => {
      const ended = new Ended(t, edge, proxy, store);
      await ended.open();
      const letGo = await ended.hold(point);
      await kill(ended);
      letGo();
      await ended.isWhole();
    });
  }
});
