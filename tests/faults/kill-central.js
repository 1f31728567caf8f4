// The central API's process is killed with SIGKILL while it stores a batch. The rooms go on.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { handOn } from "../edge/central-proxy.js";
import { STORE_PATIENCE_MS, until } from "../edge/harness.js";
import { inBusyRooms } from "./busy-rooms.js";
import { within } from "./fault.js";
import { withSite } from "./site.js";

/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */
/** @typedef {import("./busy-rooms.js").BusyRooms} BusyRooms */
/** @typedef {import("./site.js").Site} Site */

const ROOMS = 2;
const MANY = { count: ROOMS, timesARoom: 10 };

/** Within the time that it takes to store a batch. */
const STORING_MS = 10;
const AWAY_MS_MAX = 100;

/** @type {Fault} */
export const whileItStores = {
  name: "central",
  what: "the central API killed while it stores a batch",
  times: { full: 100, short: 3 },
  play: (run) =>
    withSite({ centralLog: run.log }, (site) =>
      inBusyRooms(run, site, MANY, (rooms, nth) =>
        killOnce(run, site, rooms, rooms.rooms[nth % ROOMS].room),
      ),
    ),
};

/** @param {Run} run @param {Site} site @param {BusyRooms} rooms @param {string} room */
async function killOnce(run, site, rooms, room) {
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
  assert.equal(rooms.lostConnections, 0, "nobody in the rooms notices");
}

/** @param {Site} site @param {string} room */
async function stateOf({ edge }, room) {
  return (await edge.json(`/api/rooms/${room}`)).body;
}
