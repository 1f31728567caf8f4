// @ts-check
/** Moderation, paging and the queue, against a room whose every answer the test decides. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectSeqs, limits, Scene, timing } from "./client-scene.js";
import { next } from "./next-event.js";
import { newMessage } from "./scripted-room.js";

/** @import { Message } from "../../client/public/client/edgeroom.js" */

const scene = new Scene();

const TS = 1_700_000_000_000;

/**
 * @param {number} seq
 * @param {object} fields
 */
const moderation = (seq, fields) => {
  return { type: "moderation", seq, action: "ban", user: "eve", by: "ana", ts: TS, ...fields };
};

/** A message of a page. @param {number} seq */
const old = (seq) => {
  const { type, ...message } = newMessage(seq);
  return message;
};

test("a moderation is done when its own record comes", limits, async () => {
  const { room, peer } = await scene.enter();
  const seqs = collectSeqs(room);
  const banned = room.moderate("ban", "eve", { forS: 60, reason: "enough" });
  const { ref, ...frame } = await peer.frames.take();
  assert.deepEqual(frame, {
    type: "moderation",
    action: "ban",
    user: "eve",
    for_s: 60,
    reason: "enough",
  });
  const own = moderation(7, { until: TS + 60_000, reason: "enough" });
  peer.say(
    moderation(1, { until: TS + 60_000, reason: "enough", by: "mod" }),
    moderation(2, { until: TS + 60_000, reason: "enough", action: "mute" }),
    moderation(3, { until: TS + 60_000, reason: "enough", user: "bo" }),
    moderation(4, { until: TS + 61_000, reason: "enough" }),
    moderation(5, { until: TS + 60_000 }),
    moderation(6, { reason: "enough" }),
    own,
  );
  assert.deepEqual(await banned, own);
  assert.deepEqual(seqs, [1, 2, 3, 4, 5, 6, 7]);
});

test("each record answers one question, the oldest", limits, async () => {
  const { room, peer } = await scene.enter();
  const kicked = [room.moderate("kick", "eve"), room.moderate("kick", "eve")];
  const { ref, ...frame } = await peer.frames.take();
  assert.deepEqual(frame, { type: "moderation", action: "kick", user: "eve" });
  const { ref: secondRef } = await peer.frames.take();
  const record = moderation(1, { action: "kick" });
  peer.say(record, { type: "error", code: "outbox_full", detail: "no", ref: secondRef });
  assert.deepEqual(await kicked[0], record);
  await assert.rejects(kicked[1], { name: "RoomError", code: "outbox_full" });

  const deleted = [room.delete(1), room.delete(1)];
  await peer.frames.take();
  const { ref: lateRef } = await peer.frames.take();
  const deletion = { type: "message_deleted", seq: 2, target: 1, by: "ana", ts: TS };
  peer.say(deletion, { type: "error", code: "not_found", detail: "gone", ref: lateRef });
  assert.deepEqual(await deleted[0], deletion);
  await assert.rejects(deleted[1], { code: "not_found" });
});

test("a deletion that the replay answers is not answered twice", limits, async () => {
  const { room, peer } = await scene.enter();
  room.on("error", () => assert.fail("it was done"));
  const lost = room.delete(1);
  await peer.frames.take();
  peer.socket.terminate();
  await assert.rejects(lost, { code: "disconnected" });
  const back = await scene.server.peers.take();
  back.welcome({ seq: 1, recovered: true });
  await next(room, "welcome");
  // Asked again before the replay has come.
  const again = room.delete(1);
  const { ref } = await back.frames.take();
  const deletion = { type: "message_deleted", seq: 1, target: 1, by: "ana", ts: TS };
  back.say(deletion);
  assert.deepEqual(await again, deletion);
  back.say({ type: "error", code: "not_found", detail: "gone", ref }, newMessage(2));
  await next(room, "record");
});

test("a moderation may be refused, and be lost with its connection", limits, async () => {
  const { room, peer } = await scene.enter();
  room.on("error", () => assert.fail("whoever asked hears of it"));
  const refused = room.moderate("unmute", "eve");
  const { ref } = await peer.frames.take();
  peer.say({ type: "error", code: "forbidden", detail: "only a moderator may do this", ref });
  await assert.rejects(refused, { code: "forbidden", message: "only a moderator may do this" });
  const lost = room.moderate("ban", "eve");
  await peer.frames.take();
  peer.socket.terminate();
  await assert.rejects(lost, { code: "disconnected" });
  await assert.rejects(room.moderate("ban", "eve"), { code: "not_connected" });
});

test("pages go back to the beginning of the room", limits, async () => {
  const { room, peer } = await scene.enter();
  const pages = (async () => {
    /** @type {Message[][]} */
    const found = [];
    for await (const { messages } of room.pages({ before: 6, limit: 2 })) found.push(messages);
    return found;
  })();
  for (const [before, seqs] of /** @type {const} */ ([
    [6, [3, 5]],
    [3, [1, 2]],
  ])) {
    const { ref, ...asked } = await peer.frames.take();
    assert.deepEqual(asked, { type: "history", before, limit: 2 });
    peer.say({ type: "history", messages: seqs.map(old), more: before !== 3, ref });
  }
  assert.deepEqual(await pages, [
    [old(3), old(5)],
    [old(1), old(2)],
  ]);
});

test(
  "an empty room has no page; one that is cut short is the last, and says so",
  limits,
  async () => {
    const { room, peer } = await scene.enter();
    const pages = room.pages();
    const none = pages.next();
    const first = await peer.frames.take();
    assert.equal("before" in first, false);
    peer.say({ type: "history", messages: [], more: false, ref: first.ref });
    assert.deepEqual(await none, { done: true, value: undefined });

    const cut = room.pages({ before: 9 });
    for (const messages of [[old(8)], []]) {
      const page = cut.next();
      const { ref } = await peer.frames.take();
      const isLast = messages.length === 0;
      const answer = { messages, more: !isLast, ...(isLast && { partial: true }) };
      peer.say({ type: "history", ...answer, ref });
      assert.deepEqual(await page, { done: false, value: answer });
    }
    assert.equal((await cut.next()).done, true);
  },
);

test("pages never mix two epochs", limits, async () => {
  const { room, peer } = await scene.enter();
  const pages = room.pages({ before: 9 });
  const first = pages.next();
  peer.say({
    type: "history",
    messages: [old(8)],
    more: true,
    ref: (await peer.frames.take()).ref,
  });
  await first;
  peer.socket.terminate();
  const back = await scene.server.peers.take();
  back.welcome({ epoch: "e-2" });
  await next(room, "reset");
  const second = pages.next();
  const { ref } = await back.frames.take();
  back.say({ type: "history", messages: [old(7)], more: true, ref });
  await assert.rejects(second, { name: "RoomError", code: "epoch_changed" });
  assert.equal((await pages.next()).done, true);
});

test("who stops reading pages asks for no more", limits, async () => {
  const { room, peer } = await scene.enter();
  const reading = (async () => {
    for await (const page of room.pages({ before: 9 })) return page;
    return null;
  })();
  const { ref } = await peer.frames.take();
  peer.say({ type: "history", messages: [old(8)], more: true, ref });
  assert.deepEqual(await reading, { messages: [old(8)], more: true });
  const later = room.publish("the next frame");
  assert.equal((await peer.frames.take()).type, "message");
  room.close();
  await assert.rejects(later, { code: "left" });
});

test("the queue has an end, on and off line", limits, async () => {
  const room = scene.join({ queueMax: 2 });
  const queued = [room.publish("one"), room.publish("two")];
  const full = { name: "RoomError", code: "queue_full", message: /^2 messages/ };
  await assert.rejects(room.publish("three"), full);
  const peer = await scene.server.peers.take();
  peer.welcome();
  const sent = [await peer.frames.take(), await peer.frames.take()];
  await assert.rejects(room.publish("still unanswered"), full);
  peer.say(...sent.map(({ id }, index) => newMessage(index + 1, { user: "ana", id })));
  await Promise.all(queued);
  const four = room.publish("four");
  const { id } = await peer.frames.take();
  peer.say(newMessage(3, { user: "ana", id }));
  assert.equal((await four).seq, 3);

  const usual = scene.join();
  const many = Array.from({ length: 200 }, (_, n) => usual.publish(n));
  await assert.rejects(usual.publish(200), { code: "queue_full", message: /^200 messages/ });
  usual.close();
  const outcomes = await Promise.allSettled(many);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
});

for (const [resendWithinMs, isForgotten] of /** @type {const} */ ([
  [60_000, false],
  [-1, true],
])) {
  const what = isForgotten ? "is not sent again after a gap" : "is sent again after a gap as well";
  const when = isForgotten ? "long ago" : "lately";
  test(`a publication that was sent ${when} ${what}`, limits, async () => {
    const { room, peer } = await scene.enter({ timing: { ...timing, resendWithinMs } });
    const sent = Promise.allSettled([room.publish("stored, perhaps")]);
    const frame = await peer.frames.take();
    peer.socket.terminate();
    const second = await scene.server.peers.take();
    // While the log goes on its replay tells, however long it took.
    second.welcome({ recovered: true });
    assert.deepEqual(await second.frames.take(), frame);
    second.socket.terminate();

    const third = await scene.server.peers.take();
    const unsent = room.publish("waits");
    third.welcome({ seq: 500 });
    assert.equal((await third.frames.take()).type, "history");
    if (!isForgotten) assert.deepEqual(await third.frames.take(), frame);
    const { id, content } = await third.frames.take();
    assert.equal(content, "waits");
    third.say(newMessage(501, { user: "ana", id: frame.id }), newMessage(502, { user: "ana", id }));
    assert.equal((await unsent).seq, 502);
    const [outcome] = await sent;
    if (outcome.status === "fulfilled") assert.equal(isForgotten, false);
    else assert.deepEqual([isForgotten, outcome.reason.code], [true, "unanswered"]);
  });
}
