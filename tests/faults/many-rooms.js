// Very many rooms at once with something that the central API has not confirmed, when workerd is
// killed. Nobody comes back: what the rooms promised to forward they forward by themselves.

import assert from "node:assert/strict";
import { newRoom, STORE_PATIENCE_MS, until } from "../edge/harness.js";
import { fromCentral, walkForwards } from "../edge/pages.js";
import { withSite } from "./site.js";
import { countStored } from "./tally.js";

/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */
/** @typedef {import("./site.js").Site} Site */
/** @typedef {{room: string, epoch: string}} Used */

const AT_ONCE = 20;
const IDS = ["1", "2", "3"];

/** What a room needs to send what it has, beside all the others on a machine that is busy. */
const MS_A_ROOM = 100;

/** @type {Fault} */
export const thatNobodyComesBackTo = {
  name: "many-rooms",
  what: "rooms at once, the central API away, workerd killed, and nobody comes back",
  times: { full: 2000, short: 50 },
  play: (run) =>
    withSite({ centralLog: run.log }, async (site) => {
      await site.central.kill();
      run.kills++;
      /** @type {Used[]} */
      const rooms = [];
      while (rooms.length < run.times) {
        const count = Math.min(AT_ONCE, run.times - rooms.length);
        rooms.push(...(await Promise.all(Array.from({ length: count }, () => use(site)))));
        run.done(rooms.length);
      }
      await site.killEdge();
      run.kills++;
      const killedMs = performance.now();
      await site.central.start();
      await site.startEdge();
      for (const { room, epoch } of rooms) await arrived(run, site, room, epoch);
      run.recoveredMs.push(performance.now() - killedMs);
      await comeBack(site, rooms);
    }),
};

/** @param {Site} site @returns {Promise<Used>} */
async function use({ edge }) {
  const room = newRoom();
  const ana = await edge.join(room, { user: "ana" });
  for (const id of IDS) ana.send({ type: "message", id, content: { id } });
  await ana.next("new_message", ({ seq }) => seq === IDS.length);
  return { room, epoch: ana.told[0].epoch };
}

/** All of it is in the store, asked without waking the room. @param {Run} run @param {Site} site @param {string} room @param {string} epoch */
async function arrived(run, { central }, room, epoch) {
  const stored = await until(
    () => walkForwards(fromCentral(central.url, room, epoch)),
    ({ length }) => length >= IDS.length,
    STORE_PATIENCE_MS + run.times * MS_A_ROOM,
  );
  countStored(
    run.tally,
    IDS,
    stored.map(({ id }) => id),
  );
}

/** Whoever comes back much later is told all of it. @param {Site} site @param {Used[]} rooms */
async function comeBack({ edge }, rooms) {
  for (const { room, epoch } of rooms) {
    const ana = await edge.join(room, { user: "ana", epoch, after: 0 });
    assert.equal(ana.told[0].recovered, true);
    await ana.next("new_message", ({ seq }) => seq === IDS.length);
    if (ana.told[0].confirmed < IDS.length) await ana.confirmed(IDS.length);
    await ana.close();
  }
}
