/**
 * A room's records in the table. Every write is conditional, so that a record delivered any number
 * of times, in any order and by several senders at once, ends as the same item:
 *
 * - A record is put only where there is none. Else its hash tells a duplicate from a conflict.
 * - A deleted message is an item with `deleted` and without content, id and hash (from a hash a short
 *   content could be guessed). No write sets content on an item that exists, so a late delivery of
 *   the original cannot bring it back.
 * - A deletion whose message is not there yet leaves a *stub*: a deleted message without `ts`. The
 *   message then fills in who and when, but not what. Readers are not shown a stub.
 */

import { isItemTooLarge, StoreFailure } from "./failure.js";
import { Items } from "./items.js";
import { HEAD_DEADLINE_MS, SHARDS, STORE_DEADLINE_MS, STORE_WRITES_MAX } from "./limits.js";
import { merge } from "./merge.js";
import { recordHash } from "./record.js";
import { headKey, position, recordKey, roomPartitions } from "./table.js";

/**
 * @typedef {import("./record.js").Message} Message
 * @typedef {import("./record.js").Deletion} Deletion
 * @typedef {import("./record.js").LogRecord} LogRecord
 * @typedef {import("./items.js").Item} Item
 * @typedef {{ status: "stored" | "duplicate" | "rejected" | "retry", code?: string }} Outcome
 * @typedef {{ seq: number } & Outcome} Result
 * @typedef {{ epoch: string, seq: number }} Head
 * @typedef {{ rcv: number, ttl?: number }} Receipt  when an item was received, and when it ends
 * @typedef {{ room: string, epoch: string, receipt: Receipt, signal: AbortSignal,
 *   failures: StoreFailure[] }} Context  what the writes of one batch share
 * @typedef {{ epoch: string, seq: number, ts: number, user: string, id?: string, content?: string,
 *   deleted?: true, by?: string }} StoredMessage
 */

/** @type {Outcome} */
const STORED = { status: "stored" };
/** @type {Outcome} */
const DUPLICATE = { status: "duplicate" };
/** @type {Outcome} */
const CONFLICT = { status: "rejected", code: "CONFLICT" };
/** @type {Outcome} */
const TOO_LARGE = { status: "rejected", code: "TOO_LARGE" };

const DAY_S = 24 * 60 * 60;

/** Messages that arrived, deleted ones too, but no stubs and no other records. */
const READABLE = {
  expression: "#t = :message AND attribute_exists(#ts)",
  values: { ":message": "message" },
};

export class Store {
  #items;
  #logger;
  #now;
  #deadlineMs;
  #retentionDays;

  /**
   * @param {object} options
   * @param {import("./items.js").Client} options.client  stays the caller's, who destroys it
   * @param {string} options.tableName
   * @param {import("./logger.js").Logger} options.logger
   * @param {() => number} [options.now]  milliseconds; only for `rcv`, the time of receipt
   * @param {number} [options.deadlineMs]  for a batch, and for a read
   * @param {number} [options.retentionDays]  after which DynamoDB may drop a record; 0: never
   */
  constructor({
    client,
    tableName,
    logger,
    now = Date.now,
    deadlineMs = STORE_DEADLINE_MS,
    retentionDays = 0,
  }) {
    this.#items = new Items(client, tableName);
    this.#logger = logger;
    this.#now = now;
    this.#deadlineMs = deadlineMs;
    this.#retentionDays = retentionDays;
  }

  /**
   * Stores what it can. A record's result is `stored` or `duplicate` only when all that belongs to
   * it is done: for a deletion that the content is gone, for the batch's furthest record that HEAD
   * has moved.
   *
   * @param {import("./batch.js").Batch} batch
   * @returns {Promise<Result[]>} one for each record, in their order
   */
  async storeBatch({ room, epoch, records }) {
    const rcv = this.#now();
    /** @type {Context} */
    const context = {
      room,
      epoch,
      receipt: this.#retentionDays > 0 ? { rcv, ttl: this.#endS(rcv) } : { rcv },
      signal: AbortSignal.timeout(this.#deadlineMs),
      failures: [],
    };
    const outcomes = await mapBounded(records, STORE_WRITES_MAX, (record) =>
      this.#outcome(context, () => this.#storeRecord(context, record)),
    );
    const furthest = outcomes.findLastIndex(({ status }) => isKept(status));
    if (furthest >= 0) {
      outcomes[furthest] = await this.#outcome(context, async () => {
        await this.#moveHead(context, records[furthest].seq);
        return outcomes[furthest];
      });
    }
    this.#logFailures(context);
    return records.map(({ seq }, index) => ({ seq, ...outcomes[index] }));
  }

  /** @param {number} rcv @returns {number} when DynamoDB may drop the item, in seconds since 1970 */
  #endS(rcv) {
    return Math.ceil(rcv / 1000) + this.#retentionDays * DAY_S;
  }

  /**
   * @param {string} room
   * @returns {Promise<Head | undefined>} undefined for a room that has nothing stored
   */
  async head(room) {
    const head = await this.#items.get(headKey(room), AbortSignal.timeout(this.#deadlineMs));
    return head && { epoch: head.epoch, seq: head.seq };
  }

  /**
   * The messages of a room between two sort keys, both included, in the order of these. Reads on only
   * as far as asked.
   *
   * @param {string} room
   * @param {{ from: string, to: string, newestFirst: boolean }} range
   * @param {number} count  how many the caller will ask for, if there are as many
   * @returns {AsyncGenerator<StoredMessage, void, void>}
   */
  messages(room, range, count) {
    const signal = AbortSignal.timeout(this.#deadlineMs);
    // One more than its part: so a shard that holds just its part is read to its end at once.
    const part = Math.ceil(count / SHARDS) + 1;
    const shards = roomPartitions(room).map((pk) =>
      this.#items.query({ pk, ...range }, READABLE, part, signal),
    );
    const merged = merge(shards, range.newestFirst);
    return /** @type {AsyncGenerator<StoredMessage, void, void>} */ (merged);
  }

  /**
   * @param {Context} context
   * @param {LogRecord} record
   * @returns {Promise<Outcome>}
   */
  #storeRecord(context, record) {
    if (record.type === "delete") return this.#storeDeletion(context, record);
    if (record.type === "message" && record.deleted) return this.#storeDeleted(context, record);
    return this.#storeNew(context, record);
  }

  /**
   * @param {Context} context
   * @param {LogRecord} record  not a deleted message
   * @returns {Promise<Outcome>}
   */
  async #storeNew(context, record) {
    const { room, epoch, receipt, signal } = context;
    const key = recordKey(room, epoch, record.seq);
    const { type, ...fields } = record;
    const h = recordHash(record);
    if (await this.#items.putNew({ ...key, t: type, epoch, ...fields, h, ...receipt }, signal)) {
      return STORED;
    }
    const found = await this.#items.get(key, signal);
    if (!found) throw new StoreFailure(new Error(`${key.sk} went away while it was compared`));
    if (record.type === "message" && found.t === "message" && found.deleted) {
      return this.#matchDeleted(context, record, found);
    }
    return found.h === h ? DUPLICATE : CONFLICT;
  }

  /**
   * The original of a message that is deleted already. Its content can't be compared any more; who
   * and when still can, so another room's past is not taken for this one.
   *
   * @param {Context} context
   * @param {Message} record
   * @param {Item} found
   * @returns {Promise<Outcome>}
   */
  async #matchDeleted(context, record, found) {
    if (found.ts === undefined) return this.#storeDeleted(context, record);
    return found.ts === record.ts && found.user === record.user ? DUPLICATE : CONFLICT;
  }

  /**
   * Leaves the message deleted, whatever was there. It is not compared: what somebody asked to have
   * removed is removed in any case.
   *
   * @param {Context} context
   * @param {Message} record
   * @returns {Promise<Outcome>}
   */
  async #storeDeleted({ room, epoch, receipt, signal }, { seq, ts, user }) {
    const keep = keepReceipt(receipt);
    const updated = await this.#items.update(
      {
        key: recordKey(room, epoch, seq),
        change:
          "SET #t = :message, #epoch = :epoch, #seq = :seq, #deleted = :true, " +
          "#ts = if_not_exists(#ts, :ts), #user = if_not_exists(#user, :user), " +
          `${keep.change} REMOVE #content, #id, #h`,
        condition: "attribute_not_exists(#pk) OR #t = :message",
        values: {
          ":message": "message",
          ":epoch": epoch,
          ":seq": seq,
          ":true": true,
          ":ts": ts,
          ":user": user,
          ...keep.values,
        },
      },
      signal,
    );
    if (!updated) return CONFLICT;
    const { before } = updated;
    return before?.deleted && before.ts !== undefined ? DUPLICATE : STORED;
  }

  /**
   * The record first: if it conflicts, it is not this room's deletion and must not delete anything.
   * A failure between the two steps is answered as `retry`, and the next delivery does the second.
   *
   * @param {Context} context
   * @param {Deletion} record
   * @returns {Promise<Outcome>}
   */
  async #storeDeletion(context, record) {
    const outcome = await this.#storeNew(context, record);
    if (isKept(outcome.status)) await this.#removeContent(context, record);
    return outcome;
  }

  /**
   * When the condition does not hold there is nothing to do: an earlier deletion is noted there, or
   * the target is not a message and has no content.
   *
   * @param {Context} context
   * @param {Deletion} record
   */
  async #removeContent({ room, epoch, receipt, signal }, { seq, target, by }) {
    const keep = keepReceipt(receipt);
    await this.#items.update(
      {
        key: recordKey(room, epoch, target),
        change:
          "SET #t = :message, #epoch = :epoch, #seq = :target, #deleted = :true, " +
          `#by = :by, #dseq = :seq, ${keep.change} REMOVE #content, #id, #h`,
        condition:
          "attribute_not_exists(#pk) OR " +
          "(#t = :message AND (attribute_not_exists(#dseq) OR #dseq > :seq))",
        values: {
          ":message": "message",
          ":epoch": epoch,
          ":target": target,
          ":true": true,
          ":by": by,
          ":seq": seq,
          ...keep.values,
        },
      },
      signal,
    );
  }

  /**
   * Monotone: batches may arrive in any order, and the furthest position stays.
   *
   * @param {Context} context
   * @param {number} seq
   */
  async #moveHead({ room, epoch, receipt: { rcv } }, seq) {
    await this.#items.update(
      {
        key: headKey(room),
        change: "SET #pos = :pos, #epoch = :epoch, #seq = :seq, #rcv = :rcv",
        condition: "attribute_not_exists(#pos) OR #pos < :pos",
        values: { ":pos": position(epoch, seq), ":epoch": epoch, ":seq": seq, ":rcv": rcv },
      },
      AbortSignal.timeout(HEAD_DEADLINE_MS),
    );
  }

  /**
   * @param {Context} context
   * @param {() => Promise<Outcome>} write
   * @returns {Promise<Outcome>}
   */
  async #outcome(context, write) {
    try {
      return await write();
    } catch (error) {
      if (isItemTooLarge(error)) return TOO_LARGE;
      if (!(error instanceof StoreFailure)) throw error;
      context.failures.push(error);
      return { status: "retry", code: error.code };
    }
  }

  /**
   * One line a batch: when DynamoDB is away, a line a record would only bury it.
   *
   * @param {Context} context
   */
  #logFailures({ room, epoch, failures }) {
    if (failures.length === 0) return;
    const [{ code, message }] = failures;
    this.#logger.error("records not stored, to be tried again", {
      room,
      epoch,
      count: failures.length,
      code,
      first: message,
    });
  }
}

/**
 * A later write leaves what the first one that made the item has set.
 *
 * @param {Receipt} receipt
 * @returns {{ change: string, values: Record<string, number> }} a part of a SET expression
 */
function keepReceipt(receipt) {
  const names = Object.keys(receipt);
  return {
    change: names.map((name) => `#${name} = if_not_exists(#${name}, :${name})`).join(", "),
    values: Object.fromEntries(Object.entries(receipt).map(([name, n]) => [`:${name}`, n])),
  };
}

/** @param {Outcome["status"]} status */
function isKept(status) {
  return status === "stored" || status === "duplicate";
}

/**
 * @template In, Out
 * @param {readonly In[]} inputs
 * @param {number} parallelMax
 * @param {(input: In) => Promise<Out>} work
 * @returns {Promise<Out[]>} in the order of the inputs
 */
async function mapBounded(inputs, parallelMax, work) {
  /** @type {Out[]} */
  const outputs = new Array(inputs.length);
  const waiting = inputs.entries();
  const worker = async () => {
    for (const [index, input] of waiting) outputs[index] = await work(input);
  };
  await Promise.all(Array.from({ length: Math.min(parallelMax, inputs.length) }, worker));
  return outputs;
}
