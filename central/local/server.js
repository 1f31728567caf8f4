/** Opening and closing an HTTP server on this machine's own address. */

import { once } from "node:events";
import { SHUTDOWN_GRACE_MS } from "../limits.js";

/** @typedef {import("node:http").Server} Server */

/** Nothing here is meant for other machines. */
const HOST = "127.0.0.1";

/**
 * @param {Server} server
 * @param {number} port  0 for any free one
 * @returns {Promise<number>} the port in use
 */
export async function listen(server, port) {
  server.listen(port, HOST);
  await once(server, "listening");
  return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
}

/**
 * Lets requests under way end, but not for ever.
 *
 * @param {Server} server
 * @returns {Promise<void>}
 */
export async function closeServer(server) {
  const closed = new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve(undefined)));
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), SHUTDOWN_GRACE_MS);
  try {
    await closed;
  } finally {
    clearTimeout(timer);
  }
}
