// (c) `ws` on Node.js: what comes is passed on to all, as the example in its README does. bufferutil is
// there, as it advises; messages are not compressed, which is its default and its advice.

import { peer } from "./packages.js";

/** @typedef {{readyState: number, OPEN: number, send: (data: unknown, how: object) => void, on: (event: string, work: (...args: any[]) => void) => void}} Socket */

export async function startWs() {
  const { WebSocketServer } = await peer("ws");
  /** @type {Map<string, Set<Socket>>} */
  const rooms = new Map();
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096 });
  server.on("connection", (/** @type {Socket} */ socket, /** @type {{url: string}} */ { url }) => {
    const room = rooms.get(url) ?? new Set();
    rooms.set(url, room.add(socket));
    socket.on("error", () => {});
    socket.on("close", () => room.delete(socket));
    socket.on("message", (data, binary) => {
      for (const other of room) {
        if (other.readyState === other.OPEN) other.send(data, { binary });
      }
    });
  });
  await new Promise((listening) => server.once("listening", listening));
  return { port: server.address().port, target: "/rooms/{room}" };
}
