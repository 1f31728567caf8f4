// @ts-check
/**
 * What the client promises, shown against a room that misbehaves on purpose. It runs on the
 * WebSocket of Node, which is the browsers' by interface and by rules.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../../client/public/client/edgeroom.js";
import { collectSeqs, limits, Scene, timing } from "./client-scene.js";
import { next } from "./next-event.js";
import { newMessage } from "./scripted-room.js";

const scene = new Scene();

test("a fresh join asks for the history up to its welcome, and no further", limits, async () => {
  const room = scene.join();
  const history = next(room, "history");
  const peer = await scene.server.peers.take();
  assert.equal(peer.url.pathname, "/rooms/lobby");
  assert.equal(peer.url.search, "?user=ana");
  peer.welcome({ seq: 7 });
  const { ref, ...asked } = await peer.frames.take();
  assert.deepEqual(asked, { type: "history", before: 8, limit: 50 });
  const seqs = collectSeqs(room);
  // A record that is newer than the welcome may overtake the history; neither waits.
  const { type, ...old } = newMessage(7);
  peer.say(newMessage(8), { type: "history", messages: [old], more: true, ref });
  assert.deepEqual(await history, { before: 8, messages: [old], more: true });
  assert.deepEqual(seqs, [8]);
});

test("records go on after a lost connection, in order and each once", limits, async () => {
  const room = scene.join();
  const seqs = collectSeqs(room);
  const first = await scene.server.peers.take();
  first.welcome({ seq: 0 });
  first.say(newMessage(1), newMessage(2));
  await next(room, "record", ({ seq }) => seq === 2);
  first.socket.terminate();

  const second = await scene.server.peers.take();
  assert.equal(second.url.searchParams.get("epoch"), "e-1");
  assert.equal(second.url.searchParams.get("after"), "2");
  // More than what was missed: what is known already is not told again.
  second.welcome({ seq: 3, recovered: true });
  second.say(newMessage(2), newMessage(3), newMessage(4));
  await next(room, "record", ({ seq }) => seq === 4);
  assert.deepEqual(seqs, [1, 2, 3, 4]);
});

test("a gap is not passed on: a new connection fills it", limits, async () => {
  const room = scene.join();
  const seqs = collectSeqs(room);
  const problem = next(room, "error");
  const first = await scene.server.peers.take();
  first.welcome({ seq: 0 });
  first.say(newMessage(1), newMessage(3));
  assert.equal((await problem).code, "protocol");
  const second = await scene.server.peers.take();
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
    const room = scene.join();
    const first = await scene.server.peers.take();
    first.welcome({ seq: 9, confirmed: 9 });
    const { ref } = await first.frames.take();
    first.say({ type: "history", messages: [], more: false, ref });
    await next(room, "history");
    first.socket.terminate();

    const reset = next(room, "reset");
    const second = await scene.server.peers.take();
    second.welcome({ epoch: "e-2", seq: 2, confirmed: 1 });
    assert.deepEqual(await reset, { epoch: "e-2", seq: 2 });
    assert.equal((await second.frames.take()).before, 3);
    assert.equal(room.isConfirmed(2), false);
  },
);

test("what was not replayed is a gap, unless nothing was missed", limits, async () => {
  const room = scene.join();
  const seqs = collectSeqs(room);
  const first = await scene.server.peers.take();
  first.welcome({ seq: 0 });
  first.say(newMessage(1), newMessage(2));
  await next(room, "record", ({ seq }) => seq === 2);
  first.socket.terminate();

  // Too much was missed to be replayed.
  room.on("reset", () => assert.fail("the log is the same"));
  const gap = next(room, "gap");
  const second = await scene.server.peers.take();
  second.welcome({ seq: 200, recovered: false });
  assert.deepEqual(await gap, { after: 2, seq: 200 });
  const { ref, ...asked } = await second.frames.take();
  assert.deepEqual(asked, { type: "history", before: 201, limit: 50 });
  second.say({ type: "history", messages: [], more: true, ref }, newMessage(201));
  await next(room, "history");
  second.socket.terminate();

  room.on("gap", () => assert.fail("nothing was missed"));
  const third = await scene.server.peers.take();
  third.welcome({ seq: 201, recovered: false });
  third.say(newMessage(202));
  await next(room, "record", ({ seq }) => seq === 202);
  assert.deepEqual(seqs, [1, 2, 201, 202]);
  const publication = room.publish("no history was asked for again");
  assert.equal((await third.frames.take()).type, "message");
  room.close();
  await assert.rejects(publication, { code: "left" });
});

test("answers to history may come in any order, late, or never", limits, async () => {
  const room = scene.join({ timing: { ...timing, answerTimeoutMs: 300 } });
  const peer = await scene.server.peers.take();
  peer.welcome();
  await next(room, "history");
  const asked = [room.history({ before: 40 }), room.history({ after: 90, limit: 5 })];
  const [before, after] = [await peer.frames.take(), await peer.frames.take()];
  assert.deepEqual([before.before, after.after, after.limit], [40, 90, 5]);
  assert.notEqual(before.ref, after.ref);
  const [old, recent] = [newMessage(39), newMessage(91)];
  peer.say({ type: "history", messages: [recent], more: false, ref: after.ref });
  peer.say({ type: "history", messages: [old], more: true, partial: true, ref: before.ref });
  assert.deepEqual(await Promise.all(asked), [
    { messages: [old], more: true, partial: true },
    { messages: [recent], more: false },
  ]);

  const unanswered = room.history({ before: 39 });
  const { ref } = await peer.frames.take();
  await assert.rejects(unanswered, { code: "unanswered", message: /did not answer in 0.3 s/ });
  const fresh = room.history({ before: 38 });
  const { ref: freshRef } = await peer.frames.take();
  peer.say({ type: "history", messages: [old], more: true, ref });
  peer.say({ type: "history", messages: [], more: false, ref: freshRef });
  assert.deepEqual(await fresh, { messages: [], more: false });

  const lost = room.history({ before: 37 });
  await peer.frames.take();
  peer.socket.terminate();
  await assert.rejects(lost, { code: "disconnected" });
  await assert.rejects(room.history(), { code: "not_connected" });
});

test("a request refused for now is asked again, and for good is rejected", limits, async () => {
  const room = scene.join();
  room.on("error", () => assert.fail("whoever asked hears of it"));
  const peer = await scene.server.peers.take();
  peer.welcome();
  await next(room, "welcome");
  const asked = room.history({ before: 40 });
  const { ref } = await peer.frames.take();
  const refusedAtMs = performance.now();
  peer.say({ type: "error", code: "rate_limited", detail: "slowly", ref, retry_after_ms: 100 });
  assert.deepEqual(await peer.frames.take(), { type: "history", before: 40, ref });
  assert.ok(performance.now() - refusedAtMs >= 95, "waits as long as it was asked to");
  peer.say({ type: "error", code: "bad_frame", detail: "no", ref });
  await assert.rejects(asked, { name: "RoomError", code: "bad_frame" });
});

test("a page of history never brings back what was deleted meanwhile", limits, async () => {
  const room = scene.join();
  const peer = await scene.server.peers.take();
  peer.welcome({ seq: 3 });
  const joined = await peer.frames.take();
  const asked = [room.history({ before: 3 }), room.history({ before: 2 })];
  const [one, two] = [await peer.frames.take(), await peer.frames.take()];
  const page = [1, 2].map((seq) => ({ seq, ts: seq, user: "bo", id: "i", content: "secret" }));
  const deletion = (/** @type {number} */ seq, /** @type {number} */ target) => {
    return { type: "message_deleted", seq, target, by: "mod", ts: 9 };
  };
  // One deletion overtakes its page, the other comes right behind it.
  peer.say(deletion(4, 1));
  peer.say(
    { type: "history", messages: page, more: false, ref: one.ref },
    { type: "history", messages: page.slice(0, 1), more: false, ref: two.ref },
    deletion(5, 2),
  );
  const gone = [1, 2].map((seq) => ({ seq, ts: seq, user: "bo", deleted: true, by: "mod" }));
  assert.deepEqual(await Promise.all(asked), [
    { messages: gone, more: false },
    { messages: gone.slice(0, 1), more: false },
  ]);
  const history = next(room, "history");
  peer.say({ type: "history", messages: page, more: false, ref: joined.ref });
  assert.deepEqual((await history).messages, gone);
});

test("a deletion is done when its record comes, or refused by ref", limits, async () => {
  const room = scene.join();
  room.on("error", () => assert.fail("whoever asked hears of it"));
  const seqs = collectSeqs(room);
  const peer = await scene.server.peers.take();
  peer.welcome({ seq: 7 });
  await peer.frames.take();
  const deleted = room.delete(6);
  const { ref, ...frame } = await peer.frames.take();
  assert.deepEqual(frame, { type: "delete", seq: 6 });
  const record = { type: "message_deleted", seq: 9, target: 6, by: "ana", ts: 9 };
  peer.say({ type: "message_deleted", seq: 8, target: 5, by: "ana", ts: 8 }, record);
  assert.deepEqual(await deleted, record);
  assert.deepEqual(seqs, [8, 9]);

  for (const code of ["forbidden", "not_found", "outbox_full"]) {
    const refused = room.delete(7);
    const { ref: refusedRef } = await peer.frames.take();
    assert.notEqual(refusedRef, ref);
    peer.say({ type: "error", code, detail: "no", ref: refusedRef });
    await assert.rejects(refused, { name: "RoomError", code });
  }
});

test("a history lost with its connection is asked for again", limits, async () => {
  const room = scene.join();
  const first = await scene.server.peers.take();
  first.welcome({ seq: 5 });
  await first.frames.take();
  first.say(newMessage(6));
  await next(room, "record");
  first.socket.terminate();
  const second = await scene.server.peers.take();
  second.welcome({ seq: 6, recovered: true });
  assert.equal((await second.frames.take()).before, 6);
});

test(
  "an unanswered publication is sent again with its id until it is acknowledged",
  limits,
  async () => {
    const room = scene.join();
    const first = await scene.server.peers.take();
    first.welcome();
    const receipt = room.publish({ text: "hello" });
    const sent = await first.frames.take();
    assert.equal(sent.type, "message");
    assert.deepEqual(sent.content, { text: "hello" });
    assert.match(sent.id, /^[0-9a-f]{32}$/);
    first.socket.terminate();

    const second = await scene.server.peers.take();
    second.welcome({ conn: "c-2", recovered: true });
    assert.deepEqual(await second.frames.take(), sent);
    second.say({ type: "ack", id: sent.id, seq: 1, duplicate: true });
    const stored = { id: sent.id, epoch: "e-1", seq: 1, duplicate: true, conn: "c-2" };
    assert.deepEqual(await receipt, stored);
    assert.equal(room.pending, 0);
  },
);

test("what the replay answers is not sent again", limits, async () => {
  const room = scene.join();
  const first = await scene.server.peers.take();
  first.welcome();
  const receipt = room.publish("stored, but its answer is lost");
  const { id, content } = await first.frames.take();
  first.socket.terminate();

  const second = await scene.server.peers.take();
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

test("publications refused for now go out again, in their order", limits, async () => {
  const room = scene.join();
  room.on("error", () => assert.fail("whoever publishes hears of it"));
  const peer = await scene.server.peers.take();
  peer.welcome();
  const one = room.publish("one");
  const { id } = await peer.frames.take();
  const two = room.publish("two");
  const { id: behindId } = await peer.frames.take();
  const refusedAtMs = performance.now();
  const told = next(room, "delayed", (delayed) => delayed.id === behindId);
  const error = { type: "error", code: "rate_limited", detail: "slowly" };
  // The longest wait that was asked for counts.
  peer.say({ ...error, id, retry_after_ms: 20 }, { ...error, id: behindId, retry_after_ms: 200 });
  const { problem, retryAtMs } = await told;
  assert.equal(problem.code, "rate_limited");
  assert.ok(retryAtMs > Date.now() + 100, "says when it tries again");
  const three = room.publish("three");
  const again = [await peer.frames.take(), await peer.frames.take(), await peer.frames.take()];
  assert.ok(performance.now() - refusedAtMs >= 195, "waits as long as it was asked to");
  assert.deepEqual(
    again.map(({ content }) => content),
    ["one", "two", "three"],
  );
  assert.deepEqual([again[0].id, again[1].id], [id, behindId]);
  peer.say(...again.map((sent, index) => newMessage(index + 1, { user: "ana", id: sent.id })));
  assert.deepEqual(
    (await Promise.all([one, two, three])).map(({ seq }) => seq),
    [1, 2, 3],
  );
});

test("a publication refused for good is rejected with the room's code", limits, async () => {
  const room = scene.join();
  const peer = await scene.server.peers.take();
  peer.welcome();
  const publication = room.publish("no");
  const { id } = await peer.frames.take();
  peer.say({ type: "error", code: "content_refused", detail: "not here", id });
  await assert.rejects(publication, { name: "RoomError", code: "content_refused" });
  await assert.rejects(room.publish("x".repeat(1024 * 1024)), { code: "too_large" });
  await assert.rejects(room.publish({ half: "\ud83d" }), { code: "bad_content" });
  await assert.rejects(room.publish(undefined), TypeError);
  // The room cannot name such ids in its refusal: they were tried for two minutes.
  for (const id of ["", "x".repeat(65)]) await assert.rejects(room.publish(1, { id }), TypeError);
  await assert.rejects(room.publish(1, { id: "\ud83d" }), { code: "bad_content" });
});

test("an error that is about nothing of ours is told", limits, async () => {
  const room = scene.join();
  const peer = await scene.server.peers.take();
  peer.welcome();
  await next(room, "welcome");
  const told = next(room, "error");
  const error = {
    type: "error",
    code: "muted",
    detail: "until noon",
    id: "unknown",
  };
  peer.say(error);
  assert.deepEqual(await told, error);
});

test("objects of later versions are ignored, moderation is a record", limits, async () => {
  const room = scene.join();
  room.on("error", () => assert.fail("nothing is wrong with them"));
  const peer = await scene.server.peers.take();
  peer.welcome({ later: { than: "version 1" } });
  const moderation = {
    type: "moderation",
    seq: 2,
    action: "ban",
    user: "eve",
    by: "mod",
    until: 1_800_000_000_000,
    ts: 1_700_000_000_000,
  };
  const banned = next(room, "record", ({ type }) => type === "moderation");
  const last = next(room, "record", ({ seq }) => seq === 3);
  const seqs = collectSeqs(room);
  peer.say({ type: "reaction", seq: 99, target: 1 }, newMessage(1), { type: "constructor" });
  peer.say(moderation, { type: "__proto__" }, newMessage(3));
  assert.deepEqual(await banned, moderation);
  await last;
  assert.deepEqual(seqs, [1, 2, 3]);
});

test("a silent connection is noticed by exact pings, and replaced", limits, async () => {
  const room = scene.join({
    timing: { ...timing, heartbeatIntervalMs: 20, heartbeatTimeoutMs: 500 },
  });
  const first = await scene.server.peers.take();
  first.welcome();
  assert.equal(await first.pings.take(), '{"type":"ping"}');
  assert.equal(await first.pings.take(), '{"type":"ping"}');
  const lost = next(room, "state", ({ state }) => state === "waiting");
  first.answersPings = false;
  assert.equal((await lost).reason?.code, "silent");
  const second = await scene.server.peers.take();
  assert.equal(second.url.searchParams.get("after"), "0");
});

test("confirmation is a watermark with exceptions", limits, async () => {
  const room = scene.join();
  const peer = await scene.server.peers.take();
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
  const room = scene.join();
  const peer = await scene.server.peers.take();
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
    const room = scene.join();
    const peer = await scene.server.peers.take();
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

for (const [code, reason, penalty] of /** @type {const} */ ([
  [1006, "disconnected", false],
  [1009, "frame_too_large", true],
  [1011, "room_failed", false],
  [1012, "restart", false],
  [4008, "too_slow", false],
  [4029, "flooding", true],
  [4999, "disconnected", false],
])) {
  const pause = penalty ? "after a pause" : "soon";
  test(
    `after close code ${code} the client comes back ${pause}, and says why`,
    limits,
    async () => {
      const room = scene.join({ timing: { ...timing, penaltyMs: 200 } });
      const first = await scene.server.peers.take();
      first.welcome();
      const waiting = next(room, "state", ({ state }) => state === "waiting");
      const back = scene.server.peers.take();
      if (code === 1006) first.socket.terminate();
      else first.socket.close(code);
      const change = await waiting;
      const closedAtMs = performance.now();
      assert.equal(change.reason?.code, reason);
      assert.equal(change.patient, penalty);
      room.reconnect();
      const second = await back;
      assert.equal(performance.now() - closedAtMs >= 195, penalty);
      second.welcome();
      await next(room, "state", ({ state }) => state === "open");
    },
  );
}

test("a frame that the room does not take is not sent for ever", limits, async () => {
  const room = scene.join({ timing: { ...timing, penaltyMs: 20 } });
  const first = await scene.server.peers.take();
  first.welcome();
  const [small, large] = [room.publish("small"), room.publish("large".repeat(1000))];
  const sent = [await first.frames.take(), await first.frames.take()];
  first.socket.close(1009);
  await assert.rejects(large, { code: "too_large" });
  const second = await scene.server.peers.take();
  second.welcome({ recovered: true });
  assert.deepEqual(await second.frames.take(), sent[0]);
  second.say(newMessage(1, { user: "ana", id: sent[0].id }));
  assert.equal((await small).seq, 1);
  assert.throws(() => room.signal("typing", "x".repeat(1024 * 1024)), { code: "too_large" });
});

test(
  "an announced restart: the connection is used to its end, then nothing is lost",
  limits,
  async () => {
    const room = scene.join();
    const seqs = collectSeqs(room);
    const first = await scene.server.peers.take();
    first.welcome();
    first.say({ type: "reconnect", after_ms: 150 }, newMessage(1));
    const early = room.publish("in time");
    const { id } = await first.frames.take();
    first.say(newMessage(2, { user: "ana", id }));
    assert.equal((await early).seq, 2);
    assert.equal(room.state, "open");
    const late = room.publish("too late for the answer");
    const unanswered = await first.frames.take();

    const waiting = next(room, "state", ({ state }) => state === "waiting");
    first.socket.close(1012);
    const { reason, retryAtMs, patient } = await waiting;
    const closedAtMs = performance.now();
    assert.deepEqual([reason?.code, patient], ["restart", true]);
    assert.ok((retryAtMs ?? 0) > Date.now() + 140);
    room.reconnect();
    const second = await scene.server.peers.take();
    assert.ok(performance.now() - closedAtMs >= 145, "comes back no earlier than asked");
    assert.equal(second.url.searchParams.get("after"), "2");
    second.welcome({ seq: 3, recovered: true });
    second.say(newMessage(3));
    assert.deepEqual(await second.frames.take(), unanswered);
    second.say({ type: "ack", id: unanswered.id, seq: 4, duplicate: true });
    assert.equal((await late).seq, 4);
    assert.deepEqual(seqs, [1, 2, 3]);
    // The wait was for that restart only.
    const again = next(room, "state", ({ state }) => state === "waiting");
    second.socket.terminate();
    assert.equal((await again).patient, false);
  },
);

test("a refusal is final, with the reason that the edge gives over HTTP", limits, async () => {
  scene.server.script.refusal = { status: 403, detail: "not for you" };
  const room = scene.join();
  const { reason } = await next(room, "state", ({ state }) => state === "closed");
  assert.deepEqual(reason, { code: "refused", status: 403, detail: "not for you" });
  assert.deepEqual(scene.server.questions, ["/api/rooms/lobby?user=ana"]);
});

test("429 is waited out for Retry-After, and no longer", limits, async () => {
  scene.server.script.refusal = {
    status: 429,
    headers: { "Retry-After": "1" },
    detail: "too many",
  };
  const room = scene.join();
  const { reason, retryAtMs } = await next(room, "state", ({ state }) => state === "waiting");
  const refusedAtMs = performance.now();
  assert.equal(reason?.status, 429);
  assert.ok((retryAtMs ?? 0) > Date.now() + 900);
  scene.server.script.refusal = null;
  room.reconnect();
  const peer = await scene.server.peers.take();
  assert.ok(performance.now() - refusedAtMs >= 950, "impatience does not shorten it");
  peer.welcome();
  await next(room, "state", ({ state }) => state === "open");
});

test("names that no URL can carry are refused without a connection", limits, async () => {
  const room = connect("..", { url: scene.server.url });
  const { reason } = await next(room, "state", ({ state }) => state === "closed");
  assert.equal(reason?.code, "bad_request");
});

test("a token travels as a subprotocol, never in the address", limits, async () => {
  scene.join({ token: "secret.part" });
  const peer = await scene.server.peers.take();
  assert.doesNotMatch(peer.url.href, /secret/);
  assert.equal(peer.socket.protocol, "edgeroom.v1");
});

/** Gives tokens, each another one. */
function tokens() {
  let given = 0;
  return () => {
    given += 1;
    return Promise.resolve(`token-${given}`);
  };
}

test(
  "who can give tokens is asked for each connection, and 4001 ends none for good",
  limits,
  async () => {
    const room = scene.join({ token: tokens() });
    const first = await scene.server.peers.take();
    assert.equal(first.offered, "edgeroom.v1, bearer.token-1");
    first.welcome();
    await next(room, "state", ({ state }) => state === "open");
    first.socket.close(4001, "the token has expired");
    const { reason } = await next(room, "state", ({ state }) => state === "waiting");
    assert.equal(reason?.code, "token_expired");
    const second = await scene.server.peers.take();
    assert.equal(second.offered, "edgeroom.v1, bearer.token-2");
    second.welcome();
    await next(room, "state", ({ state }) => state === "open");
  },
);

test("a token is renewed before it ends, again and again", limits, async () => {
  const room = scene.join({ token: tokens(), timing: { ...timing, renewBeforeMs: 100 } });
  const peer = await scene.server.peers.take();
  const begunMs = Date.now();
  peer.welcome({ expires: begunMs + 400 });
  for (const token of ["token-2", "token-3"]) {
    const frame = await peer.frames.take();
    assert.deepEqual([frame.type, frame.token], ["token", token]);
    peer.say({ type: "token", expires: Date.now() + 400, ref: frame.ref });
  }
  const tookMs = Date.now() - begunMs;
  assert.ok(tookMs >= 590, `renewed too soon: ${tookMs} ms`);
  assert.equal(room.state, "open");
});

test("a token that lives shorter than that is renewed after half its life", limits, async () => {
  scene.join({ token: tokens() });
  const peer = await scene.server.peers.take();
  const begunMs = Date.now();
  peer.welcome({ expires: begunMs + 600 });
  assert.equal((await peer.frames.take()).token, "token-2");
  const tookMs = Date.now() - begunMs;
  assert.ok(tookMs >= 250 && tookMs < 600, `${tookMs} ms`);
});

test(
  "a renewal that is refused is told, and the connection goes on to its end",
  limits,
  async () => {
    const room = scene.join({ token: tokens() });
    const peer = await scene.server.peers.take();
    peer.welcome({ expires: Date.now() + 50 });
    const { ref } = await peer.frames.take();
    const problem = next(room, "error");
    peer.say({ type: "error", code: "forbidden", detail: "the token names another user", ref });
    assert.equal((await problem).code, "no_token");
    assert.match((await Promise.resolve(problem)).detail, /names another user/);
    assert.equal(room.state, "open");
  },
);

test(
  "a token that has ended by our clock is not renewed by it, and the connection goes on",
  limits,
  async () => {
    // By a clock that is ahead each new token has ended, too: they were asked for without a pause.
    for (const leftMs of [-3_600_000, 0, 100]) {
      let given = 0;
      const token = () => {
        given += 1;
        return `token-${given}`;
      };
      const slow = { ...timing, backoffFloorMs: 200, heartbeatIntervalMs: 40 };
      const room = scene.join({ token, timing: slow });
      const peer = await scene.server.peers.take();
      peer.welcome({ expires: Date.now() + leftMs });
      for (let beats = 0; beats < 4; beats++) await peer.pings.take();
      assert.equal(peer.frames.size, 0);
      assert.equal(given, 1);
      assert.equal(room.state, "open");
      peer.socket.close(4001, "the token has expired");
      const second = await scene.server.peers.take();
      assert.equal(second.offered, "edgeroom.v1, bearer.token-2");
    }
  },
);

test("when no token can be had the client tries again", limits, async () => {
  let asked = 0;
  const token = () => {
    asked += 1;
    if (asked < 3) throw new Error("the login is away");
    return "late";
  };
  const room = scene.join({ token });
  const { reason } = await next(room, "state", ({ state }) => state === "waiting");
  assert.equal(reason?.code, "no_token");
  assert.match(reason?.detail ?? "", /the login is away/);
  const peer = await scene.server.peers.take();
  assert.equal(peer.offered, "edgeroom.v1, bearer.late");
  assert.equal(asked, 3);
});

test("a room that is left while a token is fetched is not joined", limits, async () => {
  /** @type {(token: string) => void} */
  let give = () => {};
  const room = scene.join({ token: () => new Promise((resolve) => (give = resolve)) });
  await next(room, "state", ({ state }) => state === "connecting");
  await new Promise((resolve) => setImmediate(resolve));
  room.close();
  give("late");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(scene.server.peers.size, 0);
  assert.equal(room.state, "closed");
});
