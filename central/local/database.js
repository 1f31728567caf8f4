/**
 * A DynamoDB of this machine's own: dynalite in this process, on a free port of 127.0.0.1, its data in
 * one directory. A write is in the operating system's hands before it is answered, so the data
 * survives the end of this process by any signal.
 */

import { accessSync, constants, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateTableCommand,
  DescribeTableCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-dynamodb";
import dynalite from "dynalite";
import { TABLE_CREATE_POLL_MS, TABLE_CREATE_TIMEOUT_MS } from "../limits.js";
import { createClient, tableDefinition } from "../table.js";
import { closeServer, listen } from "./server.js";
import { StartError } from "./start-error.js";

/**
 * @typedef {{ endpoint: string, close: () => Promise<void> }} Database
 * @typedef {import("@aws-sdk/lib-dynamodb").DynamoDBDocumentClient} Client
 */

/** dynalite's own database library, and the key under which dynalite keeps a table's description. */
const { Level } = createRequire(import.meta.resolve("dynalite"))("level");
const tableEntry = (/** @type {string} */ tableName) => `table~${tableName}`;

/** Any will do: dynalite wants a signature, but does not check it. */
const CREDENTIALS = { accessKeyId: "local", secretAccessKey: "local" };

/**
 * @param {object} options
 * @param {string} options.directory  made if missing; used by one process at a time
 * @param {string} options.tableName
 * @param {number} [options.itemKilobytesMax]  DynamoDB's 400 if left out
 * @returns {Promise<Database>}
 * @throws {StartError}
 */
export async function openDatabase({ directory, tableName, itemKilobytesMax }) {
  makeWritable(directory);
  await checkFiles(directory, tableName);
  const server = dynalite({ path: directory, createTableMs: 0, maxItemSizeKb: itemKilobytesMax });
  // dynalite rethrows the error of a client that goes away in mid-request, which would end us.
  server.on("request", (request) => {
    request.removeAllListeners("error");
    request.on("error", () => {});
  });
  const endpoint = `http://127.0.0.1:${await listen(server, 0)}`;
  const close = () => closeServer(server);
  const client = createLocalClient(endpoint);
  try {
    await ensureTable(client, tableName);
  } catch (error) {
    await close();
    throw error;
  } finally {
    client.destroy();
  }
  return { endpoint, close };
}

/**
 * @param {string} endpoint  of an open database
 * @returns {Client}
 */
export function createLocalClient(endpoint) {
  return createClient({ endpoint, region: "local", credentials: CREDENTIALS });
}

/** @param {string} directory */
function makeWritable(directory) {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartError(`the state directory ${directory} is not writable`, error);
  }
}

/**
 * Opens the files once before dynalite does, for two reasons. dynalite ends the process with "Database
 * is closed" whatever is wrong with them. And a process killed while it made the table leaves it
 * CREATING for ever; it never held an item then, so its entry is dropped and the table made anew.
 *
 * @param {string} directory
 * @param {string} tableName
 */
async function checkFiles(directory, tableName) {
  const files = new Level(directory, { valueEncoding: "json" });
  try {
    await files.open();
    const table = await files.get(tableEntry(tableName));
    if (table && table.TableStatus !== "ACTIVE") await files.del(tableEntry(tableName));
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const locked = cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
    throw locked
      ? new StartError(`the state directory ${directory} is in use by another process`)
      : new StartError(`the database in ${directory} cannot be opened`, cause);
  } finally {
    await files.close();
  }
}

/**
 * @param {Client} client
 * @param {string} tableName
 */
async function ensureTable(client, tableName) {
  if (await tableIsActive(client, tableName)) return;
  await client.send(new CreateTableCommand(tableDefinition(tableName)));
  const endMs = Date.now() + TABLE_CREATE_TIMEOUT_MS;
  while (!(await tableIsActive(client, tableName))) {
    if (Date.now() > endMs) throw new StartError(`the table ${tableName} does not become active`);
    await sleep(TABLE_CREATE_POLL_MS);
  }
}

/**
 * @param {Client} client
 * @param {string} tableName
 * @returns {Promise<boolean>}
 */
async function tableIsActive(client, tableName) {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
    return Table?.TableStatus === "ACTIVE";
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}
