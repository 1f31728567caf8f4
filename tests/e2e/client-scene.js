// @ts-check
/** A scripted room for each test of a file, and clients that join it. */
import { afterEach, beforeEach } from "node:test";
import { connect } from "../../client/public/client/edgeroom.js";
import { next } from "./next-event.js";
import { startScriptedRoom } from "./scripted-room.js";

/** @import { ConnectOptions, EdgeRoom } from "../../client/public/client/edgeroom.js" */

export const limits = { timeout: 20_000 };

/** Quick enough for tests; what a test is about it sets itself. */
export const timing = { backoffFloorMs: 5, backoffStartMs: 10, backoffCeilingMs: 20 };

export class Scene {
  /** @type {Awaited<ReturnType<typeof startScriptedRoom>> | null} */ #server = null;
  /** @type {EdgeRoom[]} */ #rooms = [];

  constructor() {
    beforeEach(async () => {
      this.#server = await startScriptedRoom();
    });
    afterEach(async () => {
      for (const room of this.#rooms.splice(0)) room.close();
      await this.#server?.stop();
    });
  }

  get server() {
    if (this.#server === null) throw new Error("there is none outside a test");
    return this.#server;
  }

  /** @param {ConnectOptions} [options] */
  join(options = {}) {
    const room = connect("lobby", { url: this.server.url, user: "ana", timing, ...options });
    this.#rooms.push(room);
    return room;
  }

  /**
   * Somebody whom the room has let in.
   *
   * @param {ConnectOptions} [options]
   * @param {object} [welcome] fields
   */
  async enter(options, welcome) {
    const room = this.join(options);
    const peer = await this.server.peers.take();
    peer.welcome(welcome);
    await next(room, "welcome");
    return { room, peer };
  }
}

/** The seqs of all records, as they come. */
export function collectSeqs(/** @type {EdgeRoom} */ room) {
  /** @type {number[]} */
  const seqs = [];
  room.on("record", (record) => seqs.push(record.seq));
  return seqs;
}
