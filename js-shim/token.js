// Tokens: their signature, times, issuer and audience, by jose. What a token allows is decided in the
// cores.

import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from "jose";
import { TOKEN_SKEW_SECONDS } from "./abi.generated.js";
import { reasonOf } from "./reason.js";

/** An unknown key is looked for at once, but not more often than this. */
const JWKS_COOLDOWN_MS = 10_000;
/** Keys that were withdrawn are good for at most this long. */
const JWKS_AGE_MAX_MS = 600_000;
const JWKS_TIMEOUT_MS = 5000;
/** Whoever has just failed to give the keys is not asked again at once. */
const JWKS_RETRY_MS = 1000;

/** The algorithms that need a secret; never together with others (worker/settings.cpp). */
const SECRET_ALGORITHMS = "HS256";

/**
 * Keys that were fetched, by address: they are the same for all requests of the isolate.
 * @type {Map<string, { keys: ReturnType<typeof createRemoteJWKSet>, failedAt: number }>}
 */
const keySets = new Map();

/**
 * What is known of a token, in the words of the cores (worker/abi.h): "good " and its payload, "bad "
 * and a reason, or "none " when its keys can't be had.
 * @param {Record<string, any>} env
 * @param {string} token
 * @returns {Promise<string>}
 */
export async function verifyToken(env, token) {
  try {
    const { payload } = await verified(env, token);
    return `good ${JSON.stringify(payload)}`;
  } catch (error) {
    if (isTokensFault(error)) return `bad ${oneLine(error.message)}`;
    const reason = reasonOf(error);
    console.error(JSON.stringify({ level: "error", event: "keys_failed", reason }));
    return "none the keys can't be had";
  }
}

/** @param {Record<string, any>} env @param {string} token */
function verified(env, token) {
  const algorithms = String(env.JWT_ALGORITHMS)
    .split(",")
    .map((name) => name.trim());
  const options = {
    algorithms,
    issuer: env.JWT_ISSUER || undefined,
    audience: env.JWT_AUDIENCE || undefined,
    clockTolerance: TOKEN_SKEW_SECONDS,
    requiredClaims: ["sub", "exp"],
  };
  if (algorithms[0] === SECRET_ALGORITHMS) {
    return jwtVerify(token, new TextEncoder().encode(String(env.JWT_SECRET)), options);
  }
  return verifiedByKeySet(String(env.JWKS_URL), token, options);
}

/** @param {string} url @param {string} token @param {import("jose").JWTVerifyOptions} options */
async function verifiedByKeySet(url, token, options) {
  const set = keySet(url);
  const restedMs = Date.now() - set.failedAt;
  // A clock that has gone back must not make the rest longer.
  const isResting = restedMs >= 0 && restedMs < JWKS_RETRY_MS;
  try {
    return await jwtVerify(token, isResting ? keysAtHand(set) : set.keys, options);
  } catch (error) {
    if (isResting && error instanceof errors.JWKSNoMatchingKey) throw notFetched();
    if (!isResting && !isTokensFault(error)) set.failedAt = Date.now();
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    // A token that names no key may be signed by any.
    for await (const key of error) {
      try {
        return await jwtVerify(token, key, options);
      } catch (another) {
        if (!(another instanceof errors.JWSSignatureVerificationFailed)) throw another;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

const notFetched = () => new Error("the keys could not be fetched");

/**
 * Those that were fetched before. Whoever asks for another while they cannot be fetched must not keep
 * out the others.
 * @param {ReturnType<typeof keySet>} set
 */
function keysAtHand({ keys }) {
  const held = keys.fresh ? keys.jwks() : undefined;
  if (!held) throw notFetched();
  return createLocalJWKSet(held);
}

/** @param {string} url */
function keySet(url) {
  const known = keySets.get(url);
  if (known) return known;
  const keys = createRemoteJWKSet(new URL(url), {
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_AGE_MAX_MS,
    timeoutDuration: JWKS_TIMEOUT_MS,
  });
  const made = { keys, failedAt: 0 };
  keySets.set(url, made);
  return made;
}

/** Everything else is ours, or the network's. @param {unknown} error @returns {error is Error} */
function isTokensFault(error) {
  return (
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  );
}

/** @param {string} text */
function oneLine(text) {
  return text.replace(/[\r\n]/g, " ").slice(0, 200);
}
