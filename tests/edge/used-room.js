// A room that people use all the time, and all that they were told of it: what must still hold when
// workerd, its storage or the central API has failed.

import assert from "node:assert/strict";
import { history, rest } from "./agreement.js";
import { newRoom } from "./harness.js";
import { Member } from "./member.js";

/** @typedef {Awaited<ReturnType<typeof import("./harness.js").startEdge>>} Edge */
/** @typedef {import("./dice.js").Dice} Dice */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** A room that is used while workerd is killed, and what its moderators know of it. */
export class UsedRoom {
  /** @type {Member[]} */
  members = [];
  spoken = 0;
  /** Whether somebody is banned, as far as it was acknowledged. @type {Map<string, boolean>} */
  banned = new Map();
  /** Whose ban is being changed. @type {Set<string>} */
  #changing = new Set();
  room = newRoom();

  /** @param {Edge} edge @param {Dice} dice */
  constructor(edge, dice) {
    this.edge = edge;
    this.dice = dice;
  }

  async open() {
    for (const user of ["witness", "ana", "bob", "cleo"]) {
      this.members.push(await Member.of(this.edge.url, this.room, user, this.dice));
    }
    for (const member of this.members) member.come();
    await rest(this.edge, this.room, this.members);
  }

  /** Somebody may say something, and a moderator may do something. */
  step() {
    const { dice } = this;
    const [witness, ...speakers] = this.members;
    for (const speaker of speakers) {
      // Nobody floods: the room would refuse it.
      if (speaker.unanswered.size > 50) continue;
      const pad = "x".repeat(dice.pick([0, dice.roll(0, 200), dice.roll(0, 10_000)]));
      for (let n = dice.roll(0, 3); n > 0; n--) {
        this.spoken++;
        speaker.publish(`${this.spoken}`, { n: this.spoken, pad });
      }
    }
    if (dice.oneIn(2)) this.#changeBan(dice.pick(["x", "y", "z"]), dice.pick(["ban", "unban"]));
    if (witness.seq === 0 || !dice.oneIn(4)) return;
    this.#ask(`messages/${dice.roll(1, witness.seq)}`, { method: "DELETE" }).catch(() => {});
  }

  /** @param {string} user @param {string} action */
  async #changeBan(user, action) {
    if (this.#changing.has(user)) return;
    this.#changing.add(user);
    this.banned.delete(user);
    try {
      const body = JSON.stringify({ action, user });
      const { status } = await this.#ask("moderation", { method: "POST", body });
      if (status < 300) this.banned.set(user, action === "ban");
      this.#changing.delete(user);
    } catch {
      // It is unknown.
    }
  }

  /** @param {string} what @param {RequestInit} init */
  #ask(what, init) {
    return this.edge.json(`/api/rooms/${this.room}/${what}`, { ...init, headers: MODERATOR });
  }

  /** All that anybody was told is there, on what has been started again. @param {Edge} edge */
  async isThere(edge) {
    this.edge = edge;
    this.#changing.clear();
    const { body: state } = await edge.json(`/api/rooms/${this.room}`);
    const held = new Map((await history(edge, this.room)).map((kept) => [kept.seq, kept]));
    for (const member of this.members) {
      assert.equal(state.epoch, member.epoch);
      assert.ok(state.seq >= member.seq, `${member.user} had ${member.seq} of ${state.seq}`);
      for (const told of member.list()) {
        const kept = held.get(told.seq);
        // A deletion that nobody was told of may have been stored, too.
        if (kept?.deleted && !told.deleted) continue;
        assert.deepEqual(kept, told);
      }
      for (const [id, seq] of member.answered) {
        const kept = held.get(seq);
        assert.ok(kept?.deleted || kept?.id === id, `${id}, acknowledged as ${seq}`);
      }
    }
    for (const [user, banned] of this.banned) {
      if (banned) await assert.rejects(edge.join(this.room, { user }), /403/, `${user} is let in`);
      else await (await edge.join(this.room, { user })).close();
    }
  }
}
