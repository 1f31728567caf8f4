// The packages of the peers: scripts/bench installs them in build/bench/peers.

import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

export const PEERS = resolve(import.meta.dirname, "../../build/bench/peers");

/** @param {string} name @returns {Promise<any>} */
export async function peer(name) {
  const path = createRequire(join(PEERS, "package.json")).resolve(name);
  const loaded = await import(pathToFileURL(path).href);
  return { ...loaded.default, ...loaded };
}
