/**
 * The processes that this one has started, they and theirs, and how to be sure that they have ended.
 *
 * A process whose parent has died is nobody's descendant any more. So all of them carry a mark in
 * their environment, which tells them where the system lets it be read (Linux).
 */

import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";

const POLL_INTERVAL_MS = 50;
/** What shells add to a signal's number. */
const SIGNAL_EXIT_BASE = 128;
const MARK_VARIABLE = "EDGEROOM_STARTED_BY";
const mark = randomUUID();
process.env[MARK_VARIABLE] = mark;

/** Every process with its parent. @returns {[pid: number, parent: number][]} */
function processParents() {
  if (process.platform !== "linux") {
    return execFileSync("ps", ["-axo", "pid=,ppid="], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => {
        const [pid, parent] = line.trim().split(/\s+/).map(Number);
        return [pid, parent];
      });
  }
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(Number(name));
      return stat === undefined ? [] : [[Number(name), Number(stat[1])]];
    });
}

/**
 * What /proc says of a process after its name: state, parent, group and so on.
 *
 * @param {number} pid
 * @returns {string[] | undefined} undefined when it has gone
 */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name stands in parentheses and may hold anything.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** @param {number} pid */
function isMarked(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`${MARK_VARIABLE}=${mark}\0`);
  } catch {
    // It has gone, or is another user's.
    return false;
  }
}

/** @returns {number[]} every process that this one has started, they and theirs */
export function startedProcesses() {
  const all = processParents();
  /** @type {Map<number, number[]>} */
  const children = new Map();
  for (const [pid, parent] of all) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const started = new Set(children.get(process.pid));
  for (const [pid] of all) if (pid !== process.pid && isMarked(pid)) started.add(pid);
  // A set hands out what is added while it is walked through.
  for (const pid of started) for (const child of children.get(pid) ?? []) started.add(child);
  return [...started];
}

/** The program and arguments of a process. @param {number} pid */
export function commandOf(pid) {
  // A small Debian has no ps.
  if (process.platform === "linux") {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  }
  return execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).trim();
}

/** @param {number} pid @param {NodeJS.Signals} signal */
export function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended by itself in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Whether the system still lists a process, were it only for its exit code. @param {number} pid */
function isListed(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** @param {number} pid */
function isRunning(pid) {
  if (!isListed(pid)) return false;
  return process.platform !== "linux" || !["Z", "X", undefined].includes(statOf(pid)?.[0]);
}

/**
 * Asks processes to end, and then ends whatever else this one has started and still runs. Resolves
 * when all have gone.
 *
 * @param {object} options
 * @param {number[]} [options.asked] those that get SIGTERM, and end what they have started
 *   themselves; by default everything gets it
 * @param {number} options.graceMs how long they may take
 * @param {number} options.collectMs how long the system's first process may take to collect orphans
 *   that have ended
 */
export async function endStartedProcesses({ asked, graceMs, collectMs }) {
  const all = new Set(startedProcesses());
  const first = asked ?? [...all];
  for (const pid of first) signalProcess(pid, "SIGTERM");
  const until = async (/** @type {() => boolean} */ isDone, /** @type {number} */ timeoutMs) => {
    const deadline = performance.now() + timeoutMs;
    while (!isDone() && performance.now() < deadline) {
      await delay(POLL_INTERVAL_MS);
      for (const pid of startedProcesses()) all.add(pid);
    }
  };
  await until(() => !first.some(isRunning), graceMs);
  for (const pid of all) if (isRunning(pid)) signalProcess(pid, "SIGKILL");
  await until(() => ![...all].some(isListed), collectMs);
}

/**
 * Has a signal end what this process has started, and then this process, with the signal's exit code.
 *
 * @param {{ graceMs: number, collectMs: number }} times of endStartedProcesses
 * @param {() => void} [onSignal] is called first
 */
export function endOnSignals(times, onSignal = () => {}) {
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.once(signal, async () => {
      onSignal();
      await endStartedProcesses(times);
      process.exit(SIGNAL_EXIT_BASE + constants.signals[signal]);
    });
  }
}
