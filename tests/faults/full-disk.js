// The disk of the state directory is full for a while: first workerd's, then the central API's.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { allConfirmed } from "../edge/agreement.js";
import { fullDisk, limitedFiles } from "../edge/faults.js";
import { until } from "../edge/harness.js";
import { BusyRooms } from "./busy-rooms.js";
import { within } from "./fault.js";
import { Site } from "./site.js";

/** @typedef {import("../edge/faults.js").StorageFault} StorageFault */
/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */

const ROOMS = 2;
const TIMES_A_ROOM = 10;

/** So much may still be written when it is full. */
const BYTES_LEFT_MAX = 30_000;
const FULL_MS_MAX = 100;

/** @type {Fault} */
export const underTheRooms = {
  name: "disk",
  what: "the disk full under the rooms",
  times: { full: 50, short: 3 },
  async play(run) {
    const fault = await storageFault(run);
    fault.prepare();
    /** @type {Site | undefined} */
    let site;
    try {
      site = await Site.open({ edgeState: fault.stateDir, centralLog: run.log });
      for (let times = 0; times < run.times; ) {
        const rooms = await BusyRooms.open(site, run.dice, ROOMS);
        do {
          await fillOnce(run, fault, rooms);
          run.done(++times);
        } while (times % TIMES_A_ROOM !== 0 && times < run.times);
        await rooms.end(run.tally);
      }
    } finally {
      await site?.close();
      fault.remove();
    }
  },
};

/** @param {Run} run @param {StorageFault} fault @param {BusyRooms} rooms */
async function fillOnce(run, fault, rooms) {
  rooms.speak();
  const lostBefore = rooms.lostConnections;
  fault.begin(run.dice.roll(0, BYTES_LEFT_MAX));
  // A write that fails costs a room's object its life, and so its people their connections.
  await until(
    async () => rooms.lostConnections,
    (lost) => lost > lostBefore,
  );
  await pause(run.dice.roll(0, FULL_MS_MAX));
  fault.end();
  const freeMs = performance.now();
  await rooms.fallSilent();
  await rooms.atRest();
  run.recoveredMs.push(performance.now() - freeMs);
}

/** A file system of its own where one can be mounted; else files that cannot grow. @param {Run} run */
async function storageFault(run) {
  const disk = await fullDisk();
  if (typeof disk !== "string") return disk;
  const files = await limitedFiles();
  assert.ok(typeof files !== "string", `the disk cannot be filled: ${disk}; ${files}`);
  run.remarks.push("by a limit of the files' size, as no file system of its own can be mounted");
  return files;
}

/** @type {Fault} */
export const underTheCentralApi = {
  name: "central-disk",
  what: "the disk full under the central API",
  times: { full: 10, short: 1 },
  async play(run) {
    const fault = await fullDisk();
    if (typeof fault === "string") {
      run.remarks.push(`not tried: ${fault}`);
      return;
    }
    fault.prepare();
    /** @type {Site | undefined} */
    let site;
    try {
      site = await Site.open({ centralState: fault.stateDir, centralLog: run.log });
      for (let times = 0; times < run.times; ) {
        const rooms = await BusyRooms.open(site, run.dice, ROOMS);
        await fillStore(run, site, fault, rooms);
        run.done(++times);
        await rooms.end(run.tally);
      }
    } finally {
      await site?.close();
      fault.remove();
    }
  },
};

/** @param {Run} run @param {Site} site @param {StorageFault} fault @param {BusyRooms} rooms */
async function fillStore(run, site, fault, rooms) {
  rooms.speak();
  fault.begin(0);
  // The local store ends itself, so that nothing is answered which a restart would not find.
  assert.equal(await within(site.central.ended(), "the end of the central API"), 1);
  await pause(run.dice.roll(0, FULL_MS_MAX));
  await rooms.fallSilent();
  fault.end();
  const freeMs = performance.now();
  await site.central.start();
  for (const { room } of rooms.rooms) await allConfirmed(site.edge, room);
  run.recoveredMs.push(performance.now() - freeMs);
  assert.equal(rooms.lostConnections, 0, "nobody in the rooms notices");
}
