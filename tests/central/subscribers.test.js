/**
 * The example subscribers, without AWS. ClickHouse is a recorded server: it keeps what it is sent and
 * answers as ClickHouse's documentation says. The moderator's loop is closed in
 * tests/edge/moderation-subscriber.test.js.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { closeServer, listen } from "../../central/local/server.js";
import { handler as clickhouse } from "../../examples/subscribers/clickhouse.mjs";
import { handler as moderation } from "../../examples/subscribers/moderation.mjs";
import { EPOCH, message } from "./support.js";
import { checkTemplate } from "./template-check.js";

const folder = new URL("../../examples/subscribers/", import.meta.url);

/** @param {Record<string, unknown>[]} records  as in an event */
const queueEvent = (records) => ({
  Records: records.map((record, i) => ({
    messageId: `m-${i}`,
    body: JSON.stringify({
      source: "edgeroom.central",
      "detail-type": "RecordPersisted",
      detail: { v: 1, room: "lobby", epoch: EPOCH, record },
    }),
  })),
});

/** @param {number} seq @param {object} [more] */
function told(seq, more = { content_json: `"content ${seq}"` }) {
  const { content, ...rest } = message(seq);
  return { ...rest, ...more };
}

/** @param {import("node:test").TestContext} t */
async function startClickHouse(t) {
  /** @type {{ query: URLSearchParams, headers: any, rows: any[] }[]} */
  const inserts = [];
  const control = { inserts, failing: false };
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const query = new URL(request.url ?? "", "http://x").searchParams;
    if (control.failing) {
      response.writeHead(500, { "x-clickhouse-exception-code": "242" });
      response.end("Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)\n");
      return;
    }
    const rows = body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    inserts.push({ query, headers: request.headers, rows });
    response.writeHead(200, { "x-clickhouse-summary": `{"written_rows":"${rows.length}"}` });
    response.end();
  });
  const port = await listen(server, 0);
  t.after(() => closeServer(server));
  process.env.CLICKHOUSE_URL = `http://127.0.0.1:${port}/`;
  process.env.CLICKHOUSE_USER = "writer";
  process.env.CLICKHOUSE_PASSWORD = "a-password";
  return control;
}

/** What is left when ReplacingMergeTree has merged. @param {{ rows: any[] }[]} inserts */
function merged(inserts) {
  const rows = new Map();
  for (const row of inserts.flatMap(({ rows: found }) => found)) {
    const key = `${row.room} ${row.epoch} ${row.seq}`;
    if ((rows.get(key)?.version ?? -1) <= row.version) rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => a.seq - b.seq);
}

describe("clickhouse.mjs (a recorded server)", () => {
  test("a batch is one insert, with a row for each record", async (t) => {
    const { inserts } = await startClickHouse(t);
    const ban = { type: "moderation", seq: 3, ts: 1_700_000_000_003, action: "ban", user: "eve" };
    const records = [
      told(1, { id: "c-1", content_json: '{"n":12345678901234567890}' }),
      { type: "delete", seq: 2, ts: 1_700_000_000_002, target: 1, by: "mod" },
      { ...ban, by: "mod", until: 1_700_000_060_003, reason: "spam" },
    ];
    assert.deepEqual(await clickhouse(queueEvent(records)), { batchItemFailures: [] });
    assert.equal(inserts.length, 1);
    const [{ query, headers, rows }] = inserts;
    assert.equal(query.get("query"), "INSERT INTO edgeroom_records FORMAT JSONEachRow");
    assert.match(query.get("insert_deduplication_token") ?? "", /^[0-9a-f]{64}$/);
    assert.equal(headers["x-clickhouse-user"], "writer");
    assert.equal(headers["x-clickhouse-key"], "a-password");
    const none = { room: "lobby", epoch: EPOCH, user: "", id: "", content: "", by: "", target: 0 };
    const rest = { content_omitted: false, deleted: false, action: "", until: null, reason: "" };
    assert.deepEqual(rows, [
      {
        ...none,
        ...rest,
        seq: 1,
        type: "message",
        ts: "2023-11-14 22:13:20.001",
        user: "ana",
        id: "c-1",
        content: '{"n":12345678901234567890}',
        version: 0,
      },
      {
        ...none,
        ...rest,
        seq: 2,
        type: "delete",
        ts: "2023-11-14 22:13:20.002",
        target: 1,
        by: "mod",
        version: 0,
      },
      {
        ...none,
        ...rest,
        seq: 3,
        type: "moderation",
        ts: "2023-11-14 22:13:20.003",
        action: "ban",
        user: "eve",
        by: "mod",
        until: "2023-11-14 22:14:20.003",
        reason: "spam",
        version: 0,
      },
    ]);
    // Each column is there, and nothing that is not.
    const sql = readFileSync(new URL("clickhouse.sql", folder), "utf8");
    const columns = [...sql.matchAll(/^ {4}`?(\w+)`? [A-Z]\w+[^=]*?,?$/gm)].map(
      (match) => match[1],
    );
    assert.deepEqual(columns.sort(), Object.keys(rows[0]).sort());
  });

  test("the same again, in any order and cut otherwise, leaves the same", async (t) => {
    const { inserts } = await startClickHouse(t);
    const records = [1, 2, 3, 4].map((seq) => told(seq));
    await clickhouse(queueEvent(records));
    const once = merged(inserts);
    await clickhouse(queueEvent(records.toReversed()));
    const tokens = inserts.map(({ query }) => query.get("insert_deduplication_token"));
    assert.equal(tokens[0], tokens[1], "the same batch has another token");
    await clickhouse(queueEvent([...records.slice(1, 3), told(5), told(5)]));
    assert.notEqual(inserts[2].query.get("insert_deduplication_token"), tokens[0]);
    assert.equal(inserts[2].rows.length, 3);
    assert.deepEqual(merged(inserts).slice(0, 4), once);
  });

  test("a deleted message stays deleted, in whatever order it is told", async (t) => {
    const whole = told(1);
    const gone = told(1, { deleted: true });
    const judged = told(1, { deleted: true, by: "mod" });
    for (const order of [
      [whole, gone, judged],
      [judged, whole, gone],
      [gone, judged, whole],
    ]) {
      const { inserts } = await startClickHouse(t);
      for (const record of order) await clickhouse(queueEvent([record]));
      await clickhouse(queueEvent(order));
      const [row, ...more] = merged(inserts);
      assert.deepEqual(more, []);
      assert.equal(row.content, "");
      assert.equal(row.deleted, true);
      assert.equal(row.by, "mod");
    }
  });

  test("what ClickHouse refuses comes again, and says why without the content", async (t) => {
    const control = await startClickHouse(t);
    control.failing = true;
    await assert.rejects(clickhouse(queueEvent([told(1)])), (error) => {
      assert.match(String(error), /500.*Code: 242/);
      assert.doesNotMatch(String(error), /content 1|a-password/);
      return true;
    });
    assert.deepEqual(control.inserts, []);
  });

  test("what is no RecordPersisted is put aside, and holds up nothing", async (t) => {
    const { inserts } = await startClickHouse(t);
    const event = queueEvent([told(1), told(2)]);
    event.Records.push({ messageId: "odd", body: '{"detail-type":"Other"}' });
    event.Records.push({ messageId: "cut", body: "{" });
    assert.deepEqual(await clickhouse(event), {
      batchItemFailures: [{ itemIdentifier: "odd" }, { itemIdentifier: "cut" }],
    });
    assert.equal(inserts[0].rows.length, 2);
  });
});

describe("moderation.mjs", () => {
  test("what the room answers: done, or to be tried again", async (t) => {
    /** @type {string[]} */
    const asked = [];
    let status = 200;
    const server = createServer((request, response) => {
      assert.equal(request.headers.authorization, "Bearer a-moderator");
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(status).end("{}");
    });
    const port = await listen(server, 0);
    t.after(() => closeServer(server));
    process.env.EDGEROOM_URL = `http://127.0.0.1:${port}`;
    process.env.MODERATOR_TOKEN = "a-moderator";
    process.env.REFUSED_WORDS = "darn, HECK";
    const bad = told(7, { content_json: '{"parts":[{"text":"oh, Heck!"}]}' });
    for (const [answer, again] of /** @type {[number, boolean][]} */ ([
      [200, false],
      [404, false],
      [409, false],
      [429, true],
      [403, true],
      [503, true],
    ])) {
      status = answer;
      const failures = again ? [{ itemIdentifier: "m-0" }] : [];
      assert.deepEqual(
        await moderation(queueEvent([bad])),
        { batchItemFailures: failures },
        String(answer),
      );
    }
    const path = `/api/rooms/lobby/messages/7?epoch=${EPOCH}&by=moderation`;
    assert.deepEqual(asked, Array(6).fill(`DELETE ${path}`));
    asked.length = 0;
    const good = ['"heckler"', '"fine"', "7", "null", '{"a":["ok"]}'];
    const others = [
      told(9, { deleted: true }),
      { type: "delete", seq: 10, ts: 1, target: 9, by: "heck" },
    ];
    const records = [...good.map((text, i) => told(i + 1, { content_json: text })), ...others];
    assert.deepEqual(await moderation(queueEvent(records)), { batchItemFailures: [] });
    assert.deepEqual(asked, []);
  });
});

test("their template fits the schemas, names what is there, and sets what is read", async () => {
  const { template, findings } = checkTemplate(
    readFileSync(new URL("template.yaml", folder), "utf8"),
  );
  assert.deepEqual(findings, []);
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type !== "AWS::Serverless::Function") continue;
    const [file, name] = Properties.Handler.split(".");
    const module = await import(new URL(`${file}.mjs`, folder).href);
    assert.equal(typeof module[name], "function");
    const source = readFileSync(new URL(`${file}.mjs`, folder), "utf8");
    const read = [...source.matchAll(/setting\("(\w+)"\)/g)].map((match) => match[1]);
    assert.deepEqual(Object.keys(Properties.Environment.Variables).sort(), read.sort());
  }
});
