// Readers that stop reading in a room where much is said. They are closed before they cost the others
// anything, and have missed nothing when they come back.

import assert from "node:assert/strict";
import { newRoom, until } from "../edge/harness.js";
import { fromCentral, walkForwards } from "../edge/pages.js";
import { withSite } from "./site.js";
import { countStored } from "./tally.js";

/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./site.js").Site} Site */
/** @typedef {import("../edge/harness.js").Client} Client */

/** At once in a room. */
const READERS = 10;

/** Enough to fill what the systems on both ends hold for a socket, and more than a slow reader may. */
const MESSAGE_BYTES = 60_000;
const UNREAD = 100;
/** What is said when the readers have been closed. */
const LATER = 20;
const MESSAGES = UNREAD + LATER;
/** More at once a client may not have on its way. */
const AT_ONCE = 20;
const TOO_SLOW = 4008;

const VARS = {
  HISTORY_SIZE: "1000",
  MESSAGE_LIMITS: '{"connection":{"rate":100000,"burst":100000}}',
};

/** @type {Fault} */
export const thatDoNotRead = {
  name: "slow-readers",
  what: "readers that stop reading",
  times: { full: 50, short: 5 },
  play: (run) =>
    withSite({ vars: VARS, centralLog: run.log }, async (site) => {
      for (let before = 0; before < run.times; before += READERS) {
        const readers = Math.min(READERS, run.times - before);
        await readNothing(run, site, readers);
        run.done(before + readers);
      }
    }),
};

/** @param {import("./fault.js").Run} run @param {Site} site @param {number} count */
async function readNothing(run, { edge, central }, count) {
  const room = newRoom();
  const ana = await edge.join(room, { user: "ana" });
  const { epoch } = ana.told[0];
  const readers = [];
  for (let n = 1; n <= count; n++) readers.push(await edge.join(room, { user: `reader-${n}` }));
  for (const { socket } of readers) socket.pause();
  await talk(ana, 1, UNREAD);
  // All are closed before they have read anything more.
  await until(
    async () => (await edge.json(`/api/rooms/${room}`)).body.connections,
    (connections) => connections === 1,
  );
  await talk(ana, UNREAD + 1, MESSAGES);
  assert.deepEqual(seqs(ana), range(1, MESSAGES));
  for (const { socket } of readers) socket.resume();
  for (const [n, reader] of readers.entries()) {
    assert.deepEqual(await reader.closed, { code: TOO_SLOW, reason: "too slow a reader" });
    const seen = seqs(reader);
    assert.deepEqual(seen, range(1, seen.length));
    assert.ok(seen.length <= UNREAD, "nothing is sent to whom is closed");
    const startedMs = performance.now();
    const query = { user: `reader-${n + 1}`, epoch, after: seen.length };
    const again = await edge.join(room, query);
    assert.equal(again.told[0].recovered, true);
    await again.next("new_message", ({ seq }) => seq === MESSAGES);
    assert.deepEqual([...seen, ...seqs(again)], range(1, MESSAGES));
    run.recoveredMs.push(performance.now() - startedMs);
    await again.close();
  }
  await ana.confirmed(MESSAGES);
  const stored = await walkForwards(fromCentral(central.url, room, epoch));
  countStored(
    run.tally,
    range(1, MESSAGES),
    stored.map(({ seq }) => seq),
  );
  await ana.close();
}

/** @param {Client} client @param {number} first @param {number} last */
async function talk(client, first, last) {
  for (let seq = first; seq <= last; seq++) {
    client.send({ type: "message", id: `${seq}`, content: `${seq} ${"x".repeat(MESSAGE_BYTES)}` });
    if (seq % AT_ONCE === 0) await client.next("new_message", (told) => told.seq === seq);
  }
}

/** @param {Client} client */
function seqs(client) {
  return client.all("new_message").map(({ seq }) => seq);
}

/** @param {number} first @param {number} last */
function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
