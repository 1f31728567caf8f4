/** What a room costs DynamoDB, counted by dynalite: units written to each partition key, units read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SHARDS } from "../../central/limits.js";
import { parsePageQuery, readPage } from "../../central/page.js";
import { deletion, EPOCH, message, openStore } from "./support.js";

/** What one partition takes in a second, and so the most that one partition key can be given. */
const PARTITION_WRITE_UNITS_MAX = 1_000;

const ROOM = "busy";

/** @param {number} length */
const content = (length) => JSON.stringify("x".repeat(length));

/**
 * @param {Awaited<ReturnType<typeof openStore>>} opened
 * @param {import("../../central/record.js").LogRecord[]} records
 * @param {number} batchSize
 */
async function storeAll({ store }, records, batchSize) {
  for (let i = 0; i < records.length; i += batchSize) {
    const batch = { room: ROOM, epoch: EPOCH, records: records.slice(i, i + batchSize) };
    for (const { status } of await store.storeBatch(batch)) assert.equal(status, "stored");
  }
}

/** @param {Map<string, number>} units */
const sum = (units) => [...units.values()].reduce((a, b) => a + b, 0);

test("1,000 records of one room, a second's, stay far below what one partition takes", async (t) => {
  const opened = await openStore(t);
  const records = Array.from({ length: 1_000 }, (_, i) => message(i + 1, content(250)));
  await storeAll(opened, records, 100);
  const { writeUnits } = opened.proxy;
  t.diagnostic(`units by key: ${JSON.stringify(Object.fromEntries(writeUnits))}`);
  // A unit a record, and one a batch for HEAD.
  assert.equal(sum(writeUnits), 1_010);
  assert.equal(writeUnits.size, SHARDS + 1);
  const most = Math.max(...writeUnits.values());
  assert.ok(most * 10 < PARTITION_WRITE_UNITS_MAX, `${most} units on one key`);
});

test("10 MiB of one room in records of 64 KiB stay below it as well", async (t) => {
  const opened = await openStore(t);
  const records = Array.from({ length: 160 }, (_, i) => message(i + 1, content(65_534)));
  await storeAll(opened, records, 4);
  const { writeUnits } = opened.proxy;
  t.diagnostic(`units by key: ${JSON.stringify(Object.fromEntries(writeUnits))}`);
  assert.ok(sum(writeUnits) > 10 * PARTITION_WRITE_UNITS_MAX, "too little to prove anything");
  for (const [key, units] of writeUnits) assert.ok(units < PARTITION_WRITE_UNITS_MAX, key);
});

test("every message deleted: two units more each, evenly", async (t) => {
  const opened = await openStore(t);
  await storeAll(
    opened,
    Array.from({ length: 100 }, (_, i) => message(i + 1, content(250))),
    100,
  );
  opened.proxy.writeUnits.clear();
  await storeAll(
    opened,
    Array.from({ length: 100 }, (_, i) => deletion(i + 101, i + 1)),
    100,
  );
  assert.equal(sum(opened.proxy.writeUnits), 201);
});

test("a page of 100 is one query a key, and a unit each", async (t) => {
  const opened = await openStore(t);
  const records = Array.from({ length: 300 }, (_, i) => message(i + 1, content(250)));
  await storeAll(opened, records, 100);
  let queries = 0;
  opened.proxy.fault = ({ operation }) => {
    if (operation === "Query") queries += 1;
    return undefined;
  };
  opened.proxy.readUnits = 0;
  const query = { epoch: EPOCH, before: "251", limit: "100" };
  const page = JSON.parse(await readPage(opened.store, ROOM, parsePageQuery(query)));
  assert.equal(page.messages.length, 100);
  assert.equal(page.messages[0].seq, 151);
  assert.equal(queries, SHARDS);
  assert.equal(opened.proxy.readUnits, SHARDS);
});
