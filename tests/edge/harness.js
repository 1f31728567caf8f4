// What the edge tests run against: the bundled Worker and its real WebAssembly modules in workerd,
// with the local central endpoint behind it, and WebSocket clients that remember what they heard.
//
// EDGEROOM_BUNDLE names the folder of the bundle (scripts/build --bundle makes it; scripts/test
// sets it for each toolchain in turn).

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import WebSocket from "ws";
import { startCentral } from "../../central/local.js";

const root = resolve(import.meta.dirname, "../..");
const bundle = resolve(root, process.env.EDGEROOM_BUNDLE ?? "build/worker/wasi");

/** How long a test waits for something that must come. Long, because the machine may be busy. */
const PATIENCE_MS = 20_000;

/**
 * How long it waits for what the central API must confirm. A store that is away, or slow because the
 * machine is, is asked less and less often: up to kBackoffCapMs pass between two attempts.
 */
export const STORE_PATIENCE_MS = 90_000;

/** How long a client waits for the end of a connection when both sides have said that they close it. */
const CLOSE_TIMEOUT_MS = 2000;

export const CREDENTIALS = {
  region: "eu-central-1",
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "a secret of the tests",
};

/** The settings of a test's Worker, before its own. */
const VARS = {
  AUTH: "off",
  ALLOWED_ORIGINS: "",
  MODERATOR_TOKENS: "test-moderator",
  PERSIST_AUTH: "sigv4",
  AWS_REGION: CREDENTIALS.region,
  AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  RATE_LIMITS: "[]",
  LOG_LEVEL: "warn",
};

/** The page, and the SDK. */
const PAGES = {
  directory: join(root, "client/public"),
  binding: "ASSETS",
  routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
};

/** What is removed in the end. @type {string[]} */
const temporaryFolders = [];
process.once("exit", () => {
  for (const folder of temporaryFolders) rmSync(folder, { recursive: true, force: true });
});

/** A folder for one test's state. @returns {Promise<string>} */
export async function temporaryFolder() {
  const folder = await mkdtemp(join(tmpdir(), "edgeroom-test-"));
  temporaryFolders.push(folder);
  return folder;
}

/** A module that a build has made. @param {string} flavour of the build @param {string} module */
export function builtModule(flavour, module) {
  const path = join(root, "build", flavour, module);
  assert.ok(existsSync(path), `${path} is missing: scripts/build ${flavour}`);
  return path;
}

/** The local central endpoint on a free port. @param {string} [stateDir] @param {number} [port] */
export async function central(stateDir, port = 0) {
  return startCentral({ ...CREDENTIALS, port, stateDir: stateDir ?? (await temporaryFolder()) });
}

/**
 * The Worker in workerd.
 * @param {object} [options]
 * @param {Record<string, string>} [options.vars] settings beside, or instead of, the usual ones
 * @param {string[]} [options.without] usual settings to leave out
 * @param {string} [options.centralUrl]
 * @param {string} [options.stateDir] kept by the caller; else nothing outlives close()
 * @param {string} [options.roomModule] another room.wasm than the bundle's
 * @param {string} [options.entry] text of a module that stands before the bundle's index.js
 * @param {boolean} [options.withoutPages] nothing but rooms: Miniflare serves pages by a Worker of its
 * own that stands before this one, and through which then every frame goes
 * @param {string} [options.kvUrl] where KV is asked instead of the local one (kv-service.js)
 */
export async function startEdge(options = {}) {
  assert.ok(
    existsSync(join(bundle, "index.js")),
    `${bundle} holds no Worker: run scripts/build --bundle first, or set EDGEROOM_BUNDLE`,
  );
  /** @type {Record<string, string>} */
  const bindings = {
    ...VARS,
    PERSIST_URL: options.centralUrl ?? "http://127.0.0.1:9",
    ...options.vars,
  };
  for (const name of options.without ?? []) delete bindings[name];
  /** @type {string[]} */
  const logs = [];
  const mf = new Miniflare(
    convertV4MiniflareOptions({
      name: "edgeroom",
      modulesRoot: bundle,
      modules: modules(options),
      compatibilityDate: "2026-11-17",
      host: "127.0.0.1",
      port: 0,
      durableObjects: { ROOMS: { className: "Room", useSQLite: true } },
      kvNamespaces: { RATE_LIMIT: kvNamespace(options.kvUrl) },
      ...(options.withoutPages ? {} : { assets: PAGES }),
      bindings,
      resourcePersistencePath: options.stateDir,
      handleStructuredLogs: (/** @type {{message: string}} */ { message }) => logs.push(message),
    }),
  );
  const url = await mf.ready;
  return new Edge(mf, `http://127.0.0.1:${url.port}`, logs);
}

/** @param {string} [url] */
function kvNamespace(url) {
  if (url === undefined) return "RATE_LIMIT";
  const remoteProxyConnectionString = /** @type {any} */ (new URL(url));
  return { id: "RATE_LIMIT", remoteProxyConnectionString };
}

/** The main module stands first. @param {{roomModule?: string, entry?: string}} options */
function modules({ roomModule, entry }) {
  const type = /** @type {const} */ ("ESModule");
  const wasm = readdirSync(bundle).filter((name) => name.endsWith(".wasm"));
  return [
    ...(entry ? [{ type, path: join(bundle, "entry.js"), contents: entry }] : []),
    { type, path: join(bundle, "index.js") },
    ...wasm.map((name) => {
      // Wrangler puts a hash before the name: <hash>-room.wasm.
      const replaced = roomModule !== undefined && name.endsWith("-room.wasm");
      return {
        type: /** @type {const} */ ("CompiledWasm"),
        path: join(bundle, name),
        ...(replaced ? { contents: readFileSync(roomModule) } : {}),
      };
    }),
  ];
}

class Edge {
  /** @type {Client[]} */
  #clients = [];

  /** @param {Miniflare} mf @param {string} url @param {string[]} logs */
  constructor(mf, url, logs) {
    this.mf = mf;
    this.url = url;
    /** Lines that the Worker and the rooms have logged. */
    this.logs = logs;
  }

  /** @param {string} path @param {RequestInit} [init] */
  fetch(path, init) {
    return fetch(this.url + path, { redirect: "manual", ...init });
  }

  /** @param {string} path @param {RequestInit} [init] */
  async json(path, init) {
    const response = await this.fetch(path, init);
    /** @type {any} */
    const body = await response.json();
    return { status: response.status, headers: response.headers, body };
  }

  /**
   * Joins a room and waits for the welcome.
   * @param {string} room
   * @param {Record<string, string | number>} [query]
   * @param {ClientOptions} [options]
   */
  async join(room, query = {}, options = {}) {
    const address = `${this.url.replace("http", "ws")}/rooms/${room}?${search(query)}`;
    const client = new Client(address, options);
    this.#clients.push(client);
    await client.opened;
    await client.next("welcome");
    return client;
  }

  /** Puts a room to sleep, its sockets staying open. @param {string} room */
  async evict(room) {
    // Miniflare blocks this process, and with it our central endpoint and clients, until the room has
    // nothing to wait for; a blob among the arguments makes it ask without blocking.
    const options = {
      name: room,
      webSockets: /** @type {const} */ ("hibernate"),
      blob: new Blob([]),
    };
    await this.mf.unsafeEvictDurableObject("edgeroom", "Room", options);
  }

  async close() {
    for (const client of this.#clients) client.socket.terminate();
    await this.mf.dispose();
  }
}

/** @typedef {Record<string, any>} Told an object of a frame */

/**
 * @typedef {object} ClientOptions
 * @property {Record<string, string>} [headers]
 * @property {string[]} [protocols]
 * @property {boolean} [compress] offers permessage-deflate, as browsers do
 */

/** A WebSocket client that keeps everything it is told, in order. */
export class Client {
  /** All objects of all frames. @type {Told[]} */
  told = [];
  /** The frames, as text. @type {string[]} */
  frames = [];
  /** @type {Set<() => void>} */
  #watchers = new Set();
  /** How far next() has read. */
  #read = 0;

  /** @param {string} address @param {ClientOptions} options */
  constructor(address, options) {
    const how = {
      headers: options.headers,
      perMessageDeflate: options.compress ?? false,
      // As browsers do. A socket that the room closes while it handles another is closed by frames at
      // once, and by workerd for good only when the room sleeps.
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.socket = new WebSocket(address, options.protocols ?? [], how);
    /** @type {Promise<void>} */
    this.opened = new Promise((opened, failed) => {
      this.socket.once("open", () => opened());
      this.socket.once("error", failed);
    });
    /** @type {Promise<{code: number, reason: string}>} */
    this.closed = new Promise((closed) => {
      this.socket.once("close", (code, reason) => closed({ code, reason: String(reason) }));
    });
    this.socket.on("error", () => {});
    this.socket.on("message", (data) => {
      const text = String(data);
      this.frames.push(text);
      const objects = JSON.parse(text);
      assert.ok(Array.isArray(objects) && objects.length > 0, `not an array of objects: ${text}`);
      this.told.push(...objects);
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** @param {Told | string | Uint8Array} frame */
  send(frame) {
    const raw = typeof frame === "string" || frame instanceof Uint8Array;
    this.socket.send(raw ? frame : JSON.stringify(frame));
  }

  /**
   * The next object that is of this type (and fits), after those that next() gave before.
   * @param {string} type
   * @param {(told: Told) => boolean} [fits]
   * @returns {Promise<Told>}
   */
  async next(type, fits = () => true) {
    return this.#wait(`${type} ${fits === undefined ? "" : fits}`, () => {
      const at = this.told.findIndex((o, i) => i >= this.#read && o.type === type && fits(o));
      if (at < 0) return undefined;
      this.#read = at + 1;
      return this.told[at];
    });
  }

  /** All objects of a type so far. @param {string} type */
  all(type) {
    return this.told.filter((object) => object.type === type);
  }

  /** Waits until the watermark has come this far. @param {number} seq */
  async confirmed(seq) {
    return this.#wait(
      `message_confirmed through ${seq}`,
      () => this.all("message_confirmed").find((object) => object.through >= seq),
      STORE_PATIENCE_MS,
    );
  }

  async close() {
    this.socket.close(1000);
    return this.closed;
  }

  /**
   * @template T
   * @param {string} what
   * @param {() => T | undefined} found
   * @param {number} [patienceMs]
   * @returns {Promise<T>}
   */
  #wait(what, found, patienceMs = PATIENCE_MS) {
    return new Promise((done, failed) => {
      const timeout = setTimeout(() => {
        this.#watchers.delete(look);
        const told = this.told.slice(-8).map((object) => JSON.stringify(object));
        failed(new Error(`waited in vain for: ${what}\nlast told:\n${told.join("\n")}`));
      }, patienceMs);
      const look = () => {
        const value = found();
        if (value === undefined) return;
        clearTimeout(timeout);
        this.#watchers.delete(look);
        done(value);
      };
      this.#watchers.add(look);
      look();
    });
  }
}

/**
 * Asks until the answer fits.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {(answer: T) => boolean} fits
 * @param {number} [patienceMs]
 * @returns {Promise<T>}
 */
export async function until(ask, fits, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    assert.ok(Date.now() < deadline, `waited in vain; last: ${JSON.stringify(answer)}`);
    await new Promise((again) => setTimeout(again, 20));
  }
}

/** A query string. @param {Record<string, string | number>} query */
export function search(query) {
  const text = Object.fromEntries(Object.entries(query).map(([k, v]) => [k, String(v)]));
  return new URLSearchParams(text).toString();
}

/** A room name that no other test uses. */
export function newRoom() {
  return `room-${crypto.randomUUID()}`;
}
