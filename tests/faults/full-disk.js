// The disk of the state directory is full for a while: first workerd's, then the central API's.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { allConfirmed } from "../edge/agreement.js";
import { fullDisk, limitedFiles } from "../edge/faults.js";
import { until } from "../edge/harness.js";
import { inBusyRooms } from "./busy-rooms.js";
import { within } from "./fault.js";
import { withSite } from "./site.js";

/** @typedef {import("../edge/faults.js").StorageFault} StorageFault */
/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */
/** @typedef {import("./busy-rooms.js").BusyRooms} BusyRooms */
/** @typedef {import("./site.js").Site} Site */
/** @typedef {import("./site.js").SiteOptions} SiteOptions */

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
    const many = { count: ROOMS, timesARoom: TIMES_A_ROOM };
    await withFault(fault, { edgeState: fault.stateDir, centralLog: run.log }, (site) =>
      inBusyRooms(run, site, many, (rooms) => fillOnce(run, fault, rooms)),
    );
  },
};

/** @param {Run} run @param {StorageFault} fault @param {BusyRooms} rooms */
async function fillOnce(run, fault, rooms) {
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
    const many = { count: ROOMS, timesARoom: 1 };
    await withFault(fault, { centralState: fault.stateDir, centralLog: run.log }, (site) =>
      inBusyRooms(run, site, many, (rooms) => fillStore(run, site, fault, rooms)),
    );
  },
};

/** @param {StorageFault} fault @param {SiteOptions} options @param {(site: Site) => Promise<void>} act */
async function withFault(fault, options, act) {
  fault.prepare();
  try {
    await withSite(options, act);
  } finally {
    fault.remove();
  }
}

/** @param {Run} run @param {Site} site @param {StorageFault} fault @param {BusyRooms} rooms */
async function fillStore(run, site, fault, rooms) {
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
