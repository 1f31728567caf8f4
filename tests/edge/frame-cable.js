// The network between one client and the edge, cut at a frame of the client's first WebSocket:
// behind it, or in its middle. Later connections pass whole.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** @typedef {import("node:net").Socket} Socket */
/** @typedef {"up" | "down"} Direction up leads to the edge */

/**
 * Frame 0 is the head of the handshake.
 * @typedef {{direction: Direction, frame: number, isInside: boolean}} Cut
 */

const HEAD_END = "\r\n\r\n";
const MASK_BYTES = 4;

/** @param {Buffer} bytes @returns {number} of the HTTP head that they begin with; Infinity: it goes on */
function headLength(bytes) {
  const end = bytes.indexOf(HEAD_END);
  return end < 0 ? Number.POSITIVE_INFINITY : end + HEAD_END.length;
}

/** @param {Buffer} bytes @returns {number} of the frame that they begin with; Infinity: not known yet */
function frameLength(bytes) {
  if (bytes.length < 2) return Number.POSITIVE_INFINITY;
  const mask = bytes[1] & 0x80 ? MASK_BYTES : 0;
  const length = bytes[1] & 0x7f;
  if (length < 126) return 2 + mask + length;
  if (length === 126) {
    return bytes.length < 4 ? Number.POSITIVE_INFINITY : 4 + mask + bytes.readUInt16BE(2);
  }
  return bytes.length < 10
    ? Number.POSITIVE_INFINITY
    : 10 + mask + Number(bytes.readBigUInt64BE(2));
}

export class FrameCable {
  #server;
  #target;
  #cut;
  /** @type {Set<Socket>} */
  #ends = new Set();
  #connections = 0;
  /** Whole frames of the first connection that have passed. @type {Record<Direction, number>} */
  passed = { up: 0, down: 0 };
  hasCut = false;

  /** @param {import("node:net").Server} server @param {string} target @param {Cut} [cut] */
  constructor(server, target, cut) {
    this.#server = server;
    this.#target = target;
    this.#cut = cut;
    server.on("connection", (client) => this.#connected(client));
  }

  /** @param {string} target the edge's address @param {Cut} [cut] none: all passes */
  static async lay(target, cut) {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FrameCable(server, target, cut);
  }

  get url() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  async close() {
    for (const end of this.#ends) end.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** @param {Socket} client */
  #connected(client) {
    const { hostname, port } = new URL(this.#target);
    const edge = connect(Number(port), hostname);
    const ends = [client, edge];
    for (const end of ends) {
      this.#ends.add(end);
      end.setNoDelay();
      end.on("error", () => {});
      end.on("close", () => {
        this.#ends.delete(end);
        for (const other of ends) other.destroy();
      });
    }
    this.#connections += 1;
    if (this.#connections > 1) {
      client.pipe(edge).pipe(client);
      return;
    }
    this.#carry(client, edge, "up");
    this.#carry(edge, client, "down");
  }

  /** @param {Socket} from @param {Socket} to @param {Direction} direction */
  #carry(from, to, direction) {
    let bytes = Buffer.alloc(0);
    from.on("data", (data) => {
      bytes = Buffer.concat([bytes, data]);
      while (!this.hasCut) {
        const length = this.passed[direction] === 0 ? headLength(bytes) : frameLength(bytes);
        if (length > bytes.length) return;
        this.#pass(bytes.subarray(0, length), to, direction, () => from.destroy());
        bytes = bytes.subarray(length);
      }
    });
    from.on("end", () => to.end());
  }

  /** @param {Buffer} frame @param {Socket} to @param {Direction} direction @param {() => void} end */
  #pass(frame, to, direction, end) {
    const cut = this.#cut;
    if (cut?.direction !== direction || cut.frame !== this.passed[direction]) {
      this.passed[direction] += 1;
      to.write(frame);
      return;
    }
    this.hasCut = true;
    // What is to arrive has to be out before the end.
    to.write(cut.isInside ? frame.subarray(0, frame.length >> 1) : frame, end);
  }
}
