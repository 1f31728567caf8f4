// (a) The room as one writes it first: a hibernating Durable Object that numbers each message, stores
// it in a row of its own, and sends it to everybody, one send a message.

import { DurableObject } from "cloudflare:workers";

/** @typedef {{ROOMS: DurableObjectNamespace}} Env */

export class Room extends DurableObject {
  #seq;

  /** @param {DurableObjectState} ctx @param {Env} env */
  constructor(ctx, env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    sql.exec("CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    this.#seq = Number(sql.exec("SELECT COALESCE(MAX(seq), 0) AS seq FROM messages").one().seq);
  }

  fetch() {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** @param {WebSocket} _socket @param {string | ArrayBuffer} frame */
  webSocketMessage(_socket, frame) {
    const { content } = JSON.parse(String(frame));
    const seq = ++this.#seq;
    const text = JSON.stringify({ type: "new_message", seq, ts: Date.now(), content });
    this.ctx.storage.sql.exec("INSERT INTO messages (seq, text) VALUES (?, ?)", seq, text);
    for (const socket of this.ctx.getWebSockets()) {
      try {
        socket.send(text);
      } catch {
        // It is closing.
      }
    }
  }
}

export { default } from "./worker.js";
