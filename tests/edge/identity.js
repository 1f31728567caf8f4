// Those who make tokens: keys, signatures as RFC 7515 has them, and a server that gives out the
// public keys and counts who asks. Nothing here is shared with the code that verifies.

import { createHmac, generateKeyPairSync, sign as signWith } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

/** A secret for HS256. */
export const SECRET = "a secret of the tests, which has more than 32 bytes";

/**
 * @typedef {object} Signer
 * @property {string} alg
 * @property {string} kid
 * @property {import("node:crypto").KeyObject} privateKey
 * @property {import("node:crypto").KeyObject} publicKey
 */

/** @param {"RS256" | "ES256" | "EdDSA"} alg @param {string} kid @returns {Signer} */
export function makeSigner(alg, kid) {
  if (alg === "RS256") return { alg, kid, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) };
  if (alg === "ES256") return { alg, kid, ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
  return { alg, kid, ...generateKeyPairSync("ed25519") };
}

/** A signer's public key, as key sets list it. @param {Signer} signer @param {boolean} [named] */
export function publicJwk({ alg, kid, publicKey }, named = true) {
  const jwk = publicKey.export({ format: "jwk" });
  return { ...jwk, alg, use: "sig", ...(named ? { kid } : {}) };
}

/** Seconds since 1970. @param {number} [after] */
export function seconds(after = 0) {
  return Math.floor(Date.now() / 1000) + after;
}

/** @param {unknown} value */
export function encoded(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return Buffer.from(text).toString("base64url");
}

/**
 * A token signed with a secret, good for a minute if the claims say nothing else.
 * @param {object} claims @param {object} [header] @param {string} [secret]
 */
export function signedBySecret(claims, header = {}, secret = SECRET) {
  const whole = { alg: "HS256", typ: "JWT", ...header };
  const text = `${encoded(whole)}.${encoded({ exp: seconds(60), ...claims })}`;
  const hash = whole.alg === "HS512" ? "sha512" : "sha256";
  return `${text}.${createHmac(hash, secret).update(text).digest("base64url")}`;
}

/**
 * The same by a key of one's own.
 * @param {Signer} signer @param {object} claims @param {object} [header]
 */
export function signedByKey(signer, claims, header = {}) {
  const whole = { alg: signer.alg, kid: signer.kid, ...header };
  const text = `${encoded(whole)}.${encoded({ exp: seconds(60), ...claims })}`;
  const hash = signer.alg === "EdDSA" ? null : "sha256";
  const key = { key: signer.privateKey, dsaEncoding: /** @type {const} */ ("ieee-p1363") };
  return `${text}.${signWith(hash, Buffer.from(text), key).toString("base64url")}`;
}

/** Gives out a key set, or does what `answer` says instead. */
export class KeyServer {
  /** How often it was asked. */
  requests = 0;
  /** @type {object[]} */
  keys;
  /** @type {((response: import("node:http").ServerResponse) => void) | null} */
  answer = null;
  #server;

  /** @param {object[]} keys */
  constructor(keys) {
    this.keys = keys;
    this.#server = createServer((_request, response) => {
      this.requests++;
      if (this.answer) return this.answer(response);
      response.setHeader("content-type", "application/jwk-set+json");
      response.end(JSON.stringify({ keys: this.keys }));
    });
  }

  /** @param {object[]} keys */
  static async start(keys) {
    const made = new KeyServer(keys);
    made.#server.listen(0, "127.0.0.1");
    await once(made.#server, "listening");
    return made;
  }

  get url() {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}/keys`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
