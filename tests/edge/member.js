// Somebody who wants to miss nothing: comes back whenever the connection is lost, with the epoch
// and the seq of the last record that it has whole, sends again what was not answered, reads the
// history when the room cannot bring it up to date, and finds fault with all that the protocol
// does not allow.

import WebSocket from "ws";
import { Cable } from "./cable.js";
import { search } from "./harness.js";
import { comparable, overHttp, walkBackwards, walkForwards } from "./pages.js";

/** @typedef {import("./dice.js").Dice} Dice */
/** @typedef {import("./pages.js").Message} Message */
/** @typedef {Record<string, any>} Told */

/**
 * How a connection ends.
 * @typedef {object} Fate
 * @property {number} [up] bytes to the room, the upgrade included
 * @property {number} [down] bytes from the room
 * @property {true} [atWelcome]
 * @property {number} [afterRecords]
 * @property {number} [afterSends]
 * @property {number} [afterMs]
 * @property {number} [awayMs] how long it takes to come back
 */

/** How long to wait before the next try, when the edge cannot even be reached. */
const RETRY_MS = 20;

/** Any moment at all. @param {Dice} dice @param {number} awayMsMax @returns {Fate} */
export function anyFate(dice, awayMsMax) {
  /** @type {Fate} */
  const fate = dice.pick([
    { up: dice.roll(1, 2000) },
    { down: dice.roll(1, 300) },
    { down: dice.roll(300, 6000) },
    { atWelcome: true },
    { afterRecords: dice.roll(1, 12) },
    { afterSends: dice.roll(1, 4) },
    { afterMs: dice.roll(0, 40) },
  ]);
  return { ...fate, awayMs: dice.pick([0, 0, dice.roll(1, awayMsMax)]) };
}

export class Member {
  /** What it has: all records up to here. @type {string | undefined} */
  epoch;
  seq = 0;
  /** The room as it knows it. @type {Map<number, Message>} */
  messages = new Map();
  /** What the protocol does not allow. @type {string[]} */
  faults = [];
  /** What it has sent, by id, and nobody has answered. @type {Map<string, string>} */
  unanswered = new Map();
  /** Under which seq the room says that it has an id. @type {Map<string, number>} */
  answered = new Map();
  /** What happened to it. */
  count = { lost: 0, recovered: 0, notRecovered: 0, again: 0, duplicates: 0 };

  #cable;
  #room;
  #dice;
  /** @type {Fate[]} */
  #fates = [];
  /** @type {Fate} */
  #fate = {};
  #sends = 0;
  #records = 0;
  /** Comes back when it is cut off. */
  wantsToBeThere = false;
  /** @type {WebSocket | null} */
  #socket = null;
  #welcomed = false;
  #confirmed = 0;
  /** While it reads the history: what it is told in the meantime. @type {Told[] | null} */
  #meanwhile = null;
  /** The newest record it was told, had or waiting in #meanwhile. */
  #toldSeq = 0;

  /** @param {Cable} cable @param {string} room @param {string} user @param {Dice} dice */
  constructor(cable, room, user, dice) {
    this.#cable = cable;
    this.#room = room;
    this.user = user;
    this.#dice = dice;
  }

  /** @param {string} url @param {string} room @param {string} user @param {Dice} dice */
  static async of(url, room, user, dice) {
    return new Member(await Cable.lay(url), room, user, dice);
  }

  /** From now on the edge is there. @param {string} url */
  moveTo(url) {
    this.#cable.target = url;
  }

  /** Joins, and comes back for ever. */
  come() {
    this.wantsToBeThere = true;
    if (this.#socket === null) this.#connect();
  }

  /** Is cut off and does not come back. */
  async leave() {
    this.wantsToBeThere = false;
    const socket = this.#socket;
    if (socket === null) return;
    const closed = new Promise((done) => socket.once("close", done));
    this.cut();
    await closed;
  }

  async end() {
    await this.leave();
    await this.#cable.close();
  }

  /** What its connections meet from now on, one after the other; beyond them they last. @param {Fate[]} fates */
  meet(fates) {
    this.#fates = [...fates];
    this.#nextFate();
    this.#cable.cutAfter(this.#fate);
  }

  /** Hears nothing any more, and is not told so. */
  turnDeaf() {
    this.#cable.goDead("down");
  }

  /** Hears again, when it has been cut off and comes back. */
  hearAgain() {
    this.#cable.revive();
  }

  /** Publishes a message. @param {string} id @param {unknown} content */
  publish(id, content) {
    const frame = JSON.stringify({ type: "message", content, id });
    this.unanswered.set(id, frame);
    if (this.#welcomed) this.#send(frame);
  }

  /** Why it is not at rest: has not all up to `seq`, or waits for an answer. @param {number} seq */
  unrest(seq) {
    if (this.faults.length > 0) return "";
    if (!this.#welcomed) return `${this.user} is not connected`;
    if (this.#meanwhile) return `${this.user} reads the history`;
    if (this.unanswered.size > 0) return `${this.user} waits for ${this.unanswered.size} answers`;
    return this.seq < seq ? `${this.user} has ${this.seq} of ${seq}` : "";
  }

  /** What it knows. */
  list() {
    return [...this.messages.values()].map(comparable);
  }

  /** The connection is lost, now, and with it all that is still on its way. */
  cut() {
    if (this.#socket === null) return;
    const socket = this.#socket;
    this.#lost(socket);
    socket.terminate();
  }

  #nextFate() {
    const fate = this.#fates.shift() ?? {};
    this.#fate = fate;
    this.#sends = 0;
    this.#records = 0;
    this.#cable.cutNextAfter(fate);
    if (fate.afterMs === undefined) return;
    setTimeout(() => {
      if (this.#fate === fate) this.cut();
    }, fate.afterMs);
  }

  #connect() {
    /** @type {Record<string, string | number>} */
    const query = { user: this.user };
    if (this.epoch !== undefined) Object.assign(query, { epoch: this.epoch, after: this.seq });
    const url = this.#cable.url.replace("http", "ws");
    const address = `${url}/rooms/${this.#room}?${search(query)}`;
    const socket = new WebSocket(address, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on("error", () => {});
    socket.on("message", (data) => {
      // What was still in the pipe when the connection was cut is lost like the rest.
      for (const told of JSON.parse(String(data))) if (socket === this.#socket) this.#take(told);
    });
    socket.on("close", (code) => {
      if (socket !== this.#socket) return;
      if (code !== 1006) this.#fault(`closed with ${code}`);
      this.#lost(socket);
    });
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    const { awayMs } = this.#fate;
    const reached = socket.readyState !== WebSocket.CONNECTING && this.#welcomed;
    this.count.lost++;
    this.#socket = null;
    this.#welcomed = false;
    this.#meanwhile = null;
    if (this.#fate.atWelcome === undefined || reached) this.#nextFate();
    if (!this.wantsToBeThere) return;
    const pause = reached ? (awayMs ?? 0) : RETRY_MS;
    setTimeout(() => {
      if (this.wantsToBeThere && this.#socket === null) this.#connect();
    }, pause);
  }

  /** @param {string} frame */
  #send(frame) {
    this.#socket?.send(frame);
    if (++this.#sends === this.#fate.afterSends) this.cut();
  }

  /** @param {Told} told */
  #take(told) {
    if (this.#welcomed === (told.type === "welcome")) this.#fault("the welcome is not first", told);
    switch (told.type) {
      case "welcome":
        return this.#welcome(told);
      case "new_message":
      case "message_deleted":
      case "moderation":
        return this.#record(told);
      case "ack":
        return this.#acknowledged(told);
      case "message_confirmed":
        if (told.epoch !== this.epoch && !this.#meanwhile) this.#fault("of another epoch", told);
        if (told.through > this.#toldSeq) this.#fault("confirms what was never told", told);
        // Whoever joins between a confirmation and its frame hears it twice.
        if (told.through < this.#confirmed) this.#fault("takes back what was confirmed", told);
        this.#confirmed = told.through;
        return;
      case "room_count":
      case "join":
      case "leave":
        return;
      default:
        this.#fault("unexpected", told);
    }
  }

  /** @param {Told} welcome */
  #welcome(welcome) {
    this.#welcomed = true;
    this.#confirmed = welcome.confirmed;
    if (welcome.confirmed > welcome.seq) this.#fault("confirms what is not there", welcome);
    if (welcome.recovered) {
      this.count.recovered++;
      if (welcome.epoch !== this.epoch || welcome.seq < this.seq) {
        this.#fault(`recovered what it cannot have: we have ${this.epoch} ${this.seq}`, welcome);
      }
      this.#toldSeq = this.seq;
    } else {
      if (this.epoch !== undefined) this.count.notRecovered++;
      this.#toldSeq = welcome.seq;
      this.#read(welcome);
    }
    if (this.#fate.atWelcome) return this.cut();
    for (const frame of this.unanswered.values()) {
      this.count.again++;
      this.#send(frame);
      if (!this.#welcomed) return;
    }
  }

  /** All is read anew: what was deleted meanwhile would be missed otherwise. @param {Told} welcome */
  async #read(welcome) {
    /** @type {Told[]} */
    const meanwhile = [];
    this.#meanwhile = meanwhile;
    const walk = this.#dice.oneIn(2) ? walkForwards : walkBackwards;
    const read = overHttp(this.#cable.target, this.#room);
    try {
      const messages = await walk(read, this.#dice.roll(5, 100));
      if (this.#meanwhile !== meanwhile) return; // cut in the meantime
      this.messages = new Map();
      for (const message of messages) {
        if (message.seq <= welcome.seq) this.messages.set(message.seq, message);
      }
      this.epoch = welcome.epoch;
      this.seq = welcome.seq;
      this.#meanwhile = null;
      for (const told of meanwhile) this.#keep(told);
    } catch (error) {
      if (this.#meanwhile === meanwhile) this.#fault(`reading the history: ${error}`);
    }
  }

  /** @param {Told} told */
  #record(told) {
    if (told.seq !== this.#toldSeq + 1) this.#fault(`follows on ${this.#toldSeq}`, told);
    this.#toldSeq = told.seq;
    if (told.user === this.user && told.id !== undefined) this.#answered(told.id, told.seq);
    if (this.#meanwhile) this.#meanwhile.push(told);
    else this.#keep(told);
    if (++this.#records === this.#fate.afterRecords) this.cut();
  }

  /** @param {Told} told */
  #keep(told) {
    this.seq = told.seq;
    if (told.type === "new_message") {
      const { type: _, ...message } = told;
      this.messages.set(told.seq, /** @type {Message} */ (message));
      if (told.deleted && ("content" in told || "id" in told)) {
        this.#fault("deleted, and still told", told);
      }
      return;
    }
    if (told.type === "moderation") return;
    const target = this.messages.get(told.target);
    if (target === undefined) return this.#fault("deletes what was never told", told);
    const { seq, ts, user } = target;
    this.messages.set(seq, { seq, ts, user, deleted: true, by: told.by });
  }

  /** @param {Told} ack */
  #acknowledged(ack) {
    this.count.duplicates++;
    if (!ack.duplicate) this.#fault("an ack that is no duplicate", ack);
    if (ack.seq > this.#toldSeq) this.#fault("acknowledges what was never told", ack);
    this.#answered(ack.id, ack.seq);
  }

  /** @param {string} id @param {number} seq */
  #answered(id, seq) {
    const before = this.answered.get(id);
    if (before !== undefined && before !== seq) {
      this.#fault(`${id} is stored twice: as ${before} and as ${seq}`);
    }
    this.answered.set(id, seq);
    this.unanswered.delete(id);
  }

  /** @param {string} what @param {Told} [told] */
  #fault(what, told) {
    const where = `${this.user}, at ${this.epoch} ${this.seq}`;
    this.faults.push(`${where}: ${what}${told ? ` ${JSON.stringify(told).slice(0, 300)}` : ""}`);
  }
}
