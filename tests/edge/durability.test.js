// What was acknowledged is kept, whatever happens to workerd or to its storage; what was not is
// unknown, and a retry finds out. With real faults of the real storage.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { agree, history, rest } from "./agreement.js";
import { Dice, seeds } from "./dice.js";
import { fullDisk, killWorkerd, limitedFiles } from "./faults.js";
import { central, newRoom, startEdge, temporaryFolder, until } from "./harness.js";
import { Member } from "./member.js";
import { comparable, fromCentral, walkForwards } from "./pages.js";
import { UsedRoom } from "./used-room.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {Awaited<ReturnType<typeof central>>} Central */
/** @typedef {import("./harness.js").Client} Client */
/** @typedef {import("node:test").TestContext} TestContext */

const MODERATOR = { authorization: "Bearer test-moderator" };

for (const makeFault of [limitedFiles, fullDisk]) {
  const fault = await makeFault();
  const skip = typeof fault === "string" && fault;
  describe(`a commit that fails (${makeFault.name})`, { skip }, () => {
    if (typeof fault === "string") return;
    const dice = new Dice(1);
    /** @type {Central} */
    let store;
    /** @type {Edge} */
    let edge;
    before(async () => {
      store = await central();
      fault.prepare();
      edge = await startEdge({ centralUrl: store.url, stateDir: fault.stateDir });
    });
    after(async () => {
      await edge.close();
      await store.close();
      fault.remove();
    });

    /** @param {Client} client */
    const gone = (client) =>
      until(
        async () => client.socket.readyState,
        (state) => state === client.socket.CLOSED,
      );

    /** A room with three messages, one of them larger than what SQLite keeps beside its log. */
    async function usedRoom() {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      const bob = await edge.join(room, { user: "bob" });
      for (let n = 1; n <= 3; n++) {
        ana.send({ type: "message", content: { n, pad: "x".repeat(40_000) }, id: `before-${n}` });
        await ana.confirmed(n);
      }
      await bob.confirmed(3);
      return { room, ana, bob, epoch: ana.told[0].epoch };
    }

    for (let round = 1; round <= 3; round++) {
      const bytes = dice.roll(0, 16_000);
      it(`is heard of by nobody, and a retry stores once (${bytes} bytes left)`, async () => {
        const { room, ana, bob, epoch } = await usedRoom();
        const held = await history(edge, room);
        const pad = "never stored".repeat(2000);
        const frames = [1, 2, 3].map((n) =>
          JSON.stringify({ type: "message", content: { n, pad }, id: `retry-${n}` }),
        );
        fault.begin(bytes);
        // Twice: nothing may be acknowledged either.
        for (const frame of [...frames, ...frames]) ana.send(frame);
        bob.send({ type: "event", name: "never stored", content: pad });
        await gone(ana);
        await gone(bob);
        fault.end();
        for (const { frames: heard } of [ana, bob]) {
          assert.ok(!heard.join("").includes("never stored"));
        }
        assert.deepEqual([ana.all("ack"), ana.all("error")], [[], []]);

        // What the store has, the room has too.
        const { status, body: state } = await edge.json(`/api/rooms/${room}`);
        assert.deepEqual([status, state.epoch], [200, epoch]);
        const unknown = await history(edge, room);
        assert.deepEqual(unknown.slice(0, 3), held);
        const stored = await walkForwards(fromCentral(store.url, room, epoch));
        assert.deepEqual(stored.map(comparable), unknown.slice(0, stored.length));

        const carol = await edge.join(room, { user: "carol", epoch, after: 3 });
        const back = await edge.join(room, { user: "ana", epoch, after: 3 });
        assert.equal(back.told[0].recovered, true);
        for (const frame of frames) back.send(frame);
        await until(
          async () => [...back.all("new_message"), ...back.all("ack")].map(({ id }) => id),
          (ids) => frames.every((_, i) => ids.includes(`retry-${i + 1}`)),
        );
        await back.confirmed(6);
        const kept = await history(edge, room);
        assert.deepEqual(
          kept.map(({ seq, id }) => [seq, id]),
          [1, 2, 3, 4, 5, 6].map((seq) => [seq, seq > 3 ? `retry-${seq - 3}` : `before-${seq}`]),
        );
        const late = await edge.join(room, { user: "bob", epoch, after: 3 });
        assert.equal(late.told[0].recovered, true);
        await late.next("new_message", ({ seq }) => seq === 6);
        assert.deepEqual(late.all("new_message").map(asMessage), kept.slice(3));
        assert.deepEqual(carol.all("new_message").map(asMessage), kept.slice(3));
      });
    }

    it("of what is published over HTTP is no success, and a retry publishes it once", async () => {
      const { room, ana, bob, epoch } = await usedRoom();
      const path = `/api/rooms/${room}/messages`;
      const body = JSON.stringify({ content: "never stored".repeat(2000), id: "retry" });
      const post = () => edge.json(path, { method: "POST", headers: MODERATOR, body });
      fault.begin(0);
      const refused = await post();
      assert.equal(refused.status, 503);
      assert.equal(refused.headers.get("content-type"), "application/problem+json");
      await gone(ana);
      await gone(bob);
      fault.end();
      for (const { frames: heard } of [ana, bob]) {
        assert.ok(!heard.join("").includes("never stored"));
      }
      const back = await edge.join(room, { user: "bob", epoch, after: 3 });
      assert.equal(back.told[0].recovered, true);
      // Had it been stored after all, it would be a duplicate now.
      assert.deepEqual((await post()).body.seq, 4);
      assert.deepEqual((await post()).body, { epoch, seq: 4, duplicate: true });
      await back.confirmed(4);
      assert.deepEqual(
        back.all("new_message").map(({ seq, id }) => [seq, id]),
        [[4, "retry"]],
      );
    });

    it("of a deletion leaves the message whole, and a retry deletes it", async () => {
      const { room, ana, bob, epoch } = await usedRoom();
      const held = await history(edge, room);
      fault.begin(0);
      ana.send({ type: "delete", seq: 2 });
      await gone(ana);
      await gone(bob);
      fault.end();
      for (const client of [ana, bob]) assert.deepEqual(client.all("message_deleted"), []);
      assert.deepEqual(await history(edge, room), held);
      const back = await edge.join(room, { user: "bob", epoch, after: 0 });
      const path = `/api/rooms/${room}/messages/2`;
      const { status, body } = await edge.json(path, { method: "DELETE", headers: MODERATOR });
      assert.deepEqual([status, body], [200, { epoch, seq: 4, target: 2 }]);
      await back.confirmed(4);
      const left = await history(edge, room);
      assert.deepEqual(
        left.map(({ deleted }) => deleted ?? false),
        [false, true, false],
      );
      const stored = await walkForwards(fromCentral(store.url, room, epoch));
      assert.deepEqual(stored.map(comparable), left);
    });

    it("of a room's first write makes no room, and is told to who joins", async () => {
      const room = newRoom();
      fault.begin(0, { newFiles: true });
      await assert.rejects(edge.join(room, { user: "ana" }), /503/);
      fault.end();
      assert.equal((await edge.json(`/api/rooms/${room}`)).body.epoch, null);
      const ana = await edge.join(room, { user: "ana" });
      ana.send({ type: "message", content: 1 });
      assert.equal((await ana.next("new_message")).seq, 1);
      await ana.confirmed(1);
    });

    for (const seed of seeds([1])) {
      it(`again and again costs nobody anything (seed ${seed})`, async (t) => {
        await stormOf(edge, store, fault, new Dice(seed), t);
      });
    }
  });
}

/** @param {Record<string, any>} told */
function asMessage(told) {
  return comparable(/** @type {import("./pages.js").Message} */ (told));
}

/**
 * @param {Edge} edge
 * @param {Central} store
 * @param {import("./faults.js").StorageFault} fault
 * @param {Dice} dice
 * @param {TestContext} t
 */
async function stormOf(edge, store, fault, dice, t) {
  const room = newRoom();
  const members = await Promise.all(
    ["ana", "bob", "cleo"].map((user) => Member.of(edge.url, room, user, dice)),
  );
  for (const member of members) member.come();
  await rest(edge, room, members);
  const [ana, bob] = members;
  const lost = () => members.reduce((total, { count }) => total + count.lost, 0);
  let failing = true;
  const speak = async (/** @type {Member} */ speaker) => {
    for (let n = 1; failing; n++) {
      const pad = "x".repeat(dice.pick([0, dice.roll(0, 200), dice.roll(0, 20_000)]));
      speaker.publish(`${speaker.user}-${n}`, { n, pad });
      await pause(dice.roll(0, 20));
    }
  };
  const fail = async () => {
    for (let n = 1; n <= 5; n++) {
      await pause(dice.roll(0, 40));
      fault.begin(n === 1 ? 0 : dice.roll(0, 30_000));
      if (n === 1) await until(async () => lost(), Boolean);
      else await pause(dice.roll(10, 60));
      fault.end();
    }
    failing = false;
  };
  await Promise.all([speak(ana), speak(bob), fail()]);
  const held = await agree(edge, store, room, members);
  assert.equal(held.length, ana.answered.size + bob.answered.size);
  const again = ana.count.again + bob.count.again;
  t.diagnostic(`${held.length} messages, ${again} sent again, ${lost()} connections lost`);
  for (const member of members) await member.end();
}

describe("workerd is killed", () => {
  /** @type {Central} */
  let store;
  before(async () => {
    store = await central();
  });
  after(async () => {
    await store.close();
  });

  /** @type {[number, Record<string, string>][]} */
  const rooms = [
    [1, {}],
    // What was acknowledged is in a snapshot then, or only in the central store.
    [2, { HISTORY_SIZE: "5", DEDUP_MAX: "200" }],
  ];
  for (const [usual, vars] of rooms) {
    const [seed] = seeds([usual]);
    it(`and what was acknowledged is there, the rest at most once (seed ${seed})`, async (t) => {
      const dice = new Dice(seed);
      const options = { centralUrl: store.url, stateDir: await temporaryFolder(), vars };
      let edge = await startEdge(options);
      t.after(() => edge.close());
      const used = new UsedRoom(edge, dice);
      await used.open();
      const { room, members } = used;
      const [witness] = members;
      let unknown = 0;
      let acknowledgedBans = 0;
      for (let kill = 1; kill <= 5; kill++) {
        const end = { ms: dice.roll(0, 60), seq: witness.seq + dice.roll(1, 40) };
        const bySeq = dice.oneIn(2);
        const started = performance.now();
        const isOver = () =>
          bySeq ? witness.seq >= end.seq : performance.now() - started >= end.ms;
        while (!isOver()) {
          used.step();
          await pause(dice.roll(0, 4));
        }
        killWorkerd();
        for (const member of members) {
          await member.leave();
          unknown += member.unanswered.size;
        }
        await edge.close();
        edge = await startEdge(options);
        acknowledgedBans += used.banned.size;
        await used.isThere(edge);
        for (const member of members) {
          member.moveTo(edge.url);
          member.come();
        }
        await rest(edge, room, members);
      }
      const held = await agree(edge, store, room, members);
      assert.equal(held.length, used.spoken);
      const duplicates = members.reduce((total, { count }) => total + count.duplicates, 0);
      t.diagnostic(
        `${used.spoken} messages, ${unknown} sent again, ${duplicates} of them duplicates; ` +
          `${acknowledgedBans} bans looked at`,
      );
      for (const member of members) await member.end();
    });
  }

  it("and who was banned or muted stays so, when the room has forgotten the record", async (t) => {
    const stateDir = await temporaryFolder();
    const vars = { HISTORY_SIZE: "1", DEDUP_MAX: "1" };
    const options = { centralUrl: store.url, stateDir, vars };
    let edge = await startEdge(options);
    t.after(() => edge.close());
    const room = newRoom();
    const moderate = async (/** @type {string} */ action, /** @type {string} */ user) => {
      const path = `/api/rooms/${room}/moderation`;
      const body = JSON.stringify({ action, user });
      const { status } = await edge.json(path, { method: "POST", headers: MODERATOR, body });
      assert.ok(status === 200 || status === 201, `${action} was answered ${status}`);
    };
    const restart = async () => {
      killWorkerd();
      await edge.close();
      edge = await startEdge(options);
    };
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    await moderate("ban", "eve");
    await moderate("mute", "mallory");
    for (let seq = 3; seq <= 20; seq++) {
      ana.send({ type: "message", content: seq });
      await ana.confirmed(seq);
    }
    await restart();
    const early = await edge.join(room, { epoch, after: 0 });
    assert.equal(early.told[0].recovered, false, "the room still holds the records");
    await assert.rejects(edge.join(room, { user: "eve" }), /403/);
    const mallory = await edge.join(room, { user: "mallory" });
    mallory.send({ type: "message", content: "may not be said" });
    assert.equal((await mallory.next("error")).code, "muted");

    await moderate("unban", "eve");
    await moderate("unmute", "mallory");
    await restart();
    for (const user of ["eve", "mallory"]) {
      const back = await edge.join(room, { user, epoch, after: 20 });
      assert.equal(back.told[0].recovered, true);
      back.send({ type: "message", content: `${user} speaks` });
      await back.next("new_message", ({ content }) => content === `${user} speaks`);
      assert.deepEqual(
        back.all("moderation").map(({ seq, action, user: whom }) => [seq, action, whom]),
        [
          [21, "unban", "eve"],
          [22, "unmute", "mallory"],
        ],
      );
    }
  });

  it("and what was deleted stays deleted, also where the central API has not heard of it", async (t) => {
    const front = await startFront(store.url);
    const stateDir = await temporaryFolder();
    const options = {
      centralUrl: front.url,
      stateDir,
      vars: { HISTORY_SIZE: "1", DEDUP_MAX: "1" },
    };
    let edge = await startEdge(options);
    t.after(async () => {
      await edge.close();
      await front.close();
    });
    const room = newRoom();
    const ana = await edge.join(room, { user: "ana" });
    const { epoch } = ana.told[0];
    for (let n = 1; n <= 20; n++) {
      ana.send({ type: "message", content: `secret ${n}` });
      await ana.confirmed(n);
    }
    const early = await edge.join(room, { epoch, after: 0 });
    assert.equal(early.told[0].recovered, false, "the room still holds what is to be deleted");

    front.takesNothing = true;
    const gone = [1, 2, 19, 20];
    for (const [i, seq] of gone.entries()) {
      const path = `/api/rooms/${room}/messages/${seq}`;
      const { status, body } = await edge.json(path, { method: "DELETE", headers: MODERATOR });
      assert.deepEqual([status, body], [200, { epoch, seq: 21 + i, target: seq }]);
    }
    const stays = async () => {
      const held = await history(edge, room);
      assert.deepEqual(
        held.map(({ seq }) => seq),
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
      for (const { seq, deleted, content } of held) {
        const expected = gone.includes(seq) ? [true, undefined] : [undefined, `secret ${seq}`];
        assert.deepEqual([deleted, content], expected, `${seq}`);
      }
    };
    await stays();
    const stored = await walkForwards(fromCentral(store.url, room, epoch));
    assert.ok(stored.every(({ deleted }) => deleted === undefined));
    killWorkerd();
    await edge.close();
    edge = await startEdge(options);
    await stays();
    front.takesNothing = false;
    const back = await edge.join(room, { epoch, after: 20 });
    assert.equal(back.told[0].recovered, true);
    await back.confirmed(24);
    assert.deepEqual(
      back.all("message_deleted").map(({ seq, target }) => [seq, target]),
      gone.map((seq, i) => [21 + i, seq]),
    );
    await stays();
    const left = await walkForwards(fromCentral(store.url, room, epoch));
    assert.deepEqual(left.map(comparable), await history(edge, room));
  });
});

/**
 * Stands before the central API and, when told so, keeps from it what it is sent.
 * @param {string} url of the central API
 */
async function startFront(url) {
  const server = createServer(async (request, response) => {
    const body = [];
    for await (const part of request) body.push(part);
    if (front.takesNothing && request.method === "POST") {
      response.writeHead(503, { "retry-after": "1" }).end();
      return;
    }
    const { method, headers } = request;
    const passed = httpRequest(url + request.url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    passed.end(Buffer.concat(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const front = {
    url: `http://127.0.0.1:${port}`,
    takesNothing: false,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return front;
}
