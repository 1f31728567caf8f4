/**
 * What the stream's function makes of the table's changes. DynamoDB's stream and EventBridge are not
 * here: the changes are made of what the store really writes, before and after, in the stream's form,
 * and EventBridge is a server that answers as recorded.
 */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { EVENT_BYTES_MAX } from "../../central/limits.js";
import { closeServer, listen } from "../../central/local/server.js";
import {
  deletedMessage,
  deletion,
  EPOCH,
  message,
  moderation,
  openStore,
  startLambda,
} from "./support.js";

/** @typedef {import("../../central/record.js").LogRecord} LogRecord */

/** @param {any} value */
const attribute = (value) =>
  typeof value === "number"
    ? { N: String(value) }
    : typeof value === "boolean"
      ? { BOOL: value }
      : { S: value };

/** @param {Record<string, any> | undefined} item */
const image = (item) =>
  item && Object.fromEntries(Object.entries(item).map(([name, value]) => [name, attribute(value)]));

/** An EventBridge that keeps what it is sent. @param {import("node:test").TestContext} t */
async function startBus(t) {
  /** @type {{ requests: any[][], fails: (entry: any) => boolean, down: boolean }} */
  const bus = { requests: [], fails: () => false, down: false };
  const server = createServer(async (request, response) => {
    assert.equal(request.headers["x-amz-target"], "AWSEvents.PutEvents");
    const { Entries } = JSON.parse(await text(request));
    bus.requests.push(Entries);
    response.writeHead(bus.down ? 400 : 200, { "content-type": "application/x-amz-json-1.1" });
    if (bus.down) return response.end('{"__type":"LimitExceededException","message":"no"}');
    const answers = Entries.map((/** @type {any} */ entry, /** @type {number} */ i) =>
      bus.fails(entry)
        ? { ErrorCode: "InternalFailure", ErrorMessage: "x" }
        : { EventId: `e-${i}` },
    );
    const failed = answers.filter((/** @type {any} */ { ErrorCode }) => ErrorCode).length;
    return response.end(JSON.stringify({ FailedEntryCount: failed, Entries: answers }));
  });
  const port = await listen(server, 0);
  t.after(() => closeServer(server));
  return Object.assign(bus, {
    endpoint: `http://127.0.0.1:${port}`,
    details: () => bus.requests.flat().map(({ Detail }) => JSON.parse(Detail)),
  });
}

/** @param {import("node:test").TestContext} t */
async function open(t) {
  const { store, items } = await openStore(t);
  const bus = await startBus(t);
  const lambda = startLambda(t, "stream.js", {
    EVENT_BUS_NAME: "a-bus",
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.endpoint,
  });
  let sequence = 0;
  /** What the store does to the table, as the stream tells it. @param {() => Promise<unknown>} write */
  const changes = async (write) => {
    const key = (/** @type {Record<string, any>} */ { pk, sk }) => `${pk} ${sk}`;
    const before = new Map((await items()).map((item) => [key(item), item]));
    await write();
    const after = await items();
    const changed = after.filter(
      (item) => JSON.stringify(item) !== JSON.stringify(before.get(key(item))),
    );
    changed.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
    return changed.map((item) => ({
      eventName: before.has(key(item)) ? "MODIFY" : "INSERT",
      dynamodb: {
        SequenceNumber: String(++sequence),
        NewImage: image(item),
        OldImage: image(before.get(key(item))),
      },
    }));
  };
  /** @param {LogRecord[]} records */
  const stored = (records) =>
    changes(() => store.storeBatch({ room: "lobby", epoch: EPOCH, records }));
  return { bus, lambda, stored };
}

test("a record of each kind is told of once, with its content as text", async (t) => {
  const { bus, lambda, stored } = await open(t);
  const content = '{"n":12345678901234567890, "e":1e400}';
  const Records = await stored([
    message(1, content, { id: "c-1" }),
    moderation(2),
    message(3, "null"),
  ]);
  assert.deepEqual(await lambda.invoke({ Records }), { batchItemFailures: [] });
  const [entry] = bus.requests[0];
  assert.equal(entry.EventBusName, "a-bus");
  assert.equal(entry.Source, "edgeroom.central");
  assert.equal(entry.DetailType, "RecordPersisted");
  const { content: _, ...first } = message(1, content, { id: "c-1" });
  const { content: __, ...third } = message(3);
  const head = { v: 1, room: "lobby", epoch: EPOCH };
  assert.deepEqual(bus.details(), [
    { ...head, record: { ...first, content_json: content } },
    { ...head, record: moderation(2) },
    { ...head, record: { ...third, content_json: "null" } },
  ]);
});

test("a deletion is told of, and the message again without its content", async (t) => {
  const { bus, lambda, stored } = await open(t);
  await stored([message(1)]);
  await lambda.invoke({ Records: await stored([deletion(2, 1)]) });
  const { content: _, ...gone } = message(1);
  assert.deepEqual(
    bus.details().map(({ record }) => record),
    [{ ...gone, deleted: true, by: "mod" }, deletion(2, 1)],
  );
  // A second delivery changes nothing, so there is nothing to tell.
  assert.deepEqual(await stored([deletion(2, 1), message(1)]), []);
});

test("a deletion before its message: nothing of the message until it comes, and then no content", async (t) => {
  const { bus, lambda, stored } = await open(t);
  await lambda.invoke({ Records: await stored([deletion(2, 1)]) });
  assert.deepEqual(
    bus.details().map(({ record }) => record),
    [deletion(2, 1)],
  );
  await lambda.invoke({ Records: await stored([message(1)]) });
  const { content: _, ...gone } = message(1);
  assert.deepEqual(bus.details()[1].record, { ...gone, deleted: true, by: "mod" });
});

test("a message deleted before it was forwarded", async (t) => {
  const { bus, lambda, stored } = await open(t);
  await lambda.invoke({ Records: await stored([deletedMessage(1)]) });
  assert.deepEqual(bus.details()[0].record, deletedMessage(1));
});

test("a message deleted after it was stored, before its deletion has come", async (t) => {
  const { bus, lambda, stored } = await open(t);
  await stored([message(1)]);
  await lambda.invoke({ Records: await stored([deletedMessage(1)]) });
  await lambda.invoke({ Records: await stored([deletion(2, 1)]) });
  assert.deepEqual(
    bus.details().map(({ record }) => record),
    [deletedMessage(1), { ...deletedMessage(1), by: "mod" }, deletion(2, 1)],
  );
});

test("what ends by its time, and HEAD, are not told of", async (t) => {
  const { bus, lambda, stored } = await open(t);
  const [head, record] = await stored([message(1)]);
  assert.equal(head.dynamodb.NewImage?.sk.S, "HEAD");
  const removed = { eventName: "REMOVE", dynamodb: { ...record.dynamodb, NewImage: undefined } };
  assert.deepEqual(await lambda.invoke({ Records: [head, removed] }), { batchItemFailures: [] });
  assert.deepEqual(bus.requests, []);
});

test("requests of ten events and 256 KB at most; content beyond that stays in the table", async (t) => {
  const { bus, lambda, stored } = await open(t);
  const large = JSON.stringify("x".repeat(100_000));
  const huge = JSON.stringify("x".repeat(EVENT_BYTES_MAX));
  const records = Array.from({ length: 25 }, (_, i) => message(i + 1));
  const Records = [
    ...(await stored(records)),
    ...(await stored([message(26, large), message(27, large), message(28, large)])),
    ...(await stored([message(29, huge)])),
  ];
  await lambda.invoke({ Records });
  assert.deepEqual(
    bus.details().map(({ record }) => record.seq),
    Array.from({ length: 29 }, (_, i) => i + 1),
  );
  for (const entries of bus.requests) {
    assert.ok(entries.length <= 10);
    const bytes = entries.map((entry) => Buffer.byteLength(entry.Detail) + 100);
    assert.ok(bytes.reduce((a, b) => a + b) < 256 * 1024);
  }
  const last = bus.details()[28].record;
  assert.equal(last.content_omitted, true);
  assert.equal(last.content_json, undefined);
});

test("the first event that is not taken, and all after it, are delivered again", async (t) => {
  const { bus, lambda, stored } = await open(t);
  const Records = await stored(Array.from({ length: 15 }, (_, i) => message(i + 1)));
  const numberOf = (/** @type {number} */ seq) =>
    Records.find(({ dynamodb }) => dynamodb.NewImage?.seq?.N === String(seq) && dynamodb.NewImage.t)
      ?.dynamodb.SequenceNumber;
  bus.fails = ({ Detail }) => JSON.parse(Detail).record.seq === 13;
  const failed = { batchItemFailures: [{ itemIdentifier: numberOf(13) }] };
  assert.deepEqual(await lambda.invoke({ Records }), failed);
  bus.fails = () => false;
  bus.requests.length = 0;
  const again = Records.slice(
    Records.findIndex(({ dynamodb: d }) => d.SequenceNumber === numberOf(13)),
  );
  assert.deepEqual(await lambda.invoke({ Records: again }), { batchItemFailures: [] });
  assert.deepEqual(
    bus.details().map(({ record }) => record.seq),
    [13, 14, 15],
  );
  bus.down = true;
  const down = await lambda.invoke({ Records });
  assert.deepEqual(down, { batchItemFailures: [{ itemIdentifier: numberOf(1) }] });
  await lambda.end();
  assert.match(lambda.output.stderr, /LimitExceededException/);
  assert.doesNotMatch(lambda.output.stdout + lambda.output.stderr, /content 1/);
});
