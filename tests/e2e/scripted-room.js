// @ts-check
/**
 * A room whose every answer the test decides, for the cases that a sound room never shows.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { WebSocketServer } from "ws";

const PUBLIC = new URL("../../client/public/", import.meta.url);
/** @type {Readonly<Record<string, string>>} */
const CONTENT_TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
};

/** Things that come in one by one and are awaited one by one. */
class Inbox {
  /** @type {any[]} */ #items = [];
  /** @type {((item: any) => void)[]} */ #readers = [];

  put(/** @type {any} */ item) {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#items.push(item);
    else reader(item);
  }

  /** How many nobody has taken. */
  get size() {
    return this.#items.length;
  }

  /** @returns {Promise<any>} */
  take() {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    return new Promise((resolve) => this.#readers.push(resolve));
  }
}

/** One connection of the client under test. */
class Peer {
  /** The frames that are neither pings, nor events, nor questions who is here. */
  frames = new Inbox();
  /** Pings, as the bytes that came. */
  pings = new Inbox();
  closed = new Inbox();
  answersPings = true;
  /** The subprotocols that were offered. */
  offered = "";

  /**
   * @param {any} socket
   * @param {URL} url
   */
  constructor(socket, url) {
    this.socket = socket;
    this.url = url;
    socket.on("message", (/** @type {Buffer} */ data) => {
      const text = data.toString();
      const frame = JSON.parse(text);
      if (frame.type === "ping") {
        this.pings.put(text);
        if (this.answersPings) this.say({ type: "pong" });
      } else if (frame.type !== "presence" && frame.type !== "event") {
        this.frames.put(frame);
      }
    });
    socket.on("close", (/** @type {number} */ code) => this.closed.put(code));
  }

  /** One frame. */
  say(/** @type {object[]} */ ...objects) {
    this.socket.send(JSON.stringify(objects));
  }

  welcome(fields = {}) {
    this.say({ ...WELCOME, ...fields });
  }
}

const WELCOME = {
  type: "welcome",
  v: 1,
  room: "lobby",
  conn: "c-1",
  user: "ana",
  epoch: "e-1",
  seq: 0,
  confirmed: 0,
  recovered: false,
  count: 1,
  users: 1,
  limits: {},
  dead: [],
};

/**
 * @param {number} seq
 * @param {object} [fields]
 */
export function newMessage(seq, fields = {}) {
  return {
    type: "new_message",
    seq,
    user: "bo",
    ts: 1_700_000_000_000 + seq,
    content: seq,
    ...fields,
  };
}

/**
 * @param {string} path of a request
 * @param {string} policy
 */
async function readPage(path, policy) {
  const name = path === "/" ? "index.html" : path.slice(1);
  const headers = {
    "content-type": CONTENT_TYPES[extname(name)],
    "content-security-policy": policy,
  };
  return { headers, body: await readFile(new URL(name, PUBLIC)) };
}

/**
 * Starts one on a free port; `peers.take()` is the next connection. With a Content-Security-Policy
 * it has the demo page too.
 *
 * @param {{ policy?: string }} [options]
 */
export async function startScriptedRoom({ policy } = {}) {
  const peers = new Inbox();
  /** How upgrades and the question for the reason are refused; null lets everybody in. */
  /** Who is not refused is told `room`, if there is one. */
  /** @type {{ refusal: { status: number, headers?: Record<string, string>, detail: string } | null, room: { headers?: Record<string, string>, body: object } | null }} */
  const script = { refusal: null, room: null };
  /** What was asked over HTTP. */
  /** @type {string[]} */
  const questions = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    if (policy !== undefined && !pathname.startsWith("/api/")) {
      const { headers, body } = await readPage(pathname, policy);
      response.writeHead(200, headers).end(body);
      return;
    }
    questions.push(request.url ?? "");
    if (script.refusal === null && script.room !== null) {
      const { headers = {}, body } = script.room;
      response.writeHead(200, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(body));
      return;
    }
    const { status, headers = {}, detail } = script.refusal ?? { status: 200, detail: "" };
    response.writeHead(status, { "content-type": "application/problem+json", ...headers });
    response.end(JSON.stringify({ type: "about:blank", title: "Refused", status, detail }));
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (script.refusal !== null) {
      socket.end(`HTTP/1.1 ${script.refusal.status} Refused\r\nConnection: close\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (/** @type {any} */ accepted) => {
      const peer = new Peer(accepted, new URL(request.url ?? "/", "ws://127.0.0.1"));
      peer.offered = request.headers["sec-websocket-protocol"] ?? "";
      peers.put(peer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    peers,
    questions,
    script,
    async stop() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
