// CONTENT_RULES: words that rooms do not take, and what no list of words can say: a verdict that comes
// later, from whoever reads the central API.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { central, newRoom, startEdge } from "./harness.js";
import { fromCentral } from "./pages.js";

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

describe("a verdict on a message", () => {
  it("comes from a reader of the central API and deletes it everywhere, also when the room has let go of it", async () => {
    const store = await central();
    const edge = await startEdge({ centralUrl: store.url, vars: { HISTORY_SIZE: "2" } });
    try {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      for (let i = 1; i <= 12; i++) {
        ana.send({ type: "message", content: i === 2 ? "spam" : i });
        await ana.confirmed(i);
      }
      // Whoever judges reads there, at his own pace, and answers with what names the message for good.
      const { epoch } = ana.all("welcome")[0];
      const read = fromCentral(store.url, room, epoch);
      const spam = (await read({})).messages.find((o) => o.content === "spam");
      assert.ok(spam);
      const { seq } = spam;
      const path = `/api/rooms/${room}/messages/${seq}`;
      const other = await edge.json(`${path}?epoch=01AAAAAAAAAAAAAAAAAAAAAAAA&by=spam-filter`, {
        method: "DELETE",
        headers: MODERATOR,
      });
      assert.equal(other.status, 409);
      const verdict = { method: "DELETE", headers: MODERATOR };
      const answer = await edge.json(`${path}?epoch=${epoch}&by=spam-filter`, verdict);
      assert.equal(answer.status, 200);
      const told = await ana.next("message_deleted", (o) => o.target === seq);
      assert.equal(told.by, "spam-filter");
      await ana.confirmed(told.seq);
      const gone = (await read({})).messages.find((o) => o.seq === seq);
      assert.deepEqual([gone?.deleted, gone?.by, gone?.content], [true, "spam-filter", undefined]);
    } finally {
      await edge.close();
      await store.close();
    }
  });
});
