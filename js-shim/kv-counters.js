// Carries out what the rate limiter wants of KV. It runs behind the answer, and nothing waits for
// it: whatever fails is told to the core, which decides by what it knows.

import {
  EdgeKvOperationType,
  EdgeKvOutcome,
  EdgeLogLevel,
  KV_PATIENCE_MS,
} from "./abi.generated.js";
import { reasonOf } from "./reason.js";

/** @import { EdgeCore, KvOperation } from "./edge-core.js" */

/** The shortest time for which KV caches a read. */
const CACHE_TTL_S = 30;

/** What the key for client hashes is for: another use of the same secret gets another key. */
const HASH_KEY_INFO = "edgeroom: rate-limit keys, version 1";

/** An outage is told of at once, and then again after this long. */
const LOG_INTERVAL_MS = 60_000;

const encoder = new TextEncoder();

export class KvCounters {
  #namespace;
  /** @type {CryptoKey | null} */
  #hashKey = null;
  /** What failed since the last line of the log, by what was tried. @type {Map<string, { failures: number, quietUntil: number }>} */
  #failures = new Map();

  /** @param {EdgeCore} core @param {KVNamespace} namespace */
  constructor(core, namespace) {
    this.core = core;
    this.#namespace = namespace;
  }

  /** Hashes what must be hashed first, then reads and writes. */
  async run() {
    const hashed = await this.#carryOut();
    if (hashed) await this.#carryOut();
  }

  async #carryOut() {
    const operations = Map.groupBy(this.core.planKv(Date.now()), ({ type }) => type);
    const hashes = operations.get(EdgeKvOperationType.hash) ?? [];
    const puts = operations.get(EdgeKvOperationType.put) ?? [];
    const gets = operations.get(EdgeKvOperationType.get) ?? [];
    await Promise.all([
      ...hashes.map((operation) => this.#attempt("hash", [operation], () => this.#hash(operation))),
      ...puts.map((operation) => this.#attempt("write", [operation], () => this.#put(operation))),
      gets.length > 0 ? this.#attempt("read", gets, () => this.#get(gets)) : undefined,
    ]);
    return hashes.length > 0;
  }

  /**
   * Gives the core the results, or tells it of operations that failed together.
   * @param {string} what
   * @param {KvOperation[]} operations
   * @param {() => Promise<(string | ArrayBuffer | null)[]>} action
   */
  async #attempt(what, operations, action) {
    /** @type {(string | ArrayBuffer | null)[] | undefined} */
    let results;
    try {
      results = await patiently(action());
    } catch (error) {
      this.#tell(what, reasonOf(error));
    }
    for (const [i, { id }] of operations.entries()) {
      const { done, missing, failed } = EdgeKvOutcome;
      const outcome = !results ? failed : results[i] === null ? missing : done;
      this.core.kvResult(id, outcome, Date.now(), results?.[i] ?? "");
    }
  }

  /**
   * Writes a line of the log for a failure, but not for each one: in an outage there may be as many
   * as requests.
   * @param {string} what
   * @param {string} reason
   */
  #tell(what, reason) {
    const { failures, quietUntil } = this.#failures.get(what) ?? { failures: 0, quietUntil: 0 };
    const now = Date.now();
    if (now < quietUntil) {
      this.#failures.set(what, { failures: failures + 1, quietUntil });
      return;
    }
    this.#failures.set(what, { failures: 0, quietUntil: now + LOG_INTERVAL_MS });
    const fields = { operation: what, reason, failures: failures + 1 };
    this.core.log(EdgeLogLevel.warn, { event: "rate_limit_kv", ...fields });
  }

  /** @param {KvOperation} operation */
  async #hash({ name }) {
    // The key and not a promise of it is kept: a request must not wait for another one's work.
    this.#hashKey ??= await importHashKey(this.core.secret);
    return [await crypto.subtle.sign("HMAC", this.#hashKey, encoder.encode(name))];
  }

  /** @param {KvOperation[]} operations */
  async #get(operations) {
    const names = operations.map(({ name }) => name);
    const values = await this.#namespace.get(names, { type: "text", cacheTtl: CACHE_TTL_S });
    return names.map((name) => values.get(name) ?? null);
  }

  /** @param {KvOperation} operation */
  async #put({ name, value, ttl }) {
    await this.#namespace.put(name, value, { expirationTtl: ttl });
    return [""];
  }
}

/**
 * Waits so long, and no longer.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
async function patiently(promise) {
  /** @type {ReturnType<typeof setTimeout> | null} */
  let timer = null;
  const late = new Promise((_, failed) => {
    const error = new Error(`no answer for ${KV_PATIENCE_MS} ms`);
    timer = setTimeout(() => failed(error), KV_PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {string} secret @returns {Promise<CryptoKey>} */
async function importHashKey(secret) {
  const bytes = encoder.encode(secret);
  const material = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
  const info = encoder.encode(HASH_KEY_INFO);
  const derivation = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
  const algorithm = { name: "HMAC", hash: "SHA-256", length: 256 };
  return crypto.subtle.deriveKey(derivation, material, algorithm, false, ["sign"]);
}
