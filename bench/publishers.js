// Who speaks in the room of a benchmark, and what one of them hears. Of hundreds of thousands of
// messages no more is kept than their numbers and times.

import { once } from "node:events";
import WebSocket from "ws";
import { search } from "../tests/edge/harness.js";

export const PUBLISHERS = 4;

/** Beside the rest of the content: about what people write. */
const TEXT =
  "we could meet at the station tomorrow, and let me know what you think about it for Friday";

/** Longer waits are counted as this. */
const WAIT_MS_MAX = 120_000;

/** What an error of the room looks like; nothing that is said here does. */
const ERROR = Buffer.from('"type":"error"');

export class Publishers {
  sent = 0;
  refused = 0;
  /** Frames with messages: one a flush of the room. */
  flushes = 0;
  /** All records up to here were accepted, as the first connection has heard, and are confirmed. */
  accepted = 0;
  confirmed = 0;
  epoch = "";
  /** @type {string[]} */
  faults = [];
  /** How many records waited so many ms for their confirmation. */
  waits = new Uint32Array(WAIT_MS_MAX + 1);
  /** Number and time of the messages, by seq. */
  #numbers;
  #times;
  /** @type {WebSocket[]} */
  #sockets = [];
  #closing = false;
  /** Called when something was accepted or confirmed. @type {() => void} */
  onProgress = () => {};

  /** @param {number} records more than will ever be */
  constructor(records) {
    this.#numbers = new Int32Array(records + 1);
    this.#times = new Float64Array(records + 1);
  }

  /** @param {string} url @param {string} room */
  async join(url, room) {
    for (let i = 0; i < PUBLISHERS; i++) {
      const address = `${url.replace("http", "ws")}/rooms/${room}?${search({ user: `p${i}` })}`;
      const socket = new WebSocket(address, { perMessageDeflate: false });
      this.#sockets.push(socket);
      socket.on("message", (/** @type {Buffer} */ frame) => {
        if (i === 0) this.#hear(frame);
        if (frame.includes(ERROR)) this.#hearErrors(frame);
      });
      socket.on("close", (code) => {
        if (!this.#closing) this.faults.push(`the room has closed connection ${i} with ${code}`);
      });
      await once(socket, "message");
    }
  }

  /** By turns over the connections; with an id, as the SDK sends them. */
  send() {
    const n = ++this.sent;
    this.#sockets[n % PUBLISHERS].send(
      `{"type":"message","id":"m-${n}","content":{"n":${n},"text":"${TEXT}"}}`,
    );
  }

  /** All that was sent has been answered. */
  get answered() {
    return this.accepted + this.refused >= this.sent;
  }

  /** The messages' numbers by seq. */
  get numbers() {
    return this.#numbers.subarray(0, this.accepted + 1);
  }

  close() {
    this.#closing = true;
    for (const socket of this.#sockets) socket.terminate();
  }

  /** @param {Buffer} frame */
  #hear(frame) {
    const before = this.accepted;
    for (const told of JSON.parse(frame.toString())) {
      switch (told.type) {
        case "welcome":
          this.epoch = told.epoch;
          break;
        case "new_message":
          if (told.seq !== this.accepted + 1) {
            this.faults.push(`told seq ${told.seq} after ${this.accepted}`);
          }
          this.accepted = told.seq;
          this.#numbers[told.seq] = told.content.n;
          this.#times[told.seq] = told.ts;
          break;
        case "message_confirmed":
          if (told.except) this.faults.push(`dead letters: ${told.except}`);
          this.#confirm(told.through);
          break;
        case "reconnect":
          this.faults.push("the room has sent everybody away");
          break;
      }
    }
    if (this.accepted > before) this.flushes++;
    this.onProgress();
  }

  /** @param {number} through */
  #confirm(through) {
    const now = Date.now();
    for (let seq = this.confirmed + 1; seq <= through; seq++) {
      this.waits[Math.min(Math.max(0, now - this.#times[seq]), WAIT_MS_MAX)]++;
    }
    this.confirmed = through;
  }

  /** @param {Buffer} frame */
  #hearErrors(frame) {
    for (const told of JSON.parse(frame.toString())) {
      if (told.type !== "error") continue;
      this.refused++;
      if (this.refused === 1) this.faults.push(`refused: ${told.code}: ${told.detail}`);
    }
    this.onProgress();
  }
}
