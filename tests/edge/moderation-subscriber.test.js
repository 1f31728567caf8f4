// The example subscriber examples/subscribers/moderation.mjs against a real room: what it refuses goes
// from the room, from its history and from the central store, and everybody is told.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AwsClient } from "aws4fetch";
import { handler } from "../../examples/subscribers/moderation.mjs";
import { CREDENTIALS, central, newRoom, startEdge, until } from "./harness.js";

/** What EventBridge puts into the queue. @param {string} room @param {string} epoch @param {any} told */
function queueEvent(room, epoch, { seq, ts, user, content }) {
  const record = { type: "message", seq, ts, user, content_json: JSON.stringify(content) };
  const detail = { v: 1, room, epoch, record };
  const body = { source: "edgeroom.central", "detail-type": "RecordPersisted", detail };
  return { Records: [{ messageId: `m-${seq}`, body: JSON.stringify(body) }] };
}

test("a message that the subscriber refuses is deleted everywhere", async (t) => {
  const store = await central();
  t.after(store.close);
  const edge = await startEdge({ centralUrl: store.url });
  t.after(() => edge.close());
  process.env.EDGEROOM_URL = edge.url;
  process.env.MODERATOR_TOKEN = "test-moderator";
  process.env.REFUSED_WORDS = "darn";

  const room = newRoom();
  const ana = await edge.join(room, { user: "ana" });
  const { epoch } = ana.told[0];
  for (const content of ["fine", { text: "oh, Darn!" }]) ana.send({ type: "message", content });
  const fine = await ana.next("new_message");
  const bad = await ana.next("new_message");
  await ana.confirmed(bad.seq);

  // Twice, as a queue may deliver.
  for (const told of [fine, bad, bad]) {
    assert.deepEqual(await handler(queueEvent(room, epoch, told)), { batchItemFailures: [] });
  }
  const deleted = await ana.next("message_deleted");
  assert.equal(deleted.target, bad.seq);
  assert.equal(deleted.by, "moderation");
  assert.equal(ana.all("message_deleted").length, 1);
  const { body } = await edge.json(`/api/rooms/${room}/messages`);
  assert.deepEqual(
    body.messages.map((/** @type {any} */ { content, deleted: gone }) => gone ?? content),
    ["fine", true],
  );

  await ana.confirmed(deleted.seq);
  const aws = new AwsClient({ ...CREDENTIALS, service: "execute-api", retries: 0 });
  /** @returns {Promise<any>} */
  const stored = async () =>
    (await aws.fetch(`${store.url}/v1/rooms/${room}/messages?epoch=${epoch}`)).json();
  const page = await until(stored, ({ messages }) => messages[1].deleted);
  assert.equal(page.messages[1].content, undefined);
  assert.equal(page.messages[1].by, "moderation");
  assert.equal(page.messages[0].content, "fine");

  // A verdict for an epoch that is over is final, and touches nothing of this one.
  assert.deepEqual(await handler(queueEvent(room, "00-over", { ...bad, seq: fine.seq })), {
    batchItemFailures: [],
  });
  assert.equal((await edge.json(`/api/rooms/${room}/messages`)).body.messages[0].content, "fine");
});
