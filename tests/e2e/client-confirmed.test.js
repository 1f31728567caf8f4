// @ts-check
/** A receipt's `confirmed`: when the central API has the record, and what else may become of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits, Scene } from "./client-scene.js";
import { next } from "./next-event.js";
import { newMessage } from "./scripted-room.js";

/** @import { EdgeRoom, Receipt } from "../../client/public/client/edgeroom.js" */

const scene = new Scene();

/**
 * Publishes, and has it stored as this record.
 *
 * @param {EdgeRoom} room
 * @param {any} peer
 * @param {number} seq
 * @returns {Promise<Receipt>}
 */
async function stored(room, peer, seq) {
  const publication = room.publish(`number ${seq}`);
  const { id } = await peer.frames.take();
  peer.say(newMessage(seq, { user: "ana", id }));
  return publication;
}

/** Whether it is settled already. @param {Promise<unknown>} promise */
async function isSettled(promise) {
  const pending = Symbol("pending");
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise.catch(() => {}), turn])) !== pending;
}

const confirmed = (/** @type {number} */ through, fields = {}) => {
  return { type: "message_confirmed", epoch: "e-1", through, ...fields };
};

test("resolves when the watermark has come so far, and at once from then on", limits, async () => {
  const { room, peer } = await scene.enter();
  const one = await stored(room, peer, 1);
  const two = await stored(room, peer, 2);
  const waiting = [one.confirmed(), two.confirmed(), two.confirmed()];
  peer.say(confirmed(1));
  assert.equal(await waiting[0], undefined);
  assert.equal(await isSettled(waiting[1]), false);
  // Another epoch's is not ours.
  peer.say(confirmed(9, { epoch: "e-0" }), newMessage(3));
  await next(room, "record");
  assert.equal(await isSettled(waiting[1]), false);
  peer.say(confirmed(2));
  await Promise.all(waiting);
  await two.confirmed();
});

test("what was confirmed before its receipt is had is confirmed", limits, async () => {
  const { room, peer } = await scene.enter();
  const publication = room.publish("it was here before");
  const { id } = await peer.frames.take();
  peer.say(newMessage(1, { user: "ana", id: "other" }), confirmed(1));
  peer.say({ type: "ack", id, seq: 1, duplicate: true });
  await (await publication).confirmed();
});

test("a receipt is plain data beside it", limits, async () => {
  const { room, peer } = await scene.enter();
  const receipt = await stored(room, peer, 1);
  const data = { id: receipt.id, epoch: "e-1", seq: 1, duplicate: false, conn: "c-1" };
  assert.deepEqual(receipt, data);
  assert.deepEqual(structuredClone(receipt), data);
});

test("goes on over lost connections, and finds out with the welcome", limits, async () => {
  const { room, peer } = await scene.enter();
  const receipt = await stored(room, peer, 1);
  const waiting = receipt.confirmed();
  peer.socket.terminate();
  const second = await scene.server.peers.take();
  second.welcome({ seq: 1, confirmed: 0 });
  await next(room, "confirmed");
  assert.equal(await isSettled(waiting), false);
  second.socket.terminate();
  (await scene.server.peers.take()).welcome({ seq: 1, confirmed: 1 });
  await waiting;
});

test("rejects for a dead letter, and resolves once that is stored after all", limits, async () => {
  const { room, peer } = await scene.enter();
  const receipt = await stored(room, peer, 1);
  const refusal = { name: "RoomError", code: "dead_letter", message: /record 1/ };
  const waiting = receipt.confirmed();
  peer.say(confirmed(1, { except: [1] }));
  await assert.rejects(waiting, refusal);
  assert.deepEqual([room.isRefused(1), room.isConfirmed(1)], [true, false]);
  await assert.rejects(receipt.confirmed(), refusal);
  // A new connection tells of it as well.
  peer.socket.terminate();
  const second = await scene.server.peers.take();
  second.welcome({ seq: 1, confirmed: 1, dead: [1] });
  await next(room, "confirmed");
  await assert.rejects(receipt.confirmed(), refusal);
  second.say(confirmed(1, { stored: [1] }));
  await next(room, "confirmed");
  assert.deepEqual([room.isRefused(1), room.isConfirmed(1)], [false, true]);
  await receipt.confirmed();
});

test("is unknown under another epoch, unless it was known before", limits, async () => {
  const { room, peer } = await scene.enter();
  const one = await stored(room, peer, 1);
  const two = await stored(room, peer, 2);
  const three = await stored(room, peer, 3);
  peer.say(confirmed(2, { except: [2] }));
  await next(room, "confirmed");
  const waiting = three.confirmed();
  peer.socket.terminate();
  // All of the new epoch is confirmed; it has other records under these numbers.
  const second = await scene.server.peers.take();
  second.welcome({ epoch: "e-2", seq: 9, confirmed: 9 });
  await assert.rejects(waiting, { name: "RoomError", code: "epoch_changed" });
  await assert.rejects(three.confirmed(), { code: "epoch_changed" });
  await assert.rejects(two.confirmed(), { code: "dead_letter" });
  await one.confirmed();
});

test("rejects when the room is left, unless it is known", limits, async () => {
  const { room, peer } = await scene.enter();
  const one = await stored(room, peer, 1);
  const two = await stored(room, peer, 2);
  peer.say(confirmed(1));
  await one.confirmed();
  const waiting = two.confirmed();
  room.close();
  await assert.rejects(waiting, { name: "RoomError", code: "left" });
  await assert.rejects(two.confirmed(), { name: "RoomError", code: "closed" });
  await one.confirmed();
});

test("a room that lost what it had told takes nothing back", limits, async () => {
  const { room, peer } = await scene.enter();
  await stored(room, peer, 1);
  await stored(room, peer, 2);
  peer.say(confirmed(2, { except: [1] }));
  await next(room, "confirmed");
  peer.socket.terminate();
  const second = await scene.server.peers.take();
  second.welcome({ seq: 2, confirmed: 0 });
  await next(room, "confirmed");
  assert.deepEqual(
    [room.isRefused(1), room.isConfirmed(1), room.isConfirmed(2)],
    [true, false, true],
  );
});

test("nobody who never asks hears of a rejection", limits, async () => {
  const { room, peer } = await scene.enter();
  await stored(room, peer, 1);
  /** @type {unknown[]} */
  const rejections = [];
  const note = (/** @type {unknown} */ reason) => rejections.push(reason);
  process.on("unhandledRejection", note);
  peer.say(confirmed(1, { except: [1] }));
  await next(room, "confirmed");
  room.close();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  assert.deepEqual(rejections, []);
});
