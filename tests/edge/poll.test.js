// The poll of examples/ in workerd: another kind of room behind the same Worker.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { builtModule, central, newRoom, startEdge } from "./harness.js";
import { inOneTurn, TURN_ENTRY } from "./turn.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<Edge["join"]>>} Client */
/** @typedef {import("./harness.js").Told} Told */

const root = resolve(import.meta.dirname, "../..");
const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";

const MODERATOR = { authorization: "Bearer test-moderator" };

const VARS = { POLL_QUESTION: "Which colour?", POLL_OPTIONS: '["red","blue"]' };

/** @param {Promise<Told>} event */
async function content(event) {
  return (await event).content;
}

/** Asks for the tally, and waits for that answer and no other. @param {Client} client */
async function tally(client) {
  const ref = crypto.randomUUID();
  client.send({ type: "event", name: "tally", ref });
  return content(client.next("event", (o) => o.name === "tally" && o.ref === ref));
}

/** @param {Client} client @param {string} choice @returns {Promise<Told>} the message */
async function vote(client, choice) {
  const id = crypto.randomUUID();
  client.send({ type: "message", content: { vote: choice }, id });
  return client.next("new_message", (o) => o.id === id);
}

/** What differs when the room's state does. @param {Edge} edge @param {string} room */
async function stateOf(edge, room) {
  const response = await edge.fetch(`/api/rooms/${room}/log`, { headers: MODERATOR });
  const header = JSON.parse((await response.text()).split("\n")[0]);
  assert.equal(header.kind, "poll");
  return { last: header.last, state: header.state };
}

/** @param {string} flavour */
const moduleOf = (flavour) => builtModule(flavour, "examples/poll/poll.wasm");

describe("a poll", () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Edge} */
  let edge;

  before(async () => {
    store = await central();
    edge = await startEdge({ centralUrl: store.url, roomModule: moduleOf(toolchain), vars: VARS });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("tells newcomers what is asked, takes votes, and tells everybody the tally", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    assert.deepEqual(await ana.next("event"), {
      type: "event",
      name: "poll",
      content: {
        question: "Which colour?",
        options: ["red", "blue"],
        tally: { votes: [0, 0], closed: false },
      },
    });
    const bob = await edge.join(room, { user: "bob" });
    ana.send('{"type":"message","content": { "vote" : "r\\u0065d" } }');
    for (const client of [ana, bob]) {
      assert.deepEqual((await client.next("new_message")).content, { vote: "red" });
      assert.deepEqual(await client.next("event", (o) => o.name === "tally"), {
        type: "event",
        name: "tally",
        content: { votes: [1, 0], closed: false },
      });
    }
    assert.ok(ana.frames.join("").includes('"content":{"vote":"red"}}'));
    await vote(bob, "blue");
    await vote(bob, "red");
    assert.deepEqual(await tally(bob), { votes: [2, 0], closed: false });
    const late = await edge.join(room);
    assert.deepEqual((await content(late.next("event"))).tally.votes, [2, 0]);
    // The votes are messages like any other: kept, and forwarded.
    await ana.confirmed(3);
    const { body } = await edge.json(`/api/rooms/${room}/messages`);
    assert.deepEqual(
      body.messages.map((/** @type {Told} */ o) => [o.user, o.content.vote]),
      [
        ["ana", "red"],
        ["bob", "blue"],
        ["bob", "red"],
      ],
    );
  });

  it("refuses what is no vote, and tells its sender alone", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    for (const refused of ['"red"', '{"vote":"green"}', '{"vote":"red","twice":1}']) {
      ana.send(`{"type":"message","content":${refused},"id":"x","ref":"r"}`);
      assert.deepEqual(await ana.next("error"), {
        type: "error",
        code: "content_refused",
        detail: '"content" must be {"vote":TEXT}, with one of these texts: ["red","blue"]',
        id: "x",
        ref: "r",
      });
    }
    ana.send({ type: "event", name: "typing", ref: "t" });
    assert.equal((await ana.next("error")).ref, "t");
    const answer = await edge.json(`/api/rooms/${room}/messages`, {
      method: "POST",
      headers: MODERATOR,
      body: '{"content":{"vote":"green"}}',
    });
    assert.equal(answer.status, 422);
    assert.match(answer.body.detail, /one of these texts: \["red","blue"\]/);
    await vote(ana, "red");
    await bob.next("new_message", (o) => o.seq === 1);
    assert.deepEqual(bob.all("error"), []);
    assert.deepEqual(
      bob.all("event").map((o) => o.name),
      ["poll", "tally"],
    );
  });

  it("sleeps and wakes with every vote, also those that were changed and taken back", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    const carl = await edge.join(room, { user: "carl" });
    await vote(ana, "blue");
    await vote(ana, "red");
    const { seq } = await vote(bob, "red");
    await vote(carl, "blue");
    bob.send({ type: "delete", seq });
    await ana.next("message_deleted", (o) => o.target === seq);
    assert.deepEqual(await tally(ana), { votes: [1, 1], closed: false });
    await ana.confirmed(5);
    const asleep = await stateOf(edge, room);
    await edge.evict(room);
    assert.deepEqual(await stateOf(edge, room), asleep);
    await edge.evict(room);
    assert.deepEqual(await tally(carl), { votes: [1, 1], closed: false });
    // It knows whose votes they are.
    await vote(carl, "red");
    assert.deepEqual(await tally(bob), { votes: [2, 0], closed: false });
    await edge.evict(room);
    await vote(bob, "blue");
    assert.deepEqual(await tally(bob), { votes: [2, 1], closed: false });
  });

  it("counts many voters in few frames, and each once", async () => {
    const room = newRoom();
    const people = await Promise.all(
      Array.from({ length: 12 }, (_, i) => edge.join(room, { user: `u${i}` })),
    );
    for (let round = 0; round < 4; round++) {
      for (const client of people) {
        client.send({ type: "message", content: { vote: round % 2 ? "red" : "blue" } });
      }
    }
    const [ana] = people;
    await ana.next("new_message", (o) => o.seq === 48);
    assert.deepEqual(await tally(ana), { votes: [12, 0], closed: false });
    await ana.confirmed(48);
    await edge.evict(room);
    assert.deepEqual(await tally(ana), { votes: [12, 0], closed: false });
  });
});

/** Times are those of the reader. @param {unknown} told */
function timeless(told) {
  const text = JSON.stringify(told, (_key, value) => (value > 1e12 ? "a time" : value));
  return JSON.parse(text);
}

/** The lines of the conversation in docs/BEHAVIOUR.md. */
function conversation() {
  const guide = readFileSync(join(root, "docs/BEHAVIOUR.md"), "utf8");
  const found = /^```conversation\n(.*?)\n```$/ms.exec(guide);
  assert.ok(found, "docs/BEHAVIOUR.md has no conversation");
  return found[1].split("\n");
}

describe("a poll with an end", { concurrency: true }, () => {
  const SECONDS = 12;
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Edge} */
  let edge;

  before(async () => {
    store = await central();
    const vars = { ...VARS, POLL_SECONDS: String(SECONDS) };
    edge = await startEdge({ centralUrl: store.url, roomModule: moduleOf(toolchain), vars });
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("publishes the result though it sleeps, and is closed from then on", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    const first = await vote(ana, "red");
    const closesAt = first.ts + SECONDS * 1000;
    assert.deepEqual(await tally(ana), { votes: [1, 0], closed: false, closes_at: closesAt });
    await vote(bob, "red");
    await ana.confirmed(2);
    // The alarm that was set with the first vote is the one of forwarding, which is done. A room
    // that wakes with time left asks for one of its own.
    await edge.evict(room);
    await edge.json(`/api/rooms/${room}`);
    await edge.evict(room);

    for (const client of [ana, bob]) {
      const result = await client.next("new_message", (o) => o.user === "poll");
      assert.equal(result.seq, 3);
      assert.ok(result.ts >= closesAt, `${result.ts} is before ${closesAt}`);
      assert.deepEqual(result.content, {
        result: {
          question: "Which colour?",
          options: ["red", "blue"],
          tally: { votes: [2, 0], closed: true },
        },
      });
    }
    bob.send({ type: "message", content: { vote: "blue" } });
    assert.equal((await bob.next("error")).detail, "the poll is closed");
    await ana.confirmed(3);
    const asleep = await stateOf(edge, room);
    await edge.evict(room);
    ana.send({ type: "message", content: { vote: "blue" } });
    assert.equal((await ana.next("error")).detail, "the poll is closed");
    assert.deepEqual(await stateOf(edge, room), asleep);
    const late = await edge.join(room);
    assert.deepEqual((await content(late.next("event"))).tally, { votes: [2, 0], closed: true });
  });

  it("is as docs/BEHAVIOUR.md says", async () => {
    const room = newRoom();
    /** @type {Map<string, Client>} */
    const people = new Map();
    for (const line of conversation()) {
      const [, user, what, json] = /^(\S+) (joins|<|>) ?(.*)$/.exec(line) ?? [];
      const client = people.get(user);
      if (what === "joins") {
        people.set(user, await edge.join(room, { user }));
      } else if (what === ">") {
        client?.send(json);
      } else {
        assert.ok(client && what === "<", `what does this line say: ${line}`);
        const expected = timeless(JSON.parse(json));
        // The guide leaves out what the same object tells to the others.
        await client
          .next(expected.type, (o) => isDeepStrictEqual(timeless(o), expected))
          .catch((error) => assert.fail(`nobody said: ${line}\n${error.message}`));
      }
    }
  });
});

describe("a poll whose instance traps", () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {Edge} */
  let edge;

  before(async () => {
    store = await central();
    const roomModule = moduleOf(`${toolchain}-test`);
    const options = { centralUrl: store.url, roomModule, vars: VARS, entry: TURN_ENTRY };
    edge = await startEdge(options);
  });
  after(async () => {
    await edge.close();
    await store.close();
  });

  it("keeps the votes of that turn and of all before, and answers each question once", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const bob = await edge.join(room, { user: "bob" });
    const eve = await edge.join(room, { user: "eve" });
    await vote(bob, "blue");
    await inOneTurn(edge, [
      [
        eve,
        { type: "event", name: "tally", ref: "before" },
        { type: "message", content: { vote: "red" } },
        { type: "event", name: "tally", ref: "with her own vote" },
        "test: trap",
        { type: "event", name: "tally", ref: "after" },
      ],
    ]);
    assert.equal((await eve.next("error")).code, "internal");
    await eve.next("event", (o) => o.ref === "after");
    const answers = eve.all("event").filter((o) => o.ref !== undefined);
    assert.deepEqual(
      answers.map((o) => [o.ref, o.content.votes]),
      [
        ["before", [0, 1]],
        ["with her own vote", [1, 1]],
        ["after", [1, 1]],
      ],
    );
    await vote(ana, "red");
    assert.deepEqual(await tally(ana), { votes: [2, 1], closed: false });
  });

  it("forgets votes that were never stored, when the flush traps", async () => {
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    await vote(ana, "red");
    const stored = await stateOf(edge, room);
    await inOneTurn(edge, [
      [
        ana,
        "test: trap at the flush",
        { type: "message", content: { vote: "blue" } },
        { type: "event", name: "tally", ref: "in between" },
      ],
    ]);
    await ana.next("error", (o) => o.code === "internal");
    assert.deepEqual(await tally(ana), { votes: [1, 0], closed: false });
    assert.deepEqual(await stateOf(edge, room), stored);
    // Never from a vote that was not stored.
    assert.deepEqual(
      ana.told.filter((o) => o.ref === "in between"),
      [],
    );
  });
});
