// Very many connections that say nothing for a while, so that their rooms sleep, and then hear
// something.

import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { residentKib } from "../../bench/workerd.js";
import { newRoom, STORE_PATIENCE_MS, until } from "../edge/harness.js";
import { fromCentral, walkForwards } from "../edge/pages.js";
import { Site } from "./site.js";
import { countStored } from "./tally.js";

/** @typedef {import("./fault.js").Fault} Fault */
/** @typedef {import("./fault.js").Run} Run */
/** @typedef {import("../edge/harness.js").Client} Client */
/** @typedef {{site: Site, room: string, clients: Client[]}} Crowd */

const CONNECTIONS_A_ROOM = 500;
const JOINING_AT_ONCE = 50;

/** Long enough for every room to fall asleep: workerd does it after ten seconds. */
const IDLE_MS = 60_000;
const IDLE_SHORT_MS = 15_000;
const MANY = 10_000;

/** workerd has two files open for each connection, and this process one. */
const FILES_A_CONNECTION = 2;
const OTHER_FILES = 200;

/** @type {Fault} */
export const forAWhile = {
  name: "idle",
  what: "connections that say nothing for a minute, and then hear something",
  times: { full: 10_000, short: 500 },
  async play(run) {
    const files = filesMax();
    const wanted = Math.min(run.times, files);
    if (wanted < run.times)
      run.remarks.push("as many as this machine's limit of open files allows");
    const servers = Math.ceil((wanted * FILES_A_CONNECTION) / files);
    if (servers > 1) run.remarks.push(`in ${servers} workerd, for the limit of open files`);
    /** @type {Site[]} */
    const sites = [];
    try {
      while (sites.length < servers) sites.push(await Site.open({ centralLog: run.log }));
      const before = residentKib();
      /** @type {Crowd[]} */
      const crowds = [];
      for (let count = 0; count < wanted; count += CONNECTIONS_A_ROOM) {
        const size = Math.min(CONNECTIONS_A_ROOM, wanted - count);
        crowds.push(await crowd(sites[crowds.length % servers], size));
        run.done(count + size);
      }
      const each = (residentKib() - before) / wanted;
      const areMany = run.times >= MANY;
      await pause(areMany ? IDLE_MS : IDLE_SHORT_MS);
      if (areMany) run.remarks.push(`${each.toFixed(0)} KiB of workerd's memory each`);
      for (const one of crowds) await speak(run, one);
    } finally {
      for (const site of sites) await site.close();
    }
  },
};

/** What the limit of open files leaves each process for connections. */
function filesMax() {
  const files = execSync("ulimit -n", { encoding: "utf8" }).trim();
  return files === "unlimited" ? Number.POSITIVE_INFINITY : Number(files) - OTHER_FILES;
}

/** @param {Site} site @param {number} size @returns {Promise<Crowd>} */
async function crowd(site, size) {
  const room = newRoom();
  const clients = [];
  while (clients.length < size) {
    const joining = Math.min(JOINING_AT_ONCE, size - clients.length);
    const numbers = Array.from({ length: joining }, (_, i) => clients.length + i);
    clients.push(
      ...(await Promise.all(numbers.map((n) => site.edge.join(room, { user: `u${n}` })))),
    );
  }
  return { site, room, clients };
}

/** Everybody is still there, and hears it once. @param {Run} run @param {Crowd} crowd */
async function speak(run, { site: { edge, central }, room, clients }) {
  for (const { socket } of clients) assert.equal(socket.readyState, socket.OPEN);
  const startedMs = performance.now();
  clients[0].send({ type: "message", content: "is anybody there?" });
  await Promise.all(clients.map((client) => client.next("new_message")));
  run.recoveredMs.push(performance.now() - startedMs);
  for (const client of clients) assert.equal(client.all("new_message").length, 1);
  await clients[0].confirmed(1);
  const { epoch, connections } = await until(
    async () => (await edge.json(`/api/rooms/${room}`)).body,
    ({ confirmed }) => confirmed === 1,
    STORE_PATIENCE_MS,
  );
  assert.equal(connections, clients.length);
  const stored = await walkForwards(fromCentral(central.url, room, epoch));
  countStored(
    run.tally,
    [1],
    stored.map(({ seq }) => seq),
  );
  for (const { socket } of clients) socket.terminate();
}
