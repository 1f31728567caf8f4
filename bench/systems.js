// The systems that are measured, and how one is started on its core and put under load from another.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../scripts/command.js";

/**
 * @typedef {object} System
 * @property {string} name of bench/peers/server.js
 * @property {string} letter
 * @property {string} title
 * @property {"edgeroom" | "json" | "socket.io" | "raw"} dialect
 * @property {boolean} workerd
 * @property {string} does what it does with a message
 * @property {string[]} [only] scenarios in which it takes part; without it, in all
 * @property {{hundred: number, thousand: number}} guess where a search begins, in messages a second
 */

/** @type {System[]} */
export const SYSTEMS = [
  {
    name: "plain",
    letter: "a",
    title: "JavaScript room, plain",
    dialect: "json",
    workerd: true,
    does: "numbers it, a row for each, one send to each socket; hibernates",
    guess: { hundred: 150, thousand: 12 },
  },
  {
    name: "batching",
    letter: "a2",
    title: "JavaScript room, batching",
    dialect: "json",
    workerd: true,
    does: "numbers it; a row and a frame for all that came in a turn; hibernates",
    guess: { hundred: 4000, thousand: 800 },
  },
  {
    name: "second-look",
    letter: "a3",
    title: "JavaScript room, batching with a second look",
    dialect: "json",
    workerd: true,
    does: "the same, and looks twice for what has arrived",
    only: ["capacity-1000", "crowd"],
    guess: { hundred: 4000, thousand: 1600 },
  },
  {
    name: "party",
    letter: "b",
    title: "partyserver",
    dialect: "json",
    workerd: true,
    does: "passes it on; stores nothing; hibernates",
    guess: { hundred: 200, thousand: 12 },
  },
  {
    name: "ws",
    letter: "c",
    title: "ws on Node.js",
    dialect: "json",
    workerd: false,
    does: "passes it on; stores nothing",
    guess: { hundred: 500, thousand: 50 },
  },
  {
    name: "socket.io",
    letter: "d",
    title: "Socket.IO on Node.js",
    dialect: "socket.io",
    workerd: false,
    does: "passes it on; stores nothing",
    guess: { hundred: 300, thousand: 25 },
  },
  {
    name: "nchan",
    letter: "e",
    title: "nchan on nginx",
    dialect: "raw",
    workerd: false,
    does: "passes it on; keeps 30 s of messages in memory",
    guess: { hundred: 1000, thousand: 100 },
  },
  {
    name: "wasi",
    letter: "f",
    title: "edgeroom, wasi",
    dialect: "edgeroom",
    workerd: true,
    does: "all of docs/PROTOCOL.md: durable, limited, deduplicated, forwarded, confirmed",
    guess: { hundred: 4000, thousand: 800 },
  },
  {
    name: "emscripten",
    letter: "g",
    title: "edgeroom, Emscripten",
    dialect: "edgeroom",
    workerd: true,
    does: "the same",
    guess: { hundred: 4000, thousand: 800 },
  },
];

const LOAD = join(ROOT, "build/native-release/bench/load/edgeroom_load");

/** A server that has more to do than it can does not hear that it is to end. */
const STOP_PATIENCE_MS = 10_000;
const START_PATIENCE_MS = 60_000;

/** Cores that this process may run on. */
export function cores() {
  const status = readFileSync("/proc/self/status", "utf8");
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** workerd has two files open for a connection, and some for itself. */
const FILES_A_CONNECTION = 2;
const FILES_BESIDE = 200;

/** So many sockets, or as many as the limit for open files lets a server have. @param {number} wanted */
export function socketsAtMost(wanted) {
  const limits = readFileSync("/proc/self/limits", "utf8");
  // The soft limit, then the hard one, up to which Node.js raises it.
  const files = Number(
    /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY,
  );
  return Math.min(wanted, Math.floor((files - FILES_BESIDE) / FILES_A_CONNECTION));
}

/** @typedef {{server: number, load: number}} Cores */

/** One system that runs. */
export class Server {
  #child;
  #cores;

  /**
   * @param {System} system
   * @param {import("node:child_process").ChildProcess} child
   * @param {{port: number, target: string, servers: number[]}} at
   * @param {Cores} on
   */
  constructor(system, child, at, on) {
    this.system = system;
    this.#child = child;
    this.at = at;
    this.#cores = on;
  }

  /**
   * @param {System} system
   * @param {Cores} on
   * @param {{sinkUrl: string, vars?: Record<string, string>}} how
   * @returns {Promise<Server | string>} why it cannot run here, when it cannot
   */
  static async start(system, on, how) {
    const words = [join(ROOT, "bench/peers/server.js"), system.name, JSON.stringify(how)];
    const child = spawn("taskset", ["-c", `${on.server}`, process.execPath, ...words], {
      stdio: ["pipe", "pipe", "pipe"],
      cwd: ROOT,
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      errors += text;
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), START_PATIENCE_MS);
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const { value: line } = await lines.next();
    clearTimeout(timer);
    if (line === undefined) throw new Error(`${system.title} has not started:\n${errors}`);
    const at = JSON.parse(line);
    if (at.missing !== undefined) return at.missing;
    return new Server(system, child, at, on);
  }

  /**
   * Runs the load generator against it.
   * @param {"rate" | "search" | "storm"} task
   * @param {Record<string, string | number | boolean>} args of edgeroom_load; true is a flag
   * @param {(line: string) => void} [onLine] what it says meanwhile
   * @returns {Promise<any>} its result
   */
  async load(task, args, onLine = () => {}) {
    const { port, target, servers } = this.at;
    /** @type {Record<string, string | number | boolean>} */
    const all = {
      port,
      target,
      dialect: this.system.dialect,
      servers: servers.join(","),
      cpu: this.#cores.load,
      room: `bench-${crypto.randomUUID()}`,
      ...args,
    };
    const words = Object.entries(all).flatMap(([name, value]) =>
      value === true ? [`--${name}`] : [`--${name}`, String(value)],
    );
    const child = spawn(LOAD, [task, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    let errors = "";
    createInterface(child.stderr).on("line", (line) => {
      errors += `${line}\n`;
      onLine(line);
    });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`edgeroom_load ended with ${code}:\n${errors}`);
    return JSON.parse(output);
  }

  async stop() {
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    const timer = setTimeout(() => {
      // Its own children end with it, or are ended here.
      for (const pid of this.at.servers) {
        try {
          process.kill(pid, "SIGKILL");
        } catch {
          // It has ended.
        }
      }
      this.#child.kill("SIGKILL");
    }, STOP_PATIENCE_MS);
    await ended;
    clearTimeout(timer);
  }
}
