// @ts-check
/** Every promise of the client may be given up by an AbortSignal, which is let go of in the end. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { limits, Scene, timing } from "./client-scene.js";
import { next } from "./next-event.js";
import { newMessage } from "./scripted-room.js";

const scene = new Scene();

const listeners = (/** @type {AbortSignal} */ signal) => getEventListeners(signal, "abort").length;

test("a publication given up before it was sent never is", limits, async () => {
  const room = scene.join();
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const [one, two, three] = [
    room.publish("one"),
    room.publish("two", { signal }),
    room.publish("three", { signal: new AbortController().signal }),
  ];
  assert.deepEqual([room.pending, listeners(signal)], [3, 1]);
  giveUp.abort(new Error("changed my mind"));
  await assert.rejects(two, { message: "changed my mind" });
  assert.deepEqual([room.pending, listeners(signal)], [2, 0]);
  const peer = await scene.server.peers.take();
  peer.welcome();
  const sent = [await peer.frames.take(), await peer.frames.take()];
  assert.deepEqual(
    sent.map(({ content }) => content),
    ["one", "three"],
  );
  peer.say(...sent.map(({ id }, index) => newMessage(index + 1, { user: "ana", id })));
  await Promise.all([one, three]);
});

test("one given up after it was sent is not sent again; its id finds out", limits, async () => {
  const { room, peer } = await scene.enter();
  const giveUp = new AbortController();
  const publication = room.publish("sent", { id: "i", signal: giveUp.signal });
  await peer.frames.take();
  giveUp.abort();
  await assert.rejects(publication, { name: "AbortError" });
  assert.equal(room.pending, 0);
  peer.socket.terminate();
  const second = await scene.server.peers.take();
  // The room had stored it: that is a record as any other.
  const record = next(room, "record");
  second.welcome({ seq: 1, recovered: true });
  second.say(newMessage(1, { user: "ana", id: "i", content: "sent" }));
  assert.equal((await record).seq, 1);
  const again = room.publish("sent", { id: "i" });
  assert.equal((await second.frames.take()).id, "i", "and nothing before it");
  second.say({ type: "ack", id: "i", seq: 1, duplicate: true });
  assert.deepEqual([(await again).seq, (await again).duplicate], [1, true]);
});

test("what was aborted before it began does not begin", limits, async () => {
  const { room, peer } = await scene.enter();
  const signal = AbortSignal.abort(new Error("too late"));
  const receipt = room.publish("stored");
  const { id } = await peer.frames.take();
  peer.say(newMessage(1, { user: "ana", id }));
  const { confirmed } = await receipt;
  for (const ask of [
    () => room.publish("no", { signal }),
    () => room.history({ signal }),
    () => room.pages({ signal }).next(),
    () => room.delete(1, { signal }),
    () => room.moderate("mute", "eve", { signal }),
    () => confirmed({ signal }),
  ]) {
    await assert.rejects(ask(), { message: "too late" });
  }
  assert.equal(room.pending, 0);
  const last = room.publish("the only frame");
  assert.equal((await peer.frames.take()).content, "the only frame");
  room.close();
  await assert.rejects(last, { code: "left" });
});

test("questions may be given up, and late answers are about nothing", limits, async () => {
  const { room, peer } = await scene.enter();
  room.on("error", () => assert.fail("nobody waits for it"));
  for (const ask of [
    (/** @type {AbortSignal} */ signal) => room.history({ before: 9, signal }),
    (/** @type {AbortSignal} */ signal) => room.delete(9, { signal }),
    (/** @type {AbortSignal} */ signal) => room.moderate("kick", "eve", { signal }),
  ]) {
    const giveUp = new AbortController();
    const asked = ask(giveUp.signal);
    const { ref } = await peer.frames.take();
    assert.equal(listeners(giveUp.signal), 1);
    giveUp.abort(new Error("enough"));
    await assert.rejects(asked, { message: "enough" });
    assert.equal(listeners(giveUp.signal), 0);
    peer.say({ type: "history", messages: [], more: false, ref });
    peer.say({ type: "error", code: "not_found", detail: "gone", ref });
  }
  const fresh = room.history({ before: 8 });
  const { ref } = await peer.frames.take();
  peer.say({ type: "history", messages: [], more: false, ref });
  assert.deepEqual(await fresh, { messages: [], more: false });
});

test("a confirmation may be given up, and waited for anew", limits, async () => {
  const { room, peer } = await scene.enter();
  const publication = room.publish("stored");
  const { id } = await peer.frames.take();
  peer.say(newMessage(1, { user: "ana", id }));
  const receipt = await publication;
  await assert.rejects(receipt.confirmed({ signal: AbortSignal.timeout(1) }), {
    name: "TimeoutError",
  });
  const waiting = receipt.confirmed();
  peer.say({ type: "message_confirmed", epoch: "e-1", through: 1 });
  await waiting;
});

test("what ended by itself has let go of its signal", limits, async () => {
  const { room, peer } = await scene.enter();
  const { signal } = new AbortController();
  const receipt = room.publish("one", { signal });
  const { id } = await peer.frames.take();
  peer.say(newMessage(1, { user: "ana", id }));
  const waiting = (await receipt).confirmed({ signal });
  const refused = room.publish("two", { signal });
  peer.say({ type: "error", code: "muted", detail: "no", id: (await peer.frames.take()).id });
  await assert.rejects(refused, { code: "muted" });
  const asked = room.history({ signal });
  peer.say({ type: "message_confirmed", epoch: "e-1", through: 1 });
  peer.say({ type: "history", messages: [], more: false, ref: (await peer.frames.take()).ref });
  await Promise.all([waiting, asked]);
  const lost = room.delete(1, { signal });
  await peer.frames.take();
  peer.socket.terminate();
  await assert.rejects(lost, { code: "disconnected" });
  await assert.rejects(room.delete(1, { signal }), { code: "not_connected" });
  assert.equal(listeners(signal), 0);
});

test("the signal of connect leaves the room", limits, async () => {
  const leave = new AbortController();
  const { room, peer } = await scene.enter({ signal: leave.signal });
  const publication = room.publish("unanswered");
  await peer.frames.take();
  const closed = next(room, "state");
  leave.abort();
  assert.deepEqual((await closed).reason, { code: "left", detail: "the room was left" });
  await assert.rejects(publication, { code: "left" });
  assert.equal(await peer.closed.take(), 1000);
  assert.equal(listeners(leave.signal), 0);
});

test("aborted while it waits, nobody comes back", limits, async () => {
  const leave = new AbortController();
  const slow = { ...timing, backoffFloorMs: 60_000, backoffCeilingMs: 60_000 };
  const { room, peer } = await scene.enter({ signal: leave.signal, timing: slow });
  peer.socket.terminate();
  await next(room, "state", ({ state }) => state === "waiting");
  leave.abort();
  assert.equal(room.state, "closed");
  room.reconnect();
  assert.equal(room.state, "closed");
});

test("an aborted signal joins nothing, and listeners hear of it", limits, async () => {
  const room = scene.join({ signal: AbortSignal.abort() });
  const queued = room.publish("never");
  const { state, reason } = await next(room, "state");
  assert.deepEqual([state, reason?.code], ["closed", "left"]);
  await assert.rejects(queued, { code: "left" });
  assert.equal(scene.server.peers.size, 0);
});

test("a room that is left in another way lets go of its signal", limits, async () => {
  const { signal } = new AbortController();
  const room = scene.join({ signal });
  assert.equal(listeners(signal), 1);
  room.close();
  assert.equal(listeners(signal), 0);
});
