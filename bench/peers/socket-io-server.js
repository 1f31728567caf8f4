// (d) Socket.IO on Node.js, told by what its page on performance advises: bufferutil is there, only
// WebSocket is offered, and the first request of a connection is let go.

import { createServer } from "node:http";
import { peer } from "./packages.js";

export async function startSocketIo() {
  const { Server } = await peer("socket.io");
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], serveClient: false });
  io.engine.on("connection", (/** @type {{request: unknown}} */ socket) => {
    socket.request = null;
  });
  io.on("connection", (/** @type {any} */ socket) => {
    const { room } = socket.handshake.query;
    socket.join(room);
    socket.on("message", (/** @type {unknown} */ message) => io.to(room).emit("message", message));
  });
  await new Promise((listening) =>
    http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => listening(undefined)),
  );
  const { port } = /** @type {import("node:net").AddressInfo} */ (http.address());
  return { port, target: "/socket.io/?EIO=4&transport=websocket&room={room}" };
}
