// The central API's process is killed with SIGKILL while it stores a batch. The rooms go on.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { handOn } from "../edge/central-proxy.js";
import { STORE_PATIENCE_MS, until } from "../edge/harness.js";
import { BusyRooms } from "./busy-rooms.js";
import { within } from "./fault.js";
import { Site } from "./site.js";

/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */

const ROOMS = 2;
const KILLS_A_ROOM = 10;

/** Within the time that it takes to store a batch. */
const STORING_MS = 10;
const AWAY_MS_MAX = 100;

/** @type {Fault} */
export const whileItStores = {
  name: "central",
  what: "the central API killed while it stores a batch",
  times: { full: 100, short: 3 },
  async play(run) {
    const site = await Site.open({ centralLog: run.log });
    try {
      for (let kills = 0; kills < run.times; ) {
        const rooms = await BusyRooms.open(site, run.dice, ROOMS);
        do {
          await killOnce(run, site, rooms, rooms.rooms[kills % ROOMS].room);
          run.done(++kills);
        } while (kills % KILLS_A_ROOM !== 0 && kills < run.times);
        const lost = rooms.lostConnections;
        await rooms.end(run.tally);
        assert.equal(lost, 0, "nobody in the rooms notices");
      }
    } finally {
      await site.close();
    }
  },
};

/** @param {Run} run @param {Site} site @param {BusyRooms} rooms @param {string} room */
async function killOnce(run, site, rooms, room) {
  rooms.speak();
  /** @type {PromiseWithResolvers<void>} */
  const there = Promise.withResolvers();
  site.way.meet(room, (passing) => {
    if (passing.method === "POST") there.resolve();
    return passing.handOn();
  });
  await within(there.promise, "a batch on its way");
  await pause(run.dice.roll(0, STORING_MS));
  const killedMs = performance.now();
  await site.central.kill();
  run.kills++;
  site.way.meet(room, handOn);
  await pause(run.dice.roll(0, AWAY_MS_MAX));
  await site.central.start();
  await rooms.fallSilent();
  const { seq } = await stateOf(site, room);
  await until(
    () => stateOf(site, room),
    ({ confirmed }) => confirmed >= seq,
    STORE_PATIENCE_MS,
  );
  run.recoveredMs.push(performance.now() - killedMs);
  await rooms.atRest();
}

/** @param {Site} site @param {string} room */
async function stateOf({ edge }, room) {
  return (await edge.json(`/api/rooms/${room}`)).body;
}
