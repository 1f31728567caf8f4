// (a2) The strongest room that we know to write in JavaScript: messages are taken in until the event
// loop has no more, then written as one row and sent as one frame, with the sockets remembered.
// It knows no ids, no limits, no recovery, no presence, no moderation, and forwards nothing.

import { DurableObject } from "cloudflare:workers";

/** @typedef {{ROOMS: DurableObjectNamespace}} Env */

export class Room extends DurableObject {
  #seq;
  /** Those of this turn, encoded. @type {string[]} */
  #queue = [];
  /** @type {Set<WebSocket>} */
  #sockets;

  /** @param {DurableObjectState} ctx @param {Env} env */
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS segments (last INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    this.#seq = Number(sql.exec("SELECT COALESCE(MAX(last), 0) AS seq FROM segments").one().seq);
    this.#sockets = new Set(ctx.getWebSockets());
  }

  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    this.#sockets.add(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** @param {WebSocket} _socket @param {string | ArrayBuffer} frame */
  webSocketMessage(_socket, frame) {
    const { content } = JSON.parse(String(frame));
    const seq = ++this.#seq;
    this.#queue.push(JSON.stringify({ type: "new_message", seq, ts: Date.now(), content }));
    if (this.#queue.length === 1) this.atTurnsEnd(() => this.#flush());
  }

  /** @param {() => void} flush */
  atTurnsEnd(flush) {
    setTimeout(flush, 0);
  }

  #flush() {
    const text = `[${this.#queue.join(",")}]`;
    this.#queue = [];
    this.ctx.storage.sql.exec("INSERT INTO segments (last, text) VALUES (?, ?)", this.#seq, text);
    for (const socket of this.#sockets) {
      try {
        socket.send(text);
      } catch {
        this.#sockets.delete(socket);
      }
    }
  }

  /** @param {WebSocket} socket */
  webSocketClose(socket) {
    this.#sockets.delete(socket);
  }

  /** @param {WebSocket} socket */
  webSocketError(socket) {
    this.#sockets.delete(socket);
  }
}

export { default } from "./worker.js";
