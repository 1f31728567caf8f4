// A room through its front door: real sockets and requests, in workerd, with the real modules.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, it } from "node:test";
import { central, newRoom, search, startEdge, temporaryFolder, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */

/** What a talkative server would say, and how much of it a room may let it. */
const BABBLE_BYTES = 256 << 20;
const BABBLE_HEARD_BYTES_MAX = 32 << 20;

/** Something that answers instead of the central API, at great length. */
class Babbler {
  /** @type {PromiseWithResolvers<number>} */
  #heardOut = Promise.withResolvers();
  #server = createServer((_, response) => {
    response.writeHead(404, { "content-type": "text/html", "x-long": "y".repeat(4000) });
    const words = "<html>".repeat(10_000);
    let said = 0;
    const babble = () => {
      let goesOn = true;
      while (goesOn && said < BABBLE_BYTES) {
        goesOn = response.write(words);
        said += words.length;
      }
      if (said >= BABBLE_BYTES) response.end();
    };
    response.on("drain", babble);
    response.once("close", () => this.#heardOut.resolve(said));
    babble();
  });

  /** How many bytes it had said when its first listener left. */
  get heardOut() {
    return this.#heardOut.promise;
  }

  static async start() {
    const babbler = new Babbler();
    await new Promise((listening) => {
      babbler.#server.listen(0, "127.0.0.1", () => listening(undefined));
    });
    return babbler;
  }

  get url() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  close() {
    this.#server.closeAllConnections();
    return new Promise((closed) => this.#server.close(closed));
  }
}

describe("a room", () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Edge} */
  let edge;

  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("welcomes, tells who is here, and carries a message to everybody and to the store", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const welcome = ana.told[0];
    assert.equal(welcome.type, "welcome");
    assert.equal(welcome.v, 1);
    assert.equal(welcome.room, room);
    assert.equal(welcome.user, "ana");
    assert.equal(welcome.recovered, false);
    assert.equal(welcome.seq, 0);
    assert.equal(welcome.confirmed, 0);
    assert.deepEqual(welcome.dead, []);
    assert.equal(welcome.limits.message_bytes, 65536);
    const bob = await edge.join(room, { user: "bob" });
    await ana.next("join", (o) => o.user === "bob");
    const count = await until(
      async () => ana.all("room_count").at(-1),
      (o) => o?.count === 2,
    );
    assert.deepEqual(count, { type: "room_count", count: 2, users: 2 });

    ana.send({ type: "message", content: { text: "hello" }, id: "m-1" });
    for (const client of [ana, bob]) {
      const message = await client.next("new_message");
      assert.equal(message.seq, 1);
      assert.equal(message.user, "ana");
      assert.equal(message.id, "m-1");
      assert.deepEqual(message.content, { text: "hello" });
      assert.ok(Math.abs(message.ts - Date.now()) < 60_000);
    }
    for (const client of [ana, bob]) {
      const confirmed = await client.confirmed(1);
      assert.equal(confirmed.epoch, welcome.epoch);
    }
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.deepEqual(body, {
      room,
      epoch: welcome.epoch,
      seq: 1,
      confirmed: 1,
      connections: 2,
      users: 2,
      outbox: {
        pending: 0,
        oldest_ms: 0,
        dead: 0,
        blocked: false,
        attempts: 0,
        breaker: "closed",
      },
    });
  });

  it("carries content as the text that came in", async () => {
    const room = newRoom();
    const ana = await edge.join(room);
    const texts = [
      "12345678901234567890",
      "1e400",
      '{"b":1,"a":2,"b":3}',
      '"\\u00e9\\ud83d\\ude00"',
      "[ 1 ,  2 ]",
      "null",
      '"é😀"',
      "-0.0",
    ];
    for (const text of texts) ana.send(`{"type":"message","content":${text}}`);
    await ana.confirmed(texts.length);
    const frames = ana.frames.join("");
    for (const text of texts) {
      assert.ok(frames.includes(`"content":${text}}`), `${text} is not in ${frames}`);
    }
    const response = await edge.fetch(`/api/rooms/${room}/messages`);
    const history = await response.text();
    for (const text of texts) assert.ok(history.includes(`"content":${text}}`), history);
  });

  it("puts many messages of one turn into few frames, in order, without a gap", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    const framesBefore = bob.frames.length;
    for (let i = 1; i <= 300; i++) ana.send({ type: "message", content: i });
    await bob.next("new_message", (o) => o.seq === 300);
    assert.deepEqual(
      bob.all("new_message").map((o) => [o.seq, o.content]),
      Array.from({ length: 300 }, (_, i) => [i + 1, i + 1]),
    );
    assert.ok(bob.frames.length - framesBefore < 150, `${bob.frames.length} frames`);
  });

  it("keeps an id to one message, also over a sleep", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: 1, id: "same" });
    await ana.next("new_message");
    ana.send({ type: "message", content: 1, id: "same", ref: "r" });
    assert.deepEqual(await ana.next("ack"), {
      type: "ack",
      id: "same",
      seq: 1,
      duplicate: true,
      ref: "r",
    });
    await ana.confirmed(1);
    await edge.evict(room);
    ana.send({ type: "message", content: 1, id: "same" });
    assert.equal((await ana.next("ack")).seq, 1);
    assert.equal(ana.all("new_message").length, 1);
  });

  it("brings a client that comes back up to date, or says that it cannot", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    for (let i = 1; i <= 5; i++) ana.send({ type: "message", content: i });
    await ana.confirmed(5);
    await edge.evict(room);
    const back = await edge.join(room, { user: "bob", epoch, after: 2 });
    assert.equal(back.told[0].recovered, true);
    assert.equal(back.told[0].confirmed, 5);
    await back.next("new_message", (o) => o.seq === 5);
    assert.deepEqual(
      back.all("new_message").map((o) => o.seq),
      [3, 4, 5],
    );
    const other = await edge.join(room, { epoch: "01ARZ3NDEKTSV4RRFFQ69G5FAV", after: 2 });
    assert.equal(other.told[0].recovered, false);
    const ahead = await edge.join(room, { epoch, after: 6 });
    assert.equal(ahead.told[0].recovered, false);
    const unsure = await edge.join(room, { after: 2 });
    assert.equal(unsure.told[0].recovered, false);
    await unsure.next("room_count");
    for (const client of [other, ahead, unsure]) assert.deepEqual(client.all("new_message"), []);
  });

  it("sleeps and wakes with its connections as they were", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    ana.send({ type: "message", content: "before" });
    await ana.confirmed(1);
    const { body: before } = await edge.json(`/api/rooms/${room}`);
    await edge.evict(room);
    const { body: afterwards } = await edge.json(`/api/rooms/${room}`);
    assert.deepEqual(afterwards, before);
    bob.send({ type: "message", content: "after" });
    assert.equal((await ana.next("new_message", (o) => o.seq === 2)).user, "bob");
    bob.send({ type: "presence" });
    const presence = await bob.next("presence");
    assert.deepEqual(presence.members.map((/** @type {{user: string}} */ m) => m.user).sort(), [
      "ana",
      "bob",
    ]);
    assert.equal(
      bob.told[0].conn,
      presence.members.find((/** @type {any} */ m) => m.user === "bob").conn,
    );
  });

  it("tells everybody when somebody leaves", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    await bob.close();
    assert.equal((await ana.next("leave")).user, "bob");
    await until(
      async () => ana.all("room_count").at(-1),
      (o) => o?.count === 1,
    );
  });

  it("passes events on and forgets them", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    ana.send({ type: "event", name: "typing", content: { on: true } });
    const told = await bob.next("event");
    assert.deepEqual(told, {
      type: "event",
      name: "typing",
      user: "ana",
      conn: ana.told[0].conn,
      content: { on: true },
    });
    assert.equal((await edge.json(`/api/rooms/${room}`)).body.seq, 0);
  });

  it("answers history by socket and by HTTP alike", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    for (let i = 1; i <= 60; i++) ana.send({ type: "message", content: i });
    await ana.next("new_message", (o) => o.seq === 60);
    /** @type {Record<string, number>[]} */
    const queries = [
      {},
      { limit: 3 },
      { before: 5 },
      { before: 10, limit: 4 },
      { after: 57 },
      { after: 0, limit: 2 },
      { after: 60 },
    ];
    for (const query of queries) {
      ana.send({ type: "history", ...query });
      const bySocket = await ana.next("history");
      const { status, body } = await edge.json(`/api/rooms/${room}/messages?${search(query)}`);
      assert.equal(status, 200);
      assert.deepEqual(body.messages, bySocket.messages);
      assert.equal(body.more, bySocket.more);
      assert.equal(body.room, room);
      assert.equal(body.epoch, ana.told[0].epoch);
    }
    const { body: newest } = await edge.json(`/api/rooms/${room}/messages`);
    assert.deepEqual(
      [newest.messages.length, newest.messages.at(-1).seq, newest.more],
      [50, 60, true],
    );
    const { body: oldest } = await edge.json(`/api/rooms/${room}/messages?before=5`);
    assert.deepEqual(
      [oldest.messages.map((/** @type {any} */ m) => m.seq), oldest.more],
      [[1, 2, 3, 4], false],
    );
  });

  it("deletes a message everywhere", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    const { epoch } = ana.told[0];
    ana.send({ type: "message", content: "a secret", id: "s" });
    await ana.confirmed(1);
    bob.send({ type: "delete", seq: 1 });
    assert.equal((await bob.next("error")).code, "forbidden");
    ana.send({ type: "delete", seq: 1 });
    const told = await bob.next("message_deleted");
    assert.deepEqual(told, { type: "message_deleted", seq: 2, target: 1, by: "ana", ts: told.ts });
    await ana.confirmed(2);
    await edge.evict(room);
    const late = await edge.join(room, { user: "late", epoch, after: 0 });
    await late.next("message_deleted");
    const { seq, deleted, content } = late.all("new_message")[0];
    assert.deepEqual({ seq, deleted, content }, { seq: 1, deleted: true, content: undefined });
    const { body } = await edge.json(`/api/rooms/${room}/messages`);
    const { ts } = late.all("new_message")[0];
    assert.deepEqual(body.messages, [{ seq: 1, ts, user: "ana", deleted: true, by: "ana" }]);
    assert.ok(!late.frames.join("").includes("secret"));
  });

  it("takes messages and deletions of a moderator over HTTP", async () => {
    const room = newRoom();
    const path = `/api/rooms/${room}/messages`;
    const headers = { authorization: "Bearer test-moderator" };
    /** @param {string} body @param {Record<string, string>} [using] */
    const post = (body, using = headers) =>
      edge.json(path, { method: "POST", body, headers: using });
    assert.equal((await post('{"content":1}', {})).status, 401);
    assert.equal((await post('{"content":1}', { authorization: "Bearer wrong" })).status, 401);
    const first = await post('{"content":{"n":1e400},"id":"p"}');
    assert.equal(first.status, 201);
    assert.equal(first.body.seq, 1);
    const again = await post('{"content":1,"id":"p"}');
    assert.equal(again.status, 200);
    assert.deepEqual(again.body, { ...first.body, duplicate: true });
    const ana = await edge.join(room, { user: "ana" });
    assert.equal(ana.told[0].epoch, first.body.epoch);
    const second = await post('{"content":"hello","user":"bot"}');
    assert.equal(second.body.seq, 2);
    assert.equal((await ana.next("new_message")).user, "bot");
    assert.ok((await (await edge.fetch(path)).text()).includes('"content":{"n":1e400}}'));
    for (const bad of ["", "x", "[]", "{}", '{"content":1,"id":""}']) {
      const { status, body, headers: answered } = await post(bad);
      assert.equal(status, 400);
      assert.equal(answered.get("content-type"), "application/problem+json");
      assert.ok(body.detail.length > 0);
    }
    assert.equal((await post(`{"content":"${"x".repeat(70_000)}"}`)).status, 413);
    assert.equal((await post(`{"content":"${"x".repeat(1 << 20)}"}`)).status, 413);

    const one = `${path}/2`;
    assert.equal((await edge.json(one, { method: "DELETE" })).status, 401);
    const deleted = await edge.json(one, { method: "DELETE", headers });
    assert.equal(deleted.status, 200);
    assert.deepEqual([deleted.body.seq, deleted.body.target], [3, 2]);
    assert.equal((await ana.next("message_deleted")).by, "moderator");
    assert.equal((await edge.json(one, { method: "DELETE", headers })).status, 404);
    const bad = await edge.json(`${path}/two`, { method: "DELETE", headers });
    assert.equal(bad.status, 400);
    await ana.confirmed(3);
  });

  it("answers ping, in exact form and otherwise", async () => {
    const ana = await edge.join(newRoom());
    ana.send('{"type":"ping"}');
    await ana.next("pong");
    ana.send('{ "type" : "ping" }');
    await ana.next("pong");
  });

  it("writes nothing for a room that is only looked at", async () => {
    const room = newRoom();
    const { body } = await edge.json(`/api/rooms/${room}`);
    assert.equal(body.epoch, null);
    assert.equal(body.seq, 0);
    const { body: history } = await edge.json(`/api/rooms/${room}/messages`);
    assert.deepEqual(history, { room, epoch: null, messages: [], more: false });
    assert.deepEqual((await edge.json(`/api/rooms/${room}`)).body, body);
  });

  describe("answers a hostile frame with its error, and nobody else notices", () => {
    const long = "x".repeat(65);
    /** @type {[string, string | Uint8Array, string][]} */
    const table = [
      ["empty", "", "bad_json"],
      ["not JSON", "hello", "bad_json"],
      ["cut", '{"type":"message","content":', "bad_json"],
      ["trailing bytes", '{"type":"ping"} x', "bad_json"],
      ["a control character", '{"type":"message","content":"a\u0001"}', "bad_json"],
      ["a lone surrogate", '{"type":"message","content":"\\ud800"}', "bad_json"],
      [
        "nested too deeply",
        `{"type":"message","content":${"[".repeat(65)}${"]".repeat(65)}}`,
        "bad_json",
      ],
      ["an array as root", "[]", "bad_frame"],
      ["a string as root", '"message"', "bad_frame"],
      ["no type", '{"content":1}', "bad_frame"],
      ["a type that is no string", '{"type":1}', "bad_frame"],
      ["a key given twice", '{"type":"message","type":"message","content":1}', "bad_frame"],
      ["an unknown type", '{"type":"shout","content":1}', "unknown_type"],
      ["no content", '{"type":"message"}', "bad_frame"],
      ["an id that is no string", '{"type":"message","content":1,"id":7}', "bad_frame"],
      ["an empty id", '{"type":"message","content":1,"id":""}', "bad_frame"],
      ["an id too long", `{"type":"message","content":1,"id":"${long}"}`, "bad_frame"],
      ["a ref too long", `{"type":"message","content":1,"ref":"${long}"}`, "bad_frame"],
      ["an event without a name", '{"type":"event","content":1}', "bad_frame"],
      ["a negative seq", '{"type":"history","after":-1}', "bad_frame"],
      ["a fractional seq", '{"type":"history","before":1.5}', "bad_frame"],
      ["a seq beyond 2^53", '{"type":"history","before":9007199254740993}', "bad_frame"],
      ["both bounds", '{"type":"history","before":9,"after":1}', "bad_frame"],
      ["a limit of 0", '{"type":"history","limit":0}', "bad_frame"],
      ["a deletion without seq", '{"type":"delete"}', "bad_frame"],
      ["a deletion of nothing", '{"type":"delete","seq":0}', "not_found"],
      ["a limit of 101", '{"type":"history","limit":101}', "bad_frame"],
      ["content too large", `{"type":"message","content":"${"x".repeat(65536)}"}`, "too_large"],
      [
        "an event too large",
        `{"type":"event","name":"e","content":"${"x".repeat(65536)}"}`,
        "too_large",
      ],
      ["a binary frame", new Uint8Array([1, 2, 3]), "bad_frame"],
    ];
    const room = newRoom();
    for (const [name, frame, code] of table) {
      it(`${name}: ${code}`, async () => {
        const eve = await edge.join(room, { user: "eve" });
        const ana = await edge.join(room, { user: "ana" });
        eve.send(frame);
        const error = await eve.next("error");
        assert.equal(error.code, code, error.detail);
        assert.ok(error.detail.length > 0);
        eve.send({ type: "message", content: "still here" });
        await ana.next("new_message", (o) => o.content === "still here");
        assert.equal(ana.all("error").length, 0);
        await Promise.all([eve.close(), ana.close()]);
      });
    }

    it("an error carries the id and the ref", async () => {
      const eve = await edge.join(room, { user: "eve" });
      eve.send({ type: "message", id: "my-id", ref: "my-ref", content: "x".repeat(70_000) });
      const error = await eve.next("error");
      assert.equal(error.id, "my-id");
      assert.equal(error.ref, "my-ref");
    });

    it("a frame over 1 MiB closes the connection with 1009", async () => {
      const eve = await edge.join(room, { user: "eve" });
      eve.send(`{"type":"message","content":"${"x".repeat(1 << 20)}"}`);
      assert.equal((await eve.closed).code, 1009);
    });
  });
});

describe("a room whose Worker is started again", () => {
  it("keeps its history and goes on in the same epoch", async () => {
    const store = await central();
    const stateDir = await temporaryFolder();
    const room = newRoom();
    let edge = await startEdge({ centralUrl: store.url, stateDir });
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    ana.send({ type: "message", content: "kept" });
    await ana.confirmed(1);
    await edge.close();
    edge = await startEdge({ centralUrl: store.url, stateDir });
    const back = await edge.join(room, { user: "ana", epoch, after: 0 });
    assert.equal(back.told[0].recovered, true);
    assert.equal((await back.next("new_message")).content, "kept");
    back.send({ type: "message", content: "more" });
    assert.equal((await back.next("new_message")).seq, 2);
    await edge.close();
    await store.close();
  });

  it("stays up when what answers for the central API talks too much", async () => {
    // An answer of more than a megabyte was refused by the module's input, and reset the room.
    const babbler = await Babbler.start();
    const edge = await startEdge({ centralUrl: babbler.url });
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: "kept" });
    const state = await until(
      async () => (await edge.json(`/api/rooms/${room}`)).body,
      (body) => body.outbox.blocked,
    );
    assert.equal(state.outbox.pending, 1);
    assert.equal(state.connections, 1);
    ana.send({ type: "message", content: "still here" });
    await ana.next("new_message", (o) => o.seq === 2);
    // What the sockets of both sides hold is let go of; the rest is never asked for.
    assert.ok((await babbler.heardOut) < BABBLE_HEARD_BYTES_MAX);
    await edge.close();
    await babbler.close();
  });

  it("forwards what was accepted while the central API was away", async () => {
    const store = await central();
    const port = Number(new URL(store.url).port);
    const stateDir = await temporaryFolder();
    await store.close();
    const edge = await startEdge({ centralUrl: store.url });
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    ana.send({ type: "message", content: "early" });
    await ana.next("new_message");
    const waiting = await until(
      async () => (await edge.json(`/api/rooms/${room}`)).body,
      (body) => body.outbox.oldest_ms > 0,
    );
    assert.equal(waiting.outbox.pending, 1);
    assert.equal(waiting.confirmed, 0);
    const again = await central(stateDir, port);
    await ana.confirmed(1);
    await edge.close();
    await again.close();
  });
});
