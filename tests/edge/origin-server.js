// A server behind the Worker: it remembers what it was asked, and answers as a test says.

import { createServer } from "node:http";

/**
 * @typedef {object} Asked
 * @property {string} method
 * @property {string} url
 * @property {import("node:http").IncomingHttpHeaders} headers
 * @property {string} body
 */

/** @typedef {import("node:http").IncomingMessage} Incoming */
/** @typedef {import("node:http").ServerResponse} Outgoing */
/** @typedef {(request: Incoming, response: Outgoing) => unknown} Answering */

export class OriginServer {
  /** @type {Asked[]} */ asked = [];
  /** @type {Answering} */ answer = (_, response) => response.end("ok");
  #server;
  url = "";

  constructor() {
    this.#server = createServer((request, response) => this.#meet(request, response));
  }

  static async start() {
    const origin = new OriginServer();
    await new Promise((listening) => {
      origin.#server.listen(0, "127.0.0.1", () => listening(undefined));
    });
    const address = origin.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port was given");
    origin.url = `http://127.0.0.1:${address.port}`;
    return origin;
  }

  /** What was asked last. */
  get last() {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error("nothing was asked");
    return last;
  }

  /** @param {Incoming} request @param {Outgoing} response */
  #meet(request, response) {
    const asked = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
    };
    /** @type {Asked} */
    const remembered = { ...asked, body: "" };
    this.asked.push(remembered);
    request.on("data", (/** @type {Buffer} */ chunk) => {
      remembered.body += chunk.toString("latin1");
    });
    // A request that is broken off is a thing that tests do.
    request.on("error", () => {});
    response.on("error", () => {});
    this.answer(request, response);
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((closed) => {
      this.#server.close(closed);
    });
  }
}
