// The SDK over a connection that is cut at every frame boundary there is, and inside every frame, in
// both directions: with a real room and a real central API, nothing is lost, doubled or out of order.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, RoomError } from "../../client/public/client/edgeroom.js";
import { CentralProcess } from "./central-process.js";
import { FrameCable } from "./frame-cable.js";
import { newRoom, STORE_PATIENCE_MS, startEdge } from "./harness.js";

/** @typedef {import("../../client/public/client/edgeroom.js").EdgeRoom} EdgeRoom */
/** @typedef {import("../../client/public/client/edgeroom.js").RoomRecord} RoomRecord */
/** @typedef {import("./frame-cable.js").Cut} Cut */

/** Comes back at once: how long it waits is not what this is about. */
const TIMING = { backoffFloorMs: 1, backoffStartMs: 5, backoffCeilingMs: 20 };

/** Conversations at once: each is mostly waiting. */
const AT_ONCE = 4;

/** What a conversation takes at least, the handshake included: with fewer frames it was none. */
const FRAMES_MIN = { up: 9, down: 9 };

const MODERATOR = "test-moderator";

/** What both are to hear, once and in this order. */
const RECORDS = [
  { seq: 1, type: "message", user: "ana", id: "one" },
  { seq: 2, type: "message", user: "ana", id: "two" },
  { seq: 3, type: "message", user: "ana", id: "three" },
  { seq: 4, type: "message", user: "bo", id: "other" },
  { seq: 5, type: "delete", target: 1 },
  { seq: 6, type: "message", user: "ana", id: "four" },
];

/** What the room is to hold: what was deleted has lost its id. */
const LOG = RECORDS.map((record) => (record.seq === 1 ? { ...record, id: undefined } : record));

/** A record as a client gets it, as the log has it. @param {RoomRecord} record */
function asLogged(record) {
  const { seq } = record;
  if (record.type === "message_deleted") return { seq, type: "delete", target: record.target };
  assert.equal(record.type, "new_message");
  return { seq, type: "message", user: record.user, id: record.id };
}

/** Somebody in the room, who notes all that is told. */
class Visitor {
  /** @type {RoomRecord[]} */
  records = [];
  /** Names of the signals that came. @type {string[]} */
  signals = [];
  /** What must not come, but for one reset: the first welcome. @type {unknown[]} */
  surprises = [];
  resets = 0;

  /** @param {string} url @param {string} name @param {string} user @param {AbortSignal} deadline */
  constructor(url, name, user, deadline) {
    this.deadline = deadline;
    this.room = connect(name, { url, user, token: MODERATOR, timing: TIMING, signal: deadline });
    this.room.on("record", (record) => this.records.push(record));
    this.room.on("signal", ({ name }) => this.signals.push(name));
    this.room.on("reset", () => {
      this.resets += 1;
    });
    for (const type of /** @type {const} */ (["error", "gap", "delayed"])) {
      this.room.on(type, (detail) => this.surprises.push({ type, detail }));
    }
    this.room.on("history", ({ problem }) => {
      if (problem) this.surprises.push(problem);
    });
  }

  /** Resolves when `fits`, which is looked at with each event of this kind. @param {"state" | "record"} type @param {() => boolean} fits */
  async until(type, fits) {
    const { room, deadline } = this;
    if (fits()) return;
    await /** @type {Promise<void>} */ (
      new Promise((resolve, reject) => {
        const stop = room.on(type, () => {
          if (!fits()) return;
          stop();
          resolve();
        });
        deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
      })
    );
  }

  opened() {
    return this.until("state", () => this.room.state === "open");
  }

  /** @param {number} seq */
  has(seq) {
    return this.until("record", () => this.room.seq >= seq);
  }

  /** @param {string} id @param {unknown} [content] */
  publish(id, content = { said: id }) {
    return this.room.publish(content, { id, signal: this.deadline });
  }

  /**
   * Asks until the room has answered: what goes down with its connection has to be asked again.
   * @template T
   * @param {() => Promise<T>} ask
   * @returns {Promise<T>}
   */
  async insist(ask) {
    for (;;) {
      await this.opened();
      try {
        return await ask();
      } catch (error) {
        const isLost = error instanceof RoomError && /connected$/.test(error.code);
        if (!isLost) throw error;
      }
    }
  }

  /** That it is done is all that matters: the answer to the first try may be lost. @param {number} seq */
  async delete(seq) {
    try {
      await this.insist(() => this.room.delete(seq, { signal: this.deadline }));
    } catch (error) {
      if (!(error instanceof RoomError && error.code === "not_found")) throw error;
    }
  }
}

/**
 * What two people do; every promise that the SDK gives is waited for.
 * @param {Visitor} ana
 * @param {Visitor} bo
 */
async function converse(ana, bo) {
  const signal = ana.deadline;
  const one = await ana.publish("one");
  const [two, three] = await Promise.all([ana.publish("two"), ana.publish("three")]);
  const isSignalled = ana.room.signal("typing");
  const other = await bo.publish("other");
  await ana.has(other.seq);
  await ana.delete(one.seq);
  const page = await ana.insist(() => ana.room.history({ signal }));
  assert.deepEqual(
    page.messages.map(({ seq, deleted }) => [seq, deleted ?? false]),
    [
      [1, true],
      [2, false],
      [3, false],
      [4, false],
    ],
  );
  const four = await ana.publish("four");
  const receipts = [one, two, three, other, four];
  assert.deepEqual(
    receipts.map(({ id, seq }) => [id, seq]),
    RECORDS.filter(({ id }) => id !== undefined).map(({ id, seq }) => [id, seq]),
  );
  await Promise.all(receipts.map((receipt) => receipt.confirmed({ signal })));
  await Promise.all([ana.has(four.seq), bo.has(four.seq)]);
  signal.throwIfAborted();
  return { isSignalled };
}

describe("the SDK", { timeout: 240_000 }, () => {
  /** @type {CentralProcess} */
  let store;
  /** @type {Awaited<ReturnType<typeof startEdge>>} */
  let edge;
  /** Ends the conversations that go on when one has failed. */
  const over = new AbortController();
  before(async () => {
    store = await CentralProcess.start();
    edge = await startEdge({ centralUrl: store.url, withoutPages: true });
  });
  after(async () => {
    over.abort();
    await edge.close();
    await store.kill();
  });

  /** @param {string} room @returns {Promise<object[]>} its log, as far as clients can know it */
  async function readLog(room) {
    const headers = { authorization: `Bearer ${MODERATOR}` };
    const lines = (await (await edge.fetch(`/api/rooms/${room}/log`, { headers })).text()).split(
      "\n",
    );
    const records = lines.filter(Boolean).map((line) => JSON.parse(line));
    assert.equal(records.pop().type, "end");
    assert.equal(records.shift().type, "log");
    return records.map(({ seq, type, user, id, target }) => {
      if (type === "delete") return { seq, type, target };
      return { seq, type, user, id };
    });
  }

  /** A whole conversation in a room of its own. @param {Cut} [cut] */
  async function play(cut) {
    const cable = await FrameCable.lay(edge.url, cut);
    const name = newRoom();
    const deadline = AbortSignal.any([over.signal, AbortSignal.timeout(STORE_PATIENCE_MS)]);
    const bo = new Visitor(edge.url, name, "bo", deadline);
    await bo.opened();
    const ana = new Visitor(cable.url, name, "ana", deadline);
    try {
      const { isSignalled } = await converse(ana, bo);
      assert.deepEqual(await readLog(name), LOG);
      for (const { records, surprises, resets } of [ana, bo]) {
        assert.deepEqual(records.map(asLogged), RECORDS);
        assert.deepEqual([surprises, resets], [[], 1]);
      }
      const signalsMin = isSignalled && !cable.hasCut ? 1 : 0;
      assert.ok(bo.signals.length >= signalsMin && bo.signals.length <= 1, String(bo.signals));
      assert.equal(ana.room.pending, 0);
      const { body } = await edge.json(`/api/rooms/${name}`);
      assert.equal(body.confirmed, RECORDS.length);
    } catch (error) {
      throw new Error(`${JSON.stringify(cut)} in ${name}`, { cause: error });
    } finally {
      ana.room.close();
      bo.room.close();
      await cable.close();
    }
    return cable;
  }

  it("has a conversation over a whole connection", async () => {
    const { passed } = await play();
    assert.ok(passed.up >= FRAMES_MIN.up, `${passed.up} frames went up`);
    assert.ok(passed.down >= FRAMES_MIN.down, `${passed.down} frames came down`);
  });

  for (const direction of /** @type {const} */ (["up", "down"])) {
    for (const isInside of [false, true]) {
      const where = isInside ? "inside" : "behind";
      it(`has it over one that is cut ${where} any frame ${direction}`, async (test) => {
        let frames = 0;
        let cuts = 0;
        const cutOn = async () => {
          for (;;) {
            const cable = await play({ direction, frame: frames++, isInside });
            // The conversation was over before so many frames had come.
            if (!cable.hasCut) return;
            cuts += 1;
          }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, cutOn));
        test.diagnostic(`cut ${where} ${cuts} frames`);
        assert.ok(cuts >= FRAMES_MIN[direction], `only ${cuts} cuts`);
      });
    }
  }
});
