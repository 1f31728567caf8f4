// (b) partyserver as its documents show it, with hibernation as they advise: what comes is passed on
// to all as it is. It stores nothing.

// @ts-expect-error It is installed in build/bench/peers, see bench/peers/package.json.
import { Server } from "partyserver";

export class Room extends Server {
  static options = { hibernate: true };

  /** @param {unknown} _connection @param {string} message */
  onMessage(_connection, message) {
    super.broadcast(message);
  }
}

export { default } from "./worker.js";
