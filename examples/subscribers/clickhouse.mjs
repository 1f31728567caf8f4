/**
 * Fills the ClickHouse table of clickhouse.sql, one insert for each batch that comes out of the queue.
 *
 *     CLICKHOUSE_URL   its HTTP interface: https://….clickhouse.cloud:8443
 *     CLICKHOUSE_USER, CLICKHOUSE_PASSWORD
 *
 * Idempotent by room, epoch and seq: the same batch again has the same insert_deduplication_token and is
 * dropped; the same record in another batch is another row with the same key, of which one stays.
 */

import { createHash } from "node:crypto";
import { log, parsePersisted, setting } from "./events.mjs";

/**
 * @typedef {import("./events.mjs").Persisted} Persisted
 * @typedef {{ room: string, epoch: string, seq: number, version: number } & Record<string, unknown>} Row
 */

const INSERT = "INSERT INTO edgeroom_records FORMAT JSONEachRow";

/** Below the function's own timeout, so that it is the function that says what went wrong. */
const TIMEOUT_MS = 20_000;

/** Characters of ClickHouse's explanation that are logged: its code and kind, hardly any data. */
const REASON_LENGTH_MAX = 80;

/**
 * @param {import("./events.mjs").QueueEvent} event
 * @returns {Promise<import("./events.mjs").QueueAnswer>}
 */
export async function handler({ Records }) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  const batchItemFailures = [];
  for (const { messageId, body } of Records) {
    try {
      const row = rowOf(parsePersisted(body));
      const key = JSON.stringify([row.room, row.epoch, row.seq]);
      if ((rows.get(key)?.version ?? -1) < row.version) rows.set(key, row);
    } catch (error) {
      log("event not understood", { messageId, reason: String(error) });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  // When it throws, the queue delivers all of them again.
  if (rows.size > 0) await insert(rows);
  return { batchItemFailures };
}

/** @param {Persisted} persisted @returns {Row} */
function rowOf({ room, epoch, record }) {
  return {
    room,
    epoch,
    seq: record.seq,
    type: record.type,
    ts: dateTime(record.ts),
    user: record.user ?? "",
    id: record.id ?? "",
    content: record.content_json ?? "",
    content_omitted: record.content_omitted ?? false,
    deleted: record.deleted ?? false,
    by: record.by ?? "",
    target: record.target ?? 0,
    action: record.action ?? "",
    until: record.until === undefined ? null : dateTime(record.until),
    reason: record.reason ?? "",
    version: record.deleted ? (record.by ? 2 : 1) : 0,
  };
}

/** @param {number} ms @returns {string} as ClickHouse reads it in every version: 2026-11-21 10:00:00.000 */
function dateTime(ms) {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

/** @param {Map<string, Row>} rows */
async function insert(rows) {
  const keys = [...rows].map(([key, { version }]) => `${key}${version}`).sort();
  const token = createHash("sha256").update(keys.join("\n")).digest("hex");
  const url = new URL(setting("CLICKHOUSE_URL"));
  url.searchParams.set("query", INSERT);
  url.searchParams.set("insert_deduplication_token", token);
  // Answered when it is on the disk, and not when it is noted down.
  url.searchParams.set("async_insert", "0");
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "x-clickhouse-user": setting("CLICKHOUSE_USER"),
      "x-clickhouse-key": setting("CLICKHOUSE_PASSWORD"),
    },
    body: [...rows.values()].map((row) => `${JSON.stringify(row)}\n`).join(""),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await answer.text();
  if (answer.ok) return;
  const code = answer.headers.get("x-clickhouse-exception-code") ?? "none";
  log("insert refused", { rows: rows.size, status: answer.status, code });
  throw new Error(`ClickHouse answers ${answer.status}: ${text.slice(0, REASON_LENGTH_MAX)}`);
}
