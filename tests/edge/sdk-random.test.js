// The SDK over connections that all break, after any byte, while it publishes and gives up at random.
// EDGEROOM_SEED runs one seed.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { connect } from "../../client/public/client/edgeroom.js";
import { Cable } from "./cable.js";
import { Dice, seeds } from "./dice.js";
import { central, newRoom, STORE_PATIENCE_MS, startEdge } from "./harness.js";

/** @typedef {import("../../client/public/client/edgeroom.js").EdgeRoom} EdgeRoom */
/** @typedef {import("../../client/public/client/edgeroom.js").Receipt} Receipt */
/** @typedef {{id: string, outcome: PromiseSettledResult<Receipt>, isGivenUp: boolean}} Attempt */

const TIMING = { backoffFloorMs: 1, backoffStartMs: 5, backoffCeilingMs: 20 };
const PUBLICATIONS = 60;

/** So many of both people's connections break, at least: with fewer a run shows little. */
const BREAKS_MIN = 8;

/** Each connection to come breaks: in the handshake, in the welcome, or later. @param {Cable} cable @param {Dice} dice */
function breakNext(cable, dice) {
  const fate = dice.pick([
    { up: dice.roll(1, 600) },
    { up: dice.roll(400, 3000) },
    { down: dice.roll(1, 600) },
    { down: dice.roll(600, 5000) },
  ]);
  cable.cutNextAfter(fate);
}

/**
 * Publishes one after the other, not always waiting, and gives some up, until the storm may end. How
 * many connections break on the way depends on how long each takes, so no number of publications will do.
 * @param {EdgeRoom} room
 * @param {Dice} dice
 * @param {() => void} between
 * @param {() => boolean} mayEnd
 */
async function publishAll(room, dice, between, mayEnd) {
  /** @type {Promise<Attempt>[]} */
  const attempts = [];
  for (let n = 1; n <= PUBLICATIONS || !mayEnd(); n++) {
    between();
    const giveUp = new AbortController();
    const id = `${room.user || "nobody"}-${n}`;
    const publication = room.publish({ n }, { id, signal: giveUp.signal });
    attempts.push(
      Promise.allSettled([publication]).then(([outcome]) => {
        return { id, outcome, isGivenUp: giveUp.signal.aborted };
      }),
    );
    for (let turns = dice.pick([0, 0, 1, 3, 20]); turns > 0; turns--) await turn();
    if (dice.oneIn(10)) giveUp.abort();
    if (dice.oneIn(3)) await attempts.at(-1);
  }
  return Promise.all(attempts);
}

describe("the SDK", { timeout: 240_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Awaited<ReturnType<typeof startEdge>>} */
  let edge;
  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url, withoutPages: true });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  for (const seed of seeds([1, 2, 3, 4, 5, 6])) {
    it(`loses, doubles and mixes up nothing (seed ${seed})`, async (test) => {
      const dice = new Dice(seed);
      const name = newRoom();
      const signal = AbortSignal.timeout(STORE_PATIENCE_MS);
      const cables = [await Cable.lay(edge.url), await Cable.lay(edge.url)];
      let breaks = 0;
      const people = cables.map((cable, index) => {
        const user = ["ana", "bo"][index];
        const room = connect(name, { url: cable.url, user, signal, timing: TIMING });
        /** @type {number[]} */
        const seqs = [];
        /** @type {unknown[]} */
        const surprises = [];
        room.on("record", ({ seq }) => seqs.push(seq));
        room.on("error", (problem) => surprises.push(problem));
        room.on("gap", (gap) => surprises.push(gap));
        room.on("state", ({ state }) => {
          if (state === "waiting") breaks += 1;
          if (state === "connecting") breakNext(cable, dice);
        });
        return { cable, room, user, seqs, surprises };
      });
      try {
        for (const { room } of people) await opened(room);
        const all = await Promise.all(
          people.map(({ cable, room }) => {
            const between = () => {
              signal.throwIfAborted();
              breakNext(cable, dice);
            };
            return publishAll(room, dice, between, () => breaks >= BREAKS_MIN);
          }),
        );
        // The storm is over.
        for (const { cable, room } of people) {
          room.on("state", () => cable.cutAfter({}));
          cable.cutAfter({});
        }
        // What was given up on its way arrives before what is sent behind it, or not at all.
        for (const { room } of people) await room.publish("the end");
        const { headers, log } = await readLog(name);
        assert.deepEqual(headers, { first: 1, last: log.length });
        for (const [index, { room, user }] of people.entries()) {
          const own = log.filter((record) => record.user === user).map(({ id }) => id);
          assert.equal(new Set(own).size, own.length, "each id once");
          let before = 0;
          for (const { id, outcome, isGivenUp } of all[index]) {
            if (outcome.status === "rejected") {
              assert.ok(isGivenUp, `${id}: ${outcome.reason}`);
              continue;
            }
            const { seq, confirmed } = outcome.value;
            assert.ok(seq > before, `${id} overtook the one before it`);
            before = seq;
            assert.deepEqual([log[seq - 1].id, log[seq - 1].user], [id, user]);
            await confirmed({ signal });
          }
          await until(room, () => room.seq >= log.length);
        }
        for (const { seqs, surprises, room } of people) {
          assert.deepEqual(
            seqs,
            log.map(({ seq }) => seq),
          );
          assert.deepEqual([surprises, room.pending], [[], 0]);
        }
        signal.throwIfAborted();
        test.diagnostic(`${breaks} connections broke`);
      } finally {
        for (const { room } of people) room.close();
        for (const cable of cables) await cable.close();
      }
    });
  }

  /** @param {string} room */
  async function readLog(room) {
    const headers = { authorization: "Bearer test-moderator" };
    const text = await (await edge.fetch(`/api/rooms/${room}/log`, { headers })).text();
    const lines = text.split("\n").filter(Boolean);
    const [{ first, last }, ...log] = lines.slice(0, -1).map((line) => JSON.parse(line));
    return { headers: { first, last }, log };
  }
});

/** @param {EdgeRoom} room */
const opened = (room) => until(room, () => room.state === "open");

/** Looks again with everything that comes. @param {EdgeRoom} room @param {() => boolean} fits */
function until(room, fits) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      const look = () => {
        if (fits()) resolve();
        else if (room.state === "closed") reject(new Error(`closed at ${room.seq}`));
      };
      for (const type of /** @type {const} */ (["state", "record"])) room.on(type, look);
      look();
    })
  );
}
