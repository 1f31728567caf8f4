// What can happen to workerd and to its storage, done to the real ones.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandOf, startedProcesses } from "../../scripts/process-tree.js";
import { temporaryFolder } from "./harness.js";

/** The workerd processes that we have started. @returns {number[]} */
function workerds() {
  return startedProcesses().filter((pid) => commandOf(pid).includes("workerd serve"));
}

/** Ends workerd as a machine that fails does: at once, wherever it is. */
export function killWorkerd() {
  const pids = workerds();
  assert.equal(pids.length, 1, "one workerd is running");
  process.kill(pids[0], "SIGKILL");
}

/**
 * A fault of the storage that `begin` brings about and `end` takes away.
 * @typedef {object} StorageFault
 * @property {string} stateDir where the state has to be
 * @property {() => void} prepare before workerd is started
 * @property {(bytes: number, which?: {newFiles?: boolean}) => void} begin no file of a room grows by
 *   more than `bytes` and a page, or with newFiles becomes larger
 * @property {() => void} end
 * @property {() => void} remove
 */

/**
 * Files that can grow no further: writing fails with EFBIG.
 * @returns {Promise<StorageFault | string>} or why there can be none
 */
export async function limitedFiles() {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "pipe" });
  } catch (error) {
    return `the limit of another process cannot be set: ${error}`;
  }
  const stateDir = await temporaryFolder();
  // The limit would end workerd with a signal. Ignored, it is an error of the write.
  const miniflare = createRequire(import.meta.resolve("miniflare"));
  const { default: workerd } = miniflare("workerd");
  const wrapper = join(await temporaryFolder(), "workerd");
  writeFileSync(wrapper, `#!/bin/sh\ntrap '' XFSZ\nexec '${workerd}' "$@"\n`);
  chmodSync(wrapper, 0o755);
  /** @param {string} bytes */
  const limit = (bytes) => {
    const [pid] = workerds();
    execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
  };
  return {
    stateDir,
    prepare: () => {
      process.env.MINIFLARE_WORKERD_PATH = wrapper;
    },
    begin: (bytes, { newFiles } = {}) =>
      limit(String(newFiles ? bytes : largestFile(stateDir) + bytes)),
    end: () => limit("unlimited"),
    remove: () => {
      delete process.env.MINIFLARE_WORKERD_PATH;
    },
  };
}

/**
 * A file system that is full: writing fails with ENOSPC.
 * @returns {Promise<StorageFault | string>} or why there can be none
 */
export async function fullDisk() {
  const stateDir = mkdtempSync(join(tmpdir(), "edgeroom-disk-"));
  const mount = ["-t", "tmpfs", "-o", "size=8m", "tmpfs", stateDir];
  try {
    execFileSync("mount", mount, { stdio: "pipe" });
    execFileSync("umount", [stateDir]);
  } catch (error) {
    rmdirSync(stateDir);
    return `a file system of its own cannot be mounted: ${error}`;
  }
  const remove = () => {
    process.off("exit", remove);
    execFileSync("umount", ["--lazy", stateDir]);
    rmdirSync(stateDir);
  };
  const ballast = join(stateDir, "ballast");
  return {
    stateDir,
    prepare: () => {
      execFileSync("mount", mount);
      process.once("exit", remove);
    },
    begin: (bytes) => {
      const file = openSync(ballast, "w");
      try {
        for (;;) writeSync(file, new Uint8Array(4096));
      } catch (error) {
        assert.equal(/** @type {NodeJS.ErrnoException} */ (error).code, "ENOSPC");
      }
      closeSync(file);
      execFileSync("truncate", ["--size", `-${bytes}`, ballast]);
    },
    end: () => rmSync(ballast),
    remove,
  };
}

/** The size of the largest file below a folder, which is the room's. @param {string} folder */
function largestFile(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile() && file.name.endsWith("-wal"))
    .map((file) => statSync(join(file.parentPath, file.name)).size);
  return Math.max(...sizes);
}
