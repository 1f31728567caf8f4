// The network between clients and the edge, as a cable that can be cut after any byte in either
// direction, go dead without a word, and be plugged in elsewhere.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** @typedef {import("node:net").Socket} Socket */

/** What may still pass to the edge (up) and from it, in bytes. @typedef {{up: number, down: number}} Left */

const ALL = Number.POSITIVE_INFINITY;

export class Cable {
  #server;
  /** The connections that pass. @type {Set<{ends: Socket[], left: Left}>} */
  #connections = new Set();
  /** Of each connection to come. @type {Left} */
  #left = { up: ALL, down: ALL };
  /** @type {Record<keyof Left, boolean>} */
  #dead = { up: false, down: false };

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

  /** Each connection to come is cut when so many bytes have passed. @param {Partial<Left>} bytes */
  cutNextAfter({ up = ALL, down = ALL }) {
    this.#left = { up, down };
  }

  /** The same, and those that pass now are cut after as many more. @param {Partial<Left>} bytes */
  cutAfter(bytes) {
    this.cutNextAfter(bytes);
    for (const connection of this.#connections) connection.left = { ...this.#left };
  }

  /** Ends all that passes, at once. */
  cut() {
    for (const { ends } of this.#connections) for (const end of ends) end.destroy();
  }

  /**
   * From now on nothing passes any more in these directions, and nobody is told.
   * @param {(keyof Left)[]} directions
   */
  goDead(...directions) {
    for (const direction of directions) this.#dead[direction] = true;
  }

  /** The connections to come pass again. */
  revive() {
    this.#dead = { up: false, down: false };
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
    const connection = { ends: [client, edge], left: { ...this.#left } };
    this.#connections.add(connection);
    /** @param {Socket} from @param {Socket} to @param {keyof Left} direction */
    const carry = (from, to, direction) => {
      from.setNoDelay();
      from.on("data", (data) => {
        if (this.#dead[direction]) return;
        const left = connection.left[direction];
        connection.left[direction] -= data.length;
        to.write(left < data.length ? data.subarray(0, left) : data);
        if (left <= data.length) for (const end of connection.ends) end.destroy();
      });
      from.on("end", () => {
        if (!this.#dead[direction]) to.end();
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#connections.delete(connection);
        if (!this.#dead[direction]) to.destroy();
      });
    };
    carry(client, edge, "up");
    carry(edge, client, "down");
  }
}
