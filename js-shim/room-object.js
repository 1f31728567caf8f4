// The Durable Object of a room: what the platform calls, as events of the room's core.

import { DurableObject } from "cloudflare:workers";
import { EventType } from "./abi.generated.js";
import { boundedBytes } from "./bounded-body.js";
import { RoomRuntime } from "./room-runtime.js";

/** The header in which the Worker says what it wants: URI-encoded JSON, made by its core. */
const OPERATION_HEADER = "x-edgeroom-op";

/** Answered by the platform without waking a sleeping room (contract, section 3). */
const PING = '{"type":"ping"}';
const PONG = '[{"type":"pong"}]';

/** The close code of a connection that ended without a close frame. */
const ABNORMAL_CLOSURE = 1006;

/** What is read of a request's body: as much as a frame may have. */
const BODY_BYTES_MAX = 1 << 20;

/** What a close frame may say (RFC 6455, section 7.4), whatever one that came has said. @param {number} code */
const isSendable = (code) =>
  code >= 1000 && code < 5000 && ![1004, 1005, 1006, 1015].includes(code);

export class Room extends DurableObject {
  #runtime;

  /** @param {DurableObjectState} ctx @param {Record<string, unknown>} env */
  constructor(ctx, env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    this.#runtime = new RoomRuntime(ctx, env);
  }

  /** @param {Request} request @returns {Promise<Response>} */
  async fetch(request) {
    const operation = decodeURIComponent(request.headers.get(OPERATION_HEADER) ?? "");
    if (request.headers.get("upgrade") === "websocket") return this.#join(request, operation);
    return this.#runtime.request(operation, await boundedBytes(request.body, BODY_BYTES_MAX));
  }

  /** @param {Request} request @param {string} operation */
  #join(request, operation) {
    const { 0: client, 1: server } = new WebSocketPair();
    const refused = this.#runtime.join(server, operation);
    if (refused) return refused;
    const headers = new Headers();
    const protocol = request.headers.get("sec-websocket-protocol");
    if (protocol) headers.set("sec-websocket-protocol", protocol);
    // The platform offers compression to whoever asks for it, unless an answer says otherwise.
    if (!this.#runtime.mayCompress) headers.set("sec-websocket-extensions", "identity");
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  /** @param {WebSocket} socket @param {string | ArrayBuffer} message */
  webSocketMessage(socket, message) {
    const handle = this.#runtime.handleOf(socket);
    if (handle !== undefined) this.#runtime.frame(handle, message);
  }

  /** @param {WebSocket} socket @param {number} code */
  webSocketClose(socket, code) {
    this.#closed(socket, code);
    // The other half of the closing handshake: without it the client waits for a time-out, or holds a
    // connection that the room no longer counts.
    if (socket.readyState === WebSocket.CLOSED) return;
    if (isSendable(code)) socket.close(code);
    else socket.close();
  }

  /** @param {WebSocket} socket */
  webSocketError(socket) {
    this.#closed(socket, ABNORMAL_CLOSURE);
  }

  /** @param {WebSocket} socket @param {number} code */
  #closed(socket, code) {
    const handle = this.#runtime.handleOf(socket);
    if (handle === undefined) return;
    this.#runtime.removeSocket(handle);
    this.#runtime.background(EventType.closed, handle, code);
  }

  /** After a trap the rebuilt room has armed the alarm again: the platform need not repeat it. */
  alarm() {
    this.#runtime.background(EventType.alarm);
  }
}
