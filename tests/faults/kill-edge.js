// workerd is killed with SIGKILL, at one exact point of what it does, while people speak in its rooms.

import { setTimeout as pause } from "node:timers/promises";
import { handOn } from "../edge/central-proxy.js";
import { until } from "../edge/harness.js";
import { FLUSH_POINTS, STRIKE_ENTRY, strikeFlush } from "../edge/strike.js";
import { inBusyRooms } from "./busy-rooms.js";
import { within } from "./fault.js";
import { withSite } from "./site.js";

/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */
/** @typedef {import("./busy-rooms.js").BusyRooms} BusyRooms */
/** @typedef {import("./site.js").Site} Site */

const MANY = { count: 3, timesARoom: 10 };

/** Small, so that what was acknowledged is in a snapshot, or in the central store alone. */
const VARS = { HISTORY_SIZE: "20", DEDUP_MAX: "500" };

/**
 * Where a batch can be when workerd ends.
 * @typedef {object} BatchPoint
 * @property {boolean} [isStored] the central API has it, and its answer does not arrive
 * @property {boolean} [isLost] the central API never gets it; else it does, after the end
 */

/** @type {BatchPoint[]} */
const BATCH_POINTS = [{ isLost: true }, {}, { isStored: true }];

/** In a flush. Unheard: what is stored and told does not arrive, so that it is sent again. */
const STRIKES = [
  ...FLUSH_POINTS.map((point) => ({ point, isHeard: true })),
  { point: "after the commit", isHeard: false },
];

/** People have spoken for so long, at most. */
const SPEAKING_MS_MAX = 100;

/** Brings workerd to a point, and returns what lets go of it. @typedef {(site: Site, rooms: BusyRooms, nth: number) => Promise<() => void>} Bring */

/** @type {Fault} */
export const whileItStores = {
  name: "flush",
  what: `workerd killed while it stores (${FLUSH_POINTS.join(", ")})`,
  times: { full: 100, short: 5 },
  play: (run) =>
    killAgainAndAgain(run, async ({ edge }, { rooms, members }, nth) => {
      await pause(run.dice.roll(0, SPEAKING_MS_MAX));
      const { point, isHeard } = STRIKES[nth % STRIKES.length];
      if (!isHeard) for (const member of members) member.turnDeaf();
      // The strike may come before the answer to this.
      strikeFlush(edge, rooms[0].room, point, "spin").catch(() => {});
      await until(
        async () => edge.logs,
        (logs) => logs.includes(`struck ${point}`),
      );
      return () => {
        for (const member of members) member.hearAgain();
      };
    }),
};

/** @type {Fault} */
export const whileItForwards = {
  name: "forward",
  what: "workerd killed while a batch is on its way (lost, arriving later, stored with its answer on the way)",
  times: { full: 100, short: 3 },
  play: (run) =>
    killAgainAndAgain(run, async ({ way }, { rooms }, nth) => {
      const { isStored, isLost } = BATCH_POINTS[nth % BATCH_POINTS.length];
      const { room } = rooms[nth % rooms.length];
      /** @type {PromiseWithResolvers<void>} */
      const there = Promise.withResolvers();
      /** @type {PromiseWithResolvers<void>} */
      const ended = Promise.withResolvers();
      way.meet(room, async (passing) => {
        if (passing.method !== "POST") return passing.handOn();
        const answer = isStored ? await passing.handOn() : undefined;
        there.resolve();
        await ended.promise;
        return isStored || isLost ? answer : passing.handOn();
      });
      await within(there.promise, "a batch on its way");
      return () => {
        way.meet(room, handOn);
        ended.resolve();
      };
    }),
};

/** @type {Fault} */
export const atAnyMoment = {
  name: "anywhere",
  what: "workerd killed at any moment",
  times: { full: 100, short: 3 },
  play: (run) =>
    killAgainAndAgain(run, async () => {
      await pause(run.dice.roll(0, SPEAKING_MS_MAX));
      return () => {};
    }),
};

/** @param {Run} run @param {Bring} bring */
function killAgainAndAgain(run, bring) {
  return withSite({ entry: STRIKE_ENTRY, vars: VARS, centralLog: run.log }, (site) =>
    inBusyRooms(run, site, MANY, (rooms, nth) => killOnce(run, site, rooms, bring, nth)),
  );
}

/** @param {Run} run @param {Site} site @param {BusyRooms} rooms @param {Bring} bring @param {number} nth */
async function killOnce(run, site, rooms, bring, nth) {
  const letGo = await bring(site, rooms, nth);
  const killedMs = performance.now();
  await site.killEdge();
  run.kills++;
  await rooms.fallSilent();
  await rooms.leave();
  letGo();
  await site.startEdge();
  await rooms.comeBack();
  run.recoveredMs.push(performance.now() - killedMs);
}
