/** Who may call the local endpoint: one way of signing, chosen by PERSIST_AUTH as at the edge. */

import { hmacRefusal } from "./hmac.js";
import { sameText } from "./same-text.js";
import { refusal as sigv4Refusal } from "./sigv4.js";

/**
 * @typedef {import("./sigv4.js").Received} Received
 * @typedef {import("./sigv4.js").Credentials} Credentials
 * @typedef {{ auth?: "sigv4" } & Credentials} SigV4Access
 * @typedef {{ auth: "hmac" | "bearer", secrets: string[] }} SecretAccess  one secret, or two while they
 *   change over
 * @typedef {SigV4Access | SecretAccess} Access
 */

/**
 * @param {Received} request
 * @param {Access} access
 * @param {number} nowMs
 * @returns {string | undefined} why the request is refused; undefined: it may pass
 */
export function refusal(request, access, nowMs) {
  switch (access.auth) {
    case "hmac":
      return hmacRefusal(request, access.secrets, nowMs);
    case "bearer":
      return bearerRefusal(request.headers.authorization, access.secrets);
    default:
      return sigv4Refusal(request, access, nowMs);
  }
}

/**
 * @param {string | undefined} header
 * @param {string[]} secrets
 */
function bearerRefusal(header, secrets) {
  if (header === undefined) return "the request has no Authorization header";
  const [, token] = /^Bearer +(\S+)$/i.exec(header) ?? [];
  if (token === undefined) return "the Authorization header is no bearer token";
  const matches = secrets.map((secret) => sameText(token, secret));
  return matches.includes(true) ? undefined : "the bearer token is not the right one";
}
