/** scripts/deploy, run to its end. */

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { ended } from "../ended.js";

export const ROOT = resolve(import.meta.dirname, "../..");

/** Variables with which either environment of wrangler.toml may be deployed: nothing is to be filled in. */
export const FILLED_IN = {
  PERSIST_URL: "https://abcdefghij.execute-api.eu-central-1.amazonaws.com",
  JWKS_URL: "https://login.acme.test/.well-known/jwks.json",
  JWT_ISSUER: "https://login.acme.test/",
  ALLOWED_ORIGINS: "https://app.acme.test",
};

/** @param {Record<string, string>} vars */
export function varArguments(vars) {
  return Object.entries(vars).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
}

/**
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
export async function deploy(args, env = {}) {
  const child = spawn(resolve(ROOT, "scripts/deploy"), args, {
    // A variable that is undefined is not there.
    env: { ...process.env, ...NO_ACCOUNT, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return ended(child);
}

/** Whatever account somebody has who runs these tests is left alone; port 9 answers nobody. */
const NO_ACCOUNT = {
  CLOUDFLARE_API_TOKEN: undefined,
  CLOUDFLARE_API_KEY: undefined,
  CLOUDFLARE_EMAIL: undefined,
  CLOUDFLARE_ACCOUNT_ID: undefined,
  CLOUDFLARE_API_BASE_URL: "http://127.0.0.1:9",
  WRANGLER_OUTPUT_FILE_PATH: undefined,
  EDGEROOM_BEHAVIOUR: undefined,
  // The suite has built it.
  EDGEROOM_SKIP_BUILD: "1",
};

/** A network on which every connection is noticed, and leads nowhere. */
export class Trap {
  connections = 0;
  #server = createServer();

  static async start() {
    const trap = new Trap();
    trap.#server.on("connection", (socket) => {
      trap.connections++;
      socket.destroy();
    });
    await new Promise((listening) => {
      trap.#server.listen(0, "127.0.0.1", () => listening(undefined));
    });
    return trap;
  }

  /** What sends a program's requests here. */
  get env() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    const url = `http://127.0.0.1:${port}`;
    return {
      HTTP_PROXY: url,
      HTTPS_PROXY: url,
      http_proxy: url,
      https_proxy: url,
      NO_PROXY: "",
      no_proxy: "",
    };
  }

  async stop() {
    await new Promise((closed) => {
      this.#server.close(closed);
    });
  }
}
