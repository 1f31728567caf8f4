// A trap on what nobody has sent: a timer, an alarm, a flush, an answer. The room is rebuilt, and nobody
// feels it. Runs a build of the room's module that traps on demand, and in which a room leaves such
// events alone for a sixth of the time.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { EventType } from "../../js-shim/abi.generated.js";
import { CentralProxy, handOn, neverAnswer } from "./central-proxy.js";
import { central, newRoom, startEdge, until } from "./harness.js";

/** @typedef {Awaited<ReturnType<typeof startEdge>>} Edge */
/** @typedef {import("./harness.js").Client} Client */

const toolchain = process.env.EDGEROOM_TOOLCHAIN ?? "wasi";
const roomModule = resolve(import.meta.dirname, `../../build/${toolchain}-test/rooms/room.wasm`);

/** More messages than the room holds, which is about ten: the first stand in the central store alone. */
const EARLIER = 25;

/** @typedef {{room: string, ana: Client, arm: () => Promise<void>}} Scene */

describe("a room whose instance traps on what nobody has sent", { concurrency: true }, () => {
  /** @type {Awaited<ReturnType<typeof central>>} */
  let store;
  /** @type {CentralProxy} */
  let proxy;
  /** @type {Edge} */
  let edge;

  before(async () => {
    assert.ok(existsSync(roomModule), `${roomModule} is missing: scripts/build ${toolchain}-test`);
    store = await central();
    proxy = await CentralProxy.start(store.url);
    const vars = { HISTORY_SIZE: "5", DEDUP_MAX: "1" };
    edge = await startEdge({ centralUrl: proxy.url, roomModule, vars });
  });
  after(async () => {
    await edge.close();
    await proxy.close();
    await store.close();
  });

  /** The room's lines in the log about traps. @param {string} room */
  const traps = (room) =>
    edge.logs.filter((line) => line.includes('"event":"trap"') && line.includes(room));

  /** What makes the event come. @type {Record<string, (scene: Scene) => Promise<void>>} */
  const causes = {
    // The one after which a batch is sent.
    timer: async ({ ana, arm }) => {
      await arm();
      ana.send({ type: "message", content: "now" });
    },
    // A room that waits for an answer is awake when its alarm comes.
    alarm: async ({ room, ana, arm }) => {
      proxy.meet(room, neverAnswer);
      await arm();
      ana.send({ type: "message", content: "now" });
    },
    attemptResult: async ({ ana, arm }) => {
      await arm();
      ana.send({ type: "message", content: "now" });
    },
    // One that has nothing but a confirmation to tell.
    flush: async ({ room, ana, arm }) => {
      /** @type {PromiseWithResolvers<void>} */
      const asked = Promise.withResolvers();
      /** @type {PromiseWithResolvers<void>} */
      const armed = Promise.withResolvers();
      proxy.meet(room, async (passing) => {
        asked.resolve();
        await armed.promise;
        return passing.handOn();
      });
      ana.send({ type: "message", content: "now" });
      await ana.next("new_message", ({ content }) => content === "now");
      await asked.promise;
      await arm();
      armed.resolve();
    },
    // Whoever has asked for it is told that there is no answer.
    fetched: async ({ room, ana, arm }) => {
      await arm();
      const { status } = await edge.json(`/api/rooms/${room}/messages?after=0&limit=3`);
      assert.equal(status, 503);
      ana.send({ type: "message", content: "now" });
    },
    measured: async ({ ana, arm }) => {
      await arm();
      const pad = "x".repeat(60_000);
      for (let i = 0; i < 6; i++) ana.send({ type: "event", name: "large", content: pad });
      ana.send({ type: "message", content: "now" });
    },
  };

  for (const [event, cause] of Object.entries(causes)) {
    it(`goes on after a trap in ${event}, and nobody else feels it`, async () => {
      const room = newRoom();
      const ana = await edge.join(room, { user: "ana" });
      const bob = await edge.join(room, { user: "bob" });
      for (let n = 1; n <= EARLIER; n++) {
        ana.send({ type: "message", content: n });
        if (n % 5 === 0) await ana.confirmed(n);
      }
      const arm = async () => {
        const type = EventType[/** @type {keyof typeof EventType} */ (event)];
        bob.send(`test: trap at event ${type}`);
        assert.equal((await bob.next("error")).code, "bad_json");
      };
      await cause({ room, ana, arm });

      const [line] = await until(
        async () => traps(room),
        ({ length }) => length > 0,
      );
      const { level, during, room: named } = JSON.parse(line);
      assert.deepEqual([level, during, named], ["error", event, room]);
      proxy.meet(room, handOn);
      ana.send({ type: "message", content: "after" });
      await bob.next("new_message", ({ content }) => content === "after");
      await ana.confirmed(EARLIER + 2);
      await bob.confirmed(EARLIER + 2);

      const said = [...Array.from({ length: EARLIER }, (_, i) => i + 1), "now", "after"];
      for (const client of [ana, bob]) {
        assert.deepEqual(
          client.all("new_message").map(({ seq, content }) => [seq, content]),
          said.map((content, i) => [i + 1, content]),
        );
        assert.equal(client.socket.readyState, client.socket.OPEN);
      }
      assert.deepEqual([ana.all("error").length, bob.all("error").length], [0, 1]);
      const { body } = await edge.json(`/api/rooms/${room}`);
      assert.deepEqual([body.connections, body.failed], [2, undefined]);
      assert.equal(traps(room).length, 1, "it has trapped again");
    });
  }
});
