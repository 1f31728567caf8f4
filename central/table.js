/**
 * The one DynamoDB table: its keys, its definition, and the client that reaches it.
 *
 *     pk  ROOM#<room>#<shard>   sk  M#<epoch>#<seq, 15 digits>   one record of the room's log
 *     pk  ROOM#<room>           sk  HEAD                         the furthest (epoch, seq) stored
 *
 * The shard is the rest of `seq` divided by SHARDS, in two digits: records that follow each other go
 * to different partition keys, so that a room is not held to what one of them takes. `#` sorts before
 * every character an epoch may have, so sort keys order by epoch, then by seq.
 */

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import {
  SEQ_DIGITS,
  SHARDS,
  STORE_ATTEMPTS_MAX,
  STORE_CONNECT_TIMEOUT_MS,
  STORE_REQUEST_TIMEOUT_MS,
} from "./limits.js";

/** @typedef {{ pk: string, sk: string }} Key */

const RECORD_PREFIX = "M#";

/** The character after `#`: no record of a room sorts behind it. */
const RECORD_END = "M$";

/**
 * @param {string} epoch
 * @param {number} seq
 * @returns {string} sorts as (epoch, seq) does
 */
export function position(epoch, seq) {
  return `${epoch}#${String(seq).padStart(SEQ_DIGITS, "0")}`;
}

/**
 * @param {string} room
 * @param {number} shard
 */
function partition(room, shard) {
  return `ROOM#${room}#${String(shard).padStart(2, "0")}`;
}

/** @param {string} room @returns {string[]} every partition key that holds records of the room */
export function roomPartitions(room) {
  return Array.from({ length: SHARDS }, (_, shard) => partition(room, shard));
}

/** @param {string} pk  of a record @returns {string} its room */
export function roomOfPartition(pk) {
  return pk.split("#")[1];
}

/**
 * @param {string} room
 * @param {string} epoch
 * @param {number} seq
 * @returns {Key}
 */
export function recordKey(room, epoch, seq) {
  return { pk: partition(room, seq % SHARDS), sk: RECORD_PREFIX + position(epoch, seq) };
}

/**
 * @param {string} room
 * @returns {Key}
 */
export function headKey(room) {
  return { pk: `ROOM#${room}`, sk: "HEAD" };
}

/** Sort keys around every record of a room, of all epochs. */
export const allRecords = { from: RECORD_PREFIX, to: RECORD_END };

/**
 * @param {string} epoch
 * @param {number} seq
 */
export function recordSortKey(epoch, seq) {
  return RECORD_PREFIX + position(epoch, seq);
}

/**
 * @param {string} tableName
 * @returns {import("@aws-sdk/client-dynamodb").CreateTableCommandInput}
 */
export function tableDefinition(tableName) {
  return {
    TableName: tableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
  };
}

/**
 * @param {import("@aws-sdk/client-dynamodb").DynamoDBClientConfig} [config]  region, and for a local
 *   table its endpoint and credentials; on AWS all of them come from the environment
 * @returns {DynamoDBDocumentClient} to be destroyed by the caller
 */
export function createClient(config = {}) {
  const client = new DynamoDBClient({
    maxAttempts: STORE_ATTEMPTS_MAX,
    requestHandler: {
      connectionTimeout: STORE_CONNECT_TIMEOUT_MS,
      requestTimeout: STORE_REQUEST_TIMEOUT_MS,
      // Without this the handler only warns and goes on waiting.
      throwOnRequestTimeout: true,
    },
    ...config,
  });
  return DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
}
