// CONTENT_RULES: words that rooms do not take.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { central, newRoom, startEdge } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */

const MODERATOR = { authorization: "Bearer test-moderator" };
const RULES = JSON.stringify({ words: ["darn", "heck*", "son of a gun", "жук"] });

/** @param {Edge} edge @param {string} room @param {unknown} content */
function publish(edge, room, content) {
  const init = { method: "POST", headers: MODERATOR, body: JSON.stringify({ content }) };
  return edge.json(`/api/rooms/${room}/messages`, init);
}

describe("a room with CONTENT_RULES", { concurrency: true }, () => {
  /** @type {Central} */
  let store;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url, vars: { CONTENT_RULES: RULES } });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("refuses messages and events with one of the words, and tells their sender alone", async () => {
    const room = newRoom();
    const [ana, bob] = [await edge.join(room, { user: "ana" }), await edge.join(room)];
    const refused = ["DARN!", { text: "oh h\u00adeckler" }, [{ "Son of a gun": 1 }], "ЖУК"];
    for (const [i, content] of refused.entries()) {
      ana.send({ type: "message", content, id: `m${i}` });
      const error = await ana.next("error", (o) => o.id === `m${i}`);
      assert.equal(error.code, "content_refused");
      assert.equal(error.detail, '"content" holds a word that is not allowed');
    }
    ana.send({ type: "event", name: "typing", content: "heck", ref: "e" });
    assert.equal((await ana.next("error", (o) => o.ref === "e")).code, "content_refused");
    for (const content of ["darning", "aheck", 1, { darned: null }]) {
      ana.send({ type: "message", content });
    }
    assert.deepEqual((await bob.next("new_message", (o) => o.seq === 4)).content, { darned: null });
    assert.ok(!bob.told.some((o) => o.type === "event" || o.type === "error"));
  });

  it("refuses a word in what is published over HTTP, too", async () => {
    const room = newRoom();
    const { status, body } = await publish(edge, room, "darn");
    assert.equal(status, 422);
    assert.match(body.detail, /holds a word that is not allowed/);
    assert.equal((await publish(edge, room, "darning")).status, 201);
  });
});
