// @ts-check
/**
 * What the browser client promises, shown against a room that misbehaves on purpose. It runs on
 * the WebSocket of Node, which is the browsers' by interface and by rules.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "../../client/public/client/edgeroom.js";
import { newMessage, startScriptedRoom } from "./scripted-room.js";

/** @import { ConnectOptions, RoomEvents } from "../../client/public/client/edgeroom.js" */

const limits = { timeout: 20_000 };

/** Quick enough for tests; what a test is about it sets itself. */
const timing = { backoffFloorMs: 5, backoffStartMs: 10, backoffCeilingMs: 20 };

/** @type {Awaited<ReturnType<typeof startScriptedRoom>>} */
let server;
/** @type {ReturnType<typeof connect>[]} */
let rooms;

beforeEach(async () => {
  server = await startScriptedRoom();
  rooms = [];
});

afterEach(async () => {
  for (const room of rooms) room.close();
  await server.stop();
});

/** @param {ConnectOptions} [options] */
function join(options = {}) {
  const room = connect("lobby", { url: server.url, user: "ana", timing, ...options });
  rooms.push(room);
  return room;
}

/**
 * The next event of a kind that fits.
 *
 * @template {keyof RoomEvents} K
 * @param {ReturnType<typeof connect>} room
 * @param {K} type
 * @param {(detail: RoomEvents[K]) => boolean} [fits]
 * @returns {Promise<RoomEvents[K]>}
 */
function next(room, type, fits = () => true) {
  return new Promise((resolve) => {
    const stop = room.on(type, (detail) => {
      if (!fits(detail)) return;
      stop();
      resolve(detail);
    });
  });
}

/** The seqs of all records, as they come. */
function collectSeqs(/** @type {ReturnType<typeof connect>} */ room) {
  /** @type {number[]} */
  const seqs = [];
  room.on("record", (record) => seqs.push(record.seq));
  return seqs;
}

test("a fresh join asks for the history up to its welcome, and no further", limits, async () => {
  const room = join();
  const history = next(room, "history");
  const peer = await server.peers.take();
  assert.equal(peer.url.pathname, "/rooms/lobby");
  assert.equal(peer.url.search, "?user=ana");
  peer.welcome({ seq: 7 });
  const { ref, ...asked } = await peer.frames.take();
  assert.deepEqual(asked, { type: "history", before: 8, limit: 50 });
  const seqs = collectSeqs(room);
  // A record that is newer than the welcome may overtake the history; neither waits.
  const { type, ...old } = newMessage(7);
  peer.say(newMessage(8), { type: "history", messages: [old], more: true, ref });
  assert.deepEqual(await history, { messages: [old], more: true });
  assert.deepEqual(seqs, [8]);
});

test("records go on after a lost connection, in order and each once", limits, async () => {
  const room = join();
  const seqs = collectSeqs(room);
  const first = await server.peers.take();
  first.welcome({ seq: 0 });
  first.say(newMessage(1), newMessage(2));
  await next(room, "record", ({ seq }) => seq === 2);
  first.socket.terminate();

  const second = await server.peers.take();
  assert.equal(second.url.searchParams.get("epoch"), "e-1");
  assert.equal(second.url.searchParams.get("after"), "2");
  // More than what was missed: what is known already is not told again.
  second.welcome({ seq: 3, recovered: true });
  second.say(newMessage(2), newMessage(3), newMessage(4));
  await next(room, "record", ({ seq }) => seq === 4);
  assert.deepEqual(seqs, [1, 2, 3, 4]);
});

test("a gap is not passed on: a new connection fills it", limits, async () => {
  const room = join();
  const seqs = collectSeqs(room);
  const problem = next(room, "error");
  const first = await server.peers.take();
  first.welcome({ seq: 0 });
  first.say(newMessage(1), newMessage(3));
  assert.equal((await problem).code, "protocol");
  const second = await server.peers.take();
  assert.equal(second.url.searchParams.get("after"), "1");
  second.welcome({ seq: 3, recovered: true });
  second.say(newMessage(2), newMessage(3));
  await next(room, "record", ({ seq }) => seq === 3);
  assert.deepEqual(seqs, [1, 2, 3]);
});

test(
  "a room that cannot continue says reset, and the history is asked for anew",
  limits,
  async () => {
    const room = join();
    const first = await server.peers.take();
    first.welcome({ seq: 9, confirmed: 9 });
    const { ref } = await first.frames.take();
    first.say({ type: "history", messages: [], more: false, ref });
    await next(room, "history");
    first.socket.terminate();

    const reset = next(room, "reset");
    const second = await server.peers.take();
    second.welcome({ epoch: "e-2", seq: 2, confirmed: 1 });
    assert.deepEqual(await reset, { epoch: "e-2", seq: 2 });
    assert.equal((await second.frames.take()).before, 3);
    assert.equal(room.isConfirmed(2), false);
  },
);

test("a history lost with its connection is asked for again", limits, async () => {
  const room = join();
  const first = await server.peers.take();
  first.welcome({ seq: 5 });
  await first.frames.take();
  first.say(newMessage(6));
  await next(room, "record");
  first.socket.terminate();
  const second = await server.peers.take();
  second.welcome({ seq: 6, recovered: true });
  assert.equal((await second.frames.take()).before, 6);
});

test(
  "an unanswered publication is sent again with its id until it is acknowledged",
  limits,
  async () => {
    const room = join();
    const first = await server.peers.take();
    first.welcome();
    const receipt = room.publish({ text: "hello" });
    const sent = await first.frames.take();
    assert.equal(sent.type, "message");
    assert.deepEqual(sent.content, { text: "hello" });
    assert.match(sent.id, /^[0-9a-f]{32}$/);
    first.socket.terminate();

    const second = await server.peers.take();
    second.welcome({ recovered: true });
    assert.deepEqual(await second.frames.take(), sent);
    second.say({ type: "ack", id: sent.id, seq: 1, duplicate: true });
    assert.deepEqual(await receipt, { id: sent.id, epoch: "e-1", seq: 1, duplicate: true });
    assert.equal(room.pending, 0);
  },
);

test("what the replay answers is not sent again", limits, async () => {
  const room = join();
  const first = await server.peers.take();
  first.welcome();
  const receipt = room.publish("stored, but its answer is lost");
  const { id, content } = await first.frames.take();
  first.socket.terminate();

  const second = await server.peers.take();
  const replayed = newMessage(2, { user: "ana", id, content });
  // The replay comes in two frames, and the answer is in the second.
  second.welcome({ seq: 2, recovered: true });
  second.say(newMessage(1, { user: "eve", id }));
  second.say(replayed);
  assert.equal((await receipt).seq, 2);
  const later = room.publish("later");
  const { content: next } = await second.frames.take();
  assert.equal(next, "later");
  second.say(newMessage(3, { user: "ana", id: "another", content: "no answer" }));
  room.close();
  await assert.rejects(later, { code: "left" });
});

test("a publication refused for now goes out again, before those behind it", limits, async () => {
  const room = join();
  const peer = await server.peers.take();
  peer.welcome();
  const one = room.publish("one");
  const { id } = await peer.frames.take();
  const refusedAtMs = performance.now();
  const told = next(room, "error");
  peer.say({ type: "error", code: "rate_limited", detail: "slowly", id, retry_after_ms: 200 });
  assert.equal((await told).code, "rate_limited");
  const two = room.publish("two");
  const again = await peer.frames.take();
  assert.equal(again.id, id);
  assert.ok(performance.now() - refusedAtMs >= 195, "waits as long as it was asked to");
  const behind = await peer.frames.take();
  assert.equal(behind.content, "two");
  peer.say(newMessage(1, { user: "ana", id }), newMessage(2, { user: "ana", id: behind.id }));
  assert.equal((await one).seq, 1);
  assert.equal((await two).seq, 2);
});

test("a publication refused for good is rejected with the room's code", limits, async () => {
  const room = join();
  const peer = await server.peers.take();
  peer.welcome();
  const publication = room.publish("no");
  const { id } = await peer.frames.take();
  peer.say({ type: "error", code: "content_refused", detail: "not here", id });
  await assert.rejects(publication, { name: "RoomError", code: "content_refused" });
  await assert.rejects(room.publish("x".repeat(1024 * 1024)), { code: "too_large" });
  await assert.rejects(room.publish({ half: "\ud83d" }), { code: "bad_content" });
  await assert.rejects(room.publish(undefined), TypeError);
});

test("a silent connection is noticed by exact pings, and replaced", limits, async () => {
  const room = join({ timing: { ...timing, heartbeatIntervalMs: 20, heartbeatTimeoutMs: 500 } });
  const first = await server.peers.take();
  first.welcome();
  assert.equal(await first.pings.take(), '{"type":"ping"}');
  assert.equal(await first.pings.take(), '{"type":"ping"}');
  const lost = next(room, "state", ({ state }) => state === "waiting");
  first.answersPings = false;
  assert.equal((await lost).reason?.code, "silent");
  const second = await server.peers.take();
  assert.equal(second.url.searchParams.get("after"), "0");
});

test("confirmation is a watermark with exceptions", limits, async () => {
  const room = join();
  const peer = await server.peers.take();
  peer.welcome({ seq: 10, confirmed: 4, dead: [2] });
  await next(room, "welcome");
  assert.deepEqual(
    [1, 2, 4, 5].map((seq) => room.isConfirmed(seq)),
    [true, false, true, false],
  );
  peer.say({ type: "message_confirmed", epoch: "e-1", through: 8, except: [7], stored: [2] });
  await next(room, "confirmed", ({ through }) => through === 8);
  assert.deepEqual(
    [2, 7, 8, 9].map((seq) => room.isConfirmed(seq)),
    [true, false, true, false],
  );
  assert.equal(room.isRefused(7), true);
  peer.say({ type: "message_confirmed", epoch: "other", through: 9 }, newMessage(11));
  await next(room, "record");
  assert.equal(room.isConfirmed(9), false);
});

test("who is here follows joins and leaves", limits, async () => {
  const room = join();
  const peer = await server.peers.take();
  peer.welcome();
  const [ana, bo] = [
    { user: "ana", conn: "c-1" },
    { user: "bo", conn: "c-2" },
  ];
  const named = next(room, "members", ({ members }) => members.length === 2);
  peer.say({ type: "presence", members: [ana], count: 1, users: 1 }, { type: "join", ...bo });
  assert.deepEqual((await named).members, [ana, bo]);
  peer.say({ type: "leave", ...ana }, { type: "room_count", count: 1, users: 1 });
  await next(room, "count");
  assert.deepEqual(room.members, [bo]);
  assert.deepEqual(room.count, { count: 1, users: 1 });
});

for (const [code, reason] of /** @type {const} */ ([
  [4001, "token_expired"],
  [4003, "removed"],
])) {
  test(`close code ${code} is final`, limits, async () => {
    const room = join();
    const peer = await server.peers.take();
    peer.welcome();
    const publication = room.publish("too late");
    await peer.frames.take();
    const closed = next(room, "state", ({ state }) => state === "closed");
    peer.socket.close(code, "says why");
    assert.deepEqual((await closed).reason, { code: reason, detail: "says why" });
    await assert.rejects(publication, { code: reason });
    await assert.rejects(room.publish("later"), { code: "closed" });
  });
}

test("a restart that was announced is waited for", limits, async () => {
  const room = join();
  const first = await server.peers.take();
  first.welcome();
  first.say({ type: "reconnect", after_ms: 150 });
  const waiting = next(room, "state", ({ state }) => state === "waiting");
  first.socket.close(1012);
  const closedAtMs = performance.now();
  assert.equal((await waiting).reason?.code, "restart");
  await server.peers.take();
  assert.ok(performance.now() - closedAtMs >= 145, "comes back no earlier than asked");
});

test("a refusal is final, with the reason that the edge gives over HTTP", limits, async () => {
  server.script.refusal = { status: 403, detail: "not for you" };
  const room = join();
  const { reason } = await next(room, "state", ({ state }) => state === "closed");
  assert.deepEqual(reason, { code: "refused", status: 403, detail: "not for you" });
});

test("429 is waited out for Retry-After, and no longer", limits, async () => {
  server.script.refusal = { status: 429, headers: { "Retry-After": "1" }, detail: "too many" };
  const room = join();
  const { reason, retryAtMs } = await next(room, "state", ({ state }) => state === "waiting");
  const refusedAtMs = performance.now();
  assert.equal(reason?.status, 429);
  assert.ok((retryAtMs ?? 0) > Date.now() + 900);
  server.script.refusal = null;
  room.reconnect();
  const peer = await server.peers.take();
  assert.ok(performance.now() - refusedAtMs >= 950, "impatience does not shorten it");
  peer.welcome();
  await next(room, "state", ({ state }) => state === "open");
});

test("names that no URL can carry are refused without a connection", limits, async () => {
  const room = connect("..", { url: server.url });
  const { reason } = await next(room, "state", ({ state }) => state === "closed");
  assert.equal(reason?.code, "bad_request");
});

test("a token travels as a subprotocol, never in the address", limits, async () => {
  join({ token: "secret.part" });
  const peer = await server.peers.take();
  assert.doesNotMatch(peer.url.href, /secret/);
  assert.equal(peer.socket.protocol, "edgeroom.v1");
});
