// Workers KV in the tests' hands: workerd's own client asks it, through Miniflare's bindings to
// remote resources, and it answers, or does not, as a test says.

import { createServer } from "node:http";
import { text } from "node:stream/consumers";

/**
 * @typedef {object} KvRequest
 * @property {"read" | "write"} kind
 * @property {string[]} names one for a write
 * @property {string} [value] of a write
 * @property {number} [ttl] of a write, in seconds
 */

/**
 * What a request is answered with; undefined: nothing, ever.
 * @typedef {{ status: number, body?: string } | "hang up" | undefined} KvAnswer
 */

export class KvService {
  /** In the order in which they came. @type {KvRequest[]} */
  requests = [];
  /** @type {Map<string, string>} */
  values = new Map();
  #server;

  /** @param {(request: KvRequest, kv: KvService) => KvAnswer} answer */
  constructor(answer) {
    this.answer = answer;
    this.#server = createServer((request, response) => this.#handle(request, response));
  }

  /** @param {(request: KvRequest, kv: KvService) => KvAnswer} [answer] */
  static async start(answer = (request, kv) => kv.carryOut(request)) {
    const kv = new KvService(answer);
    await new Promise((listening) => kv.#server.listen(0, "127.0.0.1", () => listening(undefined)));
    return kv;
  }

  get url() {
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${address.port}`;
  }

  /** What KV does when nothing is wrong with it. @param {KvRequest} request @returns {KvAnswer} */
  carryOut({ kind, names, value = "" }) {
    if (kind === "read") return valuesAnswer(names, (name) => this.values.get(name) ?? null);
    this.values.set(names[0], value);
    return { status: 200 };
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** @param {import("node:http").IncomingMessage} asked @param {import("node:http").ServerResponse} response */
  async #handle(asked, response) {
    const url = new URL(String(asked.headers["mf-url"]));
    const body = await text(asked);
    const request = kvRequest(String(asked.method), url, body);
    this.requests.push(request);
    const answer = this.answer(request, this);
    if (answer === undefined) return;
    if (answer === "hang up") asked.socket.destroy();
    else response.writeHead(answer.status, { "mf-forwarded-response": "1" }).end(answer.body);
  }
}

/**
 * The answer to a read.
 * @param {string[]} names
 * @param {(name: string) => string | null} find
 * @returns {KvAnswer}
 */
export function valuesAnswer(names, find) {
  const values = names.map((name) => [name, find(name)]);
  return { status: 200, body: JSON.stringify(Object.fromEntries(values)) };
}

/** @param {string} method @param {URL} url @param {string} body @returns {KvRequest} */
function kvRequest(method, url, body) {
  const name = decodeURIComponent(url.pathname.slice(1));
  if (method === "POST" && name === "bulk/get") {
    return { kind: "read", names: JSON.parse(body).keys };
  }
  if (method !== "PUT") throw new Error(`KV is asked for what no one needs: ${method} ${url}`);
  const ttl = Number(url.searchParams.get("expiration_ttl"));
  return { kind: "write", names: [name], value: body, ttl };
}
