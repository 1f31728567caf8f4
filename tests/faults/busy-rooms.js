// Rooms in which people speak, delete and ban all the time, and the sum of what became of it.

import { setTimeout as pause } from "node:timers/promises";
import { agree, allConfirmed, rest } from "../edge/agreement.js";
import { comparable, fromCentral, walkForwards } from "../edge/pages.js";
import { UsedRoom } from "../edge/used-room.js";

/** @typedef {import("../edge/dice.js").Dice} Dice */
/** @typedef {import("./fault.js").Run} Run */
/** @typedef {import("./site.js").Site} Site */
/** @typedef {import("./tally.js").Tally} Tally */

/**
 * Between two steps of a room, at most: over a hundred messages a second in each, which a local DynamoDB
 * that shares a machine with everything else can take.
 */
const STEP_MS_MAX = 80;

/**
 * Has a fault happen in rooms where people speak, as often as a run wants.
 *
 * @param {Run} run
 * @param {Site} site
 * @param {{count: number, timesARoom: number}} rooms how many at once, and after how many faults there
 * are new ones, so that none grows for ever
 * @param {(rooms: BusyRooms, nth: number) => Promise<void>} happen
 */
export async function inBusyRooms(run, site, { count, timesARoom }, happen) {
  for (let times = 0; times < run.times; ) {
    const rooms = await BusyRooms.open(site, run.dice, count);
    do {
      rooms.speak();
      await happen(rooms, times);
      run.done(++times);
    } while (times % timesARoom !== 0 && times < run.times);
    await rooms.end(run.tally);
  }
}

export class BusyRooms {
  #site;
  #dice;
  #isBusy = false;
  /** @type {Promise<void>[]} */
  #talks = [];

  /** @param {Site} site @param {Dice} dice @param {UsedRoom[]} rooms */
  constructor(site, dice, rooms) {
    this.#site = site;
    this.#dice = dice;
    this.rooms = rooms;
  }

  /** @param {Site} site @param {Dice} dice @param {number} count of rooms */
  static async open(site, dice, count) {
    const rooms = Array.from({ length: count }, () => new UsedRoom(site.edge, dice));
    for (const room of rooms) await room.open();
    return new BusyRooms(site, dice, rooms);
  }

  get members() {
    return this.rooms.flatMap(({ members }) => members);
  }

  /** How many connections were lost so far. */
  get lostConnections() {
    return this.members.reduce((total, { count }) => total + count.lost, 0);
  }

  /** From now on they speak. */
  speak() {
    this.#isBusy = true;
    this.#talks = this.rooms.map(async (room) => {
      while (this.#isBusy) {
        room.step();
        await pause(this.#dice.roll(0, STEP_MS_MAX));
      }
    });
  }

  /** Nobody says anything more. */
  async fallSilent() {
    this.#isBusy = false;
    await Promise.all(this.#talks);
  }

  /** Everybody is cut off, and does not come back. */
  async leave() {
    for (const member of this.members) await member.leave();
  }

  /** All that anybody was told is there, where workerd was started again; and everybody comes back. */
  async comeBack() {
    for (const room of this.rooms) await room.isThere(this.#site.edge);
    for (const member of this.members) {
      member.moveTo(this.#site.edge.url);
      member.come();
    }
    await this.atRest();
  }

  /** Everybody has everything, and every answer. */
  async atRest() {
    for (const { room, members } of this.rooms) await rest(this.#site.edge, room, members);
  }

  /** Waits until all is confirmed, counts, and then has all agree. @param {Tally} tally */
  async end(tally) {
    const { edge, central } = this.#site;
    await this.atRest();
    for (const used of this.rooms) {
      const { epoch } = await allConfirmed(edge, used.room);
      const stored = await walkForwards(fromCentral(central.url, used.room, epoch));
      count(tally, used, stored.map(comparable));
      await agree(edge, /** @type {any} */ (central), used.room, used.members);
      for (const member of used.members) await member.end();
    }
  }
}

/** @param {Tally} tally @param {UsedRoom} used @param {ReturnType<typeof comparable>[]} stored */
function count(tally, used, stored) {
  const bySeq = new Map(stored.map((message) => [message.seq, message]));
  const names = stored.flatMap(({ user, id }) => (id === undefined ? [] : [`${user} ${id}`]));
  tally.published += used.spoken;
  tally.twice += names.length - new Set(names).size;
  for (const { user, answered, unanswered, count } of used.members) {
    for (const [id, seq] of answered) {
      const found = bySeq.get(seq);
      // A deletion takes the id away.
      const isThere = found?.user === user && (found.deleted || found.id === id);
      if (!isThere) tally.lost++;
    }
    tally.never += unanswered.size;
    tally.again += count.again;
    tally.known += count.duplicates;
  }
}
