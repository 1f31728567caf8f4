// (a3) The same, with edgeroom's second look at what has arrived (docs/decisions/0014-when-a-turn-ends.md).

import { Room as BatchingRoom } from "./batching.js";

export class Room extends BatchingRoom {
  /** @param {() => void} flush */
  atTurnsEnd(flush) {
    setTimeout(() => setTimeout(flush, 0), 0);
  }
}

export { default } from "./worker.js";
