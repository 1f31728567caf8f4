/** Reads and writes of single items in the table, with the failures sorted out. */

import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { isConditionFailed, isItemTooLarge, StoreFailure } from "./failure.js";
import { QUERY_ITEMS_MAX } from "./limits.js";

/**
 * @typedef {import("@aws-sdk/lib-dynamodb").DynamoDBDocumentClient} Client
 * @typedef {import("./table.js").Key} Key
 * @typedef {Record<string, any>} Item
 */

/** `user`, `by` and others are reserved words in DynamoDB, so expressions write names as `#name`. */
const NAME = /#(\w+)/g;

/** Every method throws a StoreFailure when DynamoDB does not answer, or does not in time. */
export class Items {
  #client;
  #tableName;

  /**
   * @param {Client} client  stays the caller's, who destroys it
   * @param {string} tableName
   */
  constructor(client, tableName) {
    this.#client = client;
    this.#tableName = tableName;
  }

  /**
   * @param {Key} key
   * @param {AbortSignal} abortSignal
   * @returns {Promise<Item | undefined>}
   */
  async get(key, abortSignal) {
    const command = new GetCommand({ TableName: this.#tableName, Key: key, ConsistentRead: true });
    const output = await attempt(() => this.#client.send(command, { abortSignal }));
    return output.Item;
  }

  /**
   * @param {Key & Item} item
   * @param {AbortSignal} abortSignal
   * @returns {Promise<boolean>} false: there is an item with this key already
   * @throws also the error that `isItemTooLarge` knows
   */
  async putNew(item, abortSignal) {
    const command = new PutCommand({
      TableName: this.#tableName,
      Item: item,
      ConditionExpression: "attribute_not_exists(pk)",
    });
    const output = await attemptIf(() => this.#client.send(command, { abortSignal }));
    return output !== undefined;
  }

  /**
   * @param {{ key: Key, change: string, condition: string, values: Item }} update  the expressions
   *   write names as `#name`
   * @param {AbortSignal} abortSignal
   * @returns {Promise<{ before: Item | undefined } | undefined>} the item as it was; undefined: the
   *   condition did not hold
   * @throws also the error that `isItemTooLarge` knows
   */
  async update({ key, change, condition, values }, abortSignal) {
    const command = new UpdateCommand({
      TableName: this.#tableName,
      Key: key,
      UpdateExpression: change,
      ConditionExpression: condition,
      ExpressionAttributeNames: Object.fromEntries(`${change} ${condition}`.matchAll(NAME)),
      ExpressionAttributeValues: values,
      ReturnValues: "ALL_OLD",
    });
    const output = await attemptIf(() => this.#client.send(command, { abortSignal }));
    return output && { before: output.Attributes };
  }

  /**
   * The items of a partition between two sort keys, both included, in the groups in which they are
   * read. Reads on only as far as asked, and then more at once.
   *
   * @param {{ pk: string, from: string, to: string, newestFirst: boolean }} range
   * @param {{ expression: string, values: Item }} filter
   * @param {number} firstCount  items to be looked at in the first group
   * @param {AbortSignal} abortSignal
   * @returns {AsyncGenerator<Item[], void, void>} groups may be empty
   */
  async *query({ pk, from, to, newestFirst }, filter, firstCount, abortSignal) {
    let count = Math.min(firstCount, QUERY_ITEMS_MAX);
    /** @type {Item | undefined} */
    let startKey;
    do {
      const command = new QueryCommand({
        TableName: this.#tableName,
        KeyConditionExpression: "pk = :pk AND sk BETWEEN :from AND :to",
        FilterExpression: filter.expression,
        ExpressionAttributeNames: Object.fromEntries(filter.expression.matchAll(NAME)),
        ExpressionAttributeValues: { ...filter.values, ":pk": pk, ":from": from, ":to": to },
        ScanIndexForward: !newestFirst,
        ConsistentRead: true,
        Limit: count,
        ExclusiveStartKey: startKey,
      });
      const page = await attempt(() => this.#client.send(command, { abortSignal }));
      yield page.Items ?? [];
      startKey = page.LastEvaluatedKey;
      count = Math.min(count * 2, QUERY_ITEMS_MAX);
    } while (startKey);
  }
}

/**
 * @template T
 * @param {() => Promise<T>} send
 * @returns {Promise<T>}
 */
async function attempt(send) {
  try {
    return await send();
  } catch (error) {
    if (isConditionFailed(error) || isItemTooLarge(error)) throw error;
    throw new StoreFailure(error);
  }
}

/**
 * @template T
 * @param {() => Promise<T>} send
 * @returns {Promise<T | undefined>} undefined: the condition did not hold
 */
async function attemptIf(send) {
  try {
    return await attempt(send);
  } catch (error) {
    if (isConditionFailed(error)) return undefined;
    throw error;
  }
}
