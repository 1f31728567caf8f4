// WEBSOCKET_COMPRESSION: permessage-deflate (RFC 7692) with clients that offer it, as browsers do.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newRoom, startEdge } from "./harness.js";

/** @param {Record<string, string>} vars @param {boolean} compress what the client offers */
async function chat(vars, compress) {
  const edge = await startEdge({ vars });
  try {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" }, { compress });
    const bob = await edge.join(room, { user: "bob" }, { compress: true });
    const content = "again and ".repeat(2000);
    ana.send({ type: "message", content });
    assert.equal((await bob.next("new_message")).content, content);
    // The one that a page opens again after a sleep speaks as before.
    await edge.evict(room);
    bob.send({ type: "message", content });
    assert.equal((await ana.next("new_message", (o) => o.seq === 2)).content, content);
    return ana.socket.extensions;
  } finally {
    await edge.close();
  }
}

describe("compression of messages", { concurrency: true }, () => {
  it("is off by default, whatever a client offers", async () => {
    assert.equal(await chat({}, true), "");
  });

  it("is on where the setting says so, for whoever offers it", async () => {
    assert.equal(await chat({ WEBSOCKET_COMPRESSION: "on" }, true), "permessage-deflate");
    assert.equal(await chat({ WEBSOCKET_COMPRESSION: "on" }, false), "");
  });

  it("is on or off, and nothing else", async () => {
    const edge = await startEdge({ vars: { WEBSOCKET_COMPRESSION: "zstd" } });
    try {
      const { status, body } = await edge.json("/api/rooms/lobby");
      assert.equal(status, 500);
      assert.match(body.detail, /WEBSOCKET_COMPRESSION must be on or off/);
    } finally {
      await edge.close();
    }
  });
});
