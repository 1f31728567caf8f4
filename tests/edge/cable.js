// The network between clients and the edge, as a cable that can be cut after any byte in either
// direction, go dead without a word, and be plugged in elsewhere.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** @typedef {import("node:net").Socket} Socket */
/** @typedef {"up" | "down"} Direction up: to the edge */

export class Cable {
  #server;
  /** Both ends of what passes. @type {Set<Socket>} */
  #ends = new Set();
  /** How many bytes may still pass before the cut. */
  #left = { up: Number.POSITIVE_INFINITY, down: Number.POSITIVE_INFINITY };
  #dead = false;

  /** @param {import("node:net").Server} server @param {string} target */
  constructor(server, target) {
    this.#server = server;
    /** Where it leads to: the edge's address. */
    this.target = target;
    server.on("connection", (client) => this.#connected(client));
  }

  /** @param {string} target */
  static async lay(target) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Cable(server, target);
  }

  get url() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  /** The cut comes when so many more bytes have passed, once. @param {{up?: number, down?: number}} bytes */
  cutAfter({ up = Number.POSITIVE_INFINITY, down = Number.POSITIVE_INFINITY }) {
    this.#left = { up, down };
  }

  /** Ends all that passes, at once. */
  cut() {
    this.cutAfter({});
    for (const end of this.#ends) end.destroy();
  }

  /** From now on nothing passes any more, and nobody is told. */
  goDead() {
    this.#dead = true;
  }

  async close() {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** @param {Socket} client */
  #connected(client) {
    const { hostname, port } = new URL(this.target);
    const edge = connect(Number(port), hostname);
    this.#carry(client, edge, "up");
    this.#carry(edge, client, "down");
  }

  /** @param {Socket} from @param {Socket} to @param {Direction} direction */
  #carry(from, to, direction) {
    this.#ends.add(from);
    from.setNoDelay();
    from.on("data", (data) => {
      if (this.#dead) return;
      const left = this.#left[direction];
      this.#left[direction] -= data.length;
      to.write(left < data.length ? data.subarray(0, left) : data);
      if (left <= data.length) this.cut();
    });
    from.on("end", () => {
      if (!this.#dead) to.end();
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#ends.delete(from);
      if (!this.#dead) to.destroy();
    });
  }
}
