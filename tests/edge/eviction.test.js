// Whatever a room does, it is the same whether it sleeps in between or not: each scenario is played
// once as it is, and once with the room evicted after every step, its sockets staying open. What
// every client and every request is told must be the same.
//
// What may differ is put aside: random names and times get the names of their first appearance, and
// of counts and confirmations, which are told together when they come close to each other, only what
// is true at the end of a step is kept.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { CentralProxy } from "./central-proxy.js";
import { central, newRoom, startEdge, until } from "./harness.js";
import { IDLE_ENTRY, whatIsLeft } from "./idle.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */
/** @typedef {import("./harness.js").Told} Told */

const MODERATOR = { authorization: "Bearer test-moderator" };

/** Of which only the last in a step is looked at. */
const PASSING = ["room_count", "message_confirmed"];

/** The ref of the ping that ends a step. */
const SETTLED = "settled";

/** Members whose values are random or hang on times, and what they are called. @type {Record<string, string>} */
const UNSTABLE = {
  conn: "conn",
  epoch: "epoch",
  ts: "time",
  until: "time",
  oldest_ms: "time",
  // How often a central API that is away has been asked by now, and whether it is at this moment.
  attempts: "attempts",
  breaker: "breaker",
  retry_after_ms: "time",
  sum: "sum",
  state: "digest",
};

/** One playing of a scenario. */
class Play {
  /** @type {Map<string, Client>} */
  #clients = new Map();
  /** How much of each client's has been told in the steps before. @type {Map<string, number>} */
  #seen = new Map();
  /** @type {Map<string, Map<unknown, string>>} */
  #names = new Map();
  /** What requests and joins were answered in this step. @type {unknown[]} */
  #answers = [];
  /** Records that wait for the central API, and are to go on waiting. */
  pending = 0;
  room = newRoom();

  /** @param {Edge} edge @param {CentralProxy} proxy */
  constructor(edge, proxy) {
    this.edge = edge;
    this.proxy = proxy;
  }

  /** @param {string} user @param {Record<string, string | number>} [query] */
  async join(user, query = {}) {
    const headers = user === "mod" ? MODERATOR : undefined;
    const client = await this.edge.join(this.room, { user, ...query }, { headers });
    this.#clients.set(user, client);
    this.#seen.set(user, 0);
    return client;
  }

  /** @param {string} user */
  client(user) {
    return /** @type {Client} */ (this.#clients.get(user));
  }

  /** @param {string} user */
  async leave(user) {
    await this.client(user).close();
    this.gone(user);
  }

  /** Nobody waits to hear anything of this one any more. @param {string} user */
  gone(user) {
    this.#clients.delete(user);
  }

  /** @param {string} user @param {Told} frame */
  send(user, frame) {
    this.client(user).send(frame);
  }

  /** @param {string} user @param {string} type @param {(told: Told) => boolean} [fits] */
  hears(user, type, fits) {
    return this.client(user).next(type, fits);
  }

  /** Sends, and waits for the answer to it. @param {string} user @param {Told} frame @param {string} type */
  async ask(user, frame, type) {
    const before = this.client(user).told.length;
    this.send(user, frame);
    return this.hears(user, type, (told) => this.client(user).told.indexOf(told) >= before);
  }

  /** @param {string} method @param {string} path @param {unknown} [body] */
  async request(method, path, body) {
    const init = {
      method,
      headers: MODERATOR,
      body: body === undefined ? null : JSON.stringify(body),
    };
    const response = await this.edge.fetch(`/api/rooms/${this.room}${path}`, init);
    const text = await response.text();
    this.#answers.push([
      response.status,
      ...text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ]);
  }

  /** A quiet point: everything that was to come has come. Returns what was told since the last. */
  async settle() {
    const open = this.#clients.size;
    const { body } = await until(
      () => this.edge.json(`/api/rooms/${this.room}`),
      ({ body }) => body.connections === open && body.outbox.pending === this.pending,
    );
    await until(
      async () => [...this.#clients.values()],
      (clients) =>
        clients.every((client) => {
          const count = client.all("room_count").at(-1);
          const through = client.all("message_confirmed").at(-1)?.through ?? 0;
          const welcome = client.all("welcome")[0];
          return (
            count?.count === open &&
            (through === body.confirmed || welcome.confirmed === body.confirmed)
          );
        }),
    );
    // What was sent before the answer to this has come.
    for (const user of this.#clients.keys()) {
      await this.ask(user, { type: "ping", ref: SETTLED }, "pong");
    }
    /** @type {Record<string, unknown>} */
    const told = { answers: this.#answers, state: body };
    this.#answers = [];
    for (const [user, client] of this.#clients) {
      const fresh = client.told.slice(this.#seen.get(user));
      this.#seen.set(user, client.told.length);
      told[user] = [
        ...fresh.filter(({ type, ref }) => !PASSING.includes(type) && ref !== SETTLED),
        ...PASSING.map(
          (type) => client.all(type).at(-1)?.[type === "room_count" ? "count" : "through"],
        ),
      ];
    }
    return this.#stable(told);
  }

  /** The same with stable names. @param {unknown} value @param {string} [key] @returns {unknown} */
  #stable(value, key = "") {
    if (Array.isArray(value)) {
      // Who is here is told in no order.
      const list =
        key === "members" ? value.toSorted((a, b) => a.user.localeCompare(b.user)) : value;
      return list.map((each) => this.#stable(each));
    }
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).map(([name, each]) => [name, this.#stable(each, name)]);
      return Object.fromEntries(entries);
    }
    if (value === this.room) return "the room";
    if (key === "detail") return String(value).replace(/\d{13}/, "time");
    const kind = UNSTABLE[key];
    if (kind === undefined || value === null) return value;
    if (kind !== "conn" && kind !== "epoch") return kind;
    const names = this.#names.get(kind) ?? new Map();
    this.#names.set(kind, names);
    if (!names.has(value)) names.set(value, `${kind} ${names.size + 1}`);
    return names.get(value);
  }
}

/** @typedef {[what: string, step: (play: Play) => Promise<unknown>]} Step */

/** @type {Record<string, Step[]>} */
const scenarios = {
  "people who come, talk and go": [
    ["ana joins", (play) => play.join("ana")],
    ["bob joins", (play) => play.join("bob")],
    [
      "a message",
      (play) => play.ask("ana", { type: "message", content: { a: [1, "é"] } }, "new_message"),
    ],
    [
      "one with an id",
      (play) => play.ask("bob", { type: "message", content: 2, id: "b" }, "new_message"),
    ],
    ["the same again", (play) => play.ask("bob", { type: "message", content: 2, id: "b" }, "ack")],
    [
      "another's same id",
      (play) => play.ask("ana", { type: "message", content: 3, id: "b" }, "new_message"),
    ],
    ["an event", (play) => play.ask("ana", { type: "event", name: "typing", content: 1 }, "event")],
    ["who is here", (play) => play.ask("bob", { type: "presence", ref: "r" }, "presence")],
    ["a frame that is wrong", (play) => play.ask("bob", { type: "dance", ref: "d" }, "error")],
    [
      "bob in a second tab",
      (play) =>
        play
          .join("bob 2", { user: "bob" })
          .then(() => play.ask("bob 2", { type: "ping", ref: "p" }, "pong")),
    ],
  ],
  "people who leave": [
    [
      "three join",
      (play) =>
        play
          .join("ana")
          .then(() => play.join("bob"))
          .then(() => play.join("cleo")),
    ],
    ["bob leaves", (play) => play.leave("bob")],
    [
      "cleo says so",
      (play) => play.ask("cleo", { type: "message", content: "bye bob" }, "new_message"),
    ],
    ["cleo leaves", (play) => play.leave("cleo")],
    ["who is here", (play) => play.ask("ana", { type: "presence" }, "presence")],
  ],
  "messages that are deleted": [
    ["ana and a moderator join", (play) => play.join("ana").then(() => play.join("mod"))],
    ["one", (play) => play.ask("ana", { type: "message", content: "one", id: "1" }, "new_message")],
    ["two", (play) => play.ask("ana", { type: "message", content: "two", id: "2" }, "new_message")],
    [
      "ana deletes her own",
      (play) => play.ask("ana", { type: "delete", seq: 1 }, "message_deleted"),
    ],
    ["and again", (play) => play.ask("ana", { type: "delete", seq: 1 }, "error")],
    [
      "the moderator another",
      (play) => play.ask("mod", { type: "delete", seq: 2 }, "message_deleted"),
    ],
    ["by HTTP: what is deleted", (play) => play.request("DELETE", "/messages/2")],
    ["three", (play) => play.ask("mod", { type: "message", content: "three" }, "new_message")],
    ["not by ana", (play) => play.ask("ana", { type: "delete", seq: 5 }, "error")],
    ["by HTTP", (play) => play.request("DELETE", "/messages/5")],
    ["the history", (play) => play.ask("ana", { type: "history" }, "history")],
    [
      "an id of what was deleted",
      (play) => play.ask("ana", { type: "message", content: "one", id: "1" }, "ack"),
    ],
    ["the log", (play) => play.request("GET", "/log")],
  ],
  "moderation, whose end comes while it sleeps": [
    [
      "ana, eve and a moderator join",
      (play) =>
        play
          .join("ana")
          .then(() => play.join("eve"))
          .then(() => play.join("mod")),
    ],
    [
      "eve is muted",
      (play) =>
        play.ask(
          "mod",
          { type: "moderation", action: "mute", user: "eve", for_s: 8 },
          "moderation",
        ),
    ],
    [
      "eve may not",
      async (play) => {
        await play.ask("eve", { type: "event", name: "typing" }, "error");
        const [{ until: endMs }] = play.client("eve").all("moderation");
        await pause(endMs - Date.now() + 200);
      },
    ],
    [
      "eve may again",
      (play) => play.ask("eve", { type: "message", content: "at last" }, "new_message"),
    ],
    [
      "eve is kicked",
      (play) =>
        play
          .request("POST", "/moderation", { action: "kick", user: "eve" })
          .then(() => play.client("eve").closed)
          .then(() => play.gone("eve")),
    ],
    ["and comes back", (play) => play.join("eve")],
    [
      "eve is banned",
      (play) =>
        play
          .request("POST", "/moderation", { action: "ban", user: "eve", reason: "so" })
          .then(() => play.client("eve").closed)
          .then(() => play.gone("eve")),
    ],
    ["she is kept out", (play) => assert.rejects(play.join("eve"))],
    [
      "she is let in again",
      (play) => play.request("POST", "/moderation", { action: "unban", user: "eve" }),
    ],
    ["she is back", (play) => play.join("eve")],
    ["the log", (play) => play.request("GET", "/log")],
  ],
  "history that only the central API has": [
    ["ana joins", (play) => play.join("ana")],
    ...Array.from(
      { length: 4 },
      (_, n) =>
        /** @type {Step} */ ([
          `turn ${n + 1}`,
          async (play) => {
            for (let i = 1; i <= 4; i++) play.send("ana", { type: "message", content: n * 4 + i });
            await play.hears("ana", "new_message", ({ seq }) => seq === n * 4 + 4);
          },
        ]),
    ),
    ["the newest", (play) => play.request("GET", "/messages?limit=3")],
    ["the oldest", (play) => play.request("GET", "/messages?after=0&limit=3")],
    [
      "across the seam",
      (play) => play.ask("ana", { type: "history", after: 2, limit: 12 }, "history"),
    ],
    ["an old one is deleted", (play) => play.request("DELETE", "/messages/2")],
    ["and is so", (play) => play.request("GET", "/messages?after=0&limit=3")],
  ],
  "somebody who comes back": [
    ["ana and bob join", (play) => play.join("ana").then(() => play.join("bob"))],
    ["one", (play) => play.ask("ana", { type: "message", content: "one" }, "new_message")],
    ["bob goes", (play) => play.leave("bob")],
    ["two", (play) => play.ask("ana", { type: "message", content: "two", id: "2" }, "new_message")],
    ["two is deleted", (play) => play.ask("ana", { type: "delete", seq: 2 }, "message_deleted")],
    [
      "bob is back",
      (play) =>
        play
          .join("bob", { epoch: play.client("ana").told[0].epoch, after: 1 })
          .then(() => play.hears("bob", "message_deleted")),
    ],
    ["of another epoch", (play) => play.join("cleo", { epoch: "01ABC", after: 1 })],
  ],
  "what is published over HTTP": [
    ["ana joins", (play) => play.join("ana")],
    [
      "a message",
      (play) =>
        play
          .request("POST", "/messages", { content: "shout", id: "x" })
          .then(() => play.hears("ana", "new_message")),
    ],
    ["the same", (play) => play.request("POST", "/messages", { content: "shout", id: "x" })],
    [
      "of somebody",
      (play) =>
        play
          .request("POST", "/messages", { content: 2, user: "bot" })
          .then(() => play.hears("ana", "new_message")),
    ],
    ["what is no message", (play) => play.request("POST", "/messages", { user: "bot" })],
    ["the page", (play) => play.request("GET", "/messages")],
  ],
  "a room that is drained": [
    ["ana and bob join", (play) => play.join("ana").then(() => play.join("bob"))],
    ["a message", (play) => play.ask("ana", { type: "message", content: 1 }, "new_message")],
    [
      "it is drained",
      async (play) => {
        await play.request("POST", "/drain");
        for (const user of ["ana", "bob"]) {
          assert.equal((await play.client(user).closed).code, 1012);
          play.gone(user);
        }
      },
    ],
    ["ana is back", (play) => play.join("ana", {})],
    ["a message", (play) => play.ask("ana", { type: "message", content: 2 }, "new_message")],
  ],
  "messages that the central API refuses": [
    [
      "ana joins",
      async (play) => {
        play.proxy.meet(play.room, async (passing) => {
          const { v, room, epoch, records } = JSON.parse(String(passing.body));
          const results = records.map((/** @type {Told} */ { seq, content }) =>
            content === "poison"
              ? { seq, status: "rejected", code: "TOO_LARGE" }
              : { seq, status: "stored" },
          );
          return { status: 200, body: JSON.stringify({ v, room, epoch, results }) };
        });
        await play.join("ana");
      },
    ],
    ["one", (play) => play.ask("ana", { type: "message", content: "one" }, "new_message")],
    ["poison", (play) => play.ask("ana", { type: "message", content: "poison" }, "new_message")],
    ["three", (play) => play.ask("ana", { type: "message", content: "three" }, "new_message")],
    ["somebody hears of it", (play) => play.join("bob")],
    ["the history has it", (play) => play.ask("bob", { type: "history" }, "history")],
  ],
  "a central API that is away": [
    [
      "ana joins",
      async (play) => {
        play.proxy.meet(play.room, async () => ({ status: 503 }));
        await play.join("ana");
      },
    ],
    [
      "one",
      async (play) => {
        play.pending = 1;
        await play.ask("ana", { type: "message", content: "one" }, "new_message");
      },
    ],
    [
      "two",
      async (play) => {
        play.pending = 2;
        await play.ask("ana", { type: "message", content: "two" }, "new_message");
      },
    ],
    [
      "it is back",
      async (play) => {
        play.pending = 0;
        play.proxy.meet(play.room, (passing) => passing.handOn());
        await until(
          () => play.edge.json(`/api/rooms/${play.room}`),
          ({ body }) => body.confirmed === 2,
          60_000,
        );
      },
    ],
    ["three", (play) => play.ask("ana", { type: "message", content: "three" }, "new_message")],
    ["what it has", (play) => play.request("GET", "/messages?after=0")],
  ],
};

/**
 * For how long something may be left to do for a room that was told all: a batch's safety alarm comes
 * 8 s after it, the rest sooner.
 */
const LEFT_MS_MAX = 15_000;

describe("a room that is evicted after each step", { timeout: 300_000 }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;
  before(async () => {
    store = await central();
    proxy = await CentralProxy.start(store.url);
    edge = await startEdge({
      centralUrl: proxy.url,
      vars: { HISTORY_SIZE: "5", DEDUP_MAX: "5", LOG_LEVEL: "debug" },
      entry: IDLE_ENTRY,
    });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** The scenarios that have been played, and how often their rooms were woken for it. @type {{room: string, what: string, isEvicted: boolean, woken: number}[]} */
  const played = [];

  /** How often a room has been woken, as it says itself. @param {string} room */
  const wakes = (room) =>
    edge.logs.filter((line) => line.includes('"restored"') && line.includes(room)).length;

  /** @param {string} scenario @param {boolean} isEvicted */
  async function play(scenario, isEvicted) {
    const steps = scenarios[scenario];
    const playing = new Play(edge, proxy);
    const { room } = playing;
    const told = [];
    for (const [what, step] of steps) {
      await step(playing);
      told.push([what, await playing.settle()]);
      if (isEvicted) await edge.evict(room);
    }
    // It did sleep; the lines come a little after all else.
    const least = isEvicted ? steps.length - 1 : 0;
    const woken = await until(
      async () => wakes(room),
      (count) => count >= least,
    );
    played.push({ room, what: scenario, isEvicted, woken });
    return { told, woken };
  }

  describe("is the same:", { concurrency: 3 }, () => {
    for (const what of Object.keys(scenarios)) {
      it(what, async () => {
        const [plain, evicted] = await Promise.all([play(what, false), play(what, true)]);
        assert.deepEqual(evicted.told, plain.told);
        assert.equal(plain.woken, 0);
      });
    }
  });

  it("is not woken for nothing afterwards: no timer and no alarm is left", async () => {
    const rooms = played.map(({ room }) => room);
    assert.equal(rooms.length, 2 * Object.keys(scenarios).length);
    await until(
      () => whatIsLeft(edge, rooms),
      ({ timers, requests, alarms }) =>
        timers === 0 && requests === 0 && Object.keys(alarms).length === 0,
      LEFT_MS_MAX,
    );
    for (const { room, what, isEvicted, woken } of played) {
      // A room that is evicted before its safety alarm finds nothing to do when that comes.
      const most = isEvicted ? 1 : 0;
      const more = wakes(room) - woken;
      assert.ok(more <= most, `${what}: woken ${more} times${isEvicted ? ", evicted" : ""}`);
    }
  });
});
