// A join that is refused before there is a socket.

import WebSocket from "ws";

/**
 * The status of a refused upgrade, its headers and its body.
 * @param {string} address
 * @param {{protocols?: string[], headers?: Record<string, string>}} [options]
 * @returns {Promise<{status: number, headers: import("node:http").IncomingHttpHeaders, body: string}>}
 */
export function refusal(address, { protocols = [], headers = {} } = {}) {
  const socket = new WebSocket(address, protocols, { headers });
  return new Promise((refused, failed) => {
    socket.on("open", () => {
      socket.terminate();
      failed(new Error(`${address} was accepted`));
    });
    socket.on("error", failed);
    socket.on("unexpected-response", async (_request, response) => {
      let body = "";
      for await (const part of response) body += part;
      refused({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
  });
}
