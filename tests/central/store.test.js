import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PAGE_CONTENT_UNITS_MAX } from "../../central/limits.js";
import { parsePageQuery, readPage } from "../../central/page.js";
import { recordKey } from "../../central/table.js";
import {
  deletedMessage,
  deletion,
  EPOCH,
  fileScope,
  message,
  moderation,
  openStore,
} from "./support.js";

/**
 * @typedef {import("../../central/record.js").LogRecord} LogRecord
 * @typedef {Awaited<ReturnType<typeof openStore>>} Opened
 */

/** One database for all tests of this file; each test has rooms of its own. */
/** @type {Opened} */
let opened;
const scope = fileScope();

before(async () => {
  opened = await openStore(scope);
});
after(scope.close);

/** @param {string} room @param {LogRecord[]} records @param {string} [epoch] */
async function statuses(room, records, epoch = EPOCH) {
  const results = await opened.store.storeBatch({ room, epoch, records });
  assert.deepEqual(
    results.map(({ seq }) => seq),
    records.map(({ seq }) => seq),
  );
  return results.map(({ status, code }) => (code ? `${status} ${code}` : status));
}

/** @param {string} room @param {Record<string, string>} [query] */
async function read(room, query = {}) {
  return JSON.parse(await readPage(opened.store, room, parsePageQuery(query)));
}

/** @param {string} room @param {Record<string, string>} [query] */
async function readSeqs(room, query = {}) {
  const { messages, more } = await read(room, query);
  return { seqs: messages.map((/** @type {{ seq: number }} */ { seq }) => seq), more };
}

/**
 * Eight at a time: when all go at once, on a busy machine, some wait longer than the store is waited
 * for, and are told to try again.
 * @template T
 * @param {T[]} items @param {(item: T, index: number) => Promise<void>} work
 */
async function inGroups(items, work) {
  const size = 8;
  for (let i = 0; i < items.length; i += size) {
    await Promise.all(items.slice(i, i + size).map((item, j) => work(item, i + j)));
  }
}

describe("writing", () => {
  test("stored, duplicate and conflict of every kind of record", async () => {
    const records = [message(1), deletion(2, 1), moderation(3), message(4, "1e400", { id: "c-4" })];
    assert.deepEqual(await statuses("kinds", records), ["stored", "stored", "stored", "stored"]);
    const again = [message(1), deletion(2, 1), moderation(3), message(4, "1e400", { id: "c-4" })];
    assert.deepEqual(await statuses("kinds", again), [
      "duplicate",
      "duplicate",
      "duplicate",
      "duplicate",
    ]);
    const others = [
      { ...message(1), user: "someone else" },
      deletion(2, 1, "another mod"),
      { ...moderation(3), action: "mute" },
      message(4, "1e401", { id: "c-4" }),
    ];
    assert.deepEqual(await statuses("kinds", others), Array(4).fill("rejected CONFLICT"));
    assert.deepEqual(await statuses("kinds", others, "02-second"), Array(4).fill("stored"));
  });

  test("another kind of record at the same seq is a conflict, and nothing is deleted for it", async () => {
    await statuses("mixed", [message(1), message(2), moderation(3)]);
    assert.deepEqual(await statuses("mixed", [deletion(2, 1)]), ["rejected CONFLICT"]);
    assert.deepEqual(await statuses("mixed", [deletedMessage(3)]), ["rejected CONFLICT"]);
    assert.deepEqual(await statuses("mixed", [moderation(1)]), ["rejected CONFLICT"]);
    const { messages } = await read("mixed");
    assert.deepEqual(
      messages.map((/** @type {any} */ { seq, content }) => [seq, content]),
      [
        [1, "content 1"],
        [2, "content 2"],
      ],
    );
  });

  test("a deletion whose target is no message leaves that alone", async () => {
    await statuses("no-message", [moderation(1), deletion(2, 1)]);
    assert.deepEqual(await statuses("no-message", [moderation(1)]), ["duplicate"]);
  });

  test("the first deletion of a message is the one that is told", async () => {
    for (const [room, order] of Object.entries({ up: [2, 3], down: [3, 2] })) {
      await statuses(room, [message(1)]);
      for (const seq of order) await statuses(room, [deletion(seq, 1, `mod-${seq}`)]);
      assert.equal((await read(room)).messages[0].by, "mod-2", room);
    }
  });

  test("a late original that differs in who or when is a conflict", async () => {
    await statuses("differs", [message(1), deletion(2, 1)]);
    assert.deepEqual(await statuses("differs", [{ ...message(1), ts: 1 }]), ["rejected CONFLICT"]);
    assert.deepEqual(await statuses("differs", [{ ...message(1), user: "x" }]), [
      "rejected CONFLICT",
    ]);
    assert.deepEqual(await statuses("differs", [message(1)]), ["duplicate"]);
  });

  test("a hundred records in a batch, each once", async () => {
    const records = Array.from({ length: 100 }, (_, i) => message(i + 1));
    assert.deepEqual(new Set(await statuses("hundred", records)), new Set(["stored"]));
    const { seqs, more } = await readSeqs("hundred", { limit: "100" });
    assert.deepEqual(
      seqs,
      records.map(({ seq }) => seq),
    );
    assert.equal(more, false);
  });

  test("the same batch from four senders at once: each record stored by exactly one", async () => {
    const records = Array.from({ length: 20 }, (_, i) => message(i + 1));
    const all = await Promise.all([1, 2, 3, 4].map(() => statuses("senders", records)));
    for (const index of records.keys()) {
      const column = all.map((results) => results[index]).sort();
      assert.deepEqual(column, ["duplicate", "duplicate", "duplicate", "stored"]);
    }
  });
});

/**
 * The deliveries of one message in every order: O its original, T its deleted form, D the record that
 * deletes it.
 */
describe("deleting", () => {
  /** @type {Record<string, LogRecord>} */
  const deliveries = {
    O: message(1, '"secret"', { id: "c-1" }),
    T: deletedMessage(1),
    D: deletion(2, 1),
  };

  /** @param {number} length @returns {string[]} */
  const sequences = (length) =>
    length === 0
      ? [""]
      : sequences(length - 1).flatMap((head) => ["O", "T", "D"].map((x) => head + x));

  /** What must be there after `history`. @param {string} history */
  function expectedMessages(history) {
    if (!/[OT]/.test(history)) return [];
    const { seq, ts, user } = message(1);
    if (!/[TD]/.test(history)) return [{ seq, ts, user, id: "c-1", content: "secret" }];
    const deleted = { seq, ts, user, deleted: true };
    return [history.includes("D") ? { ...deleted, by: "mod" } : deleted];
  }

  /**
   * What the item holds that the content could be told from: the id too, and the hash, for a short
   * content could be guessed.
   *
   * @param {string} room
   */
  async function contentAttributes(room) {
    const item = await opened.item(recordKey(room, EPOCH, 1));
    const names = Object.keys(item ?? {}).sort();
    return names.filter((name) => ["content", "id", "h"].includes(name));
  }

  /** @param {string} history */
  function expectedAttributes(history) {
    return /^O+$/.test(history) ? ["content", "h", "id"] : [];
  }

  /** @param {string} history @param {string} next */
  function expectedStatus(history, next) {
    if (next === "D") return history.includes("D") ? "duplicate" : "stored";
    if (!/[OT]/.test(history)) return "stored";
    // The first deleted form to reach a message that still has its content changes it.
    return next === "T" && !/[TD]/.test(history) ? "stored" : "duplicate";
  }

  test("in every order of up to four deliveries the content goes and stays gone", async () => {
    const orders = [1, 2, 3, 4].flatMap(sequences);
    await inGroups(orders, async (order) => {
      const room = `order-${order}`;
      const history = order.slice(0, -1);
      const last = order.slice(-1);
      // Shorter orders are among the orders, so only the end of each has to be looked at.
      for (const name of history) await statuses(room, [deliveries[name]]);
      const what = `${last} after ${history || "nothing"}`;
      const status = await statuses(room, [deliveries[last]]);
      assert.deepEqual(status, [expectedStatus(history, last)], what);
      const { messages } = await read(room, { epoch: EPOCH });
      assert.deepEqual(messages, expectedMessages(order), what);
      assert.deepEqual(await contentAttributes(room), expectedAttributes(order), what);
    });
  });

  test("all at once, many times, the content goes as well", async () => {
    const rooms = Array.from({ length: 40 }, (_, i) => `at-once-${i}`);
    await inGroups(rooms, async (room, i) => {
      const order = ["OTD", "DTO", "ODO", "OOD", "TOD", "DOT"][i % 6];
      const results = await Promise.all(
        [...order].map((name) => statuses(room, [deliveries[name]])),
      );
      for (const status of results.flat()) assert.match(status, /^(stored|duplicate)$/);
      const { messages } = await read(room, { epoch: EPOCH });
      assert.deepEqual(messages, expectedMessages(order), `${order} at once`);
    });
  });

  test("a message and its deletion in one batch", async () => {
    assert.deepEqual(await statuses("one-batch", [deliveries.O, deliveries.D]), [
      "stored",
      "stored",
    ]);
    assert.deepEqual((await read("one-batch", { epoch: EPOCH })).messages, expectedMessages("OD"));
  });
});

describe("HEAD", () => {
  test("moves forward only, over epochs too", async () => {
    const { store } = opened;
    assert.equal(await store.head("head"), undefined);
    await statuses("head", [message(5), message(9)]);
    assert.deepEqual(await store.head("head"), { epoch: EPOCH, seq: 9 });
    await statuses("head", [message(6)]);
    assert.deepEqual(await store.head("head"), { epoch: EPOCH, seq: 9 });
    await statuses("head", [message(1)], "02-second");
    assert.deepEqual(await store.head("head"), { epoch: "02-second", seq: 1 });
    await statuses("head", [message(99)]);
    assert.deepEqual(await store.head("head"), { epoch: "02-second", seq: 1 });
  });

  test("ends at the furthest of concurrent batches", async () => {
    const batches = Array.from({ length: 24 }, (_, i) => [message(i * 2 + 1), message(i * 2 + 2)]);
    const shuffled = batches.map((records, i) => ({ records, rank: (i * 7) % 24 }));
    shuffled.sort((a, b) => a.rank - b.rank);
    await Promise.all(shuffled.map(({ records }) => statuses("head-race", records)));
    assert.deepEqual(await opened.store.head("head-race"), { epoch: EPOCH, seq: 48 });
  });

  test("is not moved by a record that was not stored", async (t) => {
    const { store, proxy } = await openStore(t);
    proxy.fault = ({ body }) => (/#0+2$/.test(body.Item?.sk?.S ?? "") ? "throttle" : undefined);
    const batch = { room: "r", epoch: EPOCH, records: [message(1), message(2)] };
    await store.storeBatch(batch);
    assert.deepEqual(await store.head("r"), { epoch: EPOCH, seq: 1 });
    proxy.fault = () => "throttle";
    await store.storeBatch({ ...batch, room: "none" });
    proxy.fault = () => undefined;
    assert.equal(await store.head("none"), undefined);
  });
});

describe("reading", () => {
  before(async () => {
    const records = Array.from({ length: 12 }, (_, i) =>
      [3, 6, 7].includes(i + 1) ? moderation(i + 1) : message(i + 1),
    );
    // Messages: 1 2 4 5 8 9 10 11 12.
    await statuses("pages", records);
    await statuses("pages", [message(1), message(2), message(3)], "02-second");
  });

  /** @type {[string, Record<string, string>, number[], boolean][]} */
  const pages = [
    ["no bound: the newest", { epoch: EPOCH, limit: "4" }, [9, 10, 11, 12], true],
    ["no bound, room enough", { epoch: EPOCH, limit: "9" }, [1, 2, 4, 5, 8, 9, 10, 11, 12], false],
    ["one less than there are", { epoch: EPOCH, limit: "8" }, [2, 4, 5, 8, 9, 10, 11, 12], true],
    ["after the beginning", { epoch: EPOCH, after: "0", limit: "3" }, [1, 2, 4], true],
    ["after is exclusive", { epoch: EPOCH, after: "4", limit: "3" }, [5, 8, 9], true],
    ["after, up to the end", { epoch: EPOCH, after: "9", limit: "3" }, [10, 11, 12], false],
    ["after the last", { epoch: EPOCH, after: "12" }, [], false],
    ["after the last seq possible", { epoch: EPOCH, after: "999999999999999" }, [], false],
    ["before is exclusive", { epoch: EPOCH, before: "9", limit: "3" }, [4, 5, 8], true],
    ["before, to the beginning", { epoch: EPOCH, before: "5", limit: "3" }, [1, 2, 4], false],
    ["before the first", { epoch: EPOCH, before: "1" }, [], false],
    ["before 0", { epoch: EPOCH, before: "0" }, [], false],
    ["an epoch that is not there", { epoch: "00-none" }, [], false],
    ["all epochs", {}, [1, 2, 4, 5, 8, 9, 10, 11, 12, 1, 2, 3], false],
    ["all epochs, the newest", { limit: "5" }, [11, 12, 1, 2, 3], true],
    ["all epochs, after in the newest", { after: "1" }, [2, 3], false],
    ["all epochs, before in the newest", { before: "2", limit: "3" }, [11, 12, 1], true],
    ["all epochs, before the newest", { before: "0", limit: "2" }, [11, 12], true],
  ];
  for (const [what, query, seqs, more] of pages) {
    test(what, async () => assert.deepEqual(await readSeqs("pages", query), { seqs, more }));
  }

  test("the answer's shape with and without an epoch", async () => {
    const { ts, user } = message(2);
    assert.deepEqual(await read("pages", { epoch: EPOCH, after: "1", limit: "1" }), {
      v: 1,
      room: "pages",
      epoch: EPOCH,
      messages: [{ seq: 2, ts, user, content: "content 2" }],
      more: true,
    });
    assert.deepEqual(await read("pages", { after: "2" }), {
      v: 1,
      room: "pages",
      epoch: "02-second",
      messages: [{ epoch: "02-second", seq: 3, ts: ts + 1, user, content: "content 3" }],
      more: false,
    });
    assert.deepEqual(await read("never-used"), {
      v: 1,
      room: "never-used",
      epoch: null,
      messages: [],
      more: false,
    });
  });

  test("many records of other kinds between two messages", async () => {
    const other = Array.from({ length: 100 }, (_, i) => moderation(i + 2));
    await statuses("sparse", [message(1)]);
    await statuses("sparse", other);
    await statuses(
      "sparse",
      other.map(({ seq }) => moderation(seq + 100)),
    );
    await statuses("sparse", [message(300)]);
    assert.deepEqual(await readSeqs("sparse", { limit: "1" }), { seqs: [300], more: true });
    assert.deepEqual(await readSeqs("sparse", { limit: "2" }), { seqs: [1, 300], more: false });
  });

  test("all epochs: those at both ends of the alphabet too", async () => {
    const epochs = ["-", "0", "Z", "zz", "~~"];
    for (const epoch of epochs) await statuses("alphabet", [message(1)], epoch);
    const { messages, epoch } = await read("alphabet");
    assert.deepEqual(
      messages.map((/** @type {{ epoch: string }} */ item) => item.epoch),
      epochs,
    );
    assert.equal(epoch, "~~");
  });

  test("paging back and forth sees every message once", async () => {
    for (const limit of ["1", "2", "4"]) {
      /** @type {number[]} */
      const forth = [];
      let page = await readSeqs("pages", { epoch: EPOCH, after: "0", limit });
      for (forth.push(...page.seqs); page.more; forth.push(...page.seqs)) {
        page = await readSeqs("pages", { epoch: EPOCH, after: String(forth.at(-1)), limit });
      }
      /** @type {number[]} */
      const back = [];
      page = await readSeqs("pages", { epoch: EPOCH, limit });
      for (back.unshift(...page.seqs); page.more; back.unshift(...page.seqs)) {
        page = await readSeqs("pages", { epoch: EPOCH, before: String(back[0]), limit });
      }
      assert.deepEqual(forth, [1, 2, 4, 5, 8, 9, 10, 11, 12]);
      assert.deepEqual(back, forth);
    }
  });

  test("pages of every size meet without a seam, gaps in the seqs and two epochs or not", async () => {
    // Some shards hold many, some none, and the second epoch begins in mid-page.
    const seqs = Array.from({ length: 260 }, (_, i) => i + 1).filter(
      (seq) => seq % 16 !== 5 && (seq < 60 || seq > 130) && seq % 7 !== 0,
    );
    for (let i = 0; i < seqs.length; i += 100) {
      await statuses(
        "seams",
        seqs.slice(i, i + 100).map((seq) => message(seq)),
      );
    }
    await statuses(
      "seams",
      [1, 2, 3].map((seq) => message(seq)),
      "02-second",
    );
    for (const limit of ["7", "37", "100"]) {
      /** @type {number[]} */
      const forth = [];
      let page = await readSeqs("seams", { epoch: EPOCH, after: "0", limit });
      for (forth.push(...page.seqs); page.more; forth.push(...page.seqs)) {
        page = await readSeqs("seams", { epoch: EPOCH, after: String(forth.at(-1)), limit });
      }
      assert.deepEqual(forth, seqs, `forth by ${limit}`);
      /** @type {number[]} */
      const back = [];
      page = await readSeqs("seams", { epoch: EPOCH, limit });
      for (back.unshift(...page.seqs); page.more; back.unshift(...page.seqs)) {
        page = await readSeqs("seams", { epoch: EPOCH, before: String(back[0]), limit });
      }
      assert.deepEqual(back, seqs, `back by ${limit}`);
    }
    const newest = await readSeqs("seams", { limit: "100" });
    assert.deepEqual(newest, { seqs: [...seqs.slice(-97), 1, 2, 3], more: true });
  });

  test("a room whose messages all fall on one partition key", async () => {
    const seqs = Array.from({ length: 30 }, (_, i) => (i + 1) * 16);
    await statuses(
      "one-key",
      seqs.map((seq) => message(seq)),
    );
    assert.deepEqual(await readSeqs("one-key", { epoch: EPOCH, after: "0", limit: "20" }), {
      seqs: seqs.slice(0, 20),
      more: true,
    });
    assert.deepEqual(await readSeqs("one-key", { limit: "30" }), { seqs, more: false });
  });

  test("a record ends after the days that it is to be kept", async (t) => {
    const { store, items } = await openStore(t, { retentionDays: 30 });
    const records = [message(1), deletion(3, 2)];
    await store.storeBatch({ room: "r", epoch: EPOCH, records });
    // What is received later does not keep the item any longer.
    await store.storeBatch({ room: "r", epoch: EPOCH, records: [deletedMessage(1)] });
    const kept = (await items()).filter(({ sk }) => sk !== "HEAD");
    assert.equal(kept.length, 3);
    for (const { ttl } of kept) assert.equal(ttl, 1 + 30 * 24 * 60 * 60);
  });

  test("a page too large for one answer is cut and says so", async () => {
    const content = JSON.stringify("x".repeat(200_000));
    const fitting = Math.floor(PAGE_CONTENT_UNITS_MAX / content.length);
    const count = fitting + 2;
    for (let seq = 1; seq <= count; seq += 1) await statuses("large", [message(seq, content)]);
    const newest = await readSeqs("large");
    assert.deepEqual(newest, {
      seqs: Array.from({ length: fitting }, (_, i) => count - fitting + 1 + i),
      more: true,
    });
    const oldest = await readSeqs("large", { after: "0" });
    assert.deepEqual(oldest, {
      seqs: Array.from({ length: fitting }, (_, i) => i + 1),
      more: true,
    });
  });
});

describe("when DynamoDB fails", () => {
  test("throttled records are to be tried again, the others are stored", async (t) => {
    const { store, proxy, logger } = await openStore(t);
    proxy.fault = ({ body }) => (/#0+2$/.test(body.Item?.sk?.S ?? "") ? "throttle" : undefined);
    const records = [message(1), message(2), message(3)];
    const results = await store.storeBatch({ room: "r", epoch: EPOCH, records });
    assert.deepEqual(results, [
      { seq: 1, status: "stored" },
      { seq: 2, status: "retry", code: "THROTTLED" },
      { seq: 3, status: "stored" },
    ]);
    assert.equal(logger.lines.length, 1);
    assert.equal(logger.lines[0].fields?.code, "THROTTLED");
    proxy.fault = () => undefined;
    const again = await store.storeBatch({ room: "r", epoch: EPOCH, records });
    assert.deepEqual(
      again.map(({ status }) => status),
      ["duplicate", "stored", "duplicate"],
    );
  });

  test("a deletion is not done before the content is gone", async (t) => {
    const { store, proxy } = await openStore(t);
    await store.storeBatch({ room: "r", epoch: EPOCH, records: [message(1)] });
    proxy.fault = ({ operation, body }) =>
      operation === "UpdateItem" && body.Key.sk.S !== "HEAD" ? "reset" : undefined;
    const batch = { room: "r", epoch: EPOCH, records: [deletion(2, 1)] };
    assert.deepEqual(await store.storeBatch(batch), [
      { seq: 2, status: "retry", code: "UNAVAILABLE" },
    ]);
    proxy.fault = () => undefined;
    assert.deepEqual(await store.storeBatch(batch), [{ seq: 2, status: "duplicate" }]);
    const page = JSON.parse(await readPage(store, "r", parsePageQuery({})));
    assert.equal(page.messages[0].deleted, true);
  });

  test("the furthest record is not done before HEAD has moved", async (t) => {
    const { store, proxy } = await openStore(t);
    proxy.fault = ({ body }) => (body.Key?.sk.S === "HEAD" ? "throttle" : undefined);
    const batch = { room: "r", epoch: EPOCH, records: [message(1), message(2)] };
    assert.deepEqual(await store.storeBatch(batch), [
      { seq: 1, status: "stored" },
      { seq: 2, status: "retry", code: "THROTTLED" },
    ]);
    proxy.fault = () => undefined;
    assert.deepEqual(await store.storeBatch(batch), [
      { seq: 1, status: "duplicate" },
      { seq: 2, status: "duplicate" },
    ]);
    assert.deepEqual(await store.head("r"), { epoch: EPOCH, seq: 2 });
  });

  test("a write that hangs is given up at the deadline", async (t) => {
    const { store, proxy } = await openStore(t, { deadlineMs: 300 });
    proxy.fault = ({ body }) => (/#0+2$/.test(body.Item?.sk?.S ?? "") ? "hang" : undefined);
    const startMs = performance.now();
    const records = [message(1), message(2)];
    const results = await store.storeBatch({ room: "r", epoch: EPOCH, records });
    const tookMs = performance.now() - startMs;
    assert.deepEqual(results, [
      { seq: 1, status: "stored" },
      { seq: 2, status: "retry", code: "UNAVAILABLE" },
    ]);
    assert.ok(tookMs < 2_500, `took ${tookMs} ms`);
  });

  test("an item above the item limit is refused for good", async (t) => {
    const { store } = await openStore(t, { itemKilobytesMax: 2 });
    const records = [message(1), message(2, JSON.stringify("x".repeat(3_000))), message(3)];
    assert.deepEqual(await store.storeBatch({ room: "r", epoch: EPOCH, records }), [
      { seq: 1, status: "stored" },
      { seq: 2, status: "rejected", code: "TOO_LARGE" },
      { seq: 3, status: "stored" },
    ]);
  });
});
