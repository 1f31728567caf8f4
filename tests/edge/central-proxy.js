// The way from the edge to the central API, on which a test can hold requests up, answer them in the
// central API's place, or lose them. Signatures stay whole: a request is handed on as it came.

import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";

/** @typedef {import("node:http").IncomingMessage} IncomingMessage */
/** @typedef {import("node:http").ServerResponse} ServerResponse */

/**
 * A request on its way.
 * @typedef {object} Passing
 * @property {string} method
 * @property {string} url path and query
 * @property {Buffer} body
 * @property {() => Promise<Answer>} handOn what the central API answers
 * @property {ServerResponse} response for what is no whole answer
 */

/** @typedef {{status: number, headers?: import("node:http").IncomingHttpHeaders, body?: string | Buffer}} Answer */

/** @typedef {(passing: Passing) => Promise<Answer | undefined>} Meeting undefined: no answer of ours */

/** @type {Meeting} */
export const handOn = (passing) => passing.handOn();

/** @type {Meeting} */
export const neverAnswer = async () => undefined;

export class CentralProxy {
  #server;
  /** What happens to the requests of a room. @type {Map<string, Meeting>} */
  #meetings = new Map();

  /** @param {import("node:http").Server} server @param {string} target where the central API is */
  constructor(server, target) {
    this.#server = server;
    this.target = target;
    server.on("request", (request, response) => this.#serve(request, response));
  }

  /** @param {string} target @param {number} [port] 0 for any that is free */
  static async start(target, port = 0) {
    const server = createServer();
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new CentralProxy(server, target);
  }

  get url() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  /** What happens to a room's requests from now on. @param {string} room @param {Meeting} meeting */
  meet(room, meeting) {
    this.#meetings.set(room, meeting);
  }

  async close() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** @param {IncomingMessage} request @param {ServerResponse} response */
  async #serve(request, response) {
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const { method = "", url = "", headers } = request;
      const onward = () => this.#handOn({ method, path: url, headers }, body);
      const meeting = this.#meetings.get(roomOf(url, body)) ?? handOn;
      const answer = await meeting({ method, url, body, response, handOn: onward });
      if (answer === undefined || response.destroyed) return;
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    } catch {
      // Either end has gone.
      response.destroy();
    }
  }

  /**
   * @param {import("node:http").RequestOptions} options
   * @param {Buffer} body
   * @returns {Promise<Answer>}
   */
  async #handOn(options, body) {
    const onward = httpRequest(this.target, options);
    onward.end(body);
    const [answer] = /** @type {[IncomingMessage]} */ (await once(onward, "response"));
    const chunks = [];
    for await (const chunk of answer) chunks.push(chunk);
    const { statusCode = 502, headers } = answer;
    return { status: statusCode, headers, body: Buffer.concat(chunks) };
  }
}

/** The room of a read, or of a batch. @param {string} url @param {Buffer} body */
function roomOf(url, body) {
  const found = /^\/v1\/rooms\/([^/]+)\//.exec(url) ?? /"room":"([^"]+)"/.exec(String(body));
  return found?.[1] ?? "";
}
