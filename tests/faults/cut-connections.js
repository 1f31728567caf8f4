// Connections are cut: after any byte in either direction, in the handshake, in the welcome, at any
// moment. Whoever is cut off comes back.

import { setTimeout as pause } from "node:timers/promises";
import { STORE_PATIENCE_MS, until } from "../edge/harness.js";
import { anyFate } from "../edge/member.js";
import { BusyRooms } from "./busy-rooms.js";
import { withSite } from "./site.js";

/** @typedef {import("./fault.js").Fault} Fault */

const ROOMS = 3;
const CUTS_A_ROOM = 100;
const AWAY_MS_MAX = 50;

/** Small enough for some to come back to a room that cannot recover them. */
const VARS = { HISTORY_SIZE: "50" };

/** What each member meets, again and again: a fate may pass by one that is away just then. */
const FATES = 5;
const STORM_MS = 250;

/** @type {Fault} */
export const ofAnybody = {
  name: "cuts",
  what: "connections cut, after any byte or at any moment",
  times: { full: 2000, short: 100 },
  play: (run) =>
    withSite({ vars: VARS, centralLog: run.log }, async (site) => {
      for (let before = 0; before < run.times; ) {
        const rooms = await BusyRooms.open(site, run.dice, ROOMS);
        const wanted = Math.min(CUTS_A_ROOM, run.times - before);
        rooms.speak();
        await until(
          async () => {
            await storm(rooms, run.dice);
            const lost = rooms.lostConnections;
            run.done(before + Math.min(lost, wanted));
            return lost;
          },
          (lost) => lost >= wanted,
          STORE_PATIENCE_MS,
        );
        const endMs = performance.now();
        for (const member of rooms.members) member.meet([]);
        await rooms.fallSilent();
        await rooms.atRest();
        run.recoveredMs.push(performance.now() - endMs);
        before += wanted;
        await rooms.end(run.tally);
      }
    }),
};

/** @param {BusyRooms} rooms @param {import("../edge/dice.js").Dice} dice */
async function storm({ members }, dice) {
  for (const member of members) {
    member.meet(Array.from({ length: FATES }, () => anyFate(dice, AWAY_MS_MAX)));
  }
  await pause(STORM_MS);
}
