// Whether all agree on what was said in a room: the room, the central store, and every member.

import assert from "node:assert/strict";
import { STORE_PATIENCE_MS, until } from "./harness.js";
import { comparable, fromCentral, overHttp, walkForwards } from "./pages.js";

/** @typedef {Awaited<ReturnType<typeof import("./harness.js").startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof import("./harness.js").central>>} Central */
/** @typedef {import("./member.js").Member} Member */

/** Waits until all have everything and every answer. @param {Edge} edge @param {string} room @param {Member[]} members */
export async function rest(edge, room, members) {
  await until(
    async () => {
      const { status, body } = await edge.json(`/api/rooms/${room}`);
      if (status !== 200) return [`the room answers ${status}`];
      return members.map((member) => member.unrest(body.seq)).filter((why) => why !== "");
    },
    (why) => why.length === 0,
  );
  for (const { faults } of members) assert.deepEqual(faults, []);
}

/** @param {Edge} edge @param {string} room */
export async function allConfirmed(edge, room) {
  return until(
    async () => (await edge.json(`/api/rooms/${room}`)).body,
    (state) => state.confirmed === state.seq,
    STORE_PATIENCE_MS,
  );
}

/** @param {Edge} edge @param {string} room */
export async function history(edge, room) {
  return (await walkForwards(overHttp(edge.url, room))).map(comparable);
}

/**
 * That room, store and members agree, and that everything acknowledged is there once.
 * @param {Edge} edge
 * @param {Central} store
 * @param {string} room
 * @param {Member[]} members
 */
export async function agree(edge, store, room, members) {
  await rest(edge, room, members);
  const { epoch, seq } = await allConfirmed(edge, room);
  const held = await history(edge, room);
  const stored = await walkForwards(fromCentral(store.url, room, epoch));
  assert.deepEqual(stored.map(comparable), held);
  const names = held.flatMap(({ user, id }) => (id === undefined ? [] : [`${user} ${id}`]));
  assert.equal(new Set(names).size, names.length, "a message is there twice");
  for (const member of members) {
    assert.equal(member.epoch, epoch);
    assert.equal(member.seq, seq);
    assert.deepEqual(member.list(), held, member.user);
    for (const [id, told] of member.answered) {
      const found = held.find((message) => message.seq === told);
      assert.ok(found?.deleted || found?.id === id, `${member.user} ${id}, told as ${told}`);
    }
  }
  return held;
}
