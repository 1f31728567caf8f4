// What the workerd processes that this one has started use.

import { readdirSync, readFileSync } from "node:fs";

/** Of /proc/PID/stat: ticks of the clock in user and kernel mode (proc(5)), and how many a second has. */
const UTIME_FIELD = 14;
const TICKS_PER_S = 100;

/** Processes below this one whose name is workerd. */
function workerd() {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  /** @type {Map<number, string>} */
  const names = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      const parent = Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(pid)]);
      names.set(Number(pid), /^Name:\s*(\S+)/m.exec(status)?.[1] ?? "");
    } catch {
      // It has ended.
    }
  }
  const found = [];
  for (const pids = [process.pid]; pids.length > 0; ) {
    const pid = /** @type {number} */ (pids.pop());
    if (names.get(pid)?.startsWith("workerd")) found.push(pid);
    pids.push(...(children.get(pid) ?? []));
  }
  return found;
}

/** Resident memory of workerd, in KiB. */
export function residentKib() {
  let kib = 0;
  for (const pid of workerd()) {
    kib += Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  }
  return kib;
}

/** CPU time of workerd so far, in seconds. */
export function cpuSeconds() {
  let ticks = 0;
  for (const pid of workerd()) {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind the name, which may have spaces: the fields from the third on.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[UTIME_FIELD - 3]) + Number(fields[UTIME_FIELD - 2]);
  }
  return ticks / TICKS_PER_S;
}
